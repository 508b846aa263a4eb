//! What changed since the last time, page by page.
//!
//! An offer changes without its entity: a buyer accepts it, or its last day passes. A window therefore has three parts:
//! entities that were changed, agreements that were, and last days that are over.

use crate::{
    agreement, catalog,
    entity::type_of,
    read::{Rows, entities},
    terms::{rows, said},
};
use concord_connector::{
    Context, Cursor, Entity, ExternalId, Fault, Instant, Outcome, Response, Result,
    script::{Run, Script},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// The parts of a window.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    /// What was changed itself.
    #[default]
    Changed,
    /// Offers whose agreement was changed.
    Accepted,
    /// Offers whose last day is over.
    Expired,
}

/// Where a poll stands.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Position {
    /// The beginning of the window, in milliseconds; none at the beginning of a backfill.
    from: Option<i64>,
    /// The beginning of the next window.
    next: Option<i64>,
    /// Which part of the window.
    #[serde(default)]
    part: Part,
    /// AWS's own mark within the part.
    token: Option<String>,
}

impl Position {
    fn of(cursor: Option<&Cursor>) -> Result<Self> {
        let Some(cursor) = cursor else { return Ok(Self::default()) };
        serde_json::from_str(cursor.as_str())
            .map_err(|_| Fault::malformed("aws-marketplace.poll", "the cursor is none of AWS's; start a backfill"))
    }
    fn cursor(&self) -> Cursor {
        let written = json!({ "from": self.from, "next": self.next, "part": self.part, "token": self.token });
        Cursor::new(written.to_string())
    }
    fn since(&self) -> Option<Instant> {
        self.from.map(Instant::from_ms)
    }
}

/// One page.
pub(crate) fn poll(
    cx: &Context,
    script: &mut Script<'_>,
    of: Entity,
    cursor: Option<&Cursor>,
    until: Instant,
    look_back_s: u64,
) -> Run<Outcome> {
    let at = Position::of(cursor)?;
    let token = at.token.as_deref();
    let (records, token, response) = match (of, at.part) {
        (Entity::UsageRecord, _) => {
            return Ok(Outcome::Page { records: Rows::new(), cursor: at.cursor(), more: false });
        }
        (Entity::Agreement | Entity::Entitlement, _) => agreements(cx, script, of, &at)?,
        (_, Part::Changed) => {
            let mut filters = json!({});
            if let Some(since) = at.since() {
                filters["LastModifiedDate"] = json!({ "DateRange": { "AfterValue": catalog::time(since) } });
            }
            if of == Entity::PrivateOffer {
                filters["Targeting"] = json!({ "ValueList": ["BuyerAccounts"] });
            }
            listed(cx, script, of, filters, token)?
        }
        (_, Part::Accepted) => accepted(cx, script, &at)?,
        (_, Part::Expired) => {
            let from = at.since().unwrap_or(until).minus(Duration::from_secs(48 * 3600));
            let range = json!({ "AfterValue": catalog::time(from), "BeforeValue": catalog::time(until) });
            let filters = json!({
                "AvailabilityEndDate": { "DateRange": range },
                "Targeting": { "ValueList": ["BuyerAccounts"] },
            });
            listed(cx, script, of, filters, token)?
        }
    };
    // A hub whose clock is ahead of AWS's would leave a gap: the next window begins by AWS's clock.
    let next = at.next.unwrap_or_else(|| response.window_end(until).minus(Duration::from_secs(look_back_s)).ms());
    let onward = match (token, at.part) {
        (Some(token), part) => Some(Position { from: at.from, next: Some(next), part, token: Some(token) }),
        (None, Part::Changed) if of == Entity::PrivateOffer && at.from.is_some() => {
            Some(Position { from: at.from, next: Some(next), part: Part::Accepted, token: None })
        }
        (None, Part::Accepted) => Some(Position { from: at.from, next: Some(next), part: Part::Expired, token: None }),
        _ => None,
    };
    let more = onward.is_some();
    let position = onward.unwrap_or(Position { from: Some(next), ..Position::default() });
    Ok(Outcome::Page { records, cursor: position.cursor(), more })
}

type Page<'a> = (Rows, Option<String>, &'a Response);

fn listed<'a>(cx: &Context, script: &mut Script<'a>, of: Entity, filters: Json, token: Option<&str>) -> Run<Page<'a>> {
    let response = script.send(catalog::search(type_of(of)?, filters, token))?;
    let summaries: BTreeMap<&str, &Json> =
        rows(&response.body, "/EntitySummaryList").map(|summary| (said(summary, "EntityId"), summary)).collect();
    let ids: Vec<ExternalId> = summaries.keys().map(|id| ExternalId::from(*id)).collect();
    let records = entities(cx, script, of, &ids, &summaries)?;
    Ok((records, response.text("/NextToken").map(str::to_owned), response))
}

/// The agreements of a window.
fn changed<'a>(script: &mut Script<'a>, at: &Position) -> Run<&'a Response> {
    let since = at.since().map(Instant::rfc3339);
    let filters: Vec<(&str, &str)> = since.iter().map(|since| ("AfterLastUpdateTime", since.as_str())).collect();
    script.send(agreement::search(&filters, at.token.as_deref()))
}

fn agreements<'a>(cx: &Context, script: &mut Script<'a>, of: Entity, at: &Position) -> Run<Page<'a>> {
    let response = changed(script, at)?;
    let mut records = Rows::new();
    if of == Entity::Agreement {
        let ids: Vec<ExternalId> = agreement::summaries(response).map(|one| said(one, "agreementId").into()).collect();
        records = agreement::fetch(cx, script, &ids)?;
    } else {
        let mut products = BTreeMap::new();
        for summary in agreement::summaries(response) {
            records.extend(agreement::of_agreement(cx, script, summary, response.started_at, &mut products)?);
        }
    }
    Ok((records, response.text("/nextToken").map(str::to_owned), response))
}

/// Offers whose agreement was changed: an acceptance that no event told of is found here.
fn accepted<'a>(cx: &Context, script: &mut Script<'a>, at: &Position) -> Run<Page<'a>> {
    let response = changed(script, at)?;
    let offers: BTreeSet<&str> = agreement::summaries(response)
        .filter_map(|one| one.pointer("/proposalSummary/offerId").and_then(Json::as_str))
        .collect();
    let ids: Vec<ExternalId> = offers.into_iter().map(ExternalId::from).collect();
    let records = entities(cx, script, Entity::PrivateOffer, &ids, &BTreeMap::new())?;
    Ok((records, response.text("/nextToken").map(str::to_owned), response))
}
