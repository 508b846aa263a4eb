//! Items in the database.

use super::{images, shows};
use crate::{
    keys,
    ports::{Cancelled, Condition, IndexEntry, Item, ItemKey, Page, Query, TableChange},
};
use concord_connector::Instant;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// So many expired items are forgotten in one go.
pub(super) const SWEEP: usize = 500;

/// What a change needs to know of the item as it is.
struct Standing {
    rev: u64,
    expires: Option<Instant>,
    image: Option<u64>,
    shows: Option<Vec<u8>>,
}

/// Makes all changes, or none and says which did not meet their conditions.
pub(super) fn transact(
    connection: &Connection,
    changes: &[TableChange],
    now: Instant,
    last_image: &mut u64,
) -> rusqlite::Result<Option<Cancelled>> {
    let mut standings = Vec::with_capacity(changes.len());
    let mut unmet = Vec::new();
    for (place, change) in changes.iter().enumerate() {
        let standing = standing(connection, change.key())?;
        if !holds(change.condition(), standing.as_ref()) {
            unmet.push(place);
        }
        standings.push(standing);
    }
    if !unmet.is_empty() {
        return Ok(Some(Cancelled(unmet)));
    }
    for (change, standing) in changes.iter().zip(standings) {
        match change {
            TableChange::Put(item, _) => put(connection, item, standing, now, last_image)?,
            TableChange::Delete(key, _) => {
                if let Some(standing) = standing {
                    delete(connection, key, &standing, now, last_image)?;
                }
            }
            TableChange::Check(..) => {}
        }
    }
    Ok(None)
}

fn holds(condition: Condition, standing: Option<&Standing>) -> bool {
    match (condition, standing) {
        (Condition::None, _) | (Condition::Absent | Condition::AbsentOrExpired(_), None) => true,
        (Condition::Absent, Some(_)) | (Condition::Rev(_), None) => false,
        (Condition::AbsentOrExpired(at), Some(standing)) => standing.expires.is_some_and(|expires| expires <= at),
        (Condition::Rev(rev), Some(standing)) => standing.rev == rev,
    }
}

fn standing(connection: &Connection, key: &ItemKey) -> rusqlite::Result<Option<Standing>> {
    connection
        .prepare_cached("SELECT rev, expires, image, shows FROM items WHERE partition = ?1 AND sort = ?2")?
        .query_row(params![key.partition, key.sort], |row| {
            Ok(Standing { rev: row.get(0)?, expires: instant(row, 1)?, image: row.get(2)?, shows: row.get(3)? })
        })
        .optional()
}

fn put(
    connection: &Connection,
    item: &Item,
    standing: Option<Standing>,
    now: Instant,
    last_image: &mut u64,
) -> rusqlite::Result<()> {
    let key = &item.key;
    let rev = standing.as_ref().map_or(0, |standing| standing.rev) + 1;
    let expires = item.expires.map(Instant::ms);
    let shows = shows::encode(&item.index);
    let is_record = key.partition.starts_with(keys::RECORDS);
    let image = if is_record {
        *last_image += 1;
        let before = standing.as_ref().and_then(|standing| standing.image);
        images::append(connection, *last_image, now, before, key, Some((rev, expires, shows.as_deref(), &item.body)))?;
        Some(*last_image)
    } else {
        None
    };
    let body = (!is_record).then_some(&item.body);
    let sql = if standing.is_some() {
        "UPDATE items SET rev = ?3, expires = ?4, image = ?5, shows = ?6, body = ?7 WHERE partition = ?1 AND sort = ?2"
    } else {
        "INSERT INTO items (partition, sort, rev, expires, image, shows, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
    };
    connection.prepare_cached(sql)?.execute(params![key.partition, key.sort, rev, expires, image, shows, body])?;
    let before = standing.and_then(|standing| standing.shows);
    if before != shows {
        show(connection, key, &shows::decode(before.as_deref()), &item.index)?;
    }
    Ok(())
}

fn delete(
    connection: &Connection,
    key: &ItemKey,
    standing: &Standing,
    now: Instant,
    last_image: &mut u64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM items WHERE partition = ?1 AND sort = ?2")?
        .execute(params![key.partition, key.sort])?;
    show(connection, key, &shows::decode(standing.shows.as_deref()), &[])?;
    if key.partition.starts_with(keys::RECORDS) {
        *last_image += 1;
        images::append(connection, *last_image, now, standing.image, key, None)?;
    }
    Ok(())
}

/// Changes only the index entries that differ.
fn show(connection: &Connection, key: &ItemKey, old: &[IndexEntry], new: &[IndexEntry]) -> rusqlite::Result<()> {
    let delete = "DELETE FROM shows WHERE name = ?1 AND partition = ?2 AND sort = ?3 AND item_partition = ?4 AND \
                  item_sort = ?5";
    let insert = "INSERT OR IGNORE INTO shows (name, partition, sort, item_partition, item_sort) VALUES (?1, ?2, ?3, \
                  ?4, ?5)";
    let gone = old.iter().filter(|entry| !new.contains(entry)).map(|entry| (delete, entry));
    let come = new.iter().filter(|entry| !old.contains(entry)).map(|entry| (insert, entry));
    for (sql, entry) in gone.chain(come) {
        let place = params![entry.index.name(), entry.partition, entry.sort, key.partition, key.sort];
        connection.prepare_cached(sql)?.execute(place)?;
    }
    Ok(())
}

/// Deletes some of the items that have expired; returns how many.
pub(super) fn sweep(connection: &Connection, now: Instant, last_image: &mut u64) -> rusqlite::Result<usize> {
    let expired: Vec<ItemKey> = connection
        .prepare_cached("SELECT partition, sort FROM items WHERE expires <= ?1 ORDER BY expires LIMIT ?2")?
        .query_map(params![now.ms(), SWEEP], |row| Ok(ItemKey { partition: row.get(0)?, sort: row.get(1)? }))?
        .collect::<rusqlite::Result<_>>()?;
    for key in &expired {
        if let Some(standing) = standing(connection, key)? {
            delete(connection, key, &standing, now, last_image)?;
        }
    }
    Ok(expired.len())
}

/// An item, whole.
pub(super) fn get(connection: &Connection, key: &ItemKey) -> rusqlite::Result<Option<Item>> {
    connection
        .prepare_cached(
            "SELECT items.rev, items.expires, items.shows, coalesce(items.body, images.body) FROM items LEFT JOIN \
             images ON images.seq = items.image WHERE items.partition = ?1 AND items.sort = ?2",
        )?
        .query_row(params![key.partition, key.sort], |row| {
            Ok(Item {
                key: key.clone(),
                rev: row.get(0)?,
                expires: instant(row, 1)?,
                index: shows::decode(row.get_ref(2)?.as_blob_or_null()?),
                body: row.get(3)?,
            })
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
