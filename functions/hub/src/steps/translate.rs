//! Translate: signals become observations, with one batched read for all signals of a batch.

mod poll;

pub use poll::Position;
pub(super) use poll::{ask, from_the_beginning};

use crate::{
    dead_letter::DeadLetter,
    facet::hash,
    hub::Hub,
    message::{Message, Observation},
    ports::{Disposition, Outgoing, QueueName, Received},
    settings::Connection,
    tap,
};
use concord_connector::{
    ConnectionName, Entity, ExternalId, Fault, Instant, Kind, Operation, Outcome, Result, Retry, Signal, Snapshot,
    exchange::Refused,
    signal::{Edit, Happened},
    snapshot::Presence,
};
use std::{collections::BTreeMap, time::Duration};

/// The longest that a queue delays a message.
const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// A record that cannot be read because somebody holds it is asked for again after this, then less and less often, ...
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// ... and for so long.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// A signal of a batch.
struct Asked<'a> {
    at: usize,
    body: &'a str,
    signal: Signal,
    received_at: Instant,
}

/// Translates a batch.
pub async fn translate(hub: &Hub, batch: &[Received]) -> Vec<Disposition> {
    let mut dispositions = vec![Disposition::Done; batch.len()];
    let mut reads: BTreeMap<(ConnectionName, Entity), Vec<Asked<'_>>> = BTreeMap::new();
    let mut polls = Vec::new();
    for (at, message) in batch.iter().enumerate() {
        match Message::decode(&message.body) {
            Ok(Message::SignalV1 { connection, signal, received_at }) => {
                reads.entry((connection, signal.entity)).or_default().push(Asked {
                    at,
                    body: &message.body,
                    signal,
                    received_at,
                });
            }
            Ok(Message::PollV1 { connection, entity }) => polls.push((at, &message.body, connection, entity)),
            Ok(_) => {
                dispositions[at] =
                    buried(hub, &message.body, &Fault::malformed("translate", "the message belongs in another queue"))
                        .await
            }
            Err(fault) => dispositions[at] = buried(hub, &message.body, &fault).await,
        }
    }
    for ((connection, entity), asked) in reads {
        let held = match read(hub, &connection, entity, &asked).await {
            Ok(held) => held,
            Err(fault) if fault.is_of_connection() => match opened(hub, &connection, &fault).await {
                Ok(wait) => Some(wait),
                Err(fault) => {
                    asked.iter().for_each(|one| dispositions[one.at] = super::again(&fault));
                    None
                }
            },
            Err(fault) => {
                let poisoned = (fault.retry == Retry::Never || fault.kind == Kind::Conflict) && asked.len() > 1;
                for one in &asked {
                    // One that a vendor cannot stand takes none of its neighbours along.
                    if poisoned {
                        if let Err(fault) = read(hub, &connection, entity, std::slice::from_ref(one)).await {
                            dispositions[one.at] = troubled(hub, &connection, one.body, fault, Poll::No).await;
                        }
                        continue;
                    }
                    let fault = Fault::new(fault.kind, "translate", fault.message().to_owned())
                        .retry(fault.retry)
                        .with("connection", &connection);
                    dispositions[one.at] = troubled(hub, &connection, one.body, fault, Poll::No).await;
                }
                None
            }
        };
        if let Some(wait) = held {
            let disposition = postpone(hub, &connection, asked.iter().map(|one| one.body), wait).await;
            asked.iter().for_each(|one| dispositions[one.at] = disposition.clone());
        }
    }
    // After the signals: somebody waits for those, and a poll takes its time.
    for (at, body, connection, entity) in polls {
        if let Err(fault) = poll::poll(hub, &connection, entity).await {
            dispositions[at] = troubled(hub, &connection, body, fault, Poll::Yes).await;
        }
    }
    dispositions
}

#[derive(PartialEq)]
enum Poll {
    Yes,
    No,
}

/// Trouble of the connection opens its breaker, and the signal waits in the queue without counting against itself; a poll
/// needs not wait: the next one reads the same. Trouble of a message is its own.
async fn troubled(hub: &Hub, name: &ConnectionName, body: &str, fault: Fault, poll: Poll) -> Disposition {
    let settings = hub.settings();
    let Ok(connection) = settings.connection(name) else { return buried(hub, body, &fault).await };
    if fault.kind == Kind::Conflict {
        // A read that meets somebody's lock, as some systems say it: no use to hurry, and no failure of the message.
        return match (poll, locked_for(hub, body)) {
            (Poll::No, Some(age)) if age < PATIENCE => {
                postpone(hub, name, std::iter::once(body), age.clamp(FIRST_WAIT, LONGEST_DELAY)).await
            }
            // A poll comes again by itself; its letter is one however often it fails.
            _ => buried(hub, body, &fault).await,
        };
    }
    if !fault.is_of_connection() {
        return if fault.retry == Retry::Never { buried(hub, body, &fault).await } else { super::again(&fault) };
    }
    let held = match hub.held_back(connection).await {
        Ok(Some(wait)) => Ok(wait),
        Ok(None) => hub.open_breaker(connection, &fault).await,
        Err(fault) => Err(fault),
    };
    match held {
        Ok(_) if poll == Poll::Yes => Disposition::Done,
        Ok(wait) => postpone(hub, name, std::iter::once(body), wait).await,
        Err(fault) => super::again(&fault),
    }
}

/// How long a signal has been waiting.
fn locked_for(hub: &Hub, body: &str) -> Option<Duration> {
    match Message::decode(body) {
        Ok(Message::SignalV1 { received_at, .. }) => Some(hub.now().since(received_at)),
        _ => None,
    }
}

/// Opens the breaker for a trouble that a batch met: once, however many signals are in it. The wait that follows.
async fn opened(hub: &Hub, name: &ConnectionName, fault: &Fault) -> Result<Duration> {
    let settings = hub.settings();
    let connection = settings.connection(name)?;
    match hub.held_back(connection).await? {
        Some(wait) => Ok(wait),
        None => hub.open_breaker(connection, fault).await,
    }
}

/// Puts signals at the end of their queue, to be received when the wait is over.
async fn postpone<'a>(
    hub: &Hub,
    name: &ConnectionName,
    bodies: impl Iterator<Item = &'a str>,
    wait: Duration,
) -> Disposition {
    let settings = hub.settings();
    let sent = match settings.connection(name) {
        Ok(connection) => {
            let queue = QueueName::Signals(connection.connector.system().clone());
            let delay = wait.min(LONGEST_DELAY);
            hub.queue
                .send(&queue, bodies.map(|body| Outgoing { delay, ..Outgoing::new(body.to_owned()) }).collect())
                .await
        }
        Err(fault) => Err(fault),
    };
    match sent {
        Ok(()) => Disposition::Done,
        Err(fault) => super::again(&fault),
    }
}

async fn buried(hub: &Hub, body: &str, fault: &Fault) -> Disposition {
    let queue = QueueName::Signals("unknown".into());
    match DeadLetter::of_message(hub, &queue, body, fault).bury(hub).await {
        Ok(()) => Disposition::Done,
        Err(fault) => super::again(&fault),
    }
}

/// Reads everything that signals of one connection and entity ask for, and sends the observations on. A wait is returned
/// while the connection is being held back from: that is no trouble of its own.
async fn read(hub: &Hub, name: &ConnectionName, entity: Entity, asked: &[Asked<'_>]) -> Result<Option<Duration>> {
    let settings = hub.settings();
    let connection = settings.connection(name)?;
    let mut observations = Vec::new();
    let mut ids: BTreeMap<ExternalId, Vec<&Asked<'_>>> = BTreeMap::new();
    for one in asked {
        match &one.signal.happened {
            // The event carried the record, and its version says where it belongs: nothing has to be asked.
            Happened::Changed | Happened::Deleted if one.signal.record.is_some() => {
                observations.extend(carried(name, one));
            }
            Happened::Changed => ids.entry(one.signal.id.clone()).or_default().push(one),
            Happened::Gap => poll::from_the_beginning(hub, connection, entity).await?,
            Happened::Deleted => observations.push(gone(name, one, Presence::Deleted)),
            Happened::MergedInto(winner) => {
                observations.push(gone(name, one, Presence::MergedInto(winner.clone())));
                ids.entry(winner.clone()).or_default().push(one);
            }
        }
    }
    if !connection.maps(entity) {
        return Ok(None);
    }
    if ids.is_empty() {
        send(hub, observations).await?;
        return Ok(None);
    }
    let wanted: Vec<ExternalId> = ids.keys().cloned().collect();
    if !wanted.is_empty()
        && let Some(wait) = hub.held_back(connection).await?
    {
        let fault = Fault::new(Kind::Unavailable, "translate", "the connection is being held back from");
        return Err(fault.after(wait));
    }
    for chunk in wanted.chunks(connection.connector.manifest().capabilities.read_batch.max(1)) {
        let ran = hub.run(connection, &Operation::Fetch { entity, ids: chunk.to_vec() }).await?;
        hub.close_breaker(connection).await?;
        let Outcome::Records(records) = ran.outcome else { continue };
        for (id, record) in records {
            let signals = ids.get(&id).map(Vec::as_slice).unwrap_or_default();
            let signalled_at = signals.iter().map(|one| one.received_at).min();
            match record {
                Ok(mut snapshot) => {
                    let edits = signals.iter().flat_map(|one| &one.signal.edits);
                    take_times(connection, &mut snapshot, edits);
                    observations.push(Observation {
                        connection: name.clone(),
                        snapshot,
                        read_at: ran.started_at,
                        signalled_at,
                        from_history: false,
                    });
                }
                Err(refused) => unreadable(hub, connection, entity, &id, &refused).await?,
            }
        }
    }
    send(hub, observations).await?;
    Ok(None)
}

fn carried(connection: &ConnectionName, one: &Asked<'_>) -> Option<Observation> {
    Some(Observation {
        connection: connection.clone(),
        snapshot: one.signal.record.as_deref()?.clone(),
        read_at: one.received_at,
        signalled_at: Some(one.received_at),
        from_history: false,
    })
}

fn gone(connection: &ConnectionName, one: &Asked<'_>, presence: Presence) -> Observation {
    let mut snapshot = Snapshot::deleted(one.signal.entity, one.signal.id.clone(), one.signal.at);
    snapshot.presence = presence;
    Observation {
        connection: connection.clone(),
        snapshot,
        read_at: one.received_at,
        signalled_at: Some(one.received_at),
        from_history: false,
    }
}

/// Takes over the times of field edits that events reported, where the read shows the same value.
fn take_times<'a>(connection: &Connection, snapshot: &mut Snapshot, edits: impl Iterator<Item = &'a Edit>) {
    let Ok(mapping) = connection.context.mapping(snapshot.entity) else { return };
    for edit in edits {
        let Some(rule) = mapping.fields.iter().find(|rule| rule.vendor == edit.pointer) else { continue };
        let Ok(codec) = rule.effective(snapshot.entity) else { continue };
        let mut row = serde_json::json!({});
        if concord_connector::codec::put(&mut row, &edit.pointer, edit.value.clone()).is_err() {
            continue;
        }
        let Ok(Some(value)) = codec.decode(&connection.context, &row, &edit.pointer) else { continue };
        if snapshot.fields.get(&rule.field) == Some(&value) {
            let time = snapshot.field_times.entry(rule.field.clone()).or_insert(edit.at);
            *time = (*time).max(edit.at);
        }
    }
}

/// A record that cannot be understood goes aside alone.
async fn unreadable(
    hub: &Hub,
    connection: &Connection,
    entity: Entity,
    id: &ExternalId,
    refused: &Refused,
) -> Result<()> {
    let letter = DeadLetter {
        // Every poll finds it again: one letter for one trouble.
        id: hash(&(&connection.name, entity, id, &refused.message)).hex(),
        at: hub.now(),
        queue: QueueName::Signals(connection.connector.system().clone()).to_string(),
        connection: Some(connection.name.clone()),
        subject: Some(format!("{entity}/{id}")),
        reason: format!("{} {entity}/{id}: {}", connection.connector.system(), refused.message),
        message: Some(
            Message::SignalV1 {
                connection: connection.name.clone(),
                signal: Signal::changed(format!("redrive-{id}"), entity, id.clone(), hub.now()),
                received_at: hub.now(),
            }
            .encode()?,
        ),
        blob: None,
    };
    letter.bury(hub).await
}

/// Sends observations to reconcile.
pub(super) async fn send(hub: &Hub, observations: Vec<Observation>) -> Result<()> {
    if observations.is_empty() {
        return Ok(());
    }
    tap::observed(hub, &observations);
    let mut messages = Vec::with_capacity(observations.len());
    for observation in observations {
        messages.push(Outgoing::new(Message::ObservationV1(Box::new(observation)).encode()?));
    }
    hub.queue.send(&QueueName::Observations, messages).await
}
