//! Resolves names and checks the addresses that will be connected to: a name that answers differently the next time
//! changes nothing.

use super::address::{self, Reach};
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{io, net::SocketAddr, sync::Arc};

/// Asks for the addresses of a name.
pub(super) type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// A resolver that refuses names with any address out of reach.
#[derive(Clone)]
pub(super) struct Guarded {
    reach: Reach,
    lookup: Lookup,
}

impl Guarded {
    /// As the machine resolves names.
    pub(super) fn new(reach: Reach) -> Self {
        let lookup: Lookup = Arc::new(|name| {
            Box::pin(async move { tokio::net::lookup_host((name.as_str(), 0)).await.map(Iterator::collect) })
        });
        Self { reach, lookup }
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { reach, lookup } = self.clone();
        Box::pin(async move {
            let addresses = lookup(name.as_str().to_owned()).await?;
            match addresses.iter().find_map(|address| address::refuse(address.ip(), reach)) {
                Some(refused) => Err(refused.into()),
                None => Ok(Box::new(addresses.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        net::{IpAddr, Ipv4Addr},
        sync::atomic::{AtomicUsize, Ordering},
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    /// A name that answers with one list of addresses first and with another one afterwards.
    fn flipping(first: Vec<IpAddr>, then: Vec<IpAddr>) -> (Lookup, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let lookup: Lookup = Arc::new(move |_| {
            let answer = if count.fetch_add(1, Ordering::SeqCst) == 0 { first.clone() } else { then.clone() };
            Box::pin(async move { Ok(answer.into_iter().map(|address| (address, 0).into()).collect()) })
        });
        (lookup, asked)
    }

    fn client(reach: Reach, lookup: Lookup) -> reqwest::Client {
        super::super::builder(reach).dns_resolver(Arc::new(Guarded { reach, lookup })).build().unwrap()
    }

    /// Security line 18: the address that was checked is the address that is connected to; nobody asks a second time.
    #[tokio::test]
    async fn s18_the_checked_address_is_the_one_that_is_dialled() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1024];
            assert_ne!(stream.read(&mut asked).await.unwrap(), 0);
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        });
        // Asked again, the name would lead to a metadata service.
        let (lookup, asked) =
            flipping(vec![Ipv4Addr::LOCALHOST.into()], vec![Ipv4Addr::new(169, 254, 169, 254).into()]);
        let answer = client(Reach::Private, lookup).get(format!("http://flip.example:{port}/")).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), asked.load(Ordering::SeqCst)), (204, 1));
        server.await.unwrap();
    }

    /// Security line 18: a name with one address out of reach among good ones is refused as a whole.
    #[tokio::test]
    async fn s18_one_private_address_among_public_ones_is_enough_to_refuse() {
        for bad in ["10.0.0.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "fd00::1", "::ffff:192.168.0.1"] {
            let addresses = vec!["93.184.215.14".parse().unwrap(), bad.parse().unwrap()];
            let (lookup, asked) = flipping(addresses.clone(), addresses);
            let error = client(Reach::Public, lookup).get("https://mixed.example/").send().await.unwrap_err();
            assert!(error.is_connect() || error.is_dns(), "{bad}: {error:?}");
            assert!(format!("{error:?}").contains("private one") || format!("{error:?}").contains("reserved"), "{bad}");
            assert_eq!(asked.load(Ordering::SeqCst), 1, "{bad}");
        }
    }
}
