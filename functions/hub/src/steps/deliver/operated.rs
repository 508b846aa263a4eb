//! Deliveries to vendors that work on writes in jobs of their own: one operation at a time for a record, under a token that
//! is fixed before the first send.

use super::{Job, create, receipt, refused};
use crate::{
    hub::Hub,
    operation::{Operation, State},
    record::Record,
    settings::Connection,
    steps::{fanout, operate},
};
use concord_connector::{
    Instant, Kind, RecordId, Result, Retry, Snapshot,
    exchange::{Refused, Running, Unfit},
};
use std::time::Duration;

/// While somebody else is at it.
const RACED: Duration = Duration::from_secs(2);

/// How an operation ended.
pub(in crate::steps) enum Ended<'a> {
    /// It did what was asked.
    Done {
        /// The record after it.
        after: Box<Snapshot>,
        /// Whether it was made.
        created: bool,
        /// From the request to the answer that said so.
        took: (Instant, Instant),
    },
    /// The vendor refuses what was asked.
    Refused(&'a [Unfit]),
    /// The vendor failed.
    Broken(&'a str),
}

/// The jobs that may be sent now, each with its operation begun. Those whose operation runs wait for its end; those that the
/// vendor would refuse are refused here.
pub(super) async fn open(hub: &Hub, connection: &Connection, jobs: Vec<Job>) -> Result<Vec<Job>> {
    let mut free = Vec::with_capacity(jobs.len());
    for mut job in jobs {
        let (before, rev) = hub.operation(&job.record, &connection.name).await?;
        let now = hub.now();
        let before = before.filter(|operation| operation.entity == job.entity);
        match before.as_ref().filter(|operation| operation.state.is_open()) {
            Some(operation) if matches!(operation.state, State::Running { .. }) => {
                let wait = operation.next_at.since(now).max(RACED);
                refused::later(hub, connection, &job.record, wait).await?;
                continue;
            }
            // No answer is known: the very same goes again, and what is wanted by now goes after it.
            Some(sent) if std::mem::discriminant(&sent.write.change) == std::mem::discriminant(&job.write.change) => {
                resume(&mut job, sent);
                free.push(job);
                continue;
            }
            _ => {}
        }
        let mistakes = connection.connector.preflight(&connection.context, job.entity, &job.write);
        job.write.token = Some(hub.new_token());
        let begun = operation(&job, connection, now);
        if !mistakes.is_empty() {
            let state = State::Refused { mistakes: mistakes.clone() };
            hub.keep_operation(&Operation { state, ..begun }, rev).await?;
            refused::refuse(hub, connection, &job.record, refusal(&mistakes)).await?;
            continue;
        }
        if hub.keep_operation(&begun, rev).await? {
            free.push(job);
        } else {
            refused::later(hub, connection, &job.record, RACED).await?;
        }
    }
    Ok(free)
}

fn operation(job: &Job, connection: &Connection, now: Instant) -> Operation {
    Operation {
        record: job.record.clone(),
        entity: job.entity,
        connection: connection.name.clone(),
        state: State::Sent,
        since: now,
        began_at: now,
        next_at: now,
        write: job.write.clone(),
        golden: job.golden.clone(),
        version: job.version,
        waits: job.waits,
        incomplete: job.incomplete,
    }
}

fn resume(job: &mut Job, sent: &Operation) {
    job.write = sent.write.clone();
    job.golden = sent.golden.clone();
    job.version = sent.version;
    job.waits = sent.waits;
    job.incomplete = sent.incomplete;
}

fn refusal(mistakes: &[Unfit]) -> Refused {
    let sentences: Vec<String> = mistakes.iter().map(Unfit::to_string).collect();
    Refused { kind: Kind::Rejected, retry: Retry::Never, message: sentences.join("; ") }
}

/// The vendor works on it.
pub(super) async fn running(hub: &Hub, connection: &Connection, job: &Job, running: Running) -> Result<()> {
    let now = hub.now();
    let again = Duration::from_secs(running.again_s).max(Duration::from_secs(1));
    let state = State::Running { operation: running.operation };
    change(hub, connection, job, |begun| Operation { state, since: now, next_at: now.plus(again), ..begun }).await?;
    // It is looked at when the vendor is through, or at the latest when it is asked after next.
    refused::later(hub, connection, &job.record, again).await?;
    operate::follow(hub, connection, &job.record, again).await
}

/// It was answered at once: how it ended.
pub(super) async fn answered(hub: &Hub, connection: &Connection, job: &Job, state: State) -> Result<()> {
    if !operate::is_operated(connection, job.entity) {
        return Ok(());
    }
    let since = hub.now();
    change(hub, connection, job, |begun| Operation { state, since, ..begun }).await
}

async fn change(
    hub: &Hub,
    connection: &Connection,
    job: &Job,
    change: impl FnOnce(Operation) -> Operation,
) -> Result<()> {
    let (begun, rev) = hub.operation(&job.record, &connection.name).await?;
    let begun = begun.unwrap_or_else(|| operation(job, connection, hub.now()));
    // Who raced with us knows as much: the same token was sent.
    hub.keep_operation(&change(begun), rev).await.map(drop)
}

/// Takes in how an operation ended.
pub(in crate::steps) async fn operated(
    hub: &Hub,
    connection: &Connection,
    operation: &Operation,
    ended: Ended<'_>,
) -> Result<()> {
    let Some(read) = hub.record(&operation.record).await? else { return Ok(()) };
    let job = job(operation, read);
    match ended {
        Ended::Done { after, created, took } => {
            receipt::receipt(hub, connection, &job, *after, created, took).await?;
        }
        Ended::Refused(mistakes) => end(hub, connection, &job, refusal(mistakes)).await?,
        Ended::Broken(reason) => {
            let refused = Refused {
                kind: Kind::Unexpected,
                retry: Retry::After(None),
                message: format!("{} failed: {reason}", connection.connector.manifest().title),
            };
            end(hub, connection, &job, refused).await?;
        }
    }
    Ok(())
}

async fn end(hub: &Hub, connection: &Connection, job: &Job, refused: Refused) -> Result<()> {
    create::undo(hub, connection, job, &refused).await?;
    refused::refuse(hub, connection, &job.record, refused).await
}

fn job(operation: &Operation, read: (Record, u64)) -> Job {
    Job {
        entity: operation.entity,
        record: operation.record.clone(),
        version: operation.version,
        write: operation.write.clone(),
        waits: operation.waits,
        incomplete: operation.incomplete,
        golden: operation.golden.clone(),
        read,
    }
}

/// Orders what a record still owes a connection.
pub(in crate::steps) async fn order_again(hub: &Hub, connection: &Connection, record: &RecordId) -> Result<()> {
    let Some((record, _)) = hub.record(record).await? else { return Ok(()) };
    if !record.pending().contains_key(&connection.name) {
        return Ok(());
    }
    let again = format!("@operated-{}", hub.now().ms());
    let order = fanout::order(&record.id, &connection.name, record.version, &again)?;
    let queue = crate::ports::QueueName::Deliveries(connection.connector.system().clone());
    hub.queue.send(&queue, vec![order]).await
}
