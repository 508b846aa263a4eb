//! Messages in the database.

use crate::{
    broker::{DEDUPE, MAX_DELAY, Message},
    ports::{Outgoing, QueueName},
};
use concord_connector::Instant;
use rusqlite::{Connection, OptionalExtension, params};

/// Stores messages in order; returns them as the broker takes them once they are committed.
pub(super) fn insert(
    connection: &Connection,
    queue: &QueueName,
    batch: &[&Outgoing],
    now: Instant,
    last: &mut u64,
) -> rusqlite::Result<Vec<Message>> {
    let name = queue.to_string();
    let mut statement = connection.prepare_cached(
        "INSERT INTO messages (id, queue, grouped, dedupe, sent, visible, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let mut sent = Vec::with_capacity(batch.len());
    for outgoing in batch {
        *last += 1;
        let fifo = queue.is_fifo();
        let visible = if fifo { now } else { now.plus(outgoing.delay.min(MAX_DELAY)) };
        let group = outgoing.group.as_ref();
        let dedupe = outgoing.dedupe.as_ref().filter(|_| fifo);
        statement.execute(params![*last, name, group, dedupe, now.ms(), visible.ms(), outgoing.body])?;
        let body = Some(outgoing.body.clone());
        sent.push(Message { id: *last, body, group: group.cloned(), sent: now, visible, receives: 0, ended: 0 });
    }
    Ok(sent)
}

/// Deletes messages.
pub(super) fn delete(connection: &Connection, ids: &[u64]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("DELETE FROM messages WHERE id = ?1")?;
    ids.iter().try_for_each(|id| statement.execute([id]).map(drop))
}

/// Sets when messages become visible, with how often they were received: the process outlived what was done with them.
pub(super) fn release(connection: &Connection, visible: &[(u64, Instant, u32)]) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("UPDATE messages SET visible = ?2, receives = ?3, ended = 0 WHERE id = ?1")?;
    visible.iter().try_for_each(|(id, at, receives)| statement.execute(params![id, at.ms(), receives]).map(drop))
}

/// The text of a message, if it is still there.
pub(super) fn body(connection: &Connection, id: u64) -> rusqlite::Result<Option<String>> {
    connection.prepare_cached("SELECT body FROM messages WHERE id = ?1")?.query_row([id], |row| row.get(0)).optional()
}

/// A message as it was when the process ended.
pub(super) struct Left {
    pub(super) queue: QueueName,
    pub(super) message: Message,
    /// Its dedupe id, while that still counts.
    pub(super) dedupe: Option<String>,
}

/// Every message that is left, in order.
pub(super) fn left(connection: &Connection, now: Instant, mut each: impl FnMut(Left)) -> rusqlite::Result<()> {
    let mut statement = connection
        .prepare("SELECT id, queue, grouped, dedupe, sent, visible, receives, body, ended FROM messages ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(1)?;
        let Some(queue) = QueueName::parse(&name) else {
            tracing::error!(queue.name = %name, "A message is in a queue that this version does not know: it stays.");
            continue;
        };
        let sent = Instant::from_ms(row.get(4)?);
        let dedupe: Option<String> = row.get(3)?;
        each(Left {
            queue,
            dedupe: dedupe.filter(|_| sent.plus(DEDUPE) > now),
            message: Message {
                id: row.get(0)?,
                group: row.get(2)?,
                sent,
                visible: Instant::from_ms(row.get(5)?),
                receives: row.get(6)?,
                body: Some(row.get(7)?),
                ended: row.get(8)?,
            },
        });
    }
    Ok(())
}
