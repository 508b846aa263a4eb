//! Reading: entities of the catalog by id, agreements and what they entitle to.

use crate::{
    agreement, catalog,
    entity::{self, Beside, external, type_of},
    landing,
    terms::{rows, said},
};
use concord_connector::{
    Context, Entity, ExternalId, Instant, Outcome, Result, Snapshot,
    exchange::Refused,
    script::{Run, Script},
    signal::TOKEN,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Records, each understood or not.
pub(crate) type Rows = Vec<(ExternalId, std::result::Result<Snapshot, Refused>)>;

/// The records of these ids.
pub(crate) fn fetch(cx: &Context, script: &mut Script<'_>, of: Entity, ids: &[ExternalId]) -> Run<Outcome> {
    Ok(Outcome::Records(match of {
        Entity::Agreement => agreement::fetch(cx, script, ids)?,
        Entity::Entitlement => {
            let (tokens, known): (Vec<&ExternalId>, Vec<&ExternalId>) =
                ids.iter().partition(|id| id.as_str().starts_with(TOKEN));
            let known: Vec<ExternalId> = known.into_iter().cloned().collect();
            let mut rows = agreement::entitlements(cx, script, &known)?;
            for id in tokens {
                rows.extend(landing::resolved(cx, script, id, &id.as_str()[TOKEN.len()..])?);
            }
            rows
        }
        // What was metered is shown by nothing.
        Entity::UsageRecord => Vec::new(),
        _ => entities(cx, script, of, ids, &BTreeMap::new())?,
    }))
}

/// One entity of the catalog; `None` when it is not visible.
pub(crate) fn one(cx: &Context, script: &mut Script<'_>, of: Entity, id: &str) -> Run<Option<Result<Snapshot>>> {
    let Some((described, now)) = described(script, id)? else { return Ok(None) };
    Ok(Some(understood(cx, script, of, described, None, now)?))
}

/// What AWS says of one entity, and when it was asked.
pub(crate) fn described<'a>(script: &mut Script<'a>, id: &str) -> Run<Option<(&'a Json, Instant)>> {
    let response = script.send(catalog::describe(id))?;
    Ok((response.status == 200).then_some((&response.body, response.started_at)))
}

/// What a described entity says, with what is known of it beside its document.
pub(crate) fn understood(
    cx: &Context,
    script: &mut Script<'_>,
    of: Entity,
    described: &Json,
    summary: Option<&Json>,
    now: Instant,
) -> Run<Result<Snapshot>> {
    let id = entity::identifier(described).0;
    let mut beside = Beside { summary, agreement: None };
    if of == Entity::PrivateOffer {
        if beside.summary.is_none() && !id.is_empty() {
            // Which agreement an offer is to replace is said in lists only.
            let filters = json!({ "EntityId": { "ValueList": [id] } });
            let listed = script.send(catalog::search("Offer", filters, None))?;
            beside.summary = rows(&listed.body, "/EntitySummaryList").find(|summary| said(summary, "EntityId") == id);
        }
        let document = match entity::document(described) {
            Ok(document) => document,
            Err(fault) => return Ok(Err(fault)),
        };
        if said(&document, "State") == "Released" {
            beside.agreement = agreement::of_offer(script, id)?;
        }
    }
    Ok(entity::snapshot(cx, of, described, &beside, now))
}

/// Entities of the catalog by id: one call for all of them, and what is known beside. `summaries` are those of a list.
pub(crate) fn entities(
    cx: &Context,
    script: &mut Script<'_>,
    of: Entity,
    ids: &[ExternalId],
    summaries: &BTreeMap<&str, &Json>,
) -> Run<Rows> {
    type_of(of)?;
    let mut found: Vec<(&Json, Instant)> = Vec::new();
    // One id that is none of AWS's would spoil the answer for all.
    let well_formed: Vec<&str> = ids.iter().map(ExternalId::as_str).filter(|id| is_id(id)).collect();
    match (ids, well_formed.as_slice()) {
        ([], _) => {}
        ([one], _) => found.extend(described(script, one.as_str())?),
        (_, []) => {}
        (_, some) => {
            let response = script.send(catalog::describe_all(some))?;
            let details = response.at("/EntityDetails").and_then(Json::as_object);
            found
                .extend(details.into_iter().flat_map(|details| details.values()).map(|one| (one, response.started_at)));
        }
    }
    let mut rows = Rows::new();
    for (described, now) in found {
        let Some(id) = external(described) else { continue };
        // Another type's id is not of this entity.
        if !said(described, "EntityType").starts_with(type_of(of)?) {
            continue;
        }
        let summary = summaries.get(id.as_str()).copied();
        let row = understood(cx, script, of, described, summary, now)?;
        rows.push((id, row.map_err(Refused::from)));
    }
    Ok(rows)
}

/// Whether a text has the form of an entity's id.
fn is_id(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = text.chars().all(|c| c.is_ascii_alphanumeric() || "./-".contains(c));
    text.len() >= 3 && text.len() <= 255 && inner && ends(text.chars().next()) && ends(text.chars().last())
}
