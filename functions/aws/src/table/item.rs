//! How an item looks in DynamoDB.
//!
//! `pk`, `sk` its name; `v` its revision; `e` when it may be forgotten, in milliseconds, and `ttl` the same in seconds, for
//! DynamoDB's own sweep; `t` the trace that wrote it. A body that is text is the text `j`; a record's is its head `j` and its
//! facets `f`; anything else is `b`.
//!
//! Where an item shows is spread over eight indexes that all kinds of places share: place n is `p<n>` (index and partition)
//! and `q<n>` (the sort key, made unique by the item's name). Which of the eight a place takes follows from a hash, so that
//! one busy partition is eight of DynamoDB's, and a place stays where it is while others come and go. An item that shows at
//! more than eight places tells all of them in `m`; what found no room shows as soon as another place is given up.

use aws_sdk_dynamodb::types::AttributeValue;
use concord_connector::{Fault, Instant, Kind, Result};
use concord_hub::{
    keys,
    ports::{Index, IndexEntry, Item, ItemKey},
    record, trace,
};
use std::collections::HashMap;

/// An item as DynamoDB has it.
pub type Attributes = HashMap<String, AttributeValue>;

/// How many indexes the table has.
pub const SLOTS: usize = 8;
/// Between the parts of a unique sort key; smaller than any letter of a place.
pub(super) const APART: char = '\u{1}';
/// How long after its time an item is swept: readers check, and clocks differ.
const LATER_S: i64 = 3600;

/// The key attributes of a name.
pub fn key(key: &ItemKey) -> Attributes {
    [("pk", &key.partition), ("sk", &key.sort)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), text(value)))
        .collect()
}

pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The attributes of an item.
pub fn write(item: &Item) -> Attributes {
    let mut attributes = key(&item.key);
    let mut put = |name: &str, value| drop(attributes.insert(name.to_owned(), value));
    put("v", number(item.rev));
    if let Some(expires) = item.expires {
        put("e", number(expires.ms()));
        put("ttl", number(expires.ms() / 1000 + LATER_S));
    }
    if let Some(trace) = trace::current() {
        put("t", text(&trace));
    }
    let halves = if item.key.partition.starts_with(keys::RECORDS) { record::halves(&item.body) } else { None };
    match (halves, std::str::from_utf8(&item.body)) {
        (Some((head, facets)), _) => {
            put("j", text(head));
            put("f", AttributeValue::B(facets.into()));
        }
        (None, Ok(body)) => put("j", text(body)),
        (None, Err(_)) => put("b", AttributeValue::B(Vec::from(item.body.clone()).into())),
    }
    let places = places(item);
    if places.iter().flatten().count() < item.index.len() {
        put("m", AttributeValue::L(item.index.iter().map(triple).collect()));
    }
    for (slot, entry) in places.into_iter().enumerate() {
        let Some(entry) = entry else { continue };
        put(&format!("p{slot}"), text(&partition(entry.index, &entry.partition)));
        put(&format!("q{slot}"), text(&unique(&entry.sort, &item.key)));
    }
    attributes
}

/// Every attribute that an item may have, or not, beside its name and its revision.
pub(super) fn optional() -> Vec<String> {
    let plain = ["e", "ttl", "t", "j", "f", "b", "m"].map(str::to_owned);
    let places = (0..SLOTS).flat_map(|slot| [format!("p{slot}"), format!("q{slot}")]);
    plain.into_iter().chain(places).collect()
}

/// A partition of an index among those of all.
pub(super) fn partition(index: Index, partition: &str) -> String {
    format!("{}#{partition}", index.name())
}

fn unique(sort: &str, key: &ItemKey) -> String {
    format!("{sort}{APART}{}{APART}{}", key.partition, key.sort)
}

fn triple(entry: &IndexEntry) -> AttributeValue {
    AttributeValue::L([entry.index.name(), &entry.partition, &entry.sort].map(text).into())
}

/// Which slot each place takes. The first ones have room; of those, the ones that stay choose before those that come and go
/// with work: to be moved is to be written twice.
fn places(item: &Item) -> [Option<&IndexEntry>; SLOTS] {
    let mut slots = [None; SLOTS];
    let mut shown: Vec<&IndexEntry> = item.index.iter().take(SLOTS).collect();
    shown.sort_by_key(|entry| !matches!(entry.index, Index::List | Index::Refers));
    for entry in shown {
        let wanted = hash(&[entry.index.name(), &entry.partition, &item.key.partition]);
        let free = (0..SLOTS).map(|step| (wanted + step) % SLOTS).find(|slot| slots[*slot].is_none());
        if let Some(slot) = free {
            slots[slot] = Some(entry);
        }
    }
    slots
}

/// FNV-1a: the same in every build, for ever.
fn hash(parts: &[&str]) -> usize {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    usize::try_from(hash >> 40).unwrap_or_default()
}

/// The name of an item, of its key attributes.
///
/// # Errors
/// `Unexpected` when there are none.
pub fn name(attributes: &Attributes) -> Result<ItemKey> {
    let text = |name: &'static str| {
        attributes.get(name).and_then(|value| value.as_s().ok()).cloned().ok_or_else(|| damaged(name))
    };
    Ok(ItemKey::new(text("pk")?, text("sk")?))
}

/// The item of attributes.
///
/// # Errors
/// `Unexpected` when something else than this module wrote them.
pub fn read(mut attributes: Attributes) -> Result<Item> {
    let mut take = |name: &str| attributes.remove(name);
    let texts = |value: Option<AttributeValue>| match value {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    };
    let key =
        ItemKey::new(texts(take("pk")).ok_or_else(|| damaged("pk"))?, texts(take("sk")).ok_or_else(|| damaged("sk"))?);
    let rev = integer(take("v")).and_then(|rev| u64::try_from(rev).ok()).ok_or_else(|| damaged("v"))?;
    let expires = integer(take("e")).map(Instant::from_ms);
    let body = match (take("j"), take("f"), take("b")) {
        (Some(AttributeValue::S(head)), Some(AttributeValue::B(facets)), _) => record::joined(&head, facets.as_ref()),
        (Some(AttributeValue::S(text)), None, None) => text.into_bytes(),
        (None, None, Some(AttributeValue::B(bytes))) => bytes.into_inner(),
        _ => return Err(damaged("j")),
    };
    let index = match take("m") {
        Some(AttributeValue::L(all)) => {
            all.iter().map(|entry| of_triple(entry).ok_or_else(|| damaged("m"))).collect::<Result<_>>()?
        }
        _ => (0..SLOTS)
            .filter_map(|slot| Some((texts(take(&format!("p{slot}")))?, texts(take(&format!("q{slot}")))?)))
            .map(|(partition, sort)| entry(&partition, &sort).ok_or_else(|| damaged("p")))
            .collect::<Result<_>>()?,
    };
    Ok(Item { key, rev, body: body.into(), index, expires })
}

fn integer(value: Option<AttributeValue>) -> Option<i64> {
    match value {
        Some(AttributeValue::N(number)) => number.parse().ok(),
        _ => None,
    }
}

fn of_triple(value: &AttributeValue) -> Option<IndexEntry> {
    let [index, partition, sort] = value.as_l().ok()?.as_slice() else { return None };
    let text = |value: &AttributeValue| value.as_s().ok().cloned();
    Some(IndexEntry { index: index_of(index.as_s().ok()?)?, partition: text(partition)?, sort: text(sort)? })
}

fn entry(partition: &str, sort: &str) -> Option<IndexEntry> {
    let (index, partition) = partition.split_once('#')?;
    let sort = sort.split(APART).next()?;
    Some(IndexEntry { index: index_of(index)?, partition: partition.to_owned(), sort: sort.to_owned() })
}

fn index_of(name: &str) -> Option<Index> {
    Index::ALL.into_iter().find(|index| index.name() == name)
}

fn damaged(attribute: &'static str) -> Fault {
    Fault::new(Kind::Unexpected, "table", "an item of the table is not as Concord writes them")
        .with("attribute", attribute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(count: usize) -> Item {
        let place =
            |n: usize| IndexEntry { index: Index::Pending, partition: format!("c{n}"), sort: format!("{n:03}") };
        let mut index: Vec<_> = (0..count).map(place).collect();
        index.push(IndexEntry { index: Index::List, partition: "organization".into(), sort: "r1".into() });
        let key = ItemKey::new("R#r1", "R");
        Item {
            rev: 7,
            index,
            expires: Some(Instant::from_ms(1_700_000_000_123)),
            ..Item::new(key, br#"{"a":1}"#.to_vec())
        }
    }

    fn sorted(mut item: Item) -> Item {
        item.index.sort();
        item
    }

    #[test]
    fn an_item_is_read_as_it_was_written() {
        for count in [0, 1, 3, 7, 8, 20] {
            let item = shown(count);
            assert_eq!(sorted(read(write(&item)).unwrap()), sorted(item), "shown at {count} places more");
        }
        let bytes = Item::new(ItemKey::new("X", "1"), vec![0xff, 0]);
        assert_eq!(read(write(&bytes)).unwrap(), bytes);
        let nothing = Item::new(ItemKey::new("S#a#b", "S"), Vec::new());
        assert_eq!(read(write(&nothing)).unwrap(), nothing);
    }

    #[test]
    fn every_attribute_of_an_item_is_known() {
        let known = optional();
        for item in [shown(20), Item::new(ItemKey::new("X", "1"), vec![0xff]), shown(0)] {
            for name in write(&item).keys().filter(|name| !["pk", "sk", "v"].contains(&name.as_str())) {
                assert!(known.contains(name), "{name} would stay when an item is written over");
            }
        }
    }

    #[test]
    fn a_place_stays_in_its_slot_while_others_go() {
        let (all, mut fewer) = (shown(3), shown(3));
        fewer.index.remove(0);
        let (before, after) = (write(&all), write(&fewer));
        let kept = |slot: &String| before.get(slot) == after.get(slot);
        let moved = after.keys().filter(|name| name.starts_with('q') && !kept(name)).count();
        assert!(moved <= 1, "{moved} places moved");
    }

    #[test]
    fn what_a_record_refers_to_is_written_over_by_no_work() {
        let refers =
            |n: usize| IndexEntry { index: Index::Refers, partition: format!("r{n}"), sort: "person#r1".into() };
        let mut quiet = shown(0);
        quiet.index.extend((0..4).map(refers));
        let before = write(&quiet);
        let places: Vec<&String> = before.keys().filter(|name| name.starts_with(['p', 'q']) && *name != "pk").collect();
        assert_eq!(places.len(), 10);
        for n in 0..SLOTS {
            let mut busy = shown(0);
            busy.index.insert(0, IndexEntry { index: Index::Pending, partition: format!("c{n}"), sort: "1".into() });
            busy.index.extend((0..4).map(refers));
            let after = write(&busy);
            assert!(places.iter().all(|name| before.get(*name) == after.get(*name)), "at c{n}");
        }
        let mut crowded = shown(7);
        crowded.index.extend((0..4).map(refers));
        assert!(
            write(&crowded)
                .values()
                .all(|value| !matches!(value, AttributeValue::S(text) if text.starts_with("refers#")))
        );
    }

    #[test]
    fn a_trace_goes_with_what_it_wrote() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let write = || async { write(&shown(0)).remove("t") };
        assert_eq!(runtime.block_on(trace::under(Some("Root=1".into()), write())), Some(text("Root=1")));
        assert_eq!(runtime.block_on(write()), None);
    }
}
