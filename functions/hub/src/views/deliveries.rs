//! Deliveries that were not acknowledged yet.

use super::{MOST, When};
use crate::{
    hub::Hub,
    keys,
    ports::{Index, Query},
    record::Record,
};
use concord_connector::{ConnectionName, Entity, Field, Instant, RecordId, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is on its way.
    Pending,
    /// It waits for other records to arrive there.
    Waiting,
    /// The system refused it; it is tried again.
    Failed,
    /// It is given up until a person decides or the record changes.
    Parked,
}

impl State {
    /// The state of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "pending" => Self::Pending,
            "waiting" => Self::Waiting,
            "failed" => Self::Failed,
            "parked" => Self::Parked,
            _ => return None,
        })
    }
}

/// A delivery.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeliveryView {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub entity: Entity,
    /// Where to.
    pub connection: ConnectionName,
    /// How it stands.
    pub state: State,
    /// Whether the record is to be created there.
    pub creates: bool,
    /// The fields that are to be written.
    pub fields: BTreeSet<Field>,
    /// Since when.
    pub since: Option<When>,
    /// Not before this.
    pub next_at: Option<When>,
    /// Refusals so far.
    pub attempts: u32,
    /// What the system said last.
    pub fault: Option<String>,
    /// What it waits for.
    pub waiting_on: BTreeSet<RecordId>,
}

/// Deliveries of all connections, those of one connection by how long they are due; of one state, when it is named.
///
/// # Errors
/// The store's faults.
pub async fn deliveries(hub: &Hub, state: Option<State>, limit: usize) -> Result<Vec<DeliveryView>> {
    let (settings, limit) = (hub.settings(), limit.clamp(1, MOST));
    let mut found = Vec::new();
    for connection in settings.connections.keys() {
        for partition in [connection.to_string(), format!("parked#{connection}")] {
            let mut after = None;
            while found.len() < limit {
                let query = Query { after, ..Query::partition(Some(Index::Pending), partition.as_str(), MOST) };
                let page = hub.table.query(query).await?;
                let ids: Vec<RecordId> = page.keys.iter().filter_map(|(_, key)| keys::record_id(key)).collect();
                let mut records = hub.records(&ids).await?;
                let ordered = ids.iter().filter_map(|id| records.remove(id));
                let views = ordered.filter_map(|(record, _)| view(&record, connection));
                found.extend(views.filter(|view| state.is_none_or(|state| view.state == state)));
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// Since when the delivery that is due first is pending.
pub(super) async fn oldest(hub: &Hub, connection: &ConnectionName) -> Result<Option<Instant>> {
    let page = hub.table.query(Query::partition(Some(Index::Pending), connection.as_str(), 1)).await?;
    let ids: Vec<RecordId> = page.keys.iter().filter_map(|(_, key)| keys::record_id(key)).collect();
    let records = hub.records(&ids).await?;
    Ok(records.values().filter_map(|(record, _)| record.pending().get(connection).copied()).min())
}

fn view(record: &Record, connection: &ConnectionName) -> Option<DeliveryView> {
    let outbox = record.outbox.get(connection).cloned().unwrap_or_default();
    let since = record.pending().get(connection).copied();
    let state = match () {
        () if outbox.parked => State::Parked,
        () if since.is_none() => return None,
        () if !outbox.waiting_on.is_empty() => State::Waiting,
        () if outbox.fault.is_some() => State::Failed,
        () => State::Pending,
    };
    let facets = record.facets.iter().filter(|facet| facet.link.connection == *connection);
    Some(DeliveryView {
        record: record.id.clone(),
        entity: record.entity,
        connection: connection.clone(),
        state,
        creates: record.creates.contains_key(connection),
        fields: facets.flat_map(|facet| facet.wanted().into_iter().cloned()).collect(),
        since: since.map(When),
        next_at: outbox.next_at.map(When),
        attempts: outbox.attempts,
        fault: outbox.fault.map(|fault| fault.message),
        waiting_on: outbox.waiting_on,
    })
}
