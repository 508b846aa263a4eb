//! Laws of polling: every record once, and no change missed.

use super::{Edit, change, edit, image, visible};
use crate::{
    Cursor, Entity, ExternalId, Operation, Outcome, Retry, Snapshot,
    exchange::{Refused, Written},
    testing::{Live, Subject, Verdict, holds, live::create},
};
use std::collections::BTreeMap;

/// One page and where it ends.
fn page(live: &mut Live, entity: Entity, cursor: Option<Cursor>) -> Result<(Vec<Snapshot>, Cursor, bool), String> {
    let operation = Operation::Poll { entity, cursor, until: live.now() };
    match live.run(&operation).map_err(|e| e.to_string())? {
        Outcome::Page { records, cursor, more } => {
            let rows: Result<Vec<_>, _> = records.into_iter().map(|(_, row)| row.map_err(|r| r.message)).collect();
            Ok((rows?, cursor, more))
        }
        other => Err(format!("a poll gave {other:?}")),
    }
}

/// Every record from the beginning on; each cursor goes through its text form.
fn enumerate(live: &mut Live, entity: Entity) -> Result<(Vec<Snapshot>, usize, Cursor), String> {
    let (mut all, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let (rows, next, more) = page(live, entity, cursor)?;
        pages += 1;
        all.extend(rows);
        let text = serde_json::to_string(&next).map_err(|e| e.to_string())?;
        let next: Cursor = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        if !more {
            return Ok((all, pages, next));
        }
        holds(pages < 100, || "100 pages and no end".into())?;
        cursor = Some(next);
    }
}

/// Fills the sandbox up to a number of records, in as large writes as the vendor takes.
fn fill(live: &mut Live, subject: &Subject, entity: Entity, size: usize) -> Verdict {
    let batch = subject.connector.manifest().capabilities.write_batch.max(1);
    for round in 0.. {
        let there = live.count(entity)?;
        if there >= size {
            break;
        }
        let mut writes = Vec::new();
        for row in 0..(size - there).min(batch) {
            let fields = live.plausible(entity)?;
            // A record that is referred to may be of the same kind, and counts.
            if live.count(entity)? + row >= size {
                break;
            }
            writes.push(create(&format!("page-{there}-{row}"), fields));
        }
        let refused = live.write_all(entity, writes)?.into_iter().find_map(Result::err);
        // A vendor that works on so many at a time takes the others later.
        let waits = |refused: &Refused| matches!(refused.retry, Retry::After(Some(_)));
        holds(refused.as_ref().is_none_or(waits), || format!("{refused:?}"))?;
        let made = live.count(entity)?;
        holds(made > there, || format!("{made} records there, and creates make no more"))?;
        // Some at one instant, some later: neither may hide a record from a page.
        if round % 3 == 0 {
            live.later(1);
        }
    }
    Ok(())
}

pub(super) fn pages(subject: &Subject, entity: Entity) -> Verdict {
    let lag = subject.connector.manifest().capabilities.search_lag_s + 600;
    let complete = |size: usize| -> Verdict {
        let mut live = Live::start(subject, 5)?;
        fill(&mut live, subject, entity, size)?;
        live.later(lag);
        shown_once(&mut live, entity)
    };
    complete(0)?;
    complete(1)?;
    // The size of a page is the connector's own affair: it is found by filling.
    let mut live = Live::start(subject, 5)?;
    for size in [51, 101, 201, 501] {
        fill(&mut live, subject, entity, size)?;
        live.later(lag);
        let (first, _, more) = page(&mut live, entity, None)?;
        if more {
            let n = first.len();
            holds(n > 0, || "an empty page says that there is more".into())?;
            let one_more = if size == n + 1 { shown_once(&mut live, entity) } else { complete(n + 1) };
            return one_more.and_then(|()| complete(n));
        }
    }
    shown_once(&mut live, entity)
}

fn shown_once(live: &mut Live, entity: Entity) -> Verdict {
    let count = live.count(entity)?;
    let (all, pages, _) = enumerate(live, entity)?;
    let mut seen: BTreeMap<ExternalId, usize> = BTreeMap::new();
    for snapshot in all {
        *seen.entry(snapshot.id).or_default() += 1;
    }
    let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).take(3).collect();
    holds(twice.is_empty(), || format!("{count} records there; shown twice: {twice:?}"))?;
    holds(seen.len() == count, || format!("{count} records there, {} shown on {pages} pages", seen.len()))
}

/// After an enumeration, an edit is on one of the next pages.
pub(super) fn changes(subject: &Subject, entity: Entity) -> Verdict {
    let lag = subject.connector.manifest().capabilities.search_lag_s + 60;
    let mut live = Live::start(subject, 5)?;
    let id = live.make(entity)?;
    live.make(entity)?;
    live.later(lag);
    let (_, _, cursor) = enumerate(&mut live, entity)?;
    live.later(3_600);
    let before = visible(&mut live, entity, &id)?;
    let Edit { rule, ours: value, .. } = edit(&live, entity)?;
    let row = live.write(entity, change(&before, "polled-1", &rule.field, value.clone()))?;
    holds(matches!(row, Ok(Written::Done { .. })), || format!("an update ended as {row:?}"))?;
    live.later(lag);
    let (rows, _, _) = page(&mut live, entity, Some(cursor))?;
    let seen = rows.iter().find(|snapshot| snapshot.id == id).ok_or("an edited record is not on the next page")?;
    let expected = image(subject, entity, &rule.field, Some(&value))?;
    let read = seen.fields.get(&rule.field);
    holds(read == Some(&expected), || format!("the page says {read:?}, expected {expected:?}"))
}
