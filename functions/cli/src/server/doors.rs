//! The connections of the server: how many, how many of one sender, and how long each may take to say what it wants.
//!
//! Whoever opens connections and says nothing, or says it a byte at a time, keeps nobody else out: such a connection is
//! closed, and one sender gets only a part of all that there are.

use axum::{Router, body::Body, extract::ConnectInfo, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tower_service::Service as _;

/// After an error of the machine, such as too many open files, the server waits for so long.
const REST: Duration = Duration::from_secs(1);
/// After a stop an answer in flight has that long.
const LAST: Duration = Duration::from_secs(10);

/// What the server bears.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections in all; more wait in the machine's own queue. Below the number of files that a process may have open
    /// where nobody raised it, 1024.
    pub(crate) connections: usize,
    /// Connections of one address that is not of this machine or network: behind those may be a proxy.
    pub(crate) of_one: usize,
    /// The head of a request has to be there within this time, and a kept connection is closed after it.
    pub(crate) head: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { connections: 768, of_one: 64, head: Duration::from_secs(30) }
    }
}

/// Serves until `stop` turns true, then lets answers in flight go out.
pub(crate) async fn serve(listener: TcpListener, router: Router, bounds: Bounds, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(bounds.connections));
    let guests = Guests::default();
    let mut tasks = JoinSet::new();
    loop {
        let next = async {
            // Nobody closes it.
            let place = Arc::clone(&room).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            // Also when nobody can ask for a stop any more.
            _ = stop.wait_for(|stop| *stop) => break,
        };
        while tasks.try_join_next().is_some() {}
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "A connection could not be taken.");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let Some(guest) = guests.enter(peer.ip(), bounds.of_one) else { continue };
        let (router, stop) = (router.clone(), stop.clone());
        tasks.spawn(async move {
            connection(stream, peer, router, bounds.head, stop).await;
            drop((place, guest));
        });
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    head: Duration,
    mut stop: watch::Receiver<bool>,
) {
    // An answer is one small packet; it need not wait for another.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        // A router is always ready.
        router.clone().call(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // How it ended is between the sender and its network.
    tokio::select! {
        _ended = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    drop(tokio::time::timeout(LAST, connection).await);
}

/// How many connections each address has.
#[derive(Clone, Default)]
struct Guests(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One connection of an address.
struct Guest(Guests, IpAddr);

impl Guests {
    fn enter(&self, address: IpAddr, most: usize) -> Option<Guest> {
        let address = address.to_canonical();
        let mut guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = guests.entry(address).or_default();
        if *count >= most && !super::is_near(address) {
            return None;
        }
        *count += 1;
        Some(Guest(self.clone(), address))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = guests.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                guests.remove(&self.1);
            }
        }
    }
}

#[cfg(test)]
mod tests;
