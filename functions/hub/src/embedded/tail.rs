//! The end of the change feed in memory: who reads along with what is written needs no database for it.

use super::cache::Held;
use crate::ports::{FeedEntry, Item};
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// So many entries at most...
const ENTRIES: usize = 4096;
/// ... with images of that many bytes. Most are the same that the cache of items holds.
const ROOM: usize = 8 << 20;

/// One change of a record item.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) old: Held,
    pub(super) new: Held,
}

pub(super) struct Tail(Mutex<State>);

struct State {
    /// The position after which every entry is here.
    from: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Tail {
    /// Nothing yet, of a feed that ends at `end`.
    pub(super) fn new(end: u64) -> Self {
        Self(Mutex::new(State { from: end, entries: VecDeque::new(), bytes: 0 }))
    }

    /// The first entries after a position; `None` when some of them are only in the database.
    pub(super) fn after(&self, position: u64, limit: usize) -> Option<Vec<FeedEntry>> {
        let found: Vec<Entry> = {
            let state = self.state();
            if position < state.from {
                return None;
            }
            let start = state.entries.partition_point(|entry| entry.seq <= position);
            state.entries.range(start..).take(limit).cloned().collect()
        };
        Some(found.into_iter().filter_map(Entry::told).collect())
    }

    /// Appends what was committed, in order.
    pub(super) fn append(&self, entries: Vec<Entry>) {
        let mut gone = Vec::new();
        let mut state = self.state();
        for entry in entries {
            state.bytes += entry.bytes();
            state.entries.push_back(entry);
            while state.entries.len() > ENTRIES || state.bytes > ROOM {
                gone.extend(state.forget());
            }
        }
        drop(state);
    }

    /// Forgets the entries up to a position, as the database did.
    pub(super) fn forget(&self, position: u64) {
        let mut state = self.state();
        while state.entries.front().is_some_and(|entry| entry.seq <= position) {
            state.forget();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.bytes();
        self.from = entry.seq;
        Some(entry)
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        [&self.old, &self.new].into_iter().flatten().map(|standing| standing.item.body.len()).sum()
    }

    /// As the table's readers know it. An entry of nothing is none.
    fn told(self) -> Option<FeedEntry> {
        let item = |held: Held| held.map(|standing| Item::clone(&standing.item));
        let (old, new) = (item(self.old), item(self.new));
        let key = new.as_ref().or(old.as_ref())?.key.clone();
        Some(FeedEntry { key, old, new, cursor: self.seq.to_string(), trace: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{embedded::cache::Standing, ports::ItemKey};
    use std::sync::Arc;

    fn entry(seq: u64, size: usize) -> Entry {
        let item = Item::new(ItemKey::new("R#1", "R"), vec![0; size]);
        Entry { seq, old: None, new: Some(Arc::new(Standing { item, image: Some(seq) })) }
    }

    fn cursors(tail: &Tail, position: u64, limit: usize) -> Option<Vec<String>> {
        tail.after(position, limit).map(|entries| entries.into_iter().map(|entry| entry.cursor).collect())
    }

    #[test]
    fn entries_are_read_from_where_a_reader_stands() {
        let tail = Tail::new(10);
        assert_eq!(cursors(&tail, 10, 9), Some(vec![]));
        // Numbers of a commit that failed are left out.
        tail.append(vec![entry(11, 1), entry(12, 1), entry(15, 1)]);
        assert_eq!(cursors(&tail, 9, 9), None, "older ones are in the database only");
        assert_eq!(cursors(&tail, 10, 2), Some(vec!["11".into(), "12".into()]));
        assert_eq!(cursors(&tail, 13, 9), Some(vec!["15".into()]));
        assert_eq!(cursors(&tail, 99, 9), Some(vec![]));
        tail.forget(12);
        assert_eq!((cursors(&tail, 11, 9), cursors(&tail, 12, 9)), (None, Some(vec!["15".into()])));
    }

    #[test]
    fn memory_is_bounded() {
        let tail = Tail::new(0);
        tail.append((1..=ENTRIES as u64 + 1).map(|seq| entry(seq, 1)).collect());
        assert_eq!(cursors(&tail, 0, 1), None);
        assert_eq!(cursors(&tail, 1, 1), Some(vec!["2".into()]));
        tail.append(vec![entry(5000, ROOM), entry(5001, ROOM + 1)]);
        assert_eq!((cursors(&tail, 5000, 1), cursors(&tail, 5001, 1)), (None, Some(vec![])));
    }
}
