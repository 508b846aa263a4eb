//! A transaction under construction: each item once.

use super::{Hindrance, Neighbourhood};
use crate::{
    facet::Link,
    hub::Hub,
    keys,
    ports::{Cancelled, Condition, Index, IndexEntry, Item, ItemKey, TableChange, TransactError},
    record::{self, Record, Stored},
    review::Review,
    store::{self, LinkItem},
};
use concord_connector::{Entity, RecordId, Result, key::Key};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How many changes one transaction may have.
pub(crate) const MOST: usize = 90;

/// Changes by item.
#[derive(Default)]
pub(crate) struct Transaction {
    changes: BTreeMap<ItemKey, TableChange>,
    /// Records to put, with the revision of the item that each replaces. They are encoded when it is known for where.
    records: BTreeMap<ItemKey, (Arc<Record>, u64)>,
}

impl Transaction {
    pub(crate) fn push(&mut self, change: TableChange) {
        self.changes.insert(change.key().clone(), change);
    }
    /// Replaces a record's item of revision `rev`; 0 puts a new one.
    pub(crate) fn put_record(&mut self, record: &Record, rev: u64) {
        let key = keys::record(&record.id);
        self.changes.remove(&key);
        self.records.insert(key, (Arc::new(record.clone()), rev));
    }
    pub(super) fn put_redirect(&mut self, from: &RecordId, to: &RecordId, rev: u64) -> Result<()> {
        let item = record::encode(from, &Stored::Redirect(to.clone()), rev + 1)?;
        self.records.remove(&item.key);
        self.put_new(item, rev);
        Ok(())
    }
    fn put_new(&mut self, item: Item, rev: u64) {
        let condition = match rev {
            _ if left_out!(BlindCommit) => Condition::None,
            0 => Condition::Absent,
            rev => Condition::Rev(rev),
        };
        self.push(TableChange::Put(item, condition));
    }
    /// A link that moves or stays; guarded by its record's revision.
    pub(crate) fn put_link(&mut self, entity: Entity, link: &Link, record: &RecordId, home: &RecordId) -> Result<()> {
        let key = keys::link(&link.connection, entity, &link.id);
        if self.changes.contains_key(&key) {
            // A new link was put already, on condition that there is none: only its content follows the record.
            let body = store::body(&LinkItem { record: record.clone(), home: home.clone() })?;
            if let Some(TableChange::Put(item, _)) = self.changes.get_mut(&key) {
                item.body = body.into();
            }
            return Ok(());
        }
        self.push(TableChange::Put(link_item(entity, link, record, home)?, Condition::None));
        Ok(())
    }
    /// A link that must not be there yet.
    pub(crate) fn new_link(&mut self, entity: Entity, link: &Link, record: &RecordId, home: &RecordId) -> Result<()> {
        self.push(TableChange::Put(link_item(entity, link, record, home)?, Condition::Absent));
        Ok(())
    }
    pub(super) fn check_record(&mut self, id: &RecordId, rev: u64) {
        let key = keys::record(id);
        if self.records.contains_key(&key) {
            return;
        }
        self.changes.entry(key.clone()).or_insert(TableChange::Check(key, Condition::Rev(rev)));
    }
    pub(super) fn check_absent(&mut self, key: ItemKey) {
        self.changes.entry(key.clone()).or_insert(TableChange::Check(key, Condition::Absent));
    }
    /// Takes a review item back whose question no longer stands.
    pub(crate) fn close(&mut self, question: &str) {
        let key = keys::review(question);
        self.changes.entry(key.clone()).or_insert(TableChange::Delete(key, Condition::None));
    }
    /// A review item in place of one of revision `rev`; 0 puts a new one.
    pub(super) fn put_review(&mut self, review: &Review, rev: u64) -> Result<()> {
        let mut item = Item { rev: rev + 1, ..Item::new(keys::review(&review.id), store::body(review)?) };
        let sort = format!("{}#{}", crate::record::place(review.raised_at), review.id);
        item.index.push(IndexEntry { index: Index::Reviews, partition: keys::ALL.into(), sort });
        let condition = if rev == 0 { Condition::Absent } else { Condition::Rev(rev) };
        self.push(TableChange::Put(item, condition));
        Ok(())
    }
    /// Writes the key items whose claimants changed, each on condition that nobody else changed it.
    pub(super) fn put_keys(&mut self, around: &Neighbourhood) -> Result<()> {
        for link in &around.unseen {
            self.check_absent(link.clone());
        }
        for (key, (item, rev)) in around.keys.iter().filter(|_| !left_out!(ForgetKeys)) {
            let mut claimants: BTreeSet<Link> = item.claimants.iter().cloned().collect();
            for (link, claimed) in &around.claims {
                if claims(claimed, key) {
                    claimants.insert(link.clone())
                } else {
                    claimants.remove(link)
                };
            }
            let changed = claimants != item.claimants.iter().cloned().collect();
            let name = keys::key(around.entity, key);
            let condition = if *rev == 0 { Condition::Absent } else { Condition::Rev(*rev) };
            if !changed {
                // Whoever joins by this key at the same time is seen by one of the two.
                self.push(TableChange::Check(name, condition));
                continue;
            }
            if claimants.is_empty() {
                self.push(TableChange::Delete(name, condition));
                continue;
            }
            let body = store::body(&store::KeyItem { claimants: claimants.into_iter().collect() })?;
            self.push(TableChange::Put(Item { rev: rev + 1, ..Item::new(name, body) }, condition));
        }
        Ok(())
    }
}

fn claims(claimed: &BTreeSet<Key>, key: &Key) -> bool {
    claimed.contains(key)
}

fn link_item(entity: Entity, link: &Link, record: &RecordId, home: &RecordId) -> Result<Item> {
    let body = store::body(&LinkItem { record: record.clone(), home: home.clone() })?;
    Ok(Item::new(keys::link(&link.connection, entity, &link.id), body))
}

impl Hub {
    /// Writes; a condition that does not hold means that somebody else was first.
    ///
    /// # Errors
    /// `Rejected` when a record is too large; the store's faults.
    pub(crate) async fn transact(&self, mut transaction: Transaction) -> std::result::Result<(), Hindrance> {
        let records = std::mem::take(&mut transaction.records);
        for (key, (record, rev)) in records {
            let item = record::encode_record(&record, rev + 1, self.table.packing())?;
            // Before it is written: the change feed may be read before we hear that it is. What an image means is true
            // whether it is ever stored or not.
            self.known.note(key, item.rev, item.body.clone(), record);
            transaction.put_new(item, rev);
        }
        match self.table.transact(transaction.changes.into_values().collect()).await {
            Ok(()) => Ok(()),
            Err(TransactError::Cancelled(Cancelled(_))) => Err(Hindrance::Raced),
            Err(TransactError::Store(fault)) => Err(fault.into()),
        }
    }
}
