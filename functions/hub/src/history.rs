//! History: one item per version of a record, written by fanout, never changed. It says what changed, and holds the
//! external records as they were, so that any moment can be resolved again under other rules ([`crate::replay`]).
//!
//! An item is a plain head and the facets as the record stored them, compressed; entries of before that are a head alone.

use crate::{
    facet::{Facet, Link},
    hub::Hub,
    keys,
    ports::{Item, Query},
    record::{self, Record},
    resolve::Golden,
};
use concord_connector::{ConnectionName, Entity, Fault, Field, Instant, Kind, RecordId, Result, Value};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One version of a record in its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The record.
    pub record: RecordId,
    /// What kind of thing; not in entries of the first versions of Concord.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<Entity>,
    /// The version.
    pub version: u64,
    /// The configuration that it was resolved with; 0 where it is not known.
    #[serde(default)]
    pub configuration: u64,
    /// When it was committed.
    pub at: Instant,
    /// What changed: before, and the golden field after.
    pub changed: BTreeMap<Field, (Option<Value>, Option<Golden>)>,
    /// The external records that it had.
    pub facets: Vec<Link>,
    /// Plans of which a person agreed to writes with this version, and who, by connection.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub approved: BTreeMap<ConnectionName, (String, String)>,
}

/// An entry with the external records as they were.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// The entry.
    pub entry: Entry,
    /// The external records; `None` where they were not kept.
    facets: Option<Vec<u8>>,
}

impl Entry {
    /// What a new version is in history.
    pub(crate) fn of(old: Option<&Record>, new: &Record) -> Self {
        let before = |field: &Field| old.and_then(|old| old.golden.get(field));
        let mut changed = BTreeMap::new();
        let fields: BTreeSet<&Field> = new.golden.keys().chain(old.iter().flat_map(|old| old.golden.keys())).collect();
        for field in fields {
            let (was, is) = (before(field), new.golden.get(field));
            if was != is {
                changed.insert(field.clone(), (was.and_then(|golden| golden.value.clone()), is.cloned()));
            }
        }
        let fresh = new.approvals.iter().filter(|(_, approval)| approval.at == new.committed_at);
        Self {
            record: new.id.clone(),
            entity: Some(new.entity),
            version: new.version,
            configuration: new.configuration,
            at: new.committed_at,
            changed,
            facets: new.facets.iter().map(|facet| facet.link.clone()).collect(),
            approved: fresh
                .map(|(name, approval)| (name.clone(), (approval.plan.clone(), approval.by.clone())))
                .collect(),
        }
    }

    /// The item of an entry, with the facets of the record's own item.
    pub(crate) fn item(&self, of: &Item) -> Result<Item> {
        let head = crate::store::body(self)?;
        let facets = record::stored_facets(of);
        let mut body = Vec::with_capacity(4 + head.len() + facets.len());
        body.extend_from_slice(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_be_bytes());
        body.extend_from_slice(&head);
        body.extend_from_slice(facets);
        Ok(Item::new(keys::history(&self.record, self.version), body))
    }
}

impl Past {
    /// What an item holds.
    ///
    /// # Errors
    /// `Unexpected` when it cannot be read.
    pub fn read(item: &Item) -> Result<Self> {
        let damaged = |what: &str| {
            Fault::new(Kind::Unexpected, "history", format!("an entry of the history cannot be read: {what}"))
                .with("item", &item.key.partition)
        };
        // The first entries were JSON and nothing else.
        if item.body.first() == Some(&b'{') {
            return Ok(Self { entry: crate::store::parse(item)?, facets: None });
        }
        let (length, rest) = item.body.split_first_chunk::<4>().ok_or_else(|| damaged("it is empty"))?;
        let length = u32::from_be_bytes(*length) as usize;
        let (head, facets) = rest.split_at_checked(length).ok_or_else(|| damaged("it is cut"))?;
        let entry = serde_json::from_slice(head).map_err(|e| damaged(&e.to_string()))?;
        Ok(Self { entry, facets: (!facets.is_empty()).then(|| facets.to_vec()) })
    }

    /// The external records as they were; `None` where they were not kept.
    ///
    /// # Errors
    /// `Unexpected` when they cannot be read.
    pub fn facets(&self) -> Result<Option<Vec<Facet>>> {
        self.facets.as_deref().map(record::read_facets).transpose()
    }
}

/// A page of a record's history, oldest first, and where the next one goes on.
///
/// # Errors
/// The store's faults.
pub async fn of(
    hub: &Hub,
    record: &RecordId,
    after: Option<String>,
    limit: usize,
) -> Result<(Vec<Past>, Option<String>)> {
    let partition = keys::history(record, 0).partition;
    let page = hub.table.query(Query { after, ..Query::partition(None, partition, limit) }).await?;
    let names: Vec<_> = page.keys.into_iter().map(|(_, key)| key).collect();
    let items = if names.is_empty() { Vec::new() } else { hub.table.get(&names).await? };
    let past = items.iter().flatten().map(Past::read).collect::<Result<_>>()?;
    Ok((past, page.next))
}
