//! The table in memory.

use super::lock;
use crate::{
    keys,
    ports::{
        Cancelled, Condition, Feed, FeedEntry, Index, Item, ItemKey, Page, Query, Table, TableChange, TransactError,
    },
};
use async_trait::async_trait;
use concord_connector::{Fault, Result};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

/// A table in memory; its feed is never pruned.
#[derive(Clone, Debug, Default)]
pub struct MemoryTable(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    items: BTreeMap<ItemKey, Item>,
    shows: BTreeSet<(Index, String, String, ItemKey)>,
    feed: Vec<FeedEntry>,
}

impl MemoryTable {
    /// Every item, in order of keys.
    pub fn items(&self) -> Vec<Item> {
        lock(&self.0).items.values().cloned().collect()
    }

    /// Makes one change if its condition holds; whether it did.
    pub(super) fn make(&self, change: TableChange) -> bool {
        let mut state = lock(&self.0);
        let holds = state.holds(&change);
        if holds {
            state.make(change);
        }
        holds
    }

    /// How many changes the feed has.
    pub fn changed(&self) -> usize {
        lock(&self.0).feed.len()
    }

    /// How many items an index shows in partitions that count.
    pub fn waiting(&self, index: Index, counts: impl Fn(&str) -> bool) -> usize {
        lock(&self.0).shows.iter().filter(|(of, partition, ..)| *of == index && counts(partition)).count()
    }
}

impl State {
    fn holds(&self, change: &TableChange) -> bool {
        let item = self.items.get(change.key());
        match change.condition() {
            Condition::None => true,
            Condition::Absent => item.is_none(),
            Condition::AbsentOrExpired(now) => item.is_none_or(|item| item.is_expired(now)),
            Condition::Rev(rev) => item.is_some_and(|item| item.rev == rev),
        }
    }

    fn make(&mut self, change: TableChange) {
        let (key, new) = match change {
            TableChange::Check(..) => return,
            TableChange::Delete(key, _) => (key, None),
            TableChange::Put(mut item, _) => {
                item.rev = self.items.get(&item.key).map_or(1, |old| old.rev + 1);
                (item.key.clone(), Some(item))
            }
        };
        let old = match &new {
            Some(item) => self.items.insert(key.clone(), item.clone()),
            None => self.items.remove(&key),
        };
        if old.is_none() && new.is_none() {
            return;
        }
        for entry in old.iter().flat_map(|item| &item.index) {
            self.shows.remove(&(entry.index, entry.partition.clone(), entry.sort.clone(), key.clone()));
        }
        for entry in new.iter().flat_map(|item| &item.index) {
            self.shows.insert((entry.index, entry.partition.clone(), entry.sort.clone(), key.clone()));
        }
        if key.partition.starts_with(keys::RECORDS) {
            let cursor = (self.feed.len() + 1).to_string();
            self.feed.push(FeedEntry { key, old, new, cursor, trace: None });
        }
    }

    /// Every key that a query may find, with its place and its page mark, in order.
    fn found(&self, query: &Query) -> Vec<(String, ItemKey, String)> {
        match query.index {
            None => {
                let items = self.items.keys().filter(|key| key.partition == query.partition);
                items.map(|key| (key.sort.clone(), key.clone(), key.sort.clone())).collect()
            }
            Some(index) => {
                let shows = self
                    .shows
                    .iter()
                    .filter(|(name, partition, ..)| (*name, partition.as_str()) == (index, query.partition.as_str()));
                let mark = |place: &str, key: &ItemKey| format!("{place}\0{}\0{}", key.partition, key.sort);
                shows.map(|(_, _, place, key)| (place.clone(), key.clone(), mark(place, key))).collect()
            }
        }
    }
}

#[async_trait]
impl Table for MemoryTable {
    async fn get(&self, keys: &[ItemKey]) -> Result<Vec<Option<Item>>> {
        let state = lock(&self.0);
        Ok(keys.iter().map(|key| state.items.get(key).cloned()).collect())
    }

    async fn query(&self, query: Query) -> Result<Page> {
        // A bare place means after every item at that place.
        let after = query.after.as_deref().map(|after| {
            if query.index.is_some() && !after.contains('\0') {
                format!("{after}\0\u{10ffff}")
            } else {
                after.to_owned()
            }
        });
        let mut found = lock(&self.0).found(&query).into_iter().filter(|(place, _, mark)| {
            *place >= query.from
                && query.to.as_ref().is_none_or(|to| place <= to)
                && after.as_ref().is_none_or(|after| mark > after)
        });
        let page: Vec<_> = found.by_ref().take(query.limit.max(1)).collect();
        let next = page.last().filter(|_| found.next().is_some()).map(|(_, _, mark)| mark.clone());
        Ok(Page { keys: page.into_iter().map(|(place, key, _)| (place, key)).collect(), next })
    }

    async fn transact(&self, changes: Vec<TableChange>) -> std::result::Result<(), TransactError> {
        let distinct: BTreeSet<_> = changes.iter().map(TableChange::key).collect();
        if distinct.len() != changes.len() || changes.len() > 100 {
            let sentence = "A transaction has at most 100 changes, each of another item.";
            return Err(TransactError::Store(Fault::malformed("table.transact", sentence)));
        }
        let mut state = lock(&self.0);
        let unmet: Vec<_> = (0..changes.len()).filter(|place| !state.holds(&changes[*place])).collect();
        if !unmet.is_empty() {
            return Err(TransactError::Cancelled(Cancelled(unmet)));
        }
        changes.into_iter().for_each(|change| state.make(change));
        Ok(())
    }

    async fn changes(&self, after: Option<&str>, limit: usize) -> Result<Feed> {
        let start: usize = after.and_then(|after| after.parse().ok()).unwrap_or_default();
        let state = lock(&self.0);
        let entries: Vec<_> = state.feed.iter().skip(start).take(limit.max(1)).cloned().collect();
        let cursor = entries.last().map(|entry| entry.cursor.clone()).or_else(|| after.map(str::to_owned));
        Ok(Feed { entries, cursor })
    }
}
