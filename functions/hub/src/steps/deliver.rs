//! Deliver: makes external records equal to their golden ones, then commits the receipts.

mod allowed;
pub(in crate::steps) mod create;
mod gate;
mod going;
mod landed;
mod operated;
mod plan;
mod receipt;
mod refused;
mod removal;
mod rivals;

pub(crate) use create::insist;
pub(in crate::steps) use operated::{Ended, operated, order_again};
pub(crate) use plan::{comes, outward, referred_by};

use crate::{
    breaker::Leave,
    dead_letter::DeadLetter,
    facet::{Hash, Link},
    hub::Hub,
    message::{Message, Observation},
    operation::State,
    ports::{Disposition, QueueName, Received},
    settings::Connection,
    tap, trace,
};
use concord_connector::{
    ConnectionName, Entity, Fault, Field, Instant, Kind, Operation, Outcome, RecordId, Result, Value,
    exchange::{Change, Refused, Unfit, Write, Written},
};
use futures::{StreamExt, stream};
use going::Going;
use plan::Job;
use std::{
    collections::BTreeMap,
    sync::{PoisonError, atomic::Ordering},
    time::Duration,
};

/// What is to be tried again sooner than this waits in the queue; later it is ordered anew, because a queue counts receives
/// and waiting is no failure.
const SHORT: Duration = Duration::from_secs(2);

/// What waits longer than this for its read to be taken in waits for something that lags.
const SLOW: Duration = Duration::from_secs(15);
const SLOWEST: Duration = Duration::from_secs(600);

/// A delivery of a batch.
struct Order {
    at: usize,
    record: RecordId,
    trace: Option<String>,
}

/// Delivers a batch: one vendor write for all records of one entity at one connection, where the vendor can.
pub async fn deliver(hub: &Hub, batch: &[Received]) -> Vec<Disposition> {
    let mut dispositions = vec![Disposition::Done; batch.len()];
    let mut orders: BTreeMap<ConnectionName, Vec<Order>> = BTreeMap::new();
    for (at, message) in batch.iter().enumerate() {
        match Message::decode(&message.body) {
            Ok(Message::DeliveryV1 { record, connection, .. }) => {
                orders.entry(connection).or_default().push(Order { at, record, trace: message.trace.clone() })
            }
            other => {
                let fault =
                    other.err().unwrap_or_else(|| Fault::malformed("deliver", "the message belongs in another queue"));
                let queue = QueueName::Deliveries("unknown".into());
                if let Err(fault) = DeadLetter::of_message(hub, &queue, &message.body, &fault).bury(hub).await {
                    dispositions[at] = super::again(&fault);
                }
            }
        }
    }
    for (connection, orders) in orders {
        let outcome = at_connection(hub, &connection, &orders).await;
        for order in &orders {
            match &outcome {
                Ok(again) => {
                    if let Some(disposition) = again.get(&order.record) {
                        dispositions[order.at] = disposition.clone();
                    }
                }
                Err(fault) => dispositions[order.at] = super::again(fault),
            }
        }
    }
    dispositions
}

/// Delivers at one connection. The map names the records that have to be looked at again.
async fn at_connection(hub: &Hub, name: &ConnectionName, orders: &[Order]) -> Result<BTreeMap<RecordId, Disposition>> {
    let settings = hub.settings();
    let mut again = BTreeMap::new();
    let Some(connection) = settings.connections.get(name) else { return Ok(again) };
    // What is pending stays pending: a sweep follows when the breaker closes, or the mode changes.
    if hub.held_back(connection).await?.is_some() {
        return Ok(again);
    }
    // Collected first, as in reconcile: the future of this step has to be `Send`.
    let plans: Vec<_> = orders
        .iter()
        .map(|order| trace::under(order.trace.clone(), plan::plan(hub, &settings, connection, &order.record)))
        .collect();
    let traces = orders.iter().filter_map(|order| Some((order.record.clone(), order.trace.clone()?))).collect();
    let planned: Vec<Result<Vec<Job>>> = stream::iter(plans).buffered(super::PARALLEL).collect().await;
    let mut jobs: BTreeMap<Entity, Vec<Job>> = BTreeMap::new();
    for (order, planned) in orders.iter().zip(planned) {
        let record = order.record.clone();
        match planned {
            Ok(planned) => {
                for job in planned {
                    jobs.entry(job.entity).or_default().push(job);
                }
            }
            // Nothing was asked of the vendor yet: this is our own trouble.
            Err(fault) if fault.is_of_connection() || fault.kind == Kind::Conflict => {
                again.insert(record, super::again(&fault));
            }
            Err(fault) => refused::refuse(hub, connection, &record, fault.into()).await?,
        }
    }
    if jobs.is_empty() {
        return Ok(again);
    }
    match hub.leave(connection).await? {
        Leave::Given => {}
        // One record tries; the others stay pending, and the sweep that follows a success orders them again.
        Leave::Probe => probe(&mut jobs),
        Leave::In(_) => return Ok(again),
    }
    let most = connection.connector.manifest().capabilities.write_batch.max(1);
    let going = Going { traces, ..Going::default() };
    for (entity, jobs) in jobs {
        let jobs = gate::pass(hub, connection, jobs).await?;
        let jobs = if super::operate::is_operated(connection, entity) {
            operated::open(hub, connection, jobs).await?
        } else {
            jobs
        };
        // Side by side where the vendor takes one record at a time: the engine bounds what is under way at a vendor.
        let chunks: Vec<_> = jobs.chunks(most).map(|chunk| write(hub, connection, entity, chunk, &going)).collect();
        let written: Vec<Result<Again>> = stream::iter(chunks).buffered(super::PARALLEL).collect().await;
        for one in written {
            again.extend(one?);
        }
    }
    match going.trouble.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(fault) => {
            hub.trouble(connection, &fault).await?;
        }
        None if going.answered.into_inner() => hub.close_breaker(connection).await?,
        _ => {}
    }
    Ok(again)
}

/// Leaves one job of all.
fn probe(jobs: &mut BTreeMap<Entity, Vec<Job>>) {
    let Some((entity, mut first)) = jobs.pop_first() else { return };
    first.truncate(1);
    *jobs = BTreeMap::from([(entity, first)]);
}

/// Records that have to be looked at again, and when.
type Again = BTreeMap<RecordId, Disposition>;

/// Writes a chunk, unless the connection is in trouble by then.
async fn write(hub: &Hub, connection: &Connection, entity: Entity, jobs: &[Job], going: &Going) -> Result<Again> {
    let mut again = Again::new();
    if going.is_over() {
        return Ok(again);
    }
    let edited = match removal::edited(hub, connection, entity, jobs).await {
        Err(fault) if fault.is_of_connection() => {
            going.note(fault);
            return Ok(again);
        }
        edited => edited?,
    };
    let mut sent = Vec::with_capacity(jobs.len());
    let mut writes: Vec<Write> = Vec::with_capacity(jobs.len());
    for job in jobs {
        if removal::goes(job).is_some_and(|id| edited.contains(id)) {
            after_reading(hub, connection, job, &mut again).await?;
            continue;
        }
        if job.creates() {
            match going.under(job, create::begin(hub, connection, job)).await {
                Ok(create::Begun::Write(idempotency)) => {
                    sent.push(job);
                    writes.push(Write { change: Change::Create { idempotency }, ..job.write.clone() });
                }
                Ok(create::Begun::Settled) => {}
                Ok(create::Begun::Later(wait)) if wait > SHORT => {
                    refused::later(hub, connection, &job.record, wait).await?
                }
                Ok(create::Begun::Later(wait)) => {
                    let reason = "somebody else is at this record".to_owned();
                    again.insert(job.record.clone(), Disposition::Retry { after: Some(wait), reason });
                }
                Ok(create::Begun::Trouble(fault)) => {
                    going.note(fault);
                    return Ok(again);
                }
                // Our own trouble holds no vendor back.
                Err(fault) if fault.is_of_connection() => {
                    again.insert(job.record.clone(), super::again(&fault));
                }
                Err(fault) => refused::refuse(hub, connection, &job.record, fault.into()).await?,
            }
        } else {
            sent.push(job);
            writes.push(job.write.clone());
        }
    }
    if sent.is_empty() {
        return Ok(again);
    }
    tap::sent(hub, connection, entity, &writes);
    let ran = match hub.run(connection, &Operation::Write { entity, writes }).await {
        Ok(ran) => ran,
        Err(fault) => {
            if fault.is_of_connection() {
                if fault.kind == Kind::Unknown {
                    for job in sent {
                        operated::answered(hub, connection, job, State::Unknown).await?;
                    }
                }
                going.note(fault);
                return Ok(again);
            }
            // It answered: the connection works.
            going.answered.store(true, Ordering::Relaxed);
            let refused = Refused::from(fault);
            for job in sent {
                let mistakes = vec![Unfit::whole(refused.message.clone())];
                operated::answered(hub, connection, job, State::Refused { mistakes }).await?;
                tap::refused(hub, connection, entity, &job.record, &refused.message);
                create::undo(hub, connection, job, &refused).await?;
                refused::refuse(hub, connection, &job.record, refused.clone()).await?;
            }
            return Ok(again);
        }
    };
    let Outcome::Written(rows) = ran.outcome else {
        return Err(Fault::new(Kind::Unexpected, "deliver", "the connector did not answer a write with rows"));
    };
    going.answered.store(true, Ordering::Relaxed);
    for (job, row) in sent.into_iter().zip(rows) {
        tapped(hub, connection, job, &row);
        match row {
            Ok(Written::Done { after, overwritten, created }) => {
                covered(hub, connection, overwritten, ran.started_at, Some(job)).await?;
                let took = (ran.started_at, ran.ended_at);
                operated::answered(hub, connection, job, State::Succeeded).await?;
                // A receipt that cannot be kept is this record's trouble, not its neighbours'.
                let kept = going.under(job, receipt::receipt(hub, connection, job, after, created, took)).await;
                if let Err(fault) = kept {
                    if fault.retry == concord_connector::Retry::Never {
                        refused::refuse(hub, connection, &job.record, fault.into()).await?;
                    } else {
                        again.insert(job.record.clone(), super::again(&fault));
                    }
                }
            }
            Ok(Written::Running(running)) => operated::running(hub, connection, job, running).await?,
            Ok(Written::Closed { reason, again_s }) => {
                operated::answered(hub, connection, job, State::Refused { mistakes: Vec::new() }).await?;
                refused::closed(hub, connection, &job.record, reason, Duration::from_secs(again_s)).await?;
            }
            Ok(Written::Moved(seen)) => {
                operated::answered(hub, connection, job, State::Refused { mistakes: Vec::new() }).await?;
                hub.tally.add(crate::events::Count::Moved);
                covered(hub, connection, vec![seen], ran.started_at, None).await?;
                after_reading(hub, connection, job, &mut again).await?;
            }
            Ok(Written::Exists(id)) => {
                operated::answered(hub, connection, job, State::Succeeded).await?;
                create::adopt(hub, connection, job, &id).await?;
            }
            Err(refused) => {
                if !unknown(&refused) {
                    let mistakes = vec![Unfit::whole(refused.message.clone())];
                    operated::answered(hub, connection, job, State::Refused { mistakes }).await?;
                }
                create::undo(hub, connection, job, &refused).await?;
                let fault = Fault::new(refused.kind, "deliver", refused.message.clone()).retry(refused.retry);
                if fault.is_of_connection() {
                    going.note(fault);
                } else {
                    refused::refuse(hub, connection, &job.record, refused).await?;
                }
            }
        }
    }
    Ok(again)
}

/// Whether a write may have been carried out all the same.
fn unknown(refused: &Refused) -> bool {
    matches!(refused.kind, Kind::Unknown | Kind::Unavailable)
}

/// The record there is not as we knew it: it is looked at again once the read that was passed on is taken in. That is soon,
/// and then the queue's own pace is right; where reading lags, it is ordered anew, less and less often, for waiting is no
/// failure.
async fn after_reading(hub: &Hub, connection: &Connection, job: &Job, again: &mut Again) -> Result<()> {
    let since = job.read.0.pending().get(&connection.name).copied();
    let waited = since.map_or(Duration::ZERO, |since| hub.now().since(since));
    if waited > SLOW {
        return refused::later(hub, connection, &job.record, waited.min(SLOWEST)).await;
    }
    let reason = "the record there had changed; the read is passed on first".to_owned();
    again.insert(job.record.clone(), Disposition::Retry { after: None, reason });
    Ok(())
}

fn tapped(hub: &Hub, connection: &Connection, job: &Job, row: &std::result::Result<Written, Refused>) {
    let (entity, record) = (job.entity, &job.record);
    match row {
        Ok(Written::Done { after, created, .. }) => {
            let what = if *created { "created" } else { "done" };
            tap::delivered(hub, connection, entity, record, what, Some(&after.id));
        }
        Ok(Written::Moved(seen)) => tap::delivered(hub, connection, entity, record, "moved", Some(&seen.id)),
        Ok(Written::Exists(id)) => tap::delivered(hub, connection, entity, record, "exists", Some(id)),
        Ok(Written::Running(running)) => {
            tap::delivered(hub, connection, entity, record, "running", Some(&running.operation));
        }
        Ok(Written::Closed { .. }) => tap::delivered(hub, connection, entity, record, "closed", None),
        Err(refused) => tap::refused(hub, connection, entity, record, &refused.message),
    }
}

/// Edits that a write covered, or that stopped it, go to reconcile as what they are: observations. Of those that the history
/// shows under a write, earlier tries of ours are told apart while it is known what they were about to write.
async fn covered(
    hub: &Hub,
    connection: &Connection,
    snapshots: Vec<concord_connector::Snapshot>,
    read_at: Instant,
    by: Option<&Job>,
) -> Result<()> {
    if left_out!(HistoryIgnored) {
        return Ok(());
    }
    let observations = snapshots
        .into_iter()
        .map(|snapshot| Observation {
            connection: connection.name.clone(),
            ours: by.map(|job| ours(connection, job, &snapshot)).unwrap_or_default(),
            snapshot,
            // Under our write it was before it, also where both happened in one moment.
            read_at: if by.is_some() { read_at.minus(Duration::from_millis(1)) } else { read_at },
            signalled_at: None,
            from_history: by.is_some(),
            looked: by.is_none(),
        })
        .collect();
    super::translate::send(hub, observations).await
}

/// Fields of a snapshot that show what a delivery had been about to write, with the stamps of those values.
fn ours(connection: &Connection, job: &Job, snapshot: &concord_connector::Snapshot) -> BTreeMap<Field, Instant> {
    let link = Link { connection: connection.name.clone(), id: snapshot.id.clone() };
    let Some(facet) = job.read.0.facet(&link) else { return BTreeMap::new() };
    let stamp = |(field, value): (&Field, &Option<Value>)| {
        let stamp = facet.wanted_stamp(field, &Hash::of(value.as_ref()))?;
        Some((field.clone(), stamp))
    };
    snapshot.fields.iter().filter_map(stamp).collect()
}
