//! Making a plan: reading records, page by page.

use super::{
    Action, Cost, Plan, PlannedWrite, Share, digest,
    look::{Seen, Sight, look},
};
use crate::{
    hub::Hub,
    keys,
    ports::{Index, Query},
    record::Record,
    settings::{Connection, Mode, Settings},
    steps::{deliver::referred_by, reconfigure},
    views::When,
};
use concord_connector::{ConnectionName, Entity, RecordId, Result};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The most writes that one plan holds.
pub const MOST: usize = 10_000;
const PAGE: usize = 200;

/// What a plan is asked for.
#[derive(Clone, Default)]
pub struct Asked {
    /// One connection; all of them when not given.
    pub connection: Option<ConnectionName>,
    /// At most that many writes; [`MOST`] when not given.
    pub limit: Option<usize>,
    /// Other settings than those in force, of a later revision: what they would bring.
    pub trial: Option<Arc<Settings>>,
}

/// Makes a plan. Writes nothing.
///
/// # Errors
/// `Rejected` without such a connection; the store's faults.
pub async fn make(hub: &Hub, asked: &Asked) -> Result<Plan> {
    let settings = asked.trial.clone().unwrap_or_else(|| hub.settings());
    let connections: Vec<&Connection> = match &asked.connection {
        Some(name) => vec![settings.connection(name)?],
        None => settings.connections.values().collect(),
    };
    let limit = asked.limit.unwrap_or(MOST).clamp(1, MOST);
    let mut seen = Seen::default();
    let behind = asked.trial.is_some() || !reconfigure::is_complete(hub).await?;
    let (scanned, listed): (Vec<&Connection>, Vec<&Connection>) =
        connections.iter().partition(|connection| behind || connection.mode == Mode::Observe);
    let mut complete = scan(hub, &settings, &scanned, limit, &mut seen).await?;
    for connection in listed {
        complete &= pending(hub, &settings, connection, limit, &mut seen).await?;
    }
    complete &= seen.writes.len() <= limit;
    seen.writes.truncate(limit);
    let Seen { writes, conflicts } = seen;
    let shares = connections.iter().map(|connection| {
        let own = |name: &ConnectionName| *name == connection.name;
        let made: Vec<&PlannedWrite> =
            writes.iter().filter(|write| own(&write.connection) && write.held_back.is_none()).collect();
        let count = |actions: &[Action]| made.iter().filter(|write| actions.contains(&write.action)).count() as u64;
        let share = Share {
            mode: connection.mode,
            creates: count(&[Action::Create]),
            updates: count(&[Action::Update]),
            removals: count(&[Action::Archive, Action::Delete]),
            held_back: writes.iter().filter(|write| own(&write.connection) && write.held_back.is_some()).count() as u64,
            conflicts: conflicts.iter().filter(|conflict| own(&conflict.connection)).count() as u64,
            cost: Cost::of(connection, made.iter().copied(), &hub.costs),
        };
        (connection.name.clone(), share)
    });
    Ok(Plan {
        id: digest(settings.revision, &writes),
        made_at: When(hub.now()),
        configuration: settings.revision,
        connections: shares.collect(),
        writes,
        conflicts,
        complete,
    })
}

/// Looks at every record that the connections map; false when there were too many writes.
async fn scan(
    hub: &Hub,
    settings: &Settings,
    connections: &[&Connection],
    limit: usize,
    seen: &mut Seen,
) -> Result<bool> {
    let entities: BTreeSet<Entity> =
        connections.iter().flat_map(|connection| connection.context.mappings.keys().copied()).collect();
    for entity in entities {
        let mut after = None;
        loop {
            let query = Query { after, ..Query::partition(Some(Index::List), entity.name(), PAGE) };
            let page = hub.table.query(query).await?;
            let ids: Vec<RecordId> = page.keys.iter().filter_map(|(_, key)| keys::record_id(key)).collect();
            page_of(hub, settings, connections, &ids, seen).await?;
            if seen.writes.len() > limit {
                return Ok(false);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(true)
}

/// Looks at the records with open work at a connection; false when there were too many writes.
async fn pending(
    hub: &Hub,
    settings: &Settings,
    connection: &Connection,
    limit: usize,
    seen: &mut Seen,
) -> Result<bool> {
    let mut known: BTreeSet<RecordId> = BTreeSet::new();
    for partition in [connection.name.to_string(), format!("parked#{}", connection.name)] {
        let mut after = None;
        loop {
            let query = Query { after, ..Query::partition(Some(Index::Pending), partition.as_str(), PAGE) };
            let page = hub.table.query(query).await?;
            let ids = page.keys.iter().filter_map(|(_, key)| keys::record_id(key));
            let ids: Vec<RecordId> = ids.filter(|id| known.insert(id.clone())).collect();
            page_of(hub, settings, &[connection], &ids, seen).await?;
            if seen.writes.len() > limit {
                return Ok(false);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(true)
}

async fn page_of(
    hub: &Hub,
    settings: &Settings,
    connections: &[&Connection],
    ids: &[RecordId],
    seen: &mut Seen,
) -> Result<()> {
    let found = hub.records(ids).await?;
    // A record that was merged since the index was written is looked at under its own id.
    let own = found.into_iter().filter(|(id, (record, _))| *id == record.id);
    let records: Vec<Record> = own.map(|(_, (record, _))| record).collect();
    let referred = referred(hub, &records).await?;
    for record in &records {
        for connection in connections {
            let sight = Sight { settings, connection, referred: &referred, now: hub.now() };
            let Seen { writes, conflicts } = look(record, &sight);
            seen.writes.extend(writes);
            seen.conflicts.extend(conflicts);
        }
    }
    Ok(())
}

/// Every record that values of these refer to, by the id by which it is named.
pub(crate) async fn referred(hub: &Hub, records: &[Record]) -> Result<BTreeMap<RecordId, Record>> {
    let named: BTreeSet<RecordId> = records.iter().flat_map(referred_by).collect();
    if named.is_empty() {
        return Ok(BTreeMap::new());
    }
    let named: Vec<RecordId> = named.into_iter().collect();
    Ok(hub.records(&named).await?.into_iter().map(|(id, (record, _))| (id, record)).collect())
}
