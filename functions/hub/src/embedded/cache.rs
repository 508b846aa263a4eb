//! Items in memory as they stand on disk, so that what was read or written lately is not read from the database again.
//!
//! Exact: it answers what the database would. The writer says beforehand which items the next commit changes; until it says
//! how that ended, they are read from the database. What a reader found there is held only if no commit ended since it
//! began to read, and only for items that no commit under way changes.

use crate::{
    lately::Lately,
    ports::{Item, ItemKey},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Items take that much memory at most, keys and what comes with them included. A record of `concord bench` (3.2 KB stored)
/// with its links, keys and orders takes about 6.3 KB.
const ROOM: usize = 72 << 20;
/// A larger item is not held: it would take the room of many.
const LARGE: usize = 64 << 10;
/// What an item costs beside its texts, about.
const BESIDE: usize = 256;

/// An item, and its place in the change feed if it is a record's.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) item: Item,
    pub(super) image: Option<u64>,
}

/// How an item stands; `None` where there is none.
pub(super) type Held = Option<Arc<Standing>>;

/// How a group of changes leaves an item.
pub(super) struct Written {
    pub(super) held: Held,
    /// Whether anybody asks for it again, as far as one can tell: who writes without a condition has not read it, and what
    /// is not held already - history, marks - then takes no room from what is read.
    pub(super) is_read: bool,
}

pub(super) struct Cache(Mutex<State>);

struct State {
    items: Lately<Held>,
    /// How many commits have ended.
    ended: u64,
    /// What the commit under way writes: nobody knows yet whether it is on disk.
    doubtful: HashMap<ItemKey, Written>,
}

/// When a reader began to read.
#[derive(Clone, Copy)]
pub(super) struct Since(u64);

impl Cache {
    pub(super) fn new() -> Self {
        Self::with_room(ROOM)
    }

    fn with_room(room: usize) -> Self {
        Self(Mutex::new(State { items: Lately::new(room), ended: 0, doubtful: HashMap::new() }))
    }

    /// Items as they all stand at one moment; when one of them is not held, what [`Self::learn`] has to know.
    pub(super) fn look(&self, keys: &[ItemKey]) -> Result<Vec<Held>, Since> {
        let mut state = self.state();
        let all: Option<Vec<Held>> = keys.iter().map(|key| state.sure(key)).collect();
        all.ok_or(Since(state.ended))
    }

    /// The same for the writer, which knows of what it is about to commit.
    pub(super) fn get(&self, key: &ItemKey) -> Option<Held> {
        self.state().sure(key)
    }

    /// Holds what was read from one snapshot that was begun after [`Self::look`].
    pub(super) fn learn(&self, since: Since, keys: &[ItemKey], found: &[Held]) {
        let mut gone = Vec::new();
        let mut state = self.state();
        if state.ended != since.0 {
            return;
        }
        for (key, held) in keys.iter().zip(found) {
            if !state.doubtful.contains_key(key) {
                state.hold(key.clone(), held.clone(), &mut gone);
            }
        }
        drop(state);
    }

    /// A commit begins that leaves these items so.
    pub(super) fn doubt(&self, written: HashMap<ItemKey, Written>) {
        self.state().doubtful = written;
    }

    /// The commit has ended.
    pub(super) fn settle(&self, committed: bool) {
        let mut gone = Vec::new();
        let mut state = self.state();
        state.ended += 1;
        for (key, Written { held, is_read }) in std::mem::take(&mut state.doubtful) {
            if !committed {
                gone.extend(state.items.remove(&key));
            } else if is_read || state.items.holds(&key) {
                state.hold(key, held, &mut gone);
            }
        }
        drop(state);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn sure(&mut self, key: &ItemKey) -> Option<Held> {
        if !self.doubtful.is_empty() && self.doubtful.contains_key(key) {
            return None;
        }
        self.items.get(key).cloned()
    }

    fn hold(&mut self, key: ItemKey, held: Held, gone: &mut Vec<Held>) {
        let texts = held.as_ref().map_or(0, |standing| {
            let shows: usize = standing.item.index.iter().map(|entry| entry.partition.len() + entry.sort.len()).sum();
            standing.item.body.len() + shows
        });
        if texts > LARGE {
            gone.extend(self.items.remove(&key));
            return;
        }
        // The key is held twice: by the item and by its place.
        let bytes = 2 * (key.partition.len() + key.sort.len()) + texts + BESIDE;
        self.items.put(key, held, bytes, gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> ItemKey {
        ItemKey::new("p", n.to_string())
    }

    fn standing(n: u32, rev: u64, size: usize) -> Held {
        Some(Arc::new(Standing { item: Item { rev, ..Item::new(key(n), vec![0; size]) }, image: None }))
    }

    fn written(held: Held) -> Written {
        Written { held, is_read: true }
    }

    fn rev(cache: &Cache, n: u32) -> Option<Option<u64>> {
        cache.look(&[key(n)]).ok().map(|held| held[0].as_ref().map(|standing| standing.item.rev))
    }

    fn commit(cache: &Cache, n: u32, held: Held) {
        cache.doubt([(key(n), written(held))].into());
        cache.settle(true);
    }

    #[test]
    fn what_is_read_across_a_commit_is_not_held() {
        let cache = Cache::new();
        let since = cache.look(&[key(1), key(2)]).unwrap_err();
        commit(&cache, 1, standing(1, 2, 9));
        cache.learn(since, &[key(1), key(2)], &[standing(1, 1, 9), None]);
        assert_eq!(rev(&cache, 1), Some(Some(2)), "the older one did not take its place");
        assert_eq!(rev(&cache, 2), None);
        let since = cache.look(&[key(2)]).unwrap_err();
        cache.learn(since, &[key(2)], &[None]);
        assert_eq!(rev(&cache, 2), Some(None), "that it is absent is known as well");
    }

    #[test]
    fn what_a_commit_changes_is_in_doubt_until_it_ends() {
        let cache = Cache::new();
        commit(&cache, 1, standing(1, 1, 9));
        cache.doubt([(key(1), written(standing(1, 2, 9))), (key(2), written(standing(2, 1, 9)))].into());
        let since = cache.look(&[key(1)]).unwrap_err();
        let keys = [key(1), key(2), key(3)];
        cache.learn(since, &keys, &[standing(1, 1, 9), None, None]);
        assert_eq!((rev(&cache, 1), rev(&cache, 2), rev(&cache, 3)), (None, None, Some(None)));
        assert!(cache.look(&keys).is_err(), "all of them from one snapshot");
        cache.settle(false);
        assert_eq!(rev(&cache, 1), None, "after a failure the database is asked");
        cache.learn(since, &keys, &[standing(1, 1, 9), None, None]);
        assert_eq!(rev(&cache, 1), None, "and not by who asked before it");
        commit(&cache, 1, standing(1, 3, 9));
        assert_eq!(rev(&cache, 1), Some(Some(3)));
    }

    #[test]
    fn what_nobody_reads_takes_no_room_and_is_never_stale() {
        let cache = Cache::new();
        let unread = |n, rev| {
            cache.doubt([(key(n), Written { held: standing(n, rev, 9), is_read: false })].into());
            cache.settle(true);
        };
        unread(1, 1);
        assert_eq!(rev(&cache, 1), None);
        commit(&cache, 1, standing(1, 2, 9));
        unread(1, 3);
        assert_eq!(rev(&cache, 1), Some(Some(3)), "what is held follows");
    }

    #[test]
    fn memory_is_bounded() {
        let cache = Cache::with_room(20 * (1000 + BESIDE));
        (0..100).for_each(|n| commit(&cache, n, standing(n, 1, 1000)));
        let held = (0..100).filter(|n| rev(&cache, *n).is_some()).count();
        assert!((15..=20).contains(&held), "{held}");
        assert_eq!(rev(&cache, 99), Some(Some(1)), "the latest");
        commit(&cache, 99, standing(99, 2, LARGE + 1));
        assert_eq!(rev(&cache, 99), None, "neither the large one nor the one that it replaced");
    }
}
