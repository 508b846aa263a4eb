//! What changed: pages over (SystemModstamp, Id), and the list of deleted ids.

use crate::{
    ask::{Asked, Result},
    columns, ids, read, shape, soql,
};
use concord_connector::{
    Context, Cursor, Entity, ExternalId, Fault, Instant, Outcome, Request, Snapshot, SourceVersion,
    exchange::decode_each, snapshot::Presence,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::{collections::BTreeSet, time::Duration};

/// Rows on a page. The vendor would give 2,000; fewer keep one page's work small, and a page always ends on a row whose
/// place (time and id) the cursor remembers, so rows that share a time cannot stop the paging.
const ROWS: usize = 500;
/// Partner rows on a page: their opportunities are read with one query.
const PARTS: usize = 200;
/// Rows appear with stamps from before a poll when their transaction commits after it; the next window reaches back.
const LOOK_BACK: Duration = Duration::from_secs(600);

/// Where a poll goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    /// The beginning of the window; none in a backfill, which begins with the oldest record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Instant>,
    /// The last row seen in this window: its stamp as the vendor wrote it, and its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<(String, String)>,
    /// True when the records are through and their partner rows are being read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    parts: bool,
}

impl Place {
    fn read(cursor: Option<&Cursor>) -> Result<Self> {
        let Some(cursor) = cursor else { return Ok(Self::default()) };
        let place = serde_json::from_str(cursor.as_str());
        Ok(place.map_err(|e| Fault::malformed("poll", "the cursor is none of ours").caused_by(e))?)
    }
    fn cursor(&self) -> Cursor {
        Cursor::new(serde_json::to_string(self).unwrap_or_default())
    }
    /// The window as conditions.
    fn conditions(&self, until: Instant) -> Result<Vec<String>> {
        let mut all = vec![format!("SystemModstamp < {}", soql::instant(until))];
        if let Some(from) = self.from {
            all.push(format!("SystemModstamp >= {}", soql::instant(from)));
        }
        if let Some((stamp, id)) = &self.after {
            let at = Instant::parse(stamp).ok_or_else(|| Fault::malformed("poll", "the cursor names no time"))?;
            let (at, id) = (soql::instant(at), soql::text(id));
            all.push(format!("(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > {id}))"));
        }
        Ok(all)
    }
    fn after(&self, row: &Json) -> Self {
        let text = |name: &str| row.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        Self { after: Some((text("SystemModstamp"), text("Id"))), ..self.clone() }
    }
    /// The window after this one.
    fn next(until: Instant) -> Self {
        Self { from: Some(until.minus(LOOK_BACK)), after: None, parts: false }
    }
}

/// Where polling begins once the org has the object: with its oldest record.
pub(crate) fn start() -> Cursor {
    Place::default().cursor()
}

/// One page of what changed before `until`.
pub(crate) fn changed(
    cx: &Context,
    entity: Entity,
    cursor: Option<&Cursor>,
    until: Instant,
    asked: &mut Asked<'_>,
) -> Result<Outcome> {
    let place = Place::read(cursor)?;
    if place.parts { parts(cx, entity, &place, until, asked) } else { records(cx, entity, &place, until, asked) }
}

fn records(cx: &Context, entity: Entity, place: &Place, until: Instant, asked: &mut Asked<'_>) -> Result<Outcome> {
    let mut conditions = place.conditions(until)?;
    if place.from.is_none() {
        // A backfill has nothing to say about what was deleted before it began.
        conditions.push("IsDeleted = false".into());
    }
    let soql = format!(
        "SELECT {} FROM {} WHERE {} ORDER BY SystemModstamp, Id LIMIT {ROWS}",
        columns::select(cx, entity)?,
        columns::object(cx, entity)?,
        conditions.join(" AND ")
    );
    let response = asked.send(soql::request(cx, &soql))?;
    let (page, moment) = (soql::page(response)?, shape::Moment::of(response));
    let rows = soql::rows(page)?;
    let records = decode_each(rows, shape::id, |row| shape::snapshot(cx, entity, row, moment));
    // The vendor may cut a page of wide rows short; the key set goes on from the last row either way.
    let more = rows.len() >= ROWS || soql::next_page(page)?.is_some();
    Ok(match rows.last() {
        Some(last) if more => Outcome::Page { records, cursor: place.after(last).cursor(), more: true },
        _ if entity == Entity::Opportunity && place.from.is_some() => {
            let parts = Place { from: place.from, after: None, parts: true };
            Outcome::Page { records, cursor: parts.cursor(), more: true }
        }
        _ => Outcome::Page { records, cursor: Place::next(response.window_end(until)).cursor(), more: false },
    })
}

/// Partners are rows of their own: adding or removing one does not touch the opportunity's stamp.
fn parts(cx: &Context, entity: Entity, place: &Place, until: Instant, asked: &mut Asked<'_>) -> Result<Outcome> {
    let soql = format!(
        "SELECT Id, OpportunityId, SystemModstamp FROM OpportunityPartner WHERE {} ORDER BY SystemModstamp, Id LIMIT {PARTS}",
        place.conditions(until)?.join(" AND ")
    );
    let response = asked.send(soql::request(cx, &soql))?;
    let (page, end) = (soql::page(response)?, response.window_end(until));
    let rows = soql::rows(page)?;
    let wanted: BTreeSet<&str> =
        rows.iter().filter_map(|row| row.get("OpportunityId").and_then(Json::as_str)).collect();
    let wanted: Vec<ExternalId> = wanted.into_iter().map(ids::external).collect();
    let mut records = Vec::new();
    for (row, at) in read::rows(cx, entity, &wanted, asked)? {
        records.extend(decode_each([row], shape::id, |row| shape::snapshot(cx, entity, row, at)));
    }
    let more = rows.len() >= PARTS || soql::next_page(page)?.is_some();
    Ok(match rows.last() {
        Some(last) if more => Outcome::Page { records, cursor: place.after(last).cursor(), more: true },
        _ => Outcome::Page { records, cursor: Place::next(end).cursor(), more: false },
    })
}

/// How far back the first look at the delete log goes. The vendor keeps it for 15 days at most.
const FIRST_LOOK: Duration = Duration::from_secs(24 * 3600);
const KEPT: Duration = Duration::from_secs(15 * 24 * 3600 - 3600);
/// The vendor refuses a window of less than a minute.
const SHORTEST: Duration = Duration::from_secs(60);

/// Ids of deleted records. The cursor is the vendor's `latestDateCovered`, never the end of our window: what is still in
/// flight at the end is reported by the next call.
pub(crate) fn deleted(
    cx: &Context,
    entity: Entity,
    cursor: Option<&Cursor>,
    until: Instant,
    asked: &mut Asked<'_>,
) -> Result<Outcome> {
    let start = match cursor {
        Some(cursor) => {
            Instant::parse(cursor.as_str()).ok_or_else(|| Fault::malformed("deleted", "the cursor is none of ours"))?
        }
        None => until.minus(FIRST_LOOK),
    };
    let start = start.max(until.minus(KEPT));
    let stay = |records| Outcome::Page { records, cursor: Cursor::new(start.rfc3339()), more: false };
    if until.since(start) < SHORTEST {
        return Ok(stay(Vec::new()));
    }
    let object = columns::object(cx, entity)?;
    let request = Request::get(format!("{}/sobjects/{object}/deleted/", soql::root(cx)))
        .query("start", start.rfc3339())
        .query("end", until.rfc3339());
    let response = asked.send(request)?;
    let mut gone: Vec<(ExternalId, Instant)> = Vec::new();
    for row in response.array("/deletedRecords")? {
        let id = row.get("id").and_then(Json::as_str).map(ids::external);
        let at = row.get("deletedDate").and_then(Json::as_str).and_then(Instant::parse);
        gone.extend(id.zip(at));
    }
    let covered = response.text("/latestDateCovered").and_then(Instant::parse).unwrap_or(start).max(start);
    let wanted: Vec<ExternalId> = gone.iter().map(|(id, _)| id.clone()).collect();
    // A look at the rows themselves: one may have been restored since, and the loser of a merge names the winner.
    let mut seen = std::collections::BTreeMap::new();
    for (row, at) in read::rows(cx, entity, &wanted, asked)? {
        if let Some(id) = shape::id(row) {
            seen.insert(id, (row, at));
        }
    }
    let mut records = Vec::with_capacity(gone.len());
    for (id, at) in gone {
        let answer = match seen.get(&id) {
            Some((row, read_at)) => {
                shape::snapshot(cx, entity, row, *read_at).map(|seen| no_earlier(seen, at)).map_err(Into::into)
            }
            // Not even in the recycle bin any more: the delete log's own word stands.
            None => Ok(Snapshot::deleted(entity, id.clone(), at)),
        };
        records.push((id, answer));
    }
    Ok(Outcome::Page { records, cursor: Cursor::new(covered.rfc3339()), more: false })
}

/// A tombstone is at least as new as the delete that the log reports.
fn no_earlier(mut seen: Snapshot, at: Instant) -> Snapshot {
    if seen.presence != Presence::Live {
        seen.version = seen.version.max(SourceVersion::from_instant(at));
    }
    seen
}
