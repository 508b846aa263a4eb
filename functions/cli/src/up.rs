//! `concord up`: the hub, its loops and its server, until it is told to stop.

use crate::{
    app::{self, App, Source},
    args::Up,
    place::RunFile,
    print, run, server,
};
use anyhow::{Context as _, Result, anyhow};
use serde_json::json;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinHandle};

/// Work in flight has that long to end after a stop was asked for; what does not end is found again by the next start.
const GRACE: Duration = Duration::from_secs(20);

/// A hub that runs.
pub struct Running {
    /// The open folder.
    pub app: Arc<App>,
    /// The address of the server; no slash at the end.
    pub url: String,
    loops: run::Loops,
    server: JoinHandle<()>,
}

/// Runs the hub until a signal or the API stops it.
///
/// # Errors
/// A folder in use, a configuration with mistakes, a busy port.
pub async fn up(args: &Up, wants_json: bool) -> Result<()> {
    // Before the folder is touched: a mistake here changes nothing.
    let listener = listen(args.listen).await?;
    let source = Source::File(args.config.clone());
    let app = App::open(&args.data, &source, concord_connectors::all(), app::vault_key()?, true).await?;
    let running = Running::start(app, listener)?;
    let settings = running.app.hub.settings();
    let connections: Vec<&str> = settings.connections.keys().map(|name| name.as_str()).collect();
    let said = json!({ "url": running.url, "data": args.data, "connections": connections });
    print::either(wants_json, &said, || {
        print::line(format!(
            "Concord is up at {} with {} connections: {}.",
            running.url,
            connections.len(),
            connections.join(", ")
        ));
        print::line(format!("The admin token is in {}.", args.data.join("run.json").display()));
    });
    running.until_stopped().await;
    Ok(())
}

/// Takes an address.
///
/// # Errors
/// A sentence that names the flag when somebody else has it.
pub async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!(
            "Another program listens at {address}. Choose another address with --listen, such as --listen 127.0.0.1:{}.",
            address.port().checked_add(1).unwrap_or(8081)
        ),
        _ => anyhow::Error::new(error).context(format!("{address} cannot be listened at; choose another address with --listen.")),
    })
}

impl Running {
    /// Starts loops and server over an open folder.
    ///
    /// # Errors
    /// When `run.json` cannot be written.
    pub fn start(app: Arc<App>, listener: TcpListener) -> Result<Self> {
        let address = listener.local_addr().context("The server has no address.")?;
        let url = format!("http://{address}");
        // An open folder is served once.
        app.url.get_or_init(|| url.clone());
        let loops = run::start(&app)?;
        let router = server::router(Arc::clone(&app));
        // Before the server answers: whoever hears that the hub is ready finds it by this file.
        RunFile { url: url.clone(), token: app.token.clone(), pid: std::process::id() }.write(&app.dir)?;
        let server = tokio::spawn(server::serve(listener, router, server::Bounds::default(), app.stop.subscribe()));
        tracing::info!(url, "Concord is up.");
        Ok(Self { app, url, loops, server })
    }

    /// Waits for a signal or the API, then ends everything in order.
    pub async fn until_stopped(self) {
        let mut stop = self.app.stop.subscribe();
        tokio::select! {
            () = signalled() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        self.stop().await;
    }

    /// Ends everything in order: no new requests, work in flight to its end, the folder closed.
    pub async fn stop(mut self) {
        tracing::info!("Stopping.");
        self.app.stop.send_replace(true);
        let finish = async {
            self.loops.ended().await;
            drop((&mut self.server).await);
        };
        if tokio::time::timeout(GRACE, finish).await.is_err() {
            tracing::warn!("Some work did not end in time; the next start takes it up again.");
        }
        RunFile::forget(&self.app.dir);
    }
}

async fn signalled() {
    let interrupt = async { drop(tokio::signal::ctrl_c().await) };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return interrupt.await };
        tokio::select! {
            () = interrupt => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    interrupt.await;
}
