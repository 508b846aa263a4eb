//! What changed since the last time, page by page.

use super::{rows, search, snapshots};
use crate::{Scripted, row, rpc, script::Script, wire};
use concord_connector::{Context, Cursor, Entity, Fault, Instant, Outcome, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Where a poll stands. A window is open at its end: it holds everything that changed since `from`, in the order of the
/// ids, so that a record which changes while the pages are read is neither missed nor in the way.
#[derive(Default, Serialize, Deserialize)]
struct Position {
    /// The beginning of the window, in milliseconds; none at the beginning of a backfill.
    from: Option<i64>,
    /// The beginning of the next window, by Tryton's clock when the first page was read.
    next: Option<i64>,
    /// The last id of the last page.
    after: i64,
}

impl Position {
    fn of(cursor: Option<&Cursor>) -> Result<Self> {
        let Some(cursor) = cursor else { return Ok(Self::default()) };
        serde_json::from_str(cursor.as_str())
            .map_err(|_| Fault::malformed("tryton.poll", "the cursor is none of Tryton's; start a backfill"))
    }
    fn cursor(&self) -> Cursor {
        Cursor::new(json!({ "from": self.from, "next": self.next, "after": self.after }).to_string())
    }
}

/// One page.
pub(crate) fn poll(
    script: &mut Script<'_>,
    entity: Entity,
    cursor: Option<&Cursor>,
    until: Instant,
    limit: usize,
    look_back_s: u64,
) -> Scripted {
    let at = Position::of(cursor)?;
    let response = script.call(search(script.cx, entity, changed(script.cx, entity, &at)?, limit)?)?;
    let rows = rows(rpc::result(response)?);
    // A hub whose clock is ahead of Tryton's would leave a gap: the next window begins by Tryton's clock.
    let next =
        at.next.unwrap_or_else(|| response.clock().unwrap_or(until).minus(Duration::from_secs(look_back_s)).ms());
    let last = rows.last().and_then(|raw| raw.get("id")).and_then(Json::as_i64);
    let (position, more) = match last {
        Some(after) if rows.len() >= limit => (Position { from: at.from, next: Some(next), after }, true),
        _ => (Position { from: Some(next), next: None, after: 0 }, false),
    };
    Ok(Outcome::Page { records: snapshots(script.cx, entity, rows), cursor: position.cursor(), more })
}

/// Everything of the window behind the last page. A part of a record that was changed by itself leaves no trace on the
/// record, so that parts are asked as well.
fn changed(cx: &Context, entity: Entity, at: &Position) -> Result<Vec<Json>> {
    let mut domain = row::domain(entity, rpc::company(cx)?);
    if let Some(from) = at.from {
        let from = wire::datetime(Instant::from_ms(from));
        let mut any = vec![json!("OR"), json!(["last_modified_at", ">=", from])];
        for part in row::shape(entity)?.parts {
            any.push(json!([format!("{part}.last_modified_at"), ">=", from]));
        }
        domain.push(Json::Array(any));
    }
    if at.after > 0 {
        domain.push(json!(["id", ">", at.after]));
    }
    Ok(domain)
}
