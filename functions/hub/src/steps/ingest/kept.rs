//! A webhook that could not be read, kept so that a later connector can read it: with what proves it, never with a secret.

use super::{enqueue, proofs::Proofs};
use crate::{hub::Hub, settings::Connection, store};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord_connector::{
    Fault, Instant, Kind, Result, Verified, Webhook,
    webhook::{Scheme, Signed},
};
use serde::{Deserialize, Serialize};

/// The request as it came, without what a sender's secret is readable in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    method: String,
    uri: String,
    /// The scheme that verified it.
    scheme: String,
    /// The headers that its signature needs; none where the proof is the secret itself.
    headers: Vec<(String, String)>,
    /// In base 64.
    body: String,
}

/// What came of reading a kept webhook again.
pub(crate) enum Again {
    /// It can be read today; what it says is enqueued.
    Enqueued,
    /// It is theirs and still cannot be read.
    Unreadable(Fault),
    /// Nothing proves any more that it is theirs: secrets were rotated, or the proof was the secret itself.
    Unproven,
}

impl Kept {
    pub(super) fn of(hook: &Webhook<Verified>, scheme: &Scheme) -> Self {
        // A header that equals the secret is not kept.
        let names = if matches!(scheme.signed, Signed::Header { .. }) { Vec::new() } else { scheme.headers() };
        let header = |name: &str| Some((name.to_owned(), hook.header(name)?.to_owned()));
        // Where the secret is in the path, the path is not kept.
        let uri = if scheme.is_hint() { String::new() } else { hook.uri().to_owned() };
        Self {
            method: hook.method().to_owned(),
            uri,
            scheme: scheme.name.clone(),
            headers: names.into_iter().filter_map(header).collect(),
            body: STANDARD.encode(hook.body()),
        }
    }

    pub(super) fn bytes(&self) -> Result<Vec<u8>> {
        store::body(self)
    }
}

/// Reads a kept webhook under today's connector, proven as of the time when it came.
///
/// # Errors
/// The store's and the queue's faults.
pub(crate) async fn again(hub: &Hub, connection: &Connection, blob: &str, at: Instant) -> Result<Again> {
    let Some(bytes) = hub.blobs.get(blob).await? else { return Ok(Again::Unproven) };
    // Letters of earlier versions have nothing but the body.
    let Ok(kept) = serde_json::from_slice::<Kept>(&bytes) else { return Ok(Again::Unproven) };
    let Some(scheme) = connection.schemes.iter().find(|scheme| scheme.name == kept.scheme) else {
        return Ok(Again::Unproven);
    };
    let body = STANDARD.decode(&kept.body).map_err(|_| {
        Fault::new(Kind::Unexpected, "ingest", "a webhook that was kept is damaged")
            .with("connection", &connection.name)
    })?;
    let hook = Webhook::new(kept.method, kept.uri, None, kept.headers, body);
    let proofs = Proofs::of(hub, connection, &hook, at).await?;
    let Ok(hook) = hook.verify(scheme, &proofs.under(scheme), at) else { return Ok(Again::Unproven) };
    match connection.connector.signals(&connection.context, &hook) {
        Ok(signals) => {
            enqueue(hub, connection, scheme, signals).await?;
            Ok(Again::Enqueued)
        }
        Err(fault) => Ok(Again::Unreadable(fault)),
    }
}
