//! Gathering what identity needs: every record that a key, or a chain of keys, connects with a changed one.

use super::{Hindrance, Transaction};
use crate::{
    facet::Link,
    hub::Hub,
    identity::Claimant,
    keys as names,
    ports::ItemKey,
    record::Record,
    store::{KeyItem, LinkItem},
};
use concord_connector::{
    Entity, RecordId, Result,
    key::{Key, KeyKind},
};
use std::collections::{BTreeMap, BTreeSet};

/// More records than this behind one chain of keys are not one thing: the chain is cut there.
const MOST: usize = 40;

/// A changed record and those around it.
pub struct Neighbourhood {
    /// By id; the changed one as it will be.
    pub records: BTreeMap<RecordId, Record>,
    /// The revisions of their items.
    pub revs: BTreeMap<RecordId, u64>,
    /// Every key that is or was claimed by the changed record.
    pub keys: BTreeMap<Key, (KeyItem, u64)>,
    /// The external records of the changed record and the keys that they claim.
    pub claims: BTreeMap<Link, BTreeSet<Key>>,
    /// Every key of those around that more than one external record claims.
    pub shared: BTreeSet<Key>,
    /// External records that a key of the changed record names and that were never seen: nobody may add them meanwhile
    /// without noticing the key.
    pub unseen: Vec<ItemKey>,
    /// The kind of thing.
    pub entity: Entity,
}

impl Neighbourhood {
    /// The revision of a record's item; 0 when there is none yet.
    pub fn rev(&self, id: &RecordId) -> u64 {
        self.revs.get(id).copied().unwrap_or(0)
    }
}

impl Hub {
    /// Follows keys from a changed record to every record that claims one of them, and so on.
    pub(crate) async fn neighbourhood(&self, changed: &Record, rev: u64) -> Result<Neighbourhood> {
        let entity = changed.entity;
        let mut around = Neighbourhood {
            records: BTreeMap::from([(changed.id.clone(), changed.clone())]),
            revs: BTreeMap::new(),
            keys: BTreeMap::new(),
            claims: BTreeMap::new(),
            shared: BTreeSet::new(),
            unseen: Vec::new(),
            entity,
        };
        if rev > 0 {
            around.revs.insert(changed.id.clone(), rev);
        }
        let mut followed: BTreeSet<Key> = BTreeSet::new();
        let mut open: Vec<Key> = Vec::new();
        for facet in &changed.facets {
            let keys = Claimant::of(changed, facet).keys;
            open.extend(keys.iter().cloned());
            open.push(Key::external(facet.link.connection.as_str(), facet.link.id.as_str()));
            around.claims.insert(facet.link.clone(), keys);
        }
        // Keys that the record claimed before have to be given back.
        if let Some((before, _)) = self.record(&changed.id).await?.filter(|_| rev > 0) {
            for facet in &before.facets {
                open.extend(Claimant::of(&before, facet).keys);
            }
        }
        let mut first = true;
        while !open.is_empty() && around.records.len() < MOST {
            open.retain(|key| followed.insert(key.clone()));
            let items = self.key_items(entity, &open).await?;
            let mut claimants: BTreeSet<Link> = BTreeSet::new();
            for (key, (item, rev)) in std::mem::take(&mut open).into_iter().zip(items) {
                claimants.extend(item.claimants.iter().cloned());
                claimants.extend(named(&key));
                if item.claimants.len() > 1 {
                    around.shared.insert(key.clone());
                }
                if first {
                    around.keys.insert(key, (item, rev));
                }
            }
            let known: BTreeSet<Link> = around
                .records
                .values()
                .flat_map(|record| record.facets.iter().map(|facet| facet.link.clone()))
                .collect();
            let fresh: Vec<Link> = claimants.difference(&known).cloned().collect();
            let links = self.links(entity, &fresh).await?;
            if first {
                let missing = fresh.iter().zip(&links).filter(|(_, item)| item.is_none()).map(|(link, _)| link);
                around.unseen = missing.map(|link| names::link(&link.connection, entity, &link.id)).collect();
            }
            let homes: BTreeSet<RecordId> = links.into_iter().flatten().map(|LinkItem { record, .. }| record).collect();
            first = false;
            // More records than connections hold two of one connection: what is cut off cannot make them one.
            let room = MOST.saturating_sub(around.records.len());
            let homes: Vec<RecordId> =
                homes.into_iter().filter(|id| !around.records.contains_key(id)).take(room).collect();
            for (record, rev) in self.records(&homes).await?.into_values() {
                // It became part of one that was read before: what is decided on that one is refused, and begins again.
                if around.records.contains_key(&record.id) {
                    continue;
                }
                for facet in &record.facets {
                    open.extend(Claimant::of(&record, facet).keys);
                    open.push(Key::external(facet.link.connection.as_str(), facet.link.id.as_str()));
                }
                around.revs.insert(record.id.clone(), rev);
                around.records.insert(record.id.clone(), record);
            }
        }
        if around.records.len() >= MOST {
            around.shared.clear();
        }
        Ok(around)
    }

    /// Whether a create is under way for one of the records that would move. Adds the checks that none begins meanwhile.
    pub(super) async fn create_is_open(
        &self,
        around: &Neighbourhood,
        moving: &BTreeSet<&RecordId>,
        transaction: &mut Transaction,
    ) -> std::result::Result<bool, Hindrance> {
        let mut intents = Vec::new();
        for record in moving.iter().filter_map(|id| around.records.get(*id)) {
            intents.extend(record.creates.keys().map(|connection| names::intent(&record.id, connection)));
        }
        if intents.is_empty() {
            return Ok(false);
        }
        let open = self.table.get(&intents).await?.iter().any(Option::is_some);
        if !open {
            for intent in intents {
                transaction.check_absent(intent);
            }
        }
        Ok(open)
    }
}

/// The external record that an external key names.
fn named(key: &Key) -> Option<Link> {
    let (connection, id) = key.value.split_once('/').filter(|_| key.kind == KeyKind::External)?;
    Some(Link { connection: connection.into(), id: id.into() })
}
