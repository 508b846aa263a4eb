//! How a record is stored: a plain head, then the facets, compressed - small or quickly, as suits the store.

use super::{Record, Stored};
use crate::{
    facet::Facet,
    keys,
    ports::{Index, IndexEntry, Item, Packing},
};
use concord_connector::{Fault, Instant, Kind, RecordId, Result};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The hard limit of a stored record, in bytes.
pub const MAX_BYTES: usize = 200 * 1024;
/// Beyond this many bytes inflated, a stored record is damaged.
const MAX_INFLATED: usize = 64 * 1024 * 1024;
/// What is pending longer than this is ordered again.
pub(crate) const OVERDUE: Duration = Duration::from_secs(120);
/// Fast is enough: facets repeat field names.
const LEVEL: u8 = 1;
/// What facets that were packed quickly begin with. A deflated stream, as all were at first, cannot.
const QUICK: u8 = 0xff;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Head {
    RecordV1(Box<Record>),
    RedirectV1(RecordId),
}

/// The same, to be written.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum HeadOf<'a> {
    RecordV1(&'a Record),
    RedirectV1(&'a RecordId),
}

/// The item of what is stored under a record's id, with revision `rev`.
///
/// # Errors
/// `Rejected`, naming the largest field, when the record exceeds [`MAX_BYTES`].
pub fn encode(id: &RecordId, stored: &Stored, rev: u64) -> Result<Item> {
    match stored {
        Stored::Redirect(to) => Ok(Item { rev, ..Item::new(keys::record(id), body(&HeadOf::RedirectV1(to), &[])?) }),
        Stored::Record(record) => encode_record(record, rev, Packing::Small),
    }
}

/// The item of a record, with revision `rev`.
///
/// # Errors
/// As [`encode`].
pub(crate) fn encode_record(record: &Record, rev: u64, packing: Packing) -> Result<Item> {
    let json = serde_json::to_vec(&record.facets).map_err(|e| Fault::malformed("record", e.to_string()))?;
    let facets = match packing {
        Packing::Small => miniz_oxide::deflate::compress_to_vec(&json, LEVEL),
        Packing::Quick => {
            let mut bytes = vec![QUICK];
            bytes.extend(lz4_flex::compress_prepend_size(&json));
            bytes
        }
    };
    let body = body(&HeadOf::RecordV1(record), &facets)?;
    if body.len() > MAX_BYTES {
        return Err(too_large(record, body.len()));
    }
    Ok(Item { rev, index: index(record), ..Item::new(keys::record(&record.id), body) })
}

fn body(head: &HeadOf<'_>, facets: &[u8]) -> Result<Vec<u8>> {
    let head = serde_json::to_vec(head).map_err(|e| Fault::malformed("record", e.to_string()))?;
    let mut body = Vec::with_capacity(4 + head.len() + facets.len());
    body.extend_from_slice(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_be_bytes());
    body.extend_from_slice(&head);
    body.extend_from_slice(facets);
    Ok(body)
}

/// The head of a stored record, and its compressed facets: for stores that keep the two apart, so that a person can read one
/// of them. `None` when the bytes are no stored record.
pub fn halves(body: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = body.split_first_chunk::<4>()?;
    let (head, facets) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some((std::str::from_utf8(head).ok()?, facets))
}

/// The bytes of which these are the halves.
pub fn joined(head: &str, facets: &[u8]) -> Vec<u8> {
    let length = u32::try_from(head.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length, head.as_bytes(), facets].concat()
}

/// What an item holds.
///
/// # Errors
/// `Unexpected` when the item is damaged or of a later version of Concord.
pub fn decode(item: &Item) -> Result<Stored> {
    let damaged =
        |what: String| Fault::new(Kind::Unexpected, "record", format!("a stored record cannot be read: {what}"));
    let (length, rest) = item.body.split_first_chunk::<4>().ok_or_else(|| damaged("it is empty".into()))?;
    let length = u32::from_be_bytes(*length) as usize;
    let head = rest.get(..length).ok_or_else(|| damaged("it is cut".into()))?;
    match serde_json::from_slice(head).map_err(|e| damaged(e.to_string()))? {
        Head::RedirectV1(to) => Ok(Stored::Redirect(to)),
        Head::RecordV1(mut record) => {
            record.facets = read_facets(&rest[length..])?;
            Ok(Stored::Record(record))
        }
    }
}

/// The facets of a record's item as they are stored; none of a redirect.
pub(crate) fn stored_facets(item: &Item) -> &[u8] {
    let Some((length, rest)) = item.body.split_first_chunk::<4>() else { return &[] };
    rest.get(u32::from_be_bytes(*length) as usize..).unwrap_or_default()
}

/// Facets as they were stored.
///
/// # Errors
/// `Unexpected` when they are damaged.
pub(crate) fn read_facets(bytes: &[u8]) -> Result<Vec<Facet>> {
    let damaged =
        |what: String| Fault::new(Kind::Unexpected, "record", format!("stored facets cannot be read: {what}"));
    let json = match bytes.split_first() {
        Some((&QUICK, packed)) => {
            let (size, packed) = lz4_flex::block::uncompressed_size(packed).map_err(|e| damaged(e.to_string()))?;
            if size > MAX_INFLATED {
                return Err(damaged(format!("they would take {size} bytes")));
            }
            lz4_flex::block::decompress(packed, size).map_err(|e| damaged(e.to_string()))?
        }
        _ => miniz_oxide::inflate::decompress_to_vec_with_limit(bytes, MAX_INFLATED)
            .map_err(|e| damaged(e.to_string()))?,
    };
    serde_json::from_slice(&json).map_err(|e| damaged(e.to_string()))
}

fn index(record: &Record) -> Vec<IndexEntry> {
    let mut entries = Vec::new();
    let mut entry = |index, partition: String, sort: String| entries.push(IndexEntry { index, partition, sort });
    if !record.is_placeholder() {
        entry(Index::List, record.entity.name().to_owned(), record.id.to_string());
    }
    for (connection, since) in record.pending() {
        // What has a time of its own to be tried again is overdue at that time.
        let again = record.outbox.get(connection).and_then(|outbox| outbox.next_at);
        let next = again.map_or(since, |at| at.minus(OVERDUE));
        entry(Index::Pending, connection.to_string(), format!("{}#{}", place(next), record.id));
    }
    if record.regroup {
        entry(Index::Pending, "regroup".into(), record.id.to_string());
    }
    for (connection, outbox) in &record.outbox {
        for other in &outbox.waiting_on {
            entry(Index::Waiting, other.to_string(), format!("{}#{connection}", record.id));
        }
        if outbox.parked {
            entry(Index::Pending, format!("parked#{connection}"), record.id.to_string());
        }
    }
    // Last: a store that has no room for all of them goes without these.
    for (_, to) in crate::referrers::named(record) {
        entry(Index::Refers, to.to_string(), format!("{}#{}", record.entity, record.id));
    }
    entries
}

/// An instant as a place in an index: texts sort as instants do.
pub(crate) fn place(at: Instant) -> String {
    format!("{:015}", at.ms().max(0))
}

fn too_large(record: &Record, bytes: usize) -> Fault {
    let mut largest = (0, String::from("none"));
    for facet in &record.facets {
        for (field, cell) in &facet.view().cells {
            let size = serde_json::to_vec(&cell).map_or(0, |json| json.len());
            if size > largest.0 {
                largest = (size, format!("{field} at {}", facet.link));
            }
        }
    }
    Fault::new(
        Kind::Rejected,
        "record",
        format!(
            "the record would take {bytes} bytes, more than {MAX_BYTES}; its largest field is {} with {} bytes",
            largest.1, largest.0
        ),
    )
}
