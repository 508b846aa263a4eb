//! Reading: one record after another, and pages of all of them. No list says what changed since when.

use crate::{answer::snapshot, ingestion, listing, offer, saas};
use concord_connector::{
    Context, Cursor, Entity, ExternalId, Fault, Instant, Outcome, Response, Snapshot,
    exchange::{Refused, decode_each},
    script::{Run, Script},
    signal::TOKEN,
};
use serde_json::Value as Json;

/// Answers a fetch.
pub(crate) fn fetch(script: &mut Script<'_>, cx: &Context, entity: Entity, ids: &[ExternalId]) -> Run<Outcome> {
    let mut records = Vec::new();
    for id in ids {
        let seen = match entity {
            Entity::Entitlement => match id.as_str().strip_prefix(TOKEN) {
                Some(token) => saas::resolved(script, token)?,
                None => saas::one(script, id.as_str())?,
            },
            Entity::PrivateOffer => offer::one(script, id.as_str())?,
            Entity::Listing => listing::one(script, id.as_str())?,
            _ => None,
        };
        if let Some(seen) = seen {
            records.push((id.clone(), seen.snapshot(cx, entity).map_err(Refused::from)));
        }
    }
    Ok(Outcome::Records(records))
}

/// A record in our view of it, and when it was read.
pub(crate) struct Seen {
    pub(crate) row: Json,
    pub(crate) modified: Option<Instant>,
    pub(crate) at: Instant,
}

impl Seen {
    pub(crate) fn snapshot(&self, cx: &Context, entity: Entity) -> Result<Snapshot, Fault> {
        snapshot(cx, entity, &self.row, self.modified, self.at)
    }
}

/// Answers a poll: a page of everything.
pub(crate) fn poll(script: &mut Script<'_>, cx: &Context, entity: Entity, cursor: Option<&Cursor>) -> Run<Outcome> {
    let page = cursor.map(Cursor::as_str).filter(|page| !page.is_empty());
    let off = entity != Entity::Entitlement && cx.option("product_ingestion") == Some("off");
    if off || entity == Entity::UsageRecord {
        return Ok(Outcome::Page { records: Vec::new(), cursor: Cursor::new(""), more: false });
    }
    let (answer, rows) = match entity {
        Entity::Entitlement => {
            let answer = script.send(saas::list(page))?;
            (answer, saas::rows(answer)?)
        }
        Entity::PrivateOffer => {
            let answer = script.send(ingestion::offers(page))?;
            let mut rows = offer::rows(script, answer)?;
            rows.retain(|row| !offer::is_coming(cx, row));
            (answer, rows)
        }
        _ => {
            let answer = script.send(ingestion::products(page))?;
            (answer, listing::rows(script, answer)?)
        }
    };
    let next = ingestion::next(answer);
    let id = |row: &Json| row["id"].as_str().map(ExternalId::from);
    let modified = |row: &Json| row["modified"].as_str().and_then(Instant::parse);
    let records = decode_each(&rows, id, |row| snapshot(cx, entity, row, modified(row), read_at(answer)));
    Ok(Outcome::Page { records, more: next.is_some(), cursor: Cursor::new(next.unwrap_or_default()) })
}

fn read_at(answer: &Response) -> Instant {
    answer.started_at
}
