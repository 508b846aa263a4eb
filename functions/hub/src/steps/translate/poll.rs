//! Polls: a page at a time, the cursor kept after its records are safe.

use super::{ask_for, asked, send, unreadable};
use crate::{
    hub::Hub,
    keys,
    message::Observation,
    ports::{Condition, Item, TableChange, TransactError},
    settings::Connection,
    steps::sweep,
    store,
};
use concord_connector::{ConnectionName, Cursor, Entity, Instant, Kind, Operation, Outcome, Result};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Pages that one message reads; more follow in a message of their own.
const PAGES: usize = 10;
/// The same for time: a step that takes too long is given up.
const SLICE: Duration = Duration::from_secs(10);

/// Where a poll stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The connector's cursor.
    pub cursor: Cursor,
    /// When the window that it belongs to was read to its end, if it was.
    pub complete_at: Option<Instant>,
    /// The end of the window that is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_at: Option<Instant>,
    /// Everything that the system listed as changed before this moment is safely here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Instant>,
}

/// Reads what changed since the last poll, then what was deleted, where the vendor lists that.
pub(super) async fn poll(hub: &Hub, name: &ConnectionName, entity: Entity) -> Result<()> {
    let settings = hub.settings();
    let connection = settings.connection(name)?;
    if read(hub, connection, entity).await? {
        asked::go_on(hub, connection, entity).await
    } else {
        asked::answered(hub, name, entity).await
    }
}

/// Whether there is more.
async fn read(hub: &Hub, connection: &Connection, entity: Entity) -> Result<bool> {
    if !connection.maps(entity) || hub.leave_to_send(connection).await?.is_some() {
        return Ok(false);
    }
    let more = pages(hub, connection, entity, "poll").await?;
    if connection.connector.manifest().capabilities.lists_deleted {
        pages(hub, connection, entity, "deleted").await?;
    }
    hub.close_breaker(connection).await?;
    Ok(more)
}

async fn pages(hub: &Hub, connection: &Connection, entity: Entity, what: &str) -> Result<bool> {
    let key = keys::cursor(&connection.name, what, entity);
    let kept = hub.item(key.clone()).await?;
    let mut rev = kept.as_ref().map_or(0, |item| item.rev);
    let position: Option<Position> = kept.as_ref().map(store::parse).transpose()?;
    if position.is_none() && what == "poll" {
        // The first reading is a sweep's; polls go on where it ends.
        sweep::start(hub, connection).await?;
        return Ok(false);
    }
    let (mut window_at, mut through) = (None, None);
    let mut cursor = None;
    if let Some(position) = position {
        (window_at, through) = (position.window_at, position.through.or(position.complete_at));
        cursor = Some(position.cursor);
    }
    let began = hub.now();
    for _ in 0..PAGES {
        let until = hub.now();
        if until.since(began) > SLICE {
            break;
        }
        let operation = match what {
            "deleted" => Operation::Deleted { entity, cursor: cursor.clone(), until },
            _ => Operation::Poll { entity, cursor: cursor.clone(), until },
        };
        let ran = hub.run(connection, &operation).await?;
        let Outcome::Page { records, cursor: next, more } = ran.outcome else { return Ok(false) };
        let (mut observations, mut hidden) = (Vec::with_capacity(records.len()), Vec::new());
        for (id, record) in records {
            match record {
                Ok(snapshot) => observations.push(Observation::of_read(&connection.name, snapshot, ran.started_at)),
                Err(refused) if refused.kind == Kind::NotFound => hidden.push(id),
                Err(refused) => unreadable(hub, connection, entity, &id, &refused).await?,
            }
        }
        ask_for(hub, connection, entity, hidden).await?;
        let mut late = left_out!(CursorFirst).then(|| std::mem::take(&mut observations));
        send(hub, observations).await?;
        let window = window_at.get_or_insert(until);
        if !more {
            through = Some(*window);
            window_at = None;
        }
        let complete_at = (!more).then_some(until);
        let position = Position { cursor: next.clone(), complete_at, window_at, through };
        let item = Item { rev: rev + 1, ..Item::new(key.clone(), store::body(&position)?) };
        let unchanged = if rev == 0 { Condition::Absent } else { Condition::Rev(rev) };
        match hub.table.transact(vec![TableChange::Put(item, unchanged)]).await {
            Ok(()) => {
                rev += 1;
                send(hub, late.take().unwrap_or_default()).await?;
            }
            // Somebody began anew meanwhile: the next poll goes on from there.
            Err(TransactError::Cancelled(_)) => return Ok(true),
            Err(TransactError::Store(fault)) => return Err(fault),
        }
        cursor = Some(next);
        if !more {
            return Ok(false);
        }
    }
    Ok(true)
}
