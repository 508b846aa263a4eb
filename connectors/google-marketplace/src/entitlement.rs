//! Purchases: an account is approved first, its entitlements after it. The state is the guard of every call.

use crate::told;
use concord_connector::{
    Context, Cursor, Entity, ExternalId, Fault, Fields, Instant, Kind, Outcome, Request, Response, Result, Snapshot,
    Value,
    exchange::{Change, Refused, Unfit, Write, Written, decode_each, version_of},
    key::{Key, KeyKind},
    script::{Pause, Run, Script},
};
use serde_json::{Value as Json, json};

const WRITE: &str = "google_marketplace.write";
const PAGE: usize = 200;

/// Whether an id can stand in a path as it is.
pub(crate) fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 200
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn provider(cx: &Context) -> &str {
    cx.option("provider_id").unwrap_or_default()
}

/// A page of all entitlements: the filters know no time.
pub(crate) fn list(cx: &Context, size: usize, page: Option<&str>) -> Request {
    let request = Request::get(format!("/providers/{}/entitlements", provider(cx))).query("pageSize", size.to_string());
    match page {
        Some(page) => request.query("pageToken", page),
        None => request,
    }
}

/// One entitlement as it is there.
pub(crate) fn one<'a>(script: &mut Script<'a>, cx: &Context, id: &str) -> Run<Option<&'a Response>> {
    if !is_id(id) {
        return Ok(None);
    }
    let request = Request::get(format!("/providers/{}/entitlements/{id}", provider(cx))).accepting(&[200, 404]);
    let answer = script.send(request)?;
    Ok((answer.status == 200).then_some(answer))
}

fn last(name: &Json) -> Option<&str> {
    name.as_str().and_then(|name| name.rsplit('/').next()).filter(|id| !id.is_empty())
}

fn snapshot(cx: &Context, raw: &Json, read_at: Instant) -> Result<Snapshot> {
    let id = last(&raw["name"]).ok_or_else(|| {
        Fault::malformed("google_marketplace.read", "the entitlement has no name").with("pointer", "/name")
    })?;
    let mut row = raw.clone();
    if let Some(account) = last(&raw["account"]) {
        row["account"] = json!(account);
    }
    // Where private offers are not read, one that is named would be waited for.
    if let Some(offer) =
        raw["offer"].as_str().and_then(crate::offer::of_entitlement).filter(|_| crate::producer::is_on(cx))
    {
        row["privateOffer"] = json!(offer);
    }
    let modified = raw["updateTime"].as_str().and_then(Instant::parse);
    let mut snapshot = Snapshot::new(Entity::Entitlement, ExternalId::from(id), version_of(modified, read_at));
    snapshot.modified = modified;
    snapshot.fields = cx.mapping(Entity::Entitlement)?.decode(cx, Entity::Entitlement, &row)?;
    Ok(snapshot)
}

/// Answers a fetch.
pub(crate) fn fetch(script: &mut Script<'_>, cx: &Context, ids: &[ExternalId]) -> Run<Outcome> {
    let mut records = Vec::new();
    for id in ids {
        if let Some(answer) = one(script, cx, id.as_str())? {
            records.push((id.clone(), snapshot(cx, &answer.body, answer.started_at).map_err(Refused::from)));
        }
    }
    Ok(Outcome::Records(records))
}

/// Answers a poll.
pub(crate) fn poll(script: &mut Script<'_>, cx: &Context, cursor: Option<&Cursor>) -> Run<Outcome> {
    let page = cursor.map(Cursor::as_str).filter(|page| !page.is_empty());
    let answer = script.send(list(cx, PAGE, page))?;
    // A list without entries may be left out altogether; an answer that is no object is none of Google's.
    let none = Vec::new();
    let rows = match answer.at("/entitlements") {
        None if answer.body.is_object() => &none,
        _ => answer.array("/entitlements")?,
    };
    let id = |row: &Json| last(&row["name"]).map(ExternalId::from);
    let records = decode_each(rows, id, |row| snapshot(cx, row, answer.started_at));
    let next = answer.text("/nextPageToken").filter(|token| !token.is_empty()).unwrap_or_default();
    Ok(Outcome::Page { records, more: !next.is_empty(), cursor: Cursor::new(next) })
}

/// Answers a search: nothing of ours can be put into an entitlement.
pub(crate) fn find(script: &mut Script<'_>, cx: &Context, entity: Entity, keys: &[Key]) -> Run<Outcome> {
    let own = keys.iter().filter(|key| key.kind == KeyKind::External).filter_map(|key| key.value.split_once('/'));
    let own = own.filter(|(connection, _)| entity == Entity::Entitlement && *connection == cx.connection.as_str());
    let mut found = Vec::new();
    for (_, id) in own {
        if one(script, cx, id)?.is_some() {
            found.push(ExternalId::from(id));
        }
    }
    Ok(Outcome::Found(found))
}

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Option::as_ref).and_then(Value::as_str)
}

/// What no entitlement takes.
pub(crate) fn preflight(write: &Write) -> Vec<Unfit> {
    if !matches!(write.change, Change::Update { .. }) {
        return vec![Unfit::whole("an entitlement begins when a buyer purchases; none is made or ended from here")];
    }
    let rejects = text(&write.fields, "decision") == Some("rejected");
    match rejects && text(&write.fields, "decision_reason").is_none() {
        true => vec![Unfit::field("decision_reason", "write why, for the buyer")],
        false => Vec::new(),
    }
}

/// Answers a write.
pub(crate) fn write(script: &mut Script<'_>, cx: &Context, writes: &[Write]) -> Run<Outcome> {
    let mut rows = Vec::with_capacity(writes.len());
    for write in writes {
        rows.push(match decide(script, cx, write) {
            Ok(written) => Ok(written),
            // What cannot be written is this row's own trouble.
            Err(Pause::Fault(fault)) => Err(Refused::from(fault)),
            Err(pause) => return Err(pause),
        });
    }
    Ok(Outcome::Written(rows))
}

fn decide(script: &mut Script<'_>, cx: &Context, write: &Write) -> Run<Written> {
    let mistakes: Vec<String> = preflight(write).iter().map(ToString::to_string).collect();
    let Change::Update { id, held, .. } = &write.change else {
        return Err(Fault::new(Kind::Rejected, WRITE, mistakes.join("; ")).into());
    };
    if !mistakes.is_empty() {
        return Err(Fault::new(Kind::Rejected, WRITE, mistakes.join("; ")).into());
    }
    let gone = || Fault::new(Kind::NotFound, WRITE, "Google does not show this entitlement to us").with("id", id);
    let Some(before) = one(script, cx, id.as_str())? else { return Err(gone().into()) };
    let seen = snapshot(cx, &before.body, before.started_at)?;
    if held.iter().any(|(field, value)| seen.fields.get(field).is_some_and(|now| now != value)) {
        return Ok(Written::Moved(seen));
    }
    let reason = text(&write.fields, "decision_reason").unwrap_or_default();
    let pending = before.body["newPendingPlan"].as_str().unwrap_or_default();
    let state = before.body["state"].as_str().unwrap_or_default();
    let (verb, body) = match (text(&write.fields, "decision"), state) {
        (Some("approved"), "ENTITLEMENT_ACTIVATION_REQUESTED") => {
            approve_account(script, before)?;
            ("approve", json!({ "properties": {} }))
        }
        (Some("rejected"), "ENTITLEMENT_ACTIVATION_REQUESTED") => ("reject", json!({ "reason": reason })),
        (Some("approved"), "ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL") => {
            ("approvePlanChange", json!({ "pendingPlanName": pending }))
        }
        (Some("rejected"), "ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL") => {
            ("rejectPlanChange", json!({ "pendingPlanName": pending, "reason": reason }))
        }
        (Some("rejected"), "ENTITLEMENT_ACTIVE" | "ENTITLEMENT_SUSPENDED") => {
            let sentence = "decision: Google lets only the buyer end what has begun";
            return Err(Fault::new(Kind::Rejected, WRITE, sentence).into());
        }
        // It was decided before, or there is nothing to decide.
        _ => return Ok(Written::Done { after: seen, overwritten: Vec::new(), created: false }),
    };
    let path = format!("/providers/{}/entitlements/{id}:{verb}", provider(cx));
    let answer = script.send(Request::post(path, body).accepting(&[200, 400]).writing())?;
    let Some(now) = one(script, cx, id.as_str())? else { return Err(gone().into()) };
    // Somebody was faster where the state is another one by now; else Google does not want it.
    if answer.status == 400 && now.body["state"] == before.body["state"] {
        return Err(told(WRITE, answer).into());
    }
    let after = snapshot(cx, &now.body, now.started_at)?;
    Ok(Written::Done { after, overwritten: Vec::new(), created: false })
}

/// An account that waits is approved before what it purchased.
fn approve_account(script: &mut Script<'_>, entitlement: &Response) -> Run<()> {
    let Some(name) = entitlement.text("/account").filter(|name| name.split('/').all(is_id)) else { return Ok(()) };
    let account = script.send(Request::get(format!("/{name}")).accepting(&[200, 404]))?;
    let waits = |approval: &&Json| approval["state"] == "PENDING";
    let approvals = account.at("/approvals").and_then(Json::as_array);
    let Some(pending) = approvals.into_iter().flatten().find(waits) else { return Ok(()) };
    let body = json!({ "approvalName": pending["name"], "properties": {} });
    let answer = script.send(Request::post(format!("/{name}:approve"), body).accepting(&[200, 400]).writing())?;
    match answer.status {
        200 => Ok(()),
        _ => Err(told(WRITE, answer).into()),
    }
}
