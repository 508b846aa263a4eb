//! Ingest: finds the connection, verifies, answers handshakes, drops replays, enqueues, answers. Nothing else.

mod kept;

pub(crate) use kept::{Again, again};

use crate::{
    dead_letter::DeadLetter,
    events::Count,
    hub::Hub,
    keys,
    message::Message,
    ports::{Condition, Item, Outgoing, QueueName, Secret, TableChange},
    settings::Connection,
    tap,
};
use concord_connector::{
    Result, Signal, Verified, Webhook,
    webhook::{Answer, Scheme, Unverified},
};
use std::time::Duration;

/// The longest body that is read, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;
/// Hints that cannot be verified: at most this many in a minute, per connection.
const HINTS_PER_MINUTE: u32 = 600;

/// A request to `/hooks/{connection}`, as it came.
#[derive(Clone, Default)]
pub struct Incoming {
    /// The method.
    pub method: String,
    /// Path and query, raw.
    pub path_and_query: String,
    /// What follows the connection's name in the path.
    pub path_secret: Option<String>,
    /// The headers, repeated ones repeated.
    pub headers: Vec<(String, String)>,
    /// The body, at most [`MAX_BODY`].
    pub body: Vec<u8>,
}

/// Takes a webhook in. An unknown connection and a bad signature are answered alike; 5xx means that it is not safe with us
/// and has to be sent again.
pub async fn ingest(hub: &Hub, connection: &str, incoming: Incoming) -> Answer {
    let settings = hub.settings();
    let Some(connection) = settings.connections.get(connection) else {
        hub.tally.add(Count::WebhooksRefused);
        return refused();
    };
    let uri = format!("{}{}", settings.public_url, incoming.path_and_query);
    let Incoming { method, path_secret, headers, body, .. } = incoming;
    let hook = Webhook::new(method, uri, path_secret, headers, body);
    if let Some(answer) = connection.connector.handshake(&connection.context, &hook) {
        return answer;
    }
    match accept(hub, connection, hook).await {
        Ok(answer) => answer,
        Err(fault) => {
            tracing::error!(connection = %connection.name, reason = %fault, "A webhook could not be stored.");
            Answer::empty(503)
        }
    }
}

fn refused() -> Answer {
    Answer::empty(401)
}

async fn accept(hub: &Hub, connection: &Connection, hook: Webhook<Unverified>) -> Result<Answer> {
    let secrets = secrets(hub, connection).await?;
    let secrets: Vec<&[u8]> = secrets.iter().map(|secret| secret.expose().as_bytes()).collect();
    let now = hub.now();
    let verified =
        connection.schemes.iter().find_map(|scheme| Some((hook.clone().verify(scheme, &secrets, now).ok()?, scheme)));
    let Some((hook, scheme)) = verified else {
        hub.tally.add(Count::WebhooksRefused);
        return Ok(refused());
    };
    if scheme.is_hint() && !hub.budgets.hint(connection, now, HINTS_PER_MINUTE) {
        return Ok(Answer::empty(429));
    }
    hub.tally.add(Count::WebhooksAccepted);
    let signals = readable(hub, connection, &hook, scheme).await?;
    enqueue(hub, connection, scheme, signals).await?;
    Ok(connection.connector.acknowledge(&hook))
}

/// What a webhook says. What is theirs without doubt and cannot be read is kept for a person and never sent again; in a body
/// with several events each stands for itself.
async fn readable(
    hub: &Hub,
    connection: &Connection,
    hook: &Webhook<Verified>,
    scheme: &Scheme,
) -> Result<Vec<Signal>> {
    let fault = match connection.connector.signals(&connection.context, hook) {
        Ok(signals) => return Ok(signals),
        Err(fault) => fault,
    };
    let kept = kept::Kept::of(hook, scheme);
    let events = hook.split();
    if events.len() < 2 {
        unreadable(hub, connection, &kept, fault).await?;
        return Ok(Vec::new());
    }
    let mut signals = Vec::new();
    for (at, event) in events.iter().enumerate() {
        match connection.connector.signals(&connection.context, event) {
            Ok(read) => signals.extend(read),
            Err(fault) => unreadable(hub, connection, &kept, fault.with("event", at)).await?,
        }
    }
    Ok(signals)
}

/// Verify, enqueue, then mark as seen; a signal that was seen is not enqueued again.
async fn enqueue(hub: &Hub, connection: &Connection, scheme: &Scheme, mut signals: Vec<Signal>) -> Result<()> {
    if scheme.is_hint() {
        for signal in &mut signals {
            signal.edits.clear();
        }
    }
    let now = hub.now();
    let marks: Vec<_> = signals.iter().map(|signal| keys::seen(&connection.name, &signal.key)).collect();
    let seen = if marks.is_empty() { Vec::new() } else { hub.table.get(&marks).await? };
    let mut messages = Vec::with_capacity(signals.len());
    let mut fresh = std::collections::BTreeMap::new();
    for ((signal, mark), seen) in signals.into_iter().zip(marks).zip(seen) {
        if seen.is_some_and(|item| !item.is_expired(now)) || fresh.contains_key(&mark) {
            hub.tally.add(Count::ReplaysDropped);
            continue;
        }
        tap::signalled(hub, &connection.name, &signal);
        let message = Message::SignalV1 { connection: connection.name.clone(), signal, received_at: now };
        messages.push(Outgoing::new(message.encode()?).of(connection.name.as_str()));
        let life = Duration::from_secs(scheme.retry_horizon_s + 3600);
        fresh.insert(
            mark.clone(),
            TableChange::Put(Item { expires: Some(now.plus(life)), ..Item::new(mark, Vec::new()) }, Condition::None),
        );
    }
    if messages.is_empty() {
        return Ok(());
    }
    hub.tally.add_many(Count::Signals, messages.len() as u64);
    let queue = QueueName::Signals(connection.connector.system().clone());
    hub.queue.send(&queue, messages).await?;
    let marks: Vec<TableChange> = fresh.into_values().collect();
    for chunk in marks.chunks(90) {
        hub.write_plain(chunk.to_vec()).await?;
    }
    Ok(())
}

async fn unreadable(
    hub: &Hub,
    connection: &Connection,
    kept: &kept::Kept,
    fault: concord_connector::Fault,
) -> Result<()> {
    let id = hub.new_token();
    let blob = format!("webhooks/{id}");
    hub.blobs.put(&blob, kept.bytes()?).await?;
    let letter = DeadLetter {
        id,
        at: hub.now(),
        queue: "ingest".into(),
        connection: Some(connection.name.clone()),
        subject: None,
        reason: format!("{}: {fault}", connection.connector.system()),
        message: None,
        blob: Some(blob),
    };
    letter.bury(hub).await
}

/// The active webhook secrets: those of the configuration, then those of the vault (`webhook`, `webhook_previous`, ...).
/// HubSpot-like systems sign with the app's client secret, which serves when no secret of its own is there.
async fn secrets(hub: &Hub, connection: &Connection) -> Result<Vec<Secret>> {
    let mut secrets: Vec<Secret> = connection.given_secrets.get("webhook").cloned().unwrap_or_default();
    let kept = hub.vault.read(connection.name.as_str()).await?;
    secrets.extend(kept.parts.iter().filter(|(name, _)| name.starts_with("webhook")).map(|(_, secret)| secret.clone()));
    if secrets.is_empty() {
        secrets.extend(kept.parts.get("client_secret").cloned());
    }
    Ok(secrets)
}
