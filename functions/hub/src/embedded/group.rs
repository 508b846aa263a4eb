//! Changes of items that are committed together.

use super::{
    cache::{Cache, Held, Standing, Written},
    images, items, shows,
    tail::Entry,
};
use crate::{
    keys,
    ports::{Cancelled, Condition, IndexEntry, Item, ItemKey, Marked, TableChange},
};
use concord_connector::Instant;
use rusqlite::{Connection, params};
use std::{collections::HashMap, sync::Arc};

/// What one database transaction does to items.
pub(super) struct Group<'a> {
    pub(super) connection: &'a Connection,
    pub(super) cache: &'a Cache,
    pub(super) now: Instant,
    /// The last image's place in the feed.
    pub(super) image: u64,
    /// How the items that were changed stand now.
    pub(super) written: HashMap<ItemKey, Written>,
    /// What comes to the feed.
    pub(super) fed: Vec<Entry>,
}

impl Group<'_> {
    /// Makes all changes, or none and says which did not meet their conditions.
    pub(super) fn transact(&mut self, changes: &[TableChange]) -> rusqlite::Result<Option<Cancelled>> {
        let mut standings = Vec::with_capacity(changes.len());
        let mut unmet = Vec::new();
        for (place, change) in changes.iter().enumerate() {
            let standing = self.standing(change.key())?;
            if !holds(change.condition(), standing.as_deref()) {
                unmet.push(place);
            }
            standings.push(standing);
        }
        if !unmet.is_empty() {
            return Ok(Some(Cancelled(unmet)));
        }
        for (change, standing) in changes.iter().zip(standings) {
            match change {
                TableChange::Put(item, condition) => self.put(item, standing, *condition != Condition::None)?,
                TableChange::Delete(key, _) => {
                    if let Some(standing) = standing {
                        self.delete(key.clone(), standing)?;
                    }
                }
                TableChange::Check(..) => {}
            }
        }
        Ok(None)
    }

    /// Puts the marks that are not there or have expired by a time; answers for each message whether it is to be sent.
    pub(super) fn mark(&mut self, batch: &[Marked], by: Instant) -> rusqlite::Result<Vec<bool>> {
        let mut fresh = Vec::with_capacity(batch.len());
        for marked in batch {
            let Some(mark) = &marked.mark else {
                fresh.push(true);
                continue;
            };
            let standing = self.standing(&mark.key)?;
            let is_fresh = holds(Condition::AbsentOrExpired(by), standing.as_deref());
            if is_fresh {
                self.put(mark, standing, false)?;
            }
            fresh.push(is_fresh);
        }
        Ok(fresh)
    }

    /// Deletes some of the items that have expired; returns how many.
    pub(super) fn sweep(&mut self) -> rusqlite::Result<usize> {
        let expired = items::expired(self.connection, self.now)?;
        let count = expired.len();
        for key in expired {
            if let Some(standing) = self.standing(&key)? {
                self.delete(key, standing)?;
            }
        }
        Ok(count)
    }

    /// How an item stands after what was done to it so far.
    fn standing(&self, key: &ItemKey) -> rusqlite::Result<Held> {
        if let Some(written) = self.written.get(key) {
            return Ok(written.held.clone());
        }
        match self.cache.get(key) {
            Some(held) => Ok(held),
            None => items::get(self.connection, key),
        }
    }

    fn put(&mut self, item: &Item, standing: Held, is_read: bool) -> rusqlite::Result<()> {
        let rev = standing.as_ref().map_or(0, |standing| standing.item.rev) + 1;
        let item = Item { rev, ..item.clone() };
        let key = &item.key;
        let expires = item.expires.map(Instant::ms);
        let shown = shows::encode(&item.index);
        let is_record = key.partition.starts_with(keys::RECORDS);
        let image = if is_record {
            self.image += 1;
            let before = standing.as_ref().and_then(|standing| standing.image);
            let image = Some((rev, expires, shown.as_deref(), &*item.body));
            images::append(self.connection, self.image, self.now, before, key, image)?;
            Some(self.image)
        } else {
            None
        };
        let body = (!is_record).then_some(&*item.body);
        let sql = if standing.is_some() {
            "UPDATE items SET rev = ?3, expires = ?4, image = ?5, shows = ?6, body = ?7 WHERE partition = ?1 AND sort \
             = ?2"
        } else {
            "INSERT INTO items (partition, sort, rev, expires, image, shows, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        };
        let row = params![key.partition, key.sort, rev, expires, image, shown, body];
        self.connection.prepare_cached(sql)?.execute(row)?;
        let before = standing.as_ref().map_or(&[][..], |standing| &standing.item.index);
        self.show(key, before, &item.index)?;
        let key = key.clone();
        let new = Some(Arc::new(Standing { item, image }));
        if let Some(seq) = image {
            self.fed.push(Entry { seq, old: standing, new: new.clone() });
        }
        self.write(key, new, is_read);
        Ok(())
    }

    fn delete(&mut self, key: ItemKey, standing: Arc<Standing>) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("DELETE FROM items WHERE partition = ?1 AND sort = ?2")?
            .execute(params![key.partition, key.sort])?;
        self.show(&key, &standing.item.index, &[])?;
        if key.partition.starts_with(keys::RECORDS) {
            self.image += 1;
            images::append(self.connection, self.image, self.now, standing.image, &key, None)?;
            self.fed.push(Entry { seq: self.image, old: Some(standing), new: None });
        }
        self.write(key, None, false);
        Ok(())
    }

    fn write(&mut self, key: ItemKey, held: Held, is_read: bool) {
        let is_read = is_read || self.written.get(&key).is_some_and(|before| before.is_read);
        self.written.insert(key, Written { held, is_read });
    }

    /// Changes only the index entries that differ.
    fn show(&self, key: &ItemKey, old: &[IndexEntry], new: &[IndexEntry]) -> rusqlite::Result<()> {
        let delete = "DELETE FROM shows WHERE name = ?1 AND partition = ?2 AND sort = ?3 AND item_partition = ?4 AND \
                      item_sort = ?5";
        let insert = "INSERT OR IGNORE INTO shows (name, partition, sort, item_partition, item_sort) VALUES (?1, ?2, \
                      ?3, ?4, ?5)";
        let gone = old.iter().filter(|entry| !new.contains(entry)).map(|entry| (delete, entry));
        let come = new.iter().filter(|entry| !old.contains(entry)).map(|entry| (insert, entry));
        for (sql, entry) in gone.chain(come) {
            let place = params![entry.index.name(), entry.partition, entry.sort, key.partition, key.sort];
            self.connection.prepare_cached(sql)?.execute(place)?;
        }
        Ok(())
    }
}

fn holds(condition: Condition, standing: Option<&Standing>) -> bool {
    let item = standing.map(|standing| &standing.item);
    match (condition, item) {
        (Condition::None, _) | (Condition::Absent | Condition::AbsentOrExpired(_), None) => true,
        (Condition::Absent, Some(_)) | (Condition::Rev(_), None) => false,
        (Condition::AbsentOrExpired(at), Some(item)) => item.is_expired(at),
        (Condition::Rev(rev), Some(item)) => item.rev == rev,
    }
}
