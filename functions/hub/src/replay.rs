//! Replay: history into a shadow truth under another configuration, and what differs from the truth that was.
//!
//! What people said in their systems is kept with every version of a record, and golden values are a pure function of
//! that and of the policy: so any moment of the past can be resolved again under other rules. The real store is only
//! read. A replay under the configuration that was in force shows no difference.
//!
//! A shadow has limits, and the answer names them. What the other configuration would have read and the one in force
//! did not is not in history; what people would have done had they seen other values, nobody knows; and who is one with
//! whom stays as it was.

mod shadow;

pub use shadow::shadow;

use crate::{
    explain,
    facet::{ByField, Facet},
    history::{self, Past},
    hub::Hub,
    keys,
    ports::{Index, Query},
    record::Record,
    resolve::Golden,
    settings::Settings,
    steps::deliver::referred_by,
    views::When,
};
use concord_connector::{Entity, Field, Instant, RecordId, Result, Value};
use serde::Serialize;
use shadow::following;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Entries of a history that are read at once.
const PAGE: usize = 100;

/// What is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Versions committed since.
    pub from: Instant,
    /// Versions committed until then.
    pub to: Instant,
}

/// A piece of a replay.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Piece {
    /// Records with versions in the window.
    pub records: u64,
    /// Versions that were resolved again.
    pub versions: u64,
    /// Versions of before history kept the external records: they cannot be resolved again.
    pub unknown: u64,
    /// What differs at the end of the window, in the order of records and fields.
    pub differences: Vec<Difference>,
    /// Versions that differ, by entity and field: also those that are equal at the end.
    pub versions_that_differ: BTreeMap<String, u64>,
    /// Where the next piece goes on; `None` at the end.
    pub next: Option<String>,
}

/// A field that the other configuration would have made something else.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub entity: Entity,
    /// The field.
    pub field: Field,
    /// What it was at the end of the window, as people read it; `None` is empty.
    pub now: Option<String>,
    /// What it would have been.
    pub then: Option<String>,
    /// Why it was what it was.
    pub because: String,
    /// Why it would have been something else.
    pub then_because: String,
    /// Since when it differs, within the window.
    pub since: When,
    /// In how many versions of the window it differs.
    pub versions: u64,
}

/// What the other configuration reads and the one in force does not: history cannot tell what is there.
pub fn blind_spots(now: &Settings, other: &Settings) -> Vec<String> {
    let mut spots = Vec::new();
    for connection in other.connections.values() {
        for (entity, mapping) in &connection.context.mappings {
            let before = now.connections.get(&connection.name).and_then(|now| now.context.mappings.get(entity));
            let reads = |rule: &&concord_connector::mapping::Rule| rule.flow.reads();
            let fresh = mapping.active(&connection.context).filter(reads).filter(|rule| {
                before.and_then(|before| before.rule(rule.field.as_str())).is_none_or(|before| !before.flow.reads())
            });
            let fields: Vec<&str> = fresh.map(|rule| rule.field.as_str()).collect();
            if !fields.is_empty() {
                let fields = fields.join(", ");
                spots.push(format!(
                    "{entity} at {}: {fields} were not read, so history does not have them",
                    connection.name
                ));
            }
        }
    }
    spots
}

/// Replays a page of records under other settings; `after` goes on where an earlier piece ended. Reads only.
///
/// # Errors
/// The store's faults.
pub async fn replay(hub: &Hub, window: Window, other: &Settings, after: Option<&str>, limit: usize) -> Result<Piece> {
    let mut piece = Piece::default();
    let (mut at, mut place) = match after.and_then(|after| after.split_once('#')) {
        Some((at, place)) => (at.parse().unwrap_or(0), Some(place.to_owned()).filter(|place| !place.is_empty())),
        None => (0_usize, None),
    };
    let Some(entity) = Entity::ALL.get(at) else { return Ok(piece) };
    let query = Query { after: place.take(), ..Query::partition(Some(Index::List), entity.name(), limit.max(1)) };
    let page = hub.table.query(query).await?;
    for id in page.keys.iter().filter_map(|(_, key)| keys::record_id(key)) {
        let last = one(hub, window, other, *entity, &id, At::End, &mut piece).await?;
        // Records that are part of this one today were records of their own: until the end of the window, or until they
        // joined it.
        let part_of = |facets: &[Facet]| facets.iter().map(|facet| facet.home.clone()).collect::<BTreeSet<_>>();
        let joined = last.as_deref().map(part_of).unwrap_or_default();
        let now = hub.record(&id).await?.map(|(record, _)| part_of(&record.facets)).unwrap_or_default();
        for home in now.into_iter().filter(|home| *home != id) {
            if !is_listed(hub, &home).await? {
                let at = if joined.contains(&home) { At::Past } else { At::End };
                one(hub, window, other, *entity, &home, at, &mut piece).await?;
            }
        }
    }
    piece.next = match page.next {
        Some(next) => Some(format!("{at}#{next}")),
        None => {
            at += 1;
            (at < Entity::ALL.len()).then(|| format!("{at}#"))
        }
    };
    Ok(piece)
}

/// Whether a record goes by its own id today, so that the list has it.
async fn is_listed(hub: &Hub, id: &RecordId) -> Result<bool> {
    Ok(hub.record(id).await?.is_none_or(|(record, _)| record.id == *id))
}

/// Whether a record is a record of its own at the end of the window.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// It is.
    End,
    /// It was, and joined another.
    Past,
}

/// Replays one history; the external records at the end of the window.
async fn one(
    hub: &Hub,
    window: Window,
    other: &Settings,
    entity: Entity,
    id: &RecordId,
    at: At,
    piece: &mut Piece,
) -> Result<Option<Vec<Facet>>> {
    let mut truth: ByField<Golden> = ByField::new();
    let mut differing: BTreeMap<Field, (Instant, u64)> = BTreeMap::new();
    let mut homes: BTreeMap<RecordId, RecordId> = BTreeMap::new();
    let mut last: Option<(Record, ByField<Golden>)> = None;
    let (mut any, mut after) = (false, None);
    'history: loop {
        let (past, next) = history::of(hub, id, after, PAGE).await?;
        for past in past {
            if past.entry.at > window.to {
                break 'history;
            }
            fold(&mut truth, &past);
            if past.entry.at < window.from {
                continue;
            }
            any = true;
            let Some(facets) = past.facets()? else {
                piece.unknown += 1;
                continue;
            };
            piece.versions += 1;
            let record = Record {
                golden: Arc::new(truth.clone()),
                facets,
                version: past.entry.version,
                ..Record::new(id.clone(), entity)
            };
            lead_on(hub, &record, &mut homes).await?;
            let shadowed = shadow(&record, other, &homes);
            let now = differences(&truth, &shadowed, &homes);
            differing.retain(|field, _| now.contains(field));
            for field in now {
                *piece.versions_that_differ.entry(format!("{entity}.{field}")).or_default() += 1;
                differing.entry(field).or_insert((past.entry.at, 0)).1 += 1;
            }
            last = Some((record, shadowed));
        }
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    piece.records += u64::from(any);
    let Some((record, shadowed)) = last else { return Ok(None) };
    if at == At::Past {
        return Ok(Some(record.facets));
    }
    let settings = hub.settings();
    for (field, (since, versions)) in differing {
        let shown = |golden: Option<&Golden>| golden.and_then(|golden| golden.value.as_ref()).map(Value::to_string);
        let (was, then) = (record.golden.get(&field), shadowed.get(&field));
        piece.differences.push(Difference {
            record: id.clone(),
            entity,
            now: shown(was),
            then: shown(then),
            because: explain::because(&record, &settings, &field, was),
            then_because: explain::because(&record, other, &field, then),
            since: When(since),
            versions,
            field,
        });
    }
    Ok(Some(record.facets))
}

fn fold(truth: &mut ByField<Golden>, past: &Past) {
    for (field, (_, after)) in &past.entry.changed {
        match after {
            Some(golden) => truth.insert(field.clone(), golden.clone()),
            None => truth.remove(field),
        };
    }
}

/// Where references lead today, so that both truths name the same records.
async fn lead_on(hub: &Hub, record: &Record, homes: &mut BTreeMap<RecordId, RecordId>) -> Result<()> {
    let named: Vec<RecordId> = referred_by(record).into_iter().filter(|id| !homes.contains_key(id)).collect();
    if !named.is_empty() {
        homes.extend(hub.records(&named).await?.into_iter().map(|(id, (record, _))| (id, record.id)));
    }
    Ok(())
}

fn differences(
    truth: &ByField<Golden>,
    shadowed: &ByField<Golden>,
    homes: &BTreeMap<RecordId, RecordId>,
) -> BTreeSet<Field> {
    let value = |golden: Option<&Golden>| following(golden.and_then(|golden| golden.value.as_ref()), homes);
    let fields: BTreeSet<&Field> = truth.keys().chain(shadowed.keys()).collect();
    let differs = |field: &&&Field| value(truth.get(**field)) != value(shadowed.get(**field));
    fields.iter().filter(differs).map(|field| (*field).clone()).collect()
}
