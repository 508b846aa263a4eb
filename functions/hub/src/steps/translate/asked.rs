//! One poll at a time: what was asked for and has not been answered is not asked for again.

use crate::{
    hub::Hub,
    keys,
    message::Message,
    ports::{Condition, Item, ItemKey, Outgoing, QueueName, TableChange, TransactError},
    settings::Connection,
};
use concord_connector::{ConnectionName, Entity, Result};
use std::time::Duration;

/// A poll that was asked for so long ago and has not been answered got lost; it is asked for again. Longer than any poll
/// waits for its turn at a system that answers.
const LOST: Duration = Duration::from_secs(300);

/// Asks for a poll, unless one of the same entity still waits or runs: a system that is slower than its polls come would
/// have ever more of them to answer.
pub(in crate::steps) async fn ask(hub: &Hub, connection: &Connection, entity: Entity) -> Result<()> {
    let now = hub.now();
    let (queue, message) = order(connection, entity)?;
    if hub.queue.is_one_with_table() {
        // Both or none: a process that ends in between would leave a mark that nobody takes away.
        let asked = hub.item(key(&connection.name, entity)).await?;
        if asked.is_some_and(|mark| !mark.is_expired(now)) {
            return Ok(());
        }
        return hub.queue.send_with(&queue, vec![message], vec![mark(hub, &connection.name, entity)]).await;
    }
    let asked = TableChange::Put(mark(hub, &connection.name, entity), Condition::AbsentOrExpired(now));
    match hub.table.transact(vec![asked]).await {
        Ok(()) => {}
        Err(TransactError::Cancelled(_)) => return Ok(()),
        Err(TransactError::Store(fault)) => return Err(fault),
    }
    let sent = hub.queue.send(&queue, vec![message]).await;
    if sent.is_err() {
        // Should this fail too, the poll counts as lost for a while.
        answered(hub, &connection.name, entity).await?;
    }
    sent
}

/// Asks a poll that is under way to go on in another message.
pub(super) async fn go_on(hub: &Hub, connection: &Connection, entity: Entity) -> Result<()> {
    hub.put_plain(mark(hub, &connection.name, entity)).await?;
    let (queue, message) = order(connection, entity)?;
    hub.queue.send(&queue, vec![message]).await
}

/// Notes that a poll has come to its end, whatever it was: the next one may be asked for.
pub(super) async fn answered(hub: &Hub, name: &ConnectionName, entity: Entity) -> Result<()> {
    hub.write_plain(vec![TableChange::Delete(key(name, entity), Condition::None)]).await
}

fn key(name: &ConnectionName, entity: Entity) -> ItemKey {
    keys::cursor(name, "asked", entity)
}

fn mark(hub: &Hub, name: &ConnectionName, entity: Entity) -> Item {
    Item { expires: Some(hub.now().plus(LOST)), ..Item::new(key(name, entity), Vec::new()) }
}

fn order(connection: &Connection, entity: Entity) -> Result<(QueueName, Outgoing)> {
    let message = Message::PollV1 { connection: connection.name.clone(), entity };
    let queue = QueueName::Signals(connection.connector.system().clone());
    Ok((queue, Outgoing::new(message.encode()?).of(connection.name.as_str())))
}
