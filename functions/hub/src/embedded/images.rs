//! The change feed: every image that a record item ever had, in commit order, until seven days after it was replaced.

use super::{items::instant, shows};
use crate::ports::{Feed, FeedEntry, Item, ItemKey};
use concord_connector::Instant;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::time::Duration;

/// An entry is kept so long.
pub(super) const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// What positions of readers of the feed begin with: what one of them has not read is kept longer.
pub(super) const READER: &str = "feed.";
/// The position before the oldest entry kept.
const PRUNED: &str = "pruned";
/// So many entries are pruned in one go.
const PRUNE: usize = 500;

/// What an image holds of an item: revision, expiry in milliseconds, index entries, body.
pub(super) type Image<'a> = (u64, Option<i64>, Option<&'a [u8]>, &'a [u8]);

/// Appends an image, or the fact that the item was deleted.
pub(super) fn append(
    connection: &Connection,
    seq: u64,
    now: Instant,
    before: Option<u64>,
    key: &ItemKey,
    image: Option<Image<'_>>,
) -> rusqlite::Result<()> {
    let (rev, expires, shows, body) = match image {
        Some((rev, expires, shows, body)) => (Some(rev), expires, shows, Some(body)),
        None => (None, None, None, None),
    };
    connection
        .prepare_cached(
            "INSERT INTO images (seq, at, before, partition, sort, rev, expires, shows, body) VALUES (?1, ?2, ?3, ?4, \
             ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![seq, now.ms(), before, key.partition, key.sort, rev, expires, shows, body])?;
    Ok(())
}

/// The entries after a cursor. An image is the `old` of the entry that replaced it.
pub(super) fn changes(connection: &Connection, after: Option<&str>, limit: usize) -> rusqlite::Result<Feed> {
    let after: Option<u64> = after.and_then(|after| after.parse().ok());
    let start = after.unwrap_or_default().max(position(connection, PRUNED)?);
    let entries: Vec<FeedEntry> = connection
        .prepare_cached(
            "SELECT new.partition, new.sort, new.seq, new.rev, new.expires, new.shows, new.body, old.rev, old.expires, \
             old.shows, old.body FROM images AS new LEFT JOIN images AS old ON old.seq = new.before WHERE new.seq > ?1 \
             ORDER BY new.seq LIMIT ?2",
        )?
        .query_map(params![start, limit.max(1)], |row| {
            let key = ItemKey { partition: row.get(0)?, sort: row.get(1)? };
            let cursor = row.get::<_, u64>(2)?.to_string();
            Ok(FeedEntry { new: item(row, &key, 3)?, old: item(row, &key, 7)?, key, cursor, trace: None })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let cursor = entries.last().map(|entry| entry.cursor.clone()).or_else(|| after.map(|_| start.to_string()));
    Ok(Feed { entries, cursor })
}

fn item(row: &Row<'_>, key: &ItemKey, first: usize) -> rusqlite::Result<Option<Item>> {
    let Some(rev) = row.get::<_, Option<u64>>(first)? else { return Ok(None) };
    Ok(Some(Item {
        key: key.clone(),
        rev,
        expires: instant(row, first + 1)?,
        index: shows::decode(row.get_ref(first + 2)?.as_blob_or_null()?),
        body: row.get::<_, Vec<u8>>(first + 3)?.into(),
    }))
}

/// Forgets some of the images that were replaced long ago; returns how many entries it went through, and the last of them.
///
/// An image goes when the entry after it has become old, never earlier: until then that entry needs it as its `old`.
pub(super) fn prune(connection: &Connection, now: Instant) -> rusqlite::Result<(usize, Option<u64>)> {
    let start = position(connection, PRUNED)?;
    let read: Option<u64> = connection
        .prepare_cached("SELECT min(CAST(value AS INTEGER)) FROM positions WHERE name GLOB ?1")?
        .query_row([format!("{READER}*")], |row| row.get(0))?;
    let old: Vec<(u64, Option<u64>, bool)> = connection
        .prepare_cached(
            "SELECT seq, before, rev IS NULL FROM images WHERE seq > ?1 AND seq <= ?2 AND at <= ?3 ORDER BY seq LIMIT \
             ?4",
        )?
        .query_map(params![start, read.unwrap_or(i64::MAX as u64), now.minus(KEPT).ms(), PRUNE], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut delete = connection.prepare_cached("DELETE FROM images WHERE seq = ?1")?;
    for (seq, before, is_deletion) in &old {
        for gone in before.iter().chain(is_deletion.then_some(seq)) {
            delete.execute([gone])?;
        }
    }
    if let Some((last, ..)) = old.last() {
        connection
            .prepare_cached("INSERT OR REPLACE INTO positions (name, value) VALUES (?1, ?2)")?
            .execute(params![PRUNED, last.to_string()])?;
    }
    Ok((old.len(), old.last().map(|(last, ..)| *last)))
}

/// A position that is a number; zero when it was never set.
fn position(connection: &Connection, name: &str) -> rusqlite::Result<u64> {
    let text = text_position(connection, name)?;
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or_default())
}

/// A position as it was set.
pub(super) fn text_position(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM positions WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}
