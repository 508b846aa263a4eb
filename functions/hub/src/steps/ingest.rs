//! Ingest: finds the connection, verifies, answers handshakes, drops replays, enqueues, answers. Nothing else.

mod kept;
mod landing;
mod proofs;
mod secrets;
mod strangers;

pub(crate) use kept::{Again, again};
pub(crate) use proofs::KeySet;
use proofs::Proofs;
pub(crate) use strangers::Strangers;

use crate::{
    dead_letter::DeadLetter,
    events::Count,
    hub::Hub,
    keys,
    message::Message,
    ports::{Condition, Item, Marked, Outgoing, QueueName, TableChange},
    settings::{Connection, Settings},
    tap,
};
use concord_connector::{
    ConnectionName, Fault, Instant, Kind, Result, Signal, Verified, Webhook,
    signal::Happened,
    webhook::{Answer, EVENT_BUS, Scheme, Signed, Unverified},
};
use std::{collections::BTreeSet, time::Duration};

/// The longest body that is read, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;
/// Hints that cannot be verified: at most this many in a minute, per connection.
const HINTS_PER_MINUTE: u32 = 600;
/// Subscriptions that are confirmed in a minute, per connection.
const CONFIRMATIONS_PER_MINUTE: u32 = 10;

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
    /// Who sends it, as far as the runner knows: a network address. Who is refused too often is not listened to for a
    /// while; nobody is where no address is known.
    pub source: Option<String>,
}

/// Takes a webhook in. An unknown connection and a bad signature are answered alike; 5xx means that it is not safe with us
/// and has to be sent again.
pub async fn ingest(hub: &Hub, connection: &str, incoming: Incoming) -> Answer {
    let settings = hub.settings();
    let uri = format!("{}{}", settings.public_url, incoming.path_and_query);
    let Incoming { method, path_secret, headers, body, source, .. } = incoming;
    if source.as_ref().is_some_and(|source| hub.strangers.are_barred(source, hub.now())) {
        hub.tally.add(Count::WebhooksRefused);
        return Answer::empty(429);
    }
    let hook = Webhook::new(method, uri, path_secret, headers, body);
    let answer = match settings.connections.get(connection) {
        Some(connection) => match connection.connector.handshake(&connection.context, &hook) {
            Some(answer) => return answer,
            None => taken(connection, accept(hub, connection, hook).await),
        },
        None => turned_away(hub, &settings, connection, hook).await,
    };
    answer.unwrap_or_else(|| {
        hub.tally.add(Count::WebhooksRefused);
        if let Some(source) = source {
            hub.strangers.refused(source, hub.now());
        }
        Answer::empty(401)
    })
}

/// Takes in an event of the account's event bus: the queue that it came by takes nothing from anybody else.
///
/// # Errors
/// `Rejected` when the connection takes no such events; the store's and the queue's faults.
pub async fn bus_event(hub: &Hub, connection: &ConnectionName, event: &serde_json::Value) -> Result<()> {
    let settings = hub.settings();
    let connection = settings.connection(connection)?;
    let scheme = connection.schemes.iter().find(|scheme| scheme.name == EVENT_BUS).ok_or_else(|| {
        let sentence =
            format!("`{}` takes no events of an event bus; add `{EVENT_BUS}` to its `webhooks`", connection.name);
        Fault::new(Kind::Rejected, "ingest", sentence)
    })?;
    let hook = Webhook::of_event_bus(event.to_string().into_bytes());
    hub.tally.add(Count::WebhooksAccepted);
    let signals = readable(hub, connection, &hook, scheme).await?;
    enqueue(hub, connection, scheme, signals).await
}

/// The answer to what was verified; `None` to what was not.
fn taken(connection: &Connection, accepted: Result<Option<Answer>>) -> Option<Answer> {
    accepted.unwrap_or_else(|fault| {
        tracing::error!(connection = %connection.name, reason = %fault, "A webhook could not be stored.");
        Some(Answer::empty(503))
    })
}

/// Does for a connection that does not exist what is done for one that does, so that nobody learns from the time that an
/// answer takes which ones there are. Whatever comes of it, the door stays shut.
async fn turned_away(hub: &Hub, settings: &Settings, name: &str, hook: Webhook<Unverified>) -> Option<Answer> {
    let doors = settings.connections.len();
    let place = name.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let door = settings.connections.values().nth(place.checked_rem(doors)?)?;
    match Proofs::at_hand(hub, door).await {
        Ok(proofs) => {
            let _shut = proven(door, &proofs, hook, hub.now());
            None
        }
        // What a known connection would answer while the vault is out of reach.
        Err(_) => Some(Answer::empty(503)),
    }
}

/// The webhook as the first scheme that its proof satisfies lets it in.
fn proven<'a>(
    connection: &'a Connection,
    proofs: &Proofs,
    hook: Webhook<Unverified>,
    now: Instant,
) -> Option<(Webhook<Verified>, &'a Scheme)> {
    let verified = |scheme: &Scheme| hook.clone().verify(scheme, &proofs.under(scheme), now).ok();
    connection.schemes.iter().find_map(|scheme| Some((verified(scheme)?, scheme)))
}

/// What is answered to a webhook; `None` when it proves nothing.
async fn accept(hub: &Hub, connection: &Connection, hook: Webhook<Unverified>) -> Result<Option<Answer>> {
    let now = hub.now();
    let proofs = Proofs::of(hub, connection, &hook, now).await?;
    let Some((hook, scheme)) = proven(connection, &proofs, hook, now) else { return Ok(None) };
    let (asked, most) = if scheme.is_landing() { landing::BUDGET } else { ("hints", HINTS_PER_MINUTE) };
    if scheme.is_hint() && !hub.budgets.ask(connection, asked, now, most) {
        return Ok(Some(Answer::empty(429)));
    }
    hub.tally.add(Count::WebhooksAccepted);
    if let Some(url) = scheme.confirmation(hook.body()) {
        if !hub.budgets.ask(connection, "confirmations", now, CONFIRMATIONS_PER_MINUTE) {
            return Ok(Some(Answer::empty(429)));
        }
        proofs::visit(hub, connection, &url).await?;
        tracing::info!(connection = %connection.name, "A subscription was confirmed.");
        return Ok(Some(Answer::empty(200)));
    }
    let signals = readable(hub, connection, &hook, scheme).await?;
    enqueue(hub, connection, scheme, signals).await?;
    Ok(Some(match &scheme.signed {
        Signed::Landing { token } => landing::sent_on(connection, &hook, token),
        _ => connection.connector.acknowledge(&hook),
    }))
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
    let events = connection.connector.split(hook);
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
            signal.record = None;
            // Who cannot prove anything may say where to look, not that something is gone.
            if signal.happened == Happened::Deleted {
                signal.happened = Happened::Changed;
            }
        }
    }
    if signals.is_empty() {
        return Ok(());
    }
    let now = hub.now();
    let expires = Some(now.plus(Duration::from_secs(scheme.retry_horizon_s + 3600)));
    let mut messages = Vec::with_capacity(signals.len());
    let mut batch = Vec::with_capacity(signals.len());
    for signal in signals {
        let mark = signal.is_named().then(|| keys::seen(&connection.name, &signal.key));
        let message = Message::SignalV1 { connection: connection.name.clone(), signal, received_at: now };
        batch.push(Marked {
            message: Outgoing::new(message.encode()?).of(connection.name.as_str()),
            mark: mark.map(|key| Item { expires, ..Item::new(key, Vec::new()) }),
        });
        messages.push(message);
    }
    let queue = QueueName::Signals(connection.connector.system().clone());
    let sent = if hub.queue.is_one_with_table() {
        hub.queue.send_once(&queue, batch, now).await?
    } else {
        send_then_mark(hub, &queue, batch, now).await?
    };
    for (message, sent) in messages.iter().zip(sent) {
        hub.tally.add(if sent { Count::Signals } else { Count::ReplaysDropped });
        if let (Message::SignalV1 { signal, .. }, true) = (message, sent) {
            tap::signalled(hub, &connection.name, signal);
        }
    }
    Ok(())
}

/// Where queue and table are two: the marks are read, the messages sent, the marks put. Whatever fails in between, nothing
/// is marked that was not sent. Of two copies in one moment both may pass, however the marks are read; what comes in is a
/// reason to look, so that the second one finds nothing new.
async fn send_then_mark(hub: &Hub, queue: &QueueName, batch: Vec<Marked>, now: Instant) -> Result<Vec<bool>> {
    let names: Vec<_> = batch.iter().filter_map(|one| Some(one.mark.as_ref()?.key.clone())).collect();
    let seen = if names.is_empty() { Vec::new() } else { hub.table.glance(&names).await? };
    let mut seen: BTreeSet<_> = names
        .into_iter()
        .zip(seen)
        .filter(|(_, item)| item.as_ref().is_some_and(|item| !item.is_expired(now)))
        .map(|(key, _)| key)
        .collect();
    let mut sent = Vec::with_capacity(batch.len());
    let (mut messages, mut marks) = (Vec::new(), Vec::new());
    for Marked { message, mark } in batch {
        let is_fresh = mark.as_ref().is_none_or(|mark| seen.insert(mark.key.clone()));
        sent.push(is_fresh);
        if is_fresh {
            messages.push(message);
            marks.extend(mark.map(|mark| TableChange::Put(mark, Condition::None)));
        }
    }
    if messages.is_empty() {
        return Ok(sent);
    }
    if left_out!(SeenBeforeEnqueue) {
        hub.write_plain(marks.clone()).await?;
    }
    hub.queue.send(queue, messages).await?;
    for chunk in marks.chunks(90) {
        hub.write_plain(chunk.to_vec()).await?;
    }
    Ok(sent)
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
