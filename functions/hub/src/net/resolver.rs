//! Resolves names and checks the addresses that will be connected to: a name that answers differently the next time
//! changes nothing.

use super::address::{self, Reach};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;

/// A resolver that refuses names with any address out of reach.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guarded(pub(super) Reach);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            match addresses.iter().find_map(|address| address::refuse(address.ip(), reach)) {
                Some(refused) => Err(refused.into()),
                None => Ok(Box::new(addresses.into_iter()) as Addrs),
            }
        })
    }
}
