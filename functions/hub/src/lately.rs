//! What was used lately, as much of it as has room.

use crate::ports::ItemKey;
use hashlink::LruCache;

/// Values by item. What was not used for the longest time makes room for what is new.
pub(crate) struct Lately<V> {
    held: LruCache<ItemKey, (V, usize)>,
    room: usize,
}

impl<V> Lately<V> {
    /// Nothing yet, and room for so many bytes.
    pub(crate) fn new(room: usize) -> Self {
        Self { held: LruCache::new_unbounded(), room }
    }

    pub(crate) fn get(&mut self, key: &ItemKey) -> Option<&V> {
        self.held.get(key).map(|(value, _)| value)
    }

    /// Holds a value that takes so many bytes. What went for it is put into `gone`: whoever holds a lock frees it after that.
    pub(crate) fn put(&mut self, key: ItemKey, value: V, bytes: usize, gone: &mut Vec<V>) {
        gone.extend(self.remove(&key));
        while bytes > self.room {
            let Some((_, (value, bytes))) = self.held.remove_lru() else { return gone.push(value) };
            self.room += bytes;
            gone.push(value);
        }
        self.room -= bytes;
        self.held.insert(key, (value, bytes));
    }

    /// Whether a value is held, without using it.
    #[cfg(any(feature = "embedded", test))]
    pub(crate) fn holds(&self, key: &ItemKey) -> bool {
        self.held.contains_key(key)
    }

    pub(crate) fn remove(&mut self, key: &ItemKey) -> Option<V> {
        let (value, bytes) = self.held.remove(key)?;
        self.room += bytes;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> ItemKey {
        ItemKey::new("p", n.to_string())
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let (mut lately, mut gone) = (Lately::new(30), Vec::new());
        for n in 0..3 {
            lately.put(key(n), n, 10, &mut gone);
        }
        assert_eq!((lately.get(&key(0)), gone.len()), (Some(&0), 0), "just enough room for three");
        lately.put(key(3), 3, 11, &mut gone);
        assert_eq!(gone, [1, 2], "`0` was used later than they were");
        lately.put(key(0), 7, 19, &mut gone);
        assert_eq!(lately.get(&key(0)), Some(&7));
        assert_eq!(lately.get(&key(3)), Some(&3), "one value has one place");
        gone.clear();
        lately.put(key(4), 4, 31, &mut gone);
        assert!(gone.contains(&4) && lately.get(&key(4)).is_none(), "what never has room is not held");
        lately.put(key(5), 5, 30, &mut gone);
        assert_eq!(lately.remove(&key(5)), Some(5), "all of the room came back");
    }
}
