//! How connections are doing.

use super::{When, deliveries::oldest};
use crate::{
    hub::Hub,
    keys,
    ports::{Index, Query},
    settings::{Connection, Mode},
    steps::translate::Position,
    store,
};
use concord_connector::{ConnectionName, Entity, Result, System};
use serde::Serialize;
use std::collections::BTreeMap;

/// The most that is counted one by one.
const COUNTED: usize = 10_000;

/// A connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConnectionView {
    /// Its name.
    pub name: ConnectionName,
    /// Its system.
    pub system: System,
    /// Whether the engine may write there.
    pub mode: Mode,
    /// Set while nothing is sent there.
    pub trouble: Option<Trouble>,
    /// Records with work to do there; `None` for more than can be counted.
    pub pending: Option<usize>,
    /// Since when the oldest of them is pending.
    pub oldest_pending: Option<When>,
    /// Records whose deliveries wait for a person.
    pub parked: Option<usize>,
    /// How far it was read, by entity.
    pub reading: BTreeMap<Entity, Reading>,
}

/// An open breaker.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trouble {
    /// Since when.
    pub since: When,
    /// Until when nothing is sent.
    pub until: When,
    /// Why, in a sentence.
    pub reason: String,
}

/// How far an entity was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reading {
    /// Everything that changed before this was read; `None` while the first reading goes on.
    pub complete_at: Option<When>,
    /// The connector's own cursor.
    pub cursor: String,
}

/// Every connection.
///
/// # Errors
/// The store's faults.
pub async fn connections(hub: &Hub) -> Result<Vec<ConnectionView>> {
    let settings = hub.settings();
    let mut views = Vec::with_capacity(settings.connections.len());
    for connection in settings.connections.values() {
        views.push(view(hub, connection).await?);
    }
    Ok(views)
}

async fn view(hub: &Hub, connection: &Connection) -> Result<ConnectionView> {
    let trouble = hub.breaker(connection).await?.map(|breaker| Trouble {
        since: When(breaker.since),
        until: When(breaker.until),
        reason: breaker.reason,
    });
    Ok(ConnectionView {
        name: connection.name.clone(),
        system: connection.connector.system().clone(),
        mode: connection.mode,
        trouble,
        pending: count(hub, Index::Pending, connection.name.as_str()).await?,
        oldest_pending: oldest(hub, &connection.name).await?.map(When),
        parked: count(hub, Index::Pending, &format!("parked#{}", connection.name)).await?,
        reading: reading(hub, connection).await?,
    })
}

/// How many items an index partition has; `None` for more than can be counted.
pub(super) async fn count(hub: &Hub, index: Index, partition: &str) -> Result<Option<usize>> {
    let page = hub.table.query(Query::partition(Some(index), partition, COUNTED)).await?;
    Ok(page.next.is_none().then_some(page.keys.len()))
}

async fn reading(hub: &Hub, connection: &Connection) -> Result<BTreeMap<Entity, Reading>> {
    let entities: Vec<Entity> = connection.context.mappings.keys().copied().collect();
    let names: Vec<_> = entities.iter().map(|entity| keys::cursor(&connection.name, "poll", *entity)).collect();
    let items = if names.is_empty() { Vec::new() } else { hub.table.get(&names).await? };
    let mut reading = BTreeMap::new();
    for (entity, item) in entities.into_iter().zip(items) {
        let Some(item) = item else { continue };
        let position: Position = store::parse(&item)?;
        let read = Reading { complete_at: position.complete_at.map(When), cursor: position.cursor.to_string() };
        reading.insert(entity, read);
    }
    Ok(reading)
}
