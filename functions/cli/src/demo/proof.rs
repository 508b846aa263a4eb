//! The proof: every record of every system is read back over HTTP and compared with its golden record, field by field.

mod compare;

use super::cast::Cast;
use crate::app::App;
use anyhow::{Context as _, Result};
use compare::Golden;
use concord_connector::{ConnectionName, Entity, ExternalId, Operation, Outcome, RecordId, Snapshot};
use concord_hub::{
    hub::Hub,
    keys,
    ports::{Index, Query},
    record::Record,
    settings::Connection,
};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;

const PAGE: usize = 200;
/// A read that meets a planned throttle is tried again this often.
const TRIES: u32 = 6;

/// What came of the comparison.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Proof {
    /// Golden records.
    pub records: usize,
    /// Records in the systems that were read back.
    pub external_records: usize,
    /// Fields that were compared.
    pub fields_compared: usize,
    /// Where a system holds something else than the golden record says.
    pub disagreements: Vec<Disagreement>,
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Disagreement {
    /// The golden record; `None` for a record of a system that the hub does not know.
    pub record: Option<RecordId>,
    /// Its kind.
    pub entity: Entity,
    /// Where.
    pub connection: ConnectionName,
    /// Which field; `None` when the record as a whole is missing or one too many.
    pub field: Option<String>,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Proof {
    /// Whether all systems agree.
    pub fn agrees(&self) -> bool {
        self.disagreements.is_empty()
    }
}

/// What a system has, by entity and id, as its own API tells.
type Seen = BTreeMap<(Entity, ExternalId), Snapshot>;

/// Reads everything back and compares.
pub(super) async fn proof(app: &App, cast: &Cast) -> Result<Proof> {
    let hub = &app.hub;
    let golden = golden(hub).await?;
    let mut proof = Proof { records: golden.records.len(), ..Proof::default() };
    let settings = hub.settings();
    for connection in settings.connections.values() {
        let Some(vendor) = cast.vendors.get(connection.name.as_str()) else { continue };
        let mut ids = listed(connection, &vendor.url).await?;
        // And what the hub takes to be there, whether it is listed or not.
        for record in golden.records.values() {
            let Some(known) = ids.get_mut(&record.entity) else { continue };
            let live = record.live_at(&connection.name).map(|facet| facet.link.id.clone());
            known.extend(live.filter(|id| !known.contains(id)).collect::<Vec<_>>());
        }
        let seen = fetched(hub, connection, &ids).await?;
        proof.external_records += seen.len();
        compare::connection(connection, &golden, &seen, &mut proof);
    }
    proof.disagreements.sort();
    Ok(proof)
}

/// Every golden record.
async fn golden(hub: &Hub) -> Result<Golden> {
    let mut records: BTreeMap<RecordId, Record> = BTreeMap::new();
    for entity in Entity::ALL {
        let mut after = None;
        loop {
            let query = Query { after, ..Query::partition(Some(Index::List), entity.name(), PAGE) };
            let page = hub.table.query(query).await?;
            let ids: Vec<RecordId> = page.keys.iter().filter_map(|(_, key)| keys::record_id(key)).collect();
            records.extend(hub.records(&ids).await?.into_values().map(|(record, _)| (record.id.clone(), record)));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(Golden::new(records))
}

/// The ids of every live record of a system, as the system itself lists them.
async fn listed(connection: &Connection, url: &str) -> Result<BTreeMap<Entity, Vec<ExternalId>>> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let bytes = client.get(format!("{url}/__sandbox/records")).send().await?.bytes().await?;
    let all: BTreeMap<String, BTreeMap<String, Json>> =
        serde_json::from_slice(&bytes).context("A sandbox lists no records.")?;
    let blind = &connection.connector.manifest().capabilities.blind;
    let mapped = connection.context.mappings.iter().filter(|(entity, _)| !blind.contains(entity));
    let ids = mapped.map(|(entity, mapping)| {
        let rows = all.get(&mapping.object).into_iter().flatten();
        (*entity, rows.map(|(id, _)| ExternalId::from(id.as_str())).collect())
    });
    Ok(ids.collect())
}

/// Reads records by id, through the system's API.
async fn fetched(hub: &Hub, connection: &Connection, ids: &BTreeMap<Entity, Vec<ExternalId>>) -> Result<Seen> {
    let mut seen = Seen::new();
    for (entity, ids) in ids {
        for chunk in ids.chunks(connection.connector.manifest().capabilities.read_batch.max(1)) {
            let operation = Operation::Fetch { entity: *entity, ids: chunk.to_vec() };
            let Outcome::Records(records) = persistently(hub, connection, &operation).await? else { continue };
            for (id, snapshot) in records {
                let snapshot = snapshot
                    .map_err(|refused| anyhow::anyhow!("{} {entity}/{id}: {}", connection.name, refused.message))?;
                seen.insert((*entity, id), snapshot);
            }
        }
    }
    Ok(seen)
}

async fn persistently(hub: &Hub, connection: &Connection, operation: &Operation) -> Result<Outcome> {
    let mut tries = 0;
    loop {
        tries += 1;
        match hub.run(connection, operation).await {
            Ok(ran) => return Ok(ran.outcome),
            Err(fault) if tries < TRIES && fault.is_of_connection() => {
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            }
            Err(fault) => return Err(fault.into()),
        }
    }
}
