//! Stored records that were read or written lately, so that a change that passes through the steps is not taken apart and
//! put together again in each of them.

use crate::{
    ports::{Item, ItemKey},
    record::{self, Record, Stored},
};
use concord_connector::{RecordId, Result};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

/// So many images of records are remembered.
const MOST: usize = 4096;
/// Larger ones are not: they are rare, and would take the room of many.
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
#[derive(Default)]
pub(crate) struct KnownRecords(Mutex<Images>);

#[derive(Default)]
struct Images {
    by_place: BTreeMap<(ItemKey, u64), (Vec<u8>, Arc<Record>)>,
    oldest: VecDeque<(ItemKey, u64)>,
}

impl KnownRecords {
    /// What an item holds.
    ///
    /// # Errors
    /// As [`record::decode`].
    pub(crate) fn decode(&self, item: &Item) -> Result<Known> {
        let place = (item.key.clone(), item.rev);
        let found = {
            let images = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            images.by_place.get(&place).filter(|(body, _)| *body == item.body).map(|(_, record)| Arc::clone(record))
        };
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
    pub(crate) fn note(&self, key: ItemKey, rev: u64, body: Vec<u8>, record: Arc<Record>) {
        if body.len() > LARGE {
            return;
        }
        let mut images = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (key, rev);
        if images.by_place.insert(place.clone(), (body, record)).is_none() {
            images.oldest.push_back(place);
        }
        while images.oldest.len() > MOST {
            if let Some(place) = images.oldest.pop_front() {
                images.by_place.remove(&place);
            }
        }
    }
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

    #[test]
    fn what_is_remembered_is_bounded() {
        let known = KnownRecords::default();
        for rev in 1..=(MOST as u64 + 10) {
            version(&known, &item(rev, rev));
        }
        let images = known.0.lock().unwrap();
        assert_eq!((images.by_place.len(), images.oldest.len()), (MOST, MOST));
    }
}
