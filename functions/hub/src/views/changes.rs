//! The change feed.

use super::{MOST, When, json};
use crate::{
    facet::Link,
    hub::Hub,
    keys,
    ports::{FeedEntry, Item},
    record::{self, Record, Stored},
};
use concord_connector::{Entity, Field, RecordId, Result};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A piece of the feed.
#[derive(Clone, Debug, Serialize)]
pub struct Changes {
    /// In each record's order; the same change may come twice.
    pub changes: Vec<RecordChange>,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// A new version of a record.
#[derive(Clone, Debug, Serialize)]
pub struct RecordChange {
    /// The record.
    pub record: RecordId,
    /// Its kind; `None` when the record is only a name for another now.
    pub entity: Option<Entity>,
    /// Its version.
    pub version: Option<u64>,
    /// When it was committed.
    pub at: Option<When>,
    /// The record that it became part of.
    pub merged_into: Option<RecordId>,
    /// Golden fields that have another value.
    pub fields: BTreeMap<Field, FieldChange>,
}

/// A field's change.
#[derive(Clone, Debug, Serialize)]
pub struct FieldChange {
    /// Before.
    pub old: Json,
    /// After.
    pub new: Json,
    /// Who said it; `None` when nobody says the field any more.
    pub from: Option<Link>,
}

/// What happened to records after a cursor; `None` begins with the oldest that is kept.
///
/// # Errors
/// The store's faults.
pub async fn changes(hub: &Hub, after: Option<&str>, limit: usize) -> Result<Changes> {
    let feed = hub.table.changes(after, limit.clamp(1, MOST)).await?;
    let mut changes = Vec::with_capacity(feed.entries.len());
    for entry in &feed.entries {
        changes.extend(change(entry)?);
    }
    Ok(Changes { changes, cursor: feed.cursor.or_else(|| after.map(str::to_owned)) })
}

fn change(entry: &FeedEntry) -> Result<Option<RecordChange>> {
    let Some(id) = keys::record_id(&entry.key) else { return Ok(None) };
    let old = read(entry.old.as_ref())?;
    let plain =
        RecordChange { record: id, entity: None, version: None, at: None, merged_into: None, fields: BTreeMap::new() };
    Ok(match read(entry.new.as_ref())? {
        None => None,
        Some(Stored::Redirect(to)) => Some(RecordChange { merged_into: Some(to), ..plain }),
        Some(Stored::Record(new)) => {
            let old = match old {
                Some(Stored::Record(old)) => Some(old),
                _ => None,
            };
            // How deliveries stand is no change of the record.
            let fresh = old.as_ref().is_none_or(|old| old.version < new.version);
            fresh.then(|| RecordChange {
                entity: Some(new.entity),
                version: Some(new.version),
                at: Some(When(new.committed_at)),
                fields: fields(old.as_deref(), &new),
                ..plain
            })
        }
    })
}

fn fields(old: Option<&Record>, new: &Record) -> BTreeMap<Field, FieldChange> {
    let before = |field: &Field| old.and_then(|old| old.value(field.as_str()));
    let named: BTreeSet<&Field> = new.golden.keys().chain(old.iter().flat_map(|old| old.golden.keys())).collect();
    named
        .into_iter()
        .filter(|field| before(field) != new.value(field.as_str()))
        .map(|field| {
            let change = FieldChange {
                old: json(before(field)),
                new: json(new.value(field.as_str())),
                from: new.golden.get(field).map(|golden| golden.from.clone()),
            };
            (field.clone(), change)
        })
        .collect()
}

fn read(item: Option<&Item>) -> Result<Option<Stored>> {
    item.map(record::decode).transpose()
}
