//! Who refers to a record.
//!
//! References go one way. The other way is an index that each record's own item writes (`record/codec.rs`), in the same put as
//! the reference: a crash leaves both or none. A reference names a home, and a merged record answers to all of its homes.

use crate::{
    hub::Hub,
    keys,
    ports::{Index, Query},
    record::Record,
};
use concord_connector::{Entity, RecordId, Result, Target, Value};
use std::collections::BTreeSet;

/// Index entries that are read at a time.
const PAGE: usize = 200;
/// Records that a list of those who refer to one names at most.
pub(crate) const MOST: usize = 20_000;

/// The records that a record's golden values name, and what they are.
pub(crate) fn named(record: &Record) -> BTreeSet<(Entity, RecordId)> {
    let values = record.golden.values().filter_map(|golden| golden.value.as_ref());
    let to = values.flat_map(Value::references).filter_map(|reference| match &reference.to {
        Target::Record(id) if *id != record.id => Some((reference.entity, id.clone())),
        _ => None,
    });
    to.collect()
}

/// The records that refer to a record with what they are: those of one entity, or all, so many at most.
///
/// # Errors
/// The store's faults.
pub(crate) async fn of(
    hub: &Hub,
    record: &Record,
    entity: Option<Entity>,
    most: usize,
) -> Result<BTreeSet<(Entity, RecordId)>> {
    let homes: BTreeSet<&RecordId> = record.facets.iter().map(|facet| &facet.home).chain([&record.id]).collect();
    let mut found = BTreeSet::new();
    for home in homes {
        let mut query = Query::partition(Some(Index::Refers), home.to_string(), PAGE);
        if let Some(entity) = entity {
            query.from = format!("{entity}#");
            query.to = Some(format!("{entity}#~"));
        }
        while found.len() < most {
            let page = hub.table.query(query.clone()).await?;
            found.extend(
                page.keys
                    .iter()
                    .filter_map(|(place, key)| Some((Entity::parse(place.split_once('#')?.0)?, keys::record_id(key)?))),
            );
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
    }
    Ok(found)
}

/// Records that may show another one than they name: they name a home of a record of which not everything went the same way.
/// What they show was resolved when it was one, and is resolved anew only when they are looked at.
///
/// # Errors
/// The store's faults.
pub(crate) async fn astray(hub: &Hub, old: &Record, new: Option<&Record>) -> Result<BTreeSet<RecordId>> {
    let homes: BTreeSet<&RecordId> = old.facets.iter().map(|facet| &facet.home).collect();
    let stays = |home: &RecordId| new.is_some_and(|new| new.facets.iter().any(|facet| facet.home == *home));
    if homes.len() < 2 || homes.iter().all(|home| stays(home)) {
        return Ok(BTreeSet::new());
    }
    let homes: Vec<RecordId> = homes.into_iter().cloned().collect();
    let led: BTreeSet<RecordId> = hub.records(&homes).await?.into_values().map(|(record, _)| record.id).collect();
    if led.len() < 2 {
        return Ok(BTreeSet::new());
    }
    Ok(of(hub, old, None, MOST).await?.into_iter().map(|(_, id)| id).collect())
}
