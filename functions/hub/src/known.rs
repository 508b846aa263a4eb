//! Stored records that were read or written lately, so that a change that passes through the steps is not taken apart and
//! put together again in each of them.

use crate::{
    lately::Lately,
    ports::{Item, ItemKey},
    record::{self, Record, Stored},
};
use bytes::Bytes;
use concord_connector::{RecordId, Result};
use std::sync::{Arc, Mutex, PoisonError};

/// The newest images of records take that much memory at most...
const ROOM: usize = 32 << 20;
/// ... and those that they replaced that much: the change feed compares the two, soon after.
const ROOM_BEFORE: usize = 12 << 20;
/// A record takes so many times the bytes that it is stored as: they are compressed, it is maps of small texts.
/// Measured: 14.5 KB with its folds for one that is stored in 2.9 KB.
const UNFOLDED: usize = 5;
/// Larger images are not remembered: they are rare, and would take the room of many.
const LARGE: usize = 16 * 1024;

/// What is stored under a record's id, shared.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// The record.
    Record(Arc<Record>),
    /// It was merged into another.
    Redirect(RecordId),
}

/// Records by the bytes that they are stored as: what an image means never changes, so nothing here is ever out of date.
pub(crate) struct KnownRecords(Mutex<Images>);

struct Images {
    newest: Lately<Image>,
    before: Lately<Image>,
}

struct Image {
    rev: u64,
    body: Bytes,
    record: Arc<Record>,
}

impl Image {
    fn bytes(&self) -> usize {
        self.body.len() * (1 + UNFOLDED)
    }
}

impl Default for KnownRecords {
    fn default() -> Self {
        Self(Mutex::new(Images { newest: Lately::new(ROOM), before: Lately::new(ROOM_BEFORE) }))
    }
}

impl KnownRecords {
    /// What an item holds.
    ///
    /// # Errors
    /// As [`record::decode`].
    pub(crate) fn decode(&self, item: &Item) -> Result<Known> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).find(item);
        if let Some(record) = found {
            return Ok(Known::Record(record));
        }
        match record::decode(item)? {
            Stored::Redirect(to) => Ok(Known::Redirect(to)),
            Stored::Record(record) => {
                let record = Arc::new(*record);
                self.note(item.key.clone(), item.rev, item.body.clone(), Arc::clone(&record));
                Ok(Known::Record(record))
            }
        }
    }

    /// Remembers a record with the bytes that it is stored as.
    pub(crate) fn note(&self, key: ItemKey, rev: u64, body: Bytes, record: Arc<Record>) {
        if body.len() > LARGE {
            return;
        }
        // Freed when nobody waits for it any more.
        let mut gone = Vec::new();
        let mut images = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        images.note(key, Image { rev, body, record }, &mut gone);
        drop(images);
    }
}

impl Images {
    fn find(&mut self, item: &Item) -> Option<Arc<Record>> {
        let is_it = |image: &&Image| image.rev == item.rev && is_same(&image.body, &item.body);
        let newest = self.newest.get(&item.key).filter(is_it);
        newest.or_else(|| self.before.get(&item.key).filter(is_it)).map(|image| Arc::clone(&image.record))
    }

    fn note(&mut self, key: ItemKey, image: Image, gone: &mut Vec<Image>) {
        let (newest, before) = match self.newest.remove(&key) {
            // Who reads the feed long after it was written reads what is neither.
            Some(held) if held.rev > image.rev => (held, Some(image)),
            held => (image, held),
        };
        if let Some(before) = before {
            let bytes = before.bytes();
            self.before.put(key.clone(), before, bytes, gone);
        }
        let bytes = newest.bytes();
        self.newest.put(key, newest, bytes, gone);
    }
}

/// Most often they are one piece of memory, which need not be gone through.
fn is_same(one: &Bytes, other: &Bytes) -> bool {
    std::ptr::eq::<[u8]>(&**one, &**other) || one == other
}

#[cfg(test)]
mod tests {
    use super::*;
    use concord_connector::Entity;

    fn item(version: u64, rev: u64) -> Item {
        let id = RecordId::from("r1");
        let mut record = Record::new(id.clone(), Entity::Person);
        record.version = version;
        record::encode(&id, &Stored::Record(Box::new(record)), rev).unwrap()
    }

    fn version(known: &KnownRecords, item: &Item) -> u64 {
        match known.decode(item).unwrap() {
            Known::Record(record) => record.version,
            Known::Redirect(_) => panic!("no redirect was stored"),
        }
    }

    #[test]
    fn an_image_is_known_by_its_bytes_and_not_by_its_place() {
        let known = KnownRecords::default();
        assert_eq!(version(&known, &item(1, 1)), 1);
        // The item was deleted and made again: the same place, another image.
        assert_eq!(version(&known, &item(7, 1)), 7);
        assert_eq!(version(&known, &item(1, 1)), 1);
    }

    fn is_known(known: &KnownRecords, item: &Item) -> bool {
        known.0.lock().unwrap().find(item).is_some()
    }

    #[test]
    fn the_newest_two_images_of_a_record_are_remembered() {
        let known = KnownRecords::default();
        let images: Vec<Item> = (1..=4).map(|rev| item(rev, rev)).collect();
        assert_eq!(images.iter().map(|image| version(&known, image)).collect::<Vec<_>>(), [1, 2, 3, 4]);
        let remembered = || images.iter().map(|image| is_known(&known, image)).collect::<Vec<_>>();
        assert_eq!(remembered(), [false, false, true, true]);
        assert_eq!(version(&known, &images[0]), 1, "an old one is read all the same");
        assert!(is_known(&known, &images[3]), "and does not displace the newest");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (known, record) = (KnownRecords::default(), Arc::new(Record::new("r1".into(), Entity::Person)));
        let most = ROOM / (LARGE * (1 + UNFOLDED));
        for n in 0..(most + 10) {
            known.note(ItemKey::new(n.to_string(), "R"), 1, vec![0; LARGE].into(), Arc::clone(&record));
        }
        assert_eq!(Arc::strong_count(&record), most + 1);
        known.note(ItemKey::new("large", "R"), 1, vec![0; LARGE + 1].into(), Arc::clone(&record));
        assert_eq!(Arc::strong_count(&record), most + 1, "what is large is not remembered");
    }
}
