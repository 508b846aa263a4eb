//! Operate: operations at vendors go on, by events of theirs and by asking after them when it is time.

use super::deliver::{self, Ended};
use crate::{
    hub::Hub,
    message::Message,
    operation::{Operation as Job, State},
    ports::{Outgoing, QueueName},
    settings::Connection,
};
use concord_connector::{
    ConnectionName, Entity, ExternalId, Fault, Kind, Operation, Outcome, RecordId, Result, exchange::Checked,
};
use std::time::Duration;

/// In a hub that looks every second, operations are looked through this often: those that ended within a month are among them.
const LOOKED_EVERY: Duration = Duration::from_secs(5);
/// Nobody is asked more often than this after one operation.
const SOONEST: Duration = Duration::from_secs(1);

/// Asks for a look at every operation of a connection whose time has come.
pub(super) async fn due(hub: &Hub, connection: &Connection) -> Result<()> {
    let now = hub.now();
    let operates = !connection.connector.manifest().capabilities.operates.is_empty();
    if !operates || !hub.due.every("operations", &connection.name, now, LOOKED_EVERY) {
        return Ok(());
    }
    for job in hub.operations(&connection.name).await? {
        if matches!(job.state, State::Running { .. }) && job.next_at <= now {
            ask(hub, connection, &job.record, Duration::ZERO).await?;
        }
    }
    Ok(())
}

/// Orders a look at an operation.
pub(super) async fn ask(hub: &Hub, connection: &Connection, record: &RecordId, delay: Duration) -> Result<()> {
    let message = Message::OperationV1 { connection: connection.name.clone(), record: record.clone() };
    let queue = QueueName::Signals(connection.connector.system().clone());
    let delay = delay.min(Duration::from_secs(900));
    let outgoing = Outgoing { delay, ..Outgoing::new(message.encode()?).of(connection.name.as_str()) };
    hub.queue.send(&queue, vec![outgoing]).await
}

/// The vendor said that a job of its got on: it is looked at now. One that is not known is one whose answer got lost: the
/// delivery that sends it again learns its name, and how it stands.
pub(super) async fn hurry(hub: &Hub, connection: &Connection, id: &ExternalId) -> Result<()> {
    for job in hub.operations(&connection.name).await? {
        if matches!(&job.state, State::Running { operation } if operation == id) {
            advance(hub, &connection.name, &job.record).await?;
        }
    }
    Ok(())
}

/// Asks the vendor how an operation stands, and goes on from there.
pub(super) async fn advance(hub: &Hub, name: &ConnectionName, record: &RecordId) -> Result<()> {
    let settings = hub.settings();
    let Some(connection) = settings.connections.get(name) else { return Ok(()) };
    let (Some(job), rev) = hub.operation(record, name).await? else { return Ok(()) };
    let State::Running { operation } = &job.state else { return Ok(()) };
    // The scheduler asks again once the connection works.
    if hub.leave_to_send(connection).await?.is_some() {
        return Ok(());
    }
    let check =
        Operation::Check { entity: job.entity, operation: operation.clone(), write: Box::new(job.write.clone()) };
    let ran = match hub.run(connection, &check).await {
        Ok(ran) => ran,
        Err(fault) if fault.is_of_connection() => return hub.trouble(connection, &fault).await.map(drop),
        Err(fault) => return Err(fault),
    };
    hub.close_breaker(connection).await?;
    let Outcome::Checked(checked) = ran.outcome else {
        return Err(Fault::new(Kind::Unexpected, "operate", "the connector did not say how a job stands"));
    };
    let now = hub.now();
    let ended = match checked {
        Checked::Running { again_s } => {
            let again = Duration::from_secs(again_s).max(SOONEST);
            if hub.keep_operation(&Job { next_at: now.plus(again), ..job }, rev).await? {
                follow(hub, connection, record, again).await?;
            }
            return Ok(());
        }
        Checked::Next(next) => {
            let again = Duration::from_secs(next.again_s).max(SOONEST);
            let state = State::Running { operation: next.operation };
            if hub.keep_operation(&Job { state, next_at: now.plus(again), ..job }, rev).await? {
                follow(hub, connection, record, again).await?;
            }
            return Ok(());
        }
        Checked::Done { after, created } => {
            let took = (job.began_at, ran.ended_at);
            deliver::operated(hub, connection, &job, Ended::Done { after: Box::new(after), created, took }).await?;
            Job { state: State::Succeeded, since: now, ..job }
        }
        Checked::Refused { mistakes } => {
            deliver::operated(hub, connection, &job, Ended::Refused(&mistakes)).await?;
            Job { state: State::Refused { mistakes }, since: now, ..job }
        }
        Checked::Broken { reason } => {
            deliver::operated(hub, connection, &job, Ended::Broken(&reason)).await?;
            Job { state: State::Broken { reason }, since: now, ..job }
        }
    };
    // Kept last: a crash before this asks the vendor once more, and ends the same way.
    hub.keep_operation(&ended, rev).await?;
    // What was wanted meanwhile goes now.
    deliver::order_again(hub, connection, record).await
}

/// Where the scheduler comes once a minute, the queue asks sooner.
pub(super) async fn follow(hub: &Hub, connection: &Connection, record: &RecordId, again: Duration) -> Result<()> {
    if hub.table.is_shared() && again < Duration::from_secs(60) {
        return ask(hub, connection, record, again).await;
    }
    Ok(())
}

/// Whether writes of an entity are worked on in jobs of the vendor's own.
pub(super) fn is_operated(connection: &Connection, entity: Entity) -> bool {
    connection.connector.manifest().capabilities.operates.contains(&entity)
}
