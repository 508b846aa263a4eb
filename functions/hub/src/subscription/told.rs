//! What a subscriber was told of a record, and what it has yet to be told.

use crate::{
    facet::Hash,
    hub::Hub,
    keys,
    ports::{Condition, Index, IndexEntry, Item, TableChange},
    record::place,
    store,
};
use concord_connector::{Entity, Field, Instant, RecordId, Result, SubscriptionName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a subscriber knows of a record. Holds no values, only what recognises them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What kind of thing it is.
    pub entity: Entity,
    /// The newest version that it accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The values that it was told then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub image: BTreeMap<Field, Hash>,
    /// Whether it was told that the record is out of use.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// What it has yet to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
}

/// An event that was not accepted yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The version of the record when it was last tried or ordered.
    pub version: u64,
    /// Since when it fails.
    pub since: Instant,
    /// Attempts so far.
    pub attempts: u32,
    /// Not before this.
    pub next_at: Instant,
    /// What happened last, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Given up: a dead letter says why. Another version of the record begins anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spent: bool,
}

impl Told {
    /// Nothing yet.
    pub(crate) fn nothing(entity: Entity) -> Self {
        Self { entity, version: None, image: BTreeMap::new(), removed: false, pending: None }
    }
}

/// What a subscriber knows of a record, with the revision of the item (0: nothing yet).
pub(crate) async fn told(hub: &Hub, name: &SubscriptionName, record: &RecordId, entity: Entity) -> Result<(Told, u64)> {
    let item = hub.item(keys::told(name, record)).await?;
    let told = item.as_ref().map(store::parse).transpose()?;
    Ok((told.unwrap_or_else(|| Told::nothing(entity)), item.map_or(0, |item| item.rev)))
}

/// Keeps it, in the place of a revision.
pub(crate) async fn keep(hub: &Hub, name: &SubscriptionName, record: &RecordId, told: &Told, rev: u64) -> Result<()> {
    let condition = if rev == 0 { Condition::Absent } else { Condition::Rev(rev) };
    let mut item = Item { rev: rev + 1, ..Item::new(keys::told(name, record), store::body(told)?) };
    if let Some(pending) = told.pending.as_ref().filter(|pending| !pending.spent) {
        let sort = format!("{}#{record}", place(pending.next_at));
        item.index.push(IndexEntry { index: Index::Pending, partition: keys::events(name), sort });
    }
    hub.write_plain(vec![TableChange::Put(item, condition)]).await
}
