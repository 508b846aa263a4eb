//! Items in the database.

use super::{
    cache::{Held, Standing},
    shows,
};
use crate::ports::{Item, ItemKey, Page, Query};
use concord_connector::Instant;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::sync::Arc;

/// So many expired items are forgotten in one go.
const SWEEP: usize = 500;

/// Some of the items that have expired.
pub(super) fn expired(connection: &Connection, now: Instant) -> rusqlite::Result<Vec<ItemKey>> {
    connection
        .prepare_cached("SELECT partition, sort FROM items WHERE expires <= ?1 ORDER BY expires LIMIT ?2")?
        .query_map(params![now.ms(), SWEEP], |row| Ok(ItemKey { partition: row.get(0)?, sort: row.get(1)? }))?
        .collect()
}

/// An item, whole.
pub(super) fn get(connection: &Connection, key: &ItemKey) -> rusqlite::Result<Held> {
    connection
        .prepare_cached(
            "SELECT items.rev, items.expires, items.shows, coalesce(items.body, images.body), items.image FROM items \
             LEFT JOIN images ON images.seq = items.image WHERE items.partition = ?1 AND items.sort = ?2",
        )?
        .query_row(params![key.partition, key.sort], |row| {
            let item = Item {
                key: key.clone(),
                rev: row.get(0)?,
                expires: instant(row, 1)?,
                index: shows::decode(row.get_ref(2)?.as_blob_or_null()?),
                body: row.get::<_, Vec<u8>>(3)?.into(),
            };
            Ok(Arc::new(Standing { item, image: row.get(4)? }))
        })
        .optional()
}

/// A time column.
pub(super) fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Instant>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Instant::from_ms))
}

/// Keys in a range. A page of an index goes on after (place, item), since several items may show at one place.
pub(super) fn query(connection: &Connection, query: &Query) -> rusqlite::Result<Page> {
    let limit = query.limit.max(1);
    let mut keys: Vec<(String, ItemKey)> = match query.index {
        None => {
            let after = query.after.as_deref().filter(|after| *after >= query.from.as_str());
            let sql = match after {
                Some(_) => {
                    "SELECT sort FROM items WHERE partition = ?1 AND sort > ?2 AND (?3 IS NULL OR sort <= ?3) ORDER BY \
                     sort LIMIT ?4"
                }
                None => {
                    "SELECT sort FROM items WHERE partition = ?1 AND sort >= ?2 AND (?3 IS NULL OR sort <= ?3) ORDER \
                     BY sort LIMIT ?4"
                }
            };
            connection
                .prepare_cached(sql)?
                .query_map(params![query.partition, after.unwrap_or(&query.from), query.to, limit + 1], |row| {
                    let sort: String = row.get(0)?;
                    Ok((sort.clone(), ItemKey::new(query.partition.as_str(), sort)))
                })?
                .collect::<rusqlite::Result<_>>()?
        }
        Some(index) => {
            let start = (query.from.as_str(), "", "");
            let (sort, partition, item) = query.after.as_deref().map_or(start, split).max(start);
            connection
                .prepare_cached(
                    "SELECT sort, item_partition, item_sort FROM shows WHERE name = ?1 AND partition = ?2 AND (sort, \
                     item_partition, item_sort) > (?3, ?4, ?5) AND (?6 IS NULL OR sort <= ?6) ORDER BY sort, \
                     item_partition, item_sort LIMIT ?7",
                )?
                .query_map(params![index.name(), query.partition, sort, partition, item, query.to, limit + 1], |row| {
                    Ok((row.get(0)?, ItemKey { partition: row.get(1)?, sort: row.get(2)? }))
                })?
                .collect::<rusqlite::Result<_>>()?
        }
    };
    let more = keys.len() > limit;
    keys.truncate(limit);
    let next = keys.last().filter(|_| more).map(|(place, key)| match query.index {
        None => place.clone(),
        Some(_) => format!("{place}\0{}\0{}", key.partition, key.sort),
    });
    Ok(Page { keys, next })
}

/// The parts of a page's `next`; a bare place means after every item at that place.
fn split(after: &str) -> (&str, &str, &str) {
    const LAST: &str = "\u{10ffff}";
    let mut parts = after.splitn(3, '\0');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or(LAST), parts.next().unwrap_or(LAST))
}
