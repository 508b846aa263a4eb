//! What a connection's webhooks are proved by: its secrets, and the key sets and certificates of senders that publish them.
//!
//! A key set is fetched once and kept. It is fetched again when a token names a key that is not in it, or when it is a day
//! old, and never twice in a minute: forged tokens buy nobody a request each. A certificate has an address of its own, and
//! only so many that nobody knows yet are asked for in a minute.

use crate::{
    engine::address,
    hub::Hub,
    ports::{HttpRequest, Secret},
    settings::Connection,
};
use concord_connector::{
    Fault, Instant, Kind, Result, Unverified, Webhook,
    webhook::{Scheme, names_a_key_of},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A key set is good for so long.
const LIFE: Duration = Duration::from_secs(24 * 3600);
/// At most one request in this time.
const PAUSE: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(5);
/// Certificates that are asked for in a minute, per connection.
const CERTIFICATES: u32 = 5;
/// No honest key set is larger, in bytes.
const LARGEST: usize = 256 * 1024;

/// A key set that was fetched.
#[derive(Clone)]
pub(crate) struct KeySet {
    keys: Arc<[u8]>,
    fetched_at: Instant,
    tried_at: Instant,
}

/// What may prove a webhook of a connection.
pub(super) struct Proofs {
    secrets: Vec<Secret>,
    /// Key sets and certificates, by scheme.
    keys: BTreeMap<String, Arc<[u8]>>,
}

impl Proofs {
    /// What stands for secrets under a scheme.
    pub(super) fn under(&self, scheme: &Scheme) -> Vec<&[u8]> {
        match scheme.has_secret() {
            true => self.secrets.iter().map(|secret| secret.expose().as_bytes()).collect(),
            false => self.keys.get(&scheme.name).map(|keys| &keys[..]).into_iter().collect(),
        }
    }

    /// What is known without a request: for the door of a connection that does not exist.
    pub(super) async fn at_hand(hub: &Hub, connection: &Connection) -> Result<Self> {
        let kept = hub.vault.read(connection.name.as_str()).await?;
        Ok(Self { secrets: connection.webhook_secrets(&kept, hub.now()), keys: BTreeMap::new() })
    }

    /// Of a connection, for a request that comes now.
    pub(super) async fn of(
        hub: &Hub,
        connection: &Connection,
        hook: &Webhook<Unverified>,
        now: Instant,
    ) -> Result<Self> {
        let mut keys = BTreeMap::new();
        for scheme in &connection.schemes {
            if let (Some(url), Some(authorization)) = (scheme.keys_url(), hook.header("authorization")) {
                let is_good = |keys: &[u8]| names_a_key_of(authorization, keys);
                keys.insert(scheme.name.clone(), published(hub, connection, url, is_good).await?);
            }
            if let Some(url) = scheme.certificate_url(hook.body(), now) {
                keys.insert(scheme.name.clone(), certificate(hub, connection, &url).await?);
            }
        }
        // A connection that knows its senders by their keys alone has no secrets to read.
        if !connection.schemes.iter().any(Scheme::has_secret) {
            return Ok(Self { secrets: Vec::new(), keys });
        }
        Ok(Self { keys, ..Self::at_hand(hub, connection).await? })
    }
}

/// A certificate that may be fetched: the scheme has seen to its address.
async fn certificate(hub: &Hub, connection: &Connection, url: &str) -> Result<Arc<[u8]>> {
    let is_known = hub.key_sets.lock().await.contains_key(&address(connection, url));
    if !is_known && !hub.budgets.ask(connection, "certificates", hub.now(), CERTIFICATES) {
        let sentence = "too many certificates that nobody knows were asked for";
        return Err(Fault::new(Kind::Unavailable, "ingest.keys", sentence).with("connection", &connection.name));
    }
    published(hub, connection, url, |_| true).await
}

/// What a sender publishes at an address.
async fn published(
    hub: &Hub,
    connection: &Connection,
    url: &str,
    is_good: impl Fn(&[u8]) -> bool,
) -> Result<Arc<[u8]>> {
    let url = address(connection, url);
    let now = hub.now();
    // One at a time: whoever waits behind a fetch uses what it brought.
    let mut sets = hub.key_sets.lock().await;
    let kept = sets.get(&url).cloned();
    if let Some(kept) = &kept {
        let is_fresh = now.since(kept.fetched_at) < LIFE && is_good(&kept.keys);
        if is_fresh || now.since(kept.tried_at) < PAUSE {
            return Ok(Arc::clone(&kept.keys));
        }
    }
    match (fetch(hub, connection, &url).await, kept) {
        (Ok(keys), _) => {
            sets.insert(url, KeySet { keys: Arc::clone(&keys), fetched_at: now, tried_at: now });
            Ok(keys)
        }
        // Old keys are better than none.
        (Err(fault), Some(kept)) => {
            tracing::warn!(connection = %connection.name, reason = %fault, "The keys of a sender could not be fetched.");
            sets.insert(url, KeySet { tried_at: now, ..kept.clone() });
            Ok(kept.keys)
        }
        (Err(fault), None) => Err(fault),
    }
}

/// Visits an address that a verified message asks for.
pub(super) async fn visit(hub: &Hub, connection: &Connection, url: &str) -> Result<()> {
    fetch(hub, connection, &address(connection, url)).await.map(drop)
}

async fn fetch(hub: &Hub, connection: &Connection, url: &str) -> Result<Arc<[u8]>> {
    let fault = |sentence: &str| {
        Fault::new(Kind::Unavailable, "ingest.keys", sentence.to_owned()).with("connection", &connection.name)
    };
    let request = HttpRequest {
        method: "GET",
        url: url.to_owned(),
        headers: vec![("accept".into(), "*/*".into())],
        body: Vec::new(),
        timeout: TIMEOUT,
        allow_private: connection.allow_private,
        keep: Some(LARGEST),
    };
    let answer = hub.http.send(request).await.map_err(|_| fault("the sender's keys cannot be reached"))?;
    if answer.status != 200 {
        return Err(fault("the sender's keys are not there").with("status", answer.status));
    }
    Ok(answer.body.into())
}
