//! Records.

use super::{MOST, When, json};
use crate::{
    facet::{ByField, Facet, Link},
    hub::Hub,
    keys,
    policy::Rule,
    ports::{Index, Query},
    record::{Outbox, Record, Removal},
    resolve::Golden,
};
use concord_connector::{ConnectionName, Entity, Field, RecordId, Result};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A page of records.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Records {
    /// The records, in the order of their ids.
    pub records: Vec<RecordView>,
    /// Where the next page goes on; `None` at the end.
    pub next: Option<String>,
}

/// A record.
#[derive(Clone, Debug, Serialize)]
pub struct RecordView {
    /// Its id.
    pub id: RecordId,
    /// Its kind.
    pub entity: Entity,
    /// Its version.
    pub version: u64,
    /// When the version was committed.
    pub committed_at: When,
    /// The golden fields.
    pub fields: BTreeMap<Field, FieldView>,
    /// The external records; in lists without what they hold.
    pub facets: Vec<FacetView>,
    /// Where it is to be created, and since when.
    pub creates: BTreeMap<ConnectionName, When>,
    /// Where it is to be taken out of use, when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removal: Option<Removal>,
    /// How its deliveries stand.
    pub outbox: BTreeMap<ConnectionName, Outbox>,
}

/// A golden field.
#[derive(Clone, Debug, Serialize)]
pub struct FieldView {
    /// The value in plain JSON.
    pub value: Json,
    /// Who said it.
    pub from: Link,
    /// When; `None` when it was there at first sight.
    pub at: Option<When>,
    /// The rule that let it win.
    pub rule: Rule,
    /// Whether another edit lost against it.
    pub conflict: bool,
    /// Whether the loser's edit may have been the later one.
    pub uncertain: bool,
}

/// An external record.
#[derive(Clone, Debug, Serialize)]
pub struct FacetView {
    /// Where.
    pub connection: ConnectionName,
    /// Its id there.
    pub id: String,
    /// The record that it would belong to alone.
    pub home: RecordId,
    /// Whether it is there.
    pub live: bool,
    /// When it was last read or written; `None` when it was not read yet.
    pub confirmed_at: Option<When>,
    /// What is there now.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub held: BTreeMap<Field, Json>,
    /// What was said there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub said: BTreeMap<Field, SaidView>,
    /// Fields that are on their way there.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub wanted: BTreeSet<Field>,
    /// Fields that are no longer written there until a person decides.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub parked: BTreeSet<Field>,
}

/// A claim.
#[derive(Clone, Debug, Serialize)]
pub struct SaidView {
    /// The value.
    pub value: Json,
    /// When; `None` when it was there at first sight.
    pub at: Option<When>,
}

/// Records of an entity.
///
/// # Errors
/// The store's faults.
pub async fn records(hub: &Hub, entity: Entity, after: Option<&str>, limit: usize) -> Result<Records> {
    let query = Query {
        after: after.map(str::to_owned),
        ..Query::partition(Some(Index::List), entity.name(), limit.clamp(1, MOST))
    };
    let page = hub.table.query(query).await?;
    let ids: Vec<RecordId> = page.keys.iter().filter_map(|(_, key)| keys::record_id(key)).collect();
    let found = hub.records(&ids).await?;
    // A record that was merged since the index was written shows under its own id only.
    let own = found.into_iter().filter(|(id, (record, _))| *id == record.id);
    Ok(Records { records: own.map(|(_, (record, _))| view(&record, Detail::List)).collect(), next: page.next })
}

/// One record with everything that its external records hold and said; redirects followed.
///
/// # Errors
/// The store's faults.
pub async fn record(hub: &Hub, id: &RecordId) -> Result<Option<RecordView>> {
    Ok(hub.record(id).await?.map(|(record, _)| view(&record, Detail::All)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    List,
    All,
}

fn view(record: &Record, detail: Detail) -> RecordView {
    RecordView {
        id: record.id.clone(),
        entity: record.entity,
        version: record.version,
        committed_at: When(record.committed_at),
        fields: record.golden.iter().map(|(field, golden)| (field.clone(), golden_view(golden))).collect(),
        facets: record.facets.iter().map(|facet| facet_view(facet, detail)).collect(),
        creates: record.creates.iter().map(|(connection, create)| (connection.clone(), When(create.since))).collect(),
        removal: record.removal.clone(),
        outbox: record.outbox.clone(),
    }
}

fn golden_view(golden: &Golden) -> FieldView {
    FieldView {
        value: json(golden.value.as_ref()),
        from: golden.from.clone(),
        at: golden.at.map(When),
        rule: golden.rule,
        conflict: golden.conflict,
        uncertain: golden.uncertain,
    }
}

fn facet_view(facet: &Facet, detail: Detail) -> FacetView {
    let cells = if detail == Detail::All { facet.view().cells.clone() } else { ByField::new() };
    let said = cells.iter().filter_map(|(field, cell)| {
        let said = cell.said.as_ref()?;
        Some((field.clone(), SaidView { value: json(said.value.as_ref()), at: said.at.map(When) }))
    });
    FacetView {
        connection: facet.link.connection.clone(),
        id: facet.link.id.to_string(),
        home: facet.home.clone(),
        live: facet.is_live(),
        confirmed_at: (!facet.is_unseen()).then(|| When(facet.confirmed_at())),
        said: said.collect(),
        held: cells.iter().map(|(field, cell)| (field.clone(), json(cell.held.as_ref()))).collect(),
        wanted: facet.wanted().into_iter().cloned().collect(),
        parked: facet.parked.clone(),
    }
}
