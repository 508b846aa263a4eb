//! Translate: signals become observations, with one batched read for all signals of a batch.

mod asked;
mod later;
mod poll;
mod told;
mod turns;

pub(super) use asked::ask;
pub use poll::Position;

use crate::{
    coalesce::Look,
    dead_letter::DeadLetter,
    events::Count,
    facet::hash,
    hub::Hub,
    message::{Message, Observation},
    ports::{Disposition, Outgoing, QueueName, Received},
    settings::Connection,
    steps::{reconcile, sweep},
    tap, trace,
};
use concord_connector::{
    ConnectionName, Entity, ExternalId, Fault, Instant, Kind, Operation, Outcome, Result, Retry, Signal,
    exchange::Refused,
    signal::{Happened, TOKEN},
    snapshot::Presence,
};
use futures::future::join_all;
use later::{later, postpone};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use told::{carried, covered, gone, take_times};
use turns::Turn;

/// A record that cannot be read because somebody holds it is asked for again after this, then less and less often, ...
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// ... and for so long.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// What is not shown is asked for again for so long after it was said to have changed.
const UNSEEN: Duration = Duration::from_secs(900);

/// A signal of a batch.
struct Asked<'a> {
    at: usize,
    body: &'a str,
    trace: Option<&'a str>,
    signal: Signal,
    received_at: Instant,
}

/// Translates a batch.
pub async fn translate(hub: &Hub, batch: &[Received]) -> Vec<Disposition> {
    let mut dispositions = vec![Disposition::Done; batch.len()];
    let mut reads: BTreeMap<(ConnectionName, Entity), Vec<Asked<'_>>> = BTreeMap::new();
    let mut polls: BTreeMap<ConnectionName, Vec<Turn<'_>>> = BTreeMap::new();
    for (at, message) in batch.iter().enumerate() {
        match Message::decode(&message.body) {
            Ok(Message::SignalV1 { connection, signal, received_at }) => {
                reads.entry((connection, signal.entity)).or_default().push(Asked {
                    at,
                    body: &message.body,
                    trace: message.trace.as_deref(),
                    signal,
                    received_at,
                });
            }
            Ok(Message::PollV1 { connection, entity }) => {
                polls.entry(connection).or_default().push(Turn { at, body: &message.body, entity: Some(entity) });
            }
            Ok(Message::BusEventV1 { connection, event }) => {
                dispositions[at] =
                    match trace::under(message.trace.clone(), super::ingest::bus_event(hub, &connection, &event)).await
                    {
                        Ok(()) => Disposition::Done,
                        Err(fault) => super::again(&fault),
                    };
            }
            Ok(Message::OperationV1 { connection, record }) => {
                dispositions[at] =
                    match trace::under(message.trace.clone(), super::operate::advance(hub, &connection, &record)).await
                    {
                        Ok(()) => Disposition::Done,
                        Err(fault) => super::again(&fault),
                    };
            }
            Ok(Message::ResumeV1 { connection }) => {
                dispositions[at] =
                    match trace::under(message.trace.clone(), super::resume::resume(hub, &connection)).await {
                        Ok(()) => Disposition::Done,
                        Err(fault) => super::again(&fault),
                    };
            }
            Ok(Message::SweepV1 { connection }) => {
                polls.entry(connection).or_default().push(Turn { at, body: &message.body, entity: None });
            }
            Ok(_) => {
                dispositions[at] =
                    buried(hub, &message.body, &Fault::malformed("translate", "the message belongs in another queue"))
                        .await
            }
            Err(fault) => dispositions[at] = buried(hub, &message.body, &fault).await,
        }
    }
    // Side by side: a connection that is slow, or has to wait for its turn, holds up no other.
    let each: Vec<_> = reads.iter().map(|((connection, entity), asked)| one(hub, connection, *entity, asked)).collect();
    for (asked, judged) in reads.values().zip(join_all(each).await) {
        for (one, disposition) in asked.iter().zip(judged) {
            dispositions[one.at] = disposition;
        }
    }
    // After the signals: somebody waits for those, and a poll takes its time.
    for (at, disposition) in turns::take(hub, &polls).await {
        dispositions[at] = disposition;
    }
    dispositions
}

/// Translates the signals of one connection and entity; one disposition for each.
async fn one(hub: &Hub, connection: &ConnectionName, entity: Entity, asked: &[Asked<'_>]) -> Vec<Disposition> {
    let mut dispositions = vec![Disposition::Done; asked.len()];
    let held = match read(hub, connection, entity, asked).await {
        Ok(held) => held,
        Err(fault) if fault.is_of_connection() => match opened(hub, connection, &fault).await {
            Ok(wait) => Some(wait),
            Err(fault) => return vec![super::again(&fault); asked.len()],
        },
        Err(fault) => {
            let poisoned = (fault.retry == Retry::Never || fault.kind == Kind::Conflict) && asked.len() > 1;
            for (one, disposition) in asked.iter().zip(&mut dispositions) {
                // One that a vendor cannot stand takes none of its neighbours along.
                if poisoned {
                    match read(hub, connection, entity, std::slice::from_ref(one)).await {
                        Ok(None) => {}
                        Ok(Some(wait)) => {
                            *disposition = postpone(hub, connection, std::slice::from_ref(one), wait).await;
                        }
                        Err(fault) => *disposition = troubled(hub, connection, one, fault).await,
                    }
                    continue;
                }
                let fault = Fault::new(fault.kind, "translate", fault.message().to_owned())
                    .retry(fault.retry)
                    .with("connection", connection);
                *disposition = troubled(hub, connection, one, fault).await;
            }
            None
        }
    };
    match held {
        Some(wait) => vec![postpone(hub, connection, asked, wait).await; asked.len()],
        None => dispositions,
    }
}

/// Trouble of the connection opens its breaker, and the signal waits in the queue without counting against itself.
/// Trouble of a message is its own.
async fn troubled(hub: &Hub, name: &ConnectionName, one: &Asked<'_>, fault: Fault) -> Disposition {
    if fault.kind == Kind::Conflict {
        // A read that meets somebody's lock, as some systems say it: no use to hurry, and no failure of the message.
        let age = hub.now().since(one.received_at);
        if age >= PATIENCE {
            return buried(hub, one.body, &fault).await;
        }
        return postpone(hub, name, std::slice::from_ref(one), age.max(FIRST_WAIT)).await;
    }
    if !fault.is_of_connection() {
        return if fault.retry == Retry::Never { buried(hub, one.body, &fault).await } else { super::again(&fault) };
    }
    match opened(hub, name, &fault).await {
        Ok(wait) => postpone(hub, name, std::slice::from_ref(one), wait).await,
        Err(fault) => super::again(&fault),
    }
}

/// Opens the breaker for a trouble that a batch met: once, however many signals are in it. The wait that follows.
async fn opened(hub: &Hub, name: &ConnectionName, fault: &Fault) -> Result<Duration> {
    let settings = hub.settings();
    let connection = settings.connection(name)?;
    hub.trouble(connection, fault).await
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
    let mut looks = Vec::new();
    let mut ids: BTreeMap<ExternalId, Vec<&Asked<'_>>> = BTreeMap::new();
    for one in asked {
        match &one.signal.happened {
            // The event carried the record, and its version says where it belongs: nothing has to be asked.
            Happened::Changed | Happened::Deleted if one.signal.record.is_some() => {
                observations.extend(carried(name, one));
            }
            Happened::Changed => match hub.looks.since(name, entity, &one.signal.id, one.received_at) {
                Some(look) => {
                    hub.tally.add(Count::SignalsCovered);
                    observations.extend(covered(connection, name, one, &look));
                }
                None => ids.entry(one.signal.id.clone()).or_default().push(one),
            },
            Happened::Advanced => super::operate::hurry(hub, connection, &one.signal.id).await?,
            Happened::Gap => drop(sweep::begin(hub, connection, true).await?),
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
        send_on(hub, observations, asked).await?;
        return Ok(None);
    }
    let wanted: Vec<ExternalId> = ids.keys().cloned().collect();
    if !wanted.is_empty()
        && let Some(wait) = hub.leave_to_send(connection).await?
    {
        return Ok(Some(wait));
    }
    let mut unseen: Vec<&Asked<'_>> = Vec::new();
    for chunk in wanted.chunks(connection.connector.manifest().capabilities.read_batch.max(1)) {
        let ran = hub.run(connection, &Operation::Fetch { entity, ids: chunk.to_vec() }).await?;
        hub.close_breaker(connection).await?;
        let Outcome::Records(records) = ran.outcome else { continue };
        if left_out!(AbsentIsGone) {
            let missing = chunk.iter().filter(|id| !records.iter().any(|(found, _)| found == *id));
            let asked = missing.filter_map(|id| ids.get(id)?.first().copied());
            observations.extend(asked.map(|one| gone(name, one, Presence::Deleted)));
        }
        let hidden = chunk.iter().filter(|id| !records.iter().any(|(found, _)| found == *id));
        unseen.extend(hidden.filter_map(|id| ids.get(id)).flatten().copied());
        for (id, record) in records {
            let signals = ids.get(&id).map(Vec::as_slice).unwrap_or_default();
            let signalled_at = signals.iter().map(|one| one.received_at).min();
            match record {
                Ok(mut snapshot) => {
                    let edits = signals.iter().flat_map(|one| &one.signal.edits);
                    take_times(connection, &mut snapshot, edits);
                    looks.push(Look { read_at: ran.started_at, shown: Arc::new(snapshot.clone()) });
                    observations.push(Observation {
                        connection: name.clone(),
                        snapshot,
                        read_at: ran.started_at,
                        signalled_at,
                        from_history: false,
                        ours: BTreeMap::new(),
                        looked: true,
                    });
                }
                Err(refused) => unreadable(hub, connection, entity, &id, &refused).await?,
            }
        }
    }
    send_on(hub, observations, asked).await?;
    looks.into_iter().for_each(|look| hub.looks.note(name, look));
    look_again(hub, name, &unseen).await?;
    Ok(None)
}

/// What was said to have changed and is not shown is no delete, and may only not be shown yet: it is asked for again, less and
/// less often.
async fn look_again(hub: &Hub, name: &ConnectionName, unseen: &[&Asked<'_>]) -> Result<()> {
    let now = hub.now();
    // A purchase token that stands for nothing now will not do so later.
    let lasts = |one: &Asked<'_>| !one.signal.id.as_str().starts_with(TOKEN);
    let changed = |one: &&&Asked<'_>| one.signal.happened == Happened::Changed && lasts(one);
    let young = unseen.iter().filter(changed).filter(|one| now.since(one.received_at) < UNSEEN);
    let (mut wait, mut again) = (FIRST_WAIT, Vec::new());
    for one in young {
        wait = wait.max(now.since(one.received_at));
        again.push(Asked {
            at: one.at,
            body: one.body,
            trace: one.trace,
            signal: one.signal.clone(),
            received_at: one.received_at,
        });
    }
    if again.is_empty() { Ok(()) } else { later(hub, name, &again, wait).await }
}

/// Asks for records by their ids that a list names and does not show, as if each had been said to have changed.
pub(super) async fn ask_for(hub: &Hub, connection: &Connection, entity: Entity, ids: Vec<ExternalId>) -> Result<()> {
    let now = hub.now();
    let mut signals = Vec::with_capacity(ids.len());
    for id in ids {
        let signal = Signal::changed(format!("listed-{}", hub.new_token()), entity, id, now);
        let message = Message::SignalV1 { connection: connection.name.clone(), signal, received_at: now };
        signals.push(Outgoing::new(message.encode()?).of(connection.name.as_str()));
    }
    let queue = QueueName::Signals(connection.connector.system().clone());
    if signals.is_empty() { Ok(()) } else { hub.queue.send(&queue, signals).await }
}

/// A record that cannot be understood goes aside alone.
pub(super) async fn unreadable(
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

/// Sends on what signals led to, each under the trace of its own signal.
async fn send_on(hub: &Hub, observations: Vec<Observation>, asked: &[Asked<'_>]) -> Result<()> {
    let traces = asked.iter().filter_map(|one| Some((one.signal.id.clone(), one.trace?.to_owned()))).collect();
    send_of(hub, observations, &traces).await
}

/// Sends observations to reconcile, or takes them in here where reconcile would be this process too.
pub(super) async fn send(hub: &Hub, observations: Vec<Observation>) -> Result<()> {
    send_of(hub, observations, &BTreeMap::new()).await
}

async fn send_of(hub: &Hub, mut observations: Vec<Observation>, traces: &BTreeMap<ExternalId, String>) -> Result<()> {
    tap::observed(hub, &observations);
    if hub.queue.is_one_with_table() {
        observations = reconcile::take_in_now(hub, observations).await;
    }
    if observations.is_empty() {
        return Ok(());
    }
    let mut messages = Vec::with_capacity(observations.len());
    for observation in observations {
        let tenant = observation.connection.to_string();
        let trace = traces.get(&observation.snapshot.id).cloned().or_else(trace::current);
        let message = Outgoing::new(Message::ObservationV1(Box::new(observation)).encode()?).of(&tenant);
        messages.push(Outgoing { trace, ..message });
    }
    hub.queue.send(&QueueName::Observations, messages).await
}
