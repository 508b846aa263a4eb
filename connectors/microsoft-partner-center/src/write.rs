//! Writing referrals: the whole of one goes back under its change token, with our fields over theirs.

use crate::{
    check::preflight,
    read::{marked, one},
    view::{overlay, snapshot},
};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Fields, Kind, Outcome, Request, Response,
    exchange::{Change, Method, Refused, Write, Written},
    mapping::Creating,
    script::{Pause, Run, Script},
};
use serde_json::{Value as Json, json};

const WRITE: &str = "microsoft_partner_center.write";
/// Statuses that say that the referral changed since it was read.
const STALE: [u16; 3] = [409, 412, 428];

/// Answers a write.
pub(crate) fn write(script: &mut Script<'_>, cx: &Context, writes: &[Write]) -> Run<Outcome> {
    let mut rows = Vec::with_capacity(writes.len());
    for write in writes {
        let row = match &write.change {
            Change::Create { .. } => create(script, cx, write),
            Change::Update { id, held, .. } => update(script, cx, write, id, held),
            Change::Archive { .. } | Change::Delete { .. } => {
                Err(Fault::new(Kind::Rejected, WRITE, "a referral is closed by its stage, and never deleted").into())
            }
        };
        rows.push(match row {
            Ok(written) => Ok(written),
            // What cannot be written is this row's own trouble.
            Err(Pause::Fault(fault)) => Err(Refused::from(fault)),
            Err(pause) => return Err(pause),
        });
    }
    Ok(Outcome::Written(rows))
}

fn checked(write: &Write) -> Result<(), Fault> {
    let mistakes: Vec<String> = preflight(write).iter().map(ToString::to_string).collect();
    if mistakes.is_empty() { Ok(()) } else { Err(Fault::new(Kind::Rejected, WRITE, mistakes.join("; "))) }
}

fn create(script: &mut Script<'_>, cx: &Context, write: &Write) -> Run<Written> {
    checked(write)?;
    if let Some(id) = marked(script, &write.record)? {
        return Ok(Written::Exists(id));
    }
    let mut raw =
        json!({ "type": "Independent", "qualification": "SalesQualified", "status": "New", "substatus": "Pending" });
    overlay(cx, &write.fields, &mut raw, Creating::Yes)?;
    if raw.pointer("/consent/consentToShareReferralWithMicrosoftSellers") == Some(&json!(true)) {
        raw["type"] = json!("Shared");
    }
    raw["externalReferenceId"] = json!(write.record.as_str());
    let request = Request::post("/referrals", raw).accepting(&[200, 201, 400]).writing();
    let answer = script.send(request)?;
    if answer.status == 400 {
        return Err(told(answer).into());
    }
    let after = snapshot(cx, &answer.body, answer.started_at)?;
    Ok(Written::Done { after, overwritten: Vec::new(), created: true })
}

/// A refusal in the vendor's words.
fn told(answer: &Response) -> Fault {
    let said = ["/error/message", "/message", "/description"].iter().find_map(|at| answer.text(at));
    let said = said.unwrap_or("without a reason").chars().take(300).collect::<String>();
    Fault::new(Kind::Rejected, WRITE, format!("Partner Center says: {said}"))
}

fn update(script: &mut Script<'_>, cx: &Context, write: &Write, id: &ExternalId, held: &Fields) -> Run<Written> {
    checked(write)?;
    let gone = || {
        Fault::new(Kind::NotFound, WRITE, "Partner Center does not show this referral to us")
            .with("entity", Entity::CosellDeal)
            .with("id", id)
    };
    let Some(before) = one(script, id)? else { return Err(gone().into()) };
    let seen = snapshot(cx, &before.body, before.started_at)?;
    if held.iter().any(|(field, value)| seen.fields.get(field).is_some_and(|now| now != value)) {
        return Ok(Written::Moved(seen));
    }
    let mut raw = before.body.clone();
    overlay(cx, &write.fields, &mut raw, Creating::No)?;
    if raw == before.body {
        return Ok(Written::Done { after: seen, overwritten: Vec::new(), created: false });
    }
    if before.body["status"] == "Closed" {
        let sentence = "the referral is closed, and Partner Center takes no more changes of it";
        return Err(Fault::new(Kind::Rejected, WRITE, sentence).into());
    }
    if let Some(members) = raw.as_object_mut() {
        members.retain(|name, _| name != "links" && !name.starts_with("@odata"));
    }
    let token = before.body["eTag"].as_str().unwrap_or("*").to_owned();
    let request = Request::new(Method::Put, format!("/referrals/{id}"))
        .json(raw)
        .header("content-type", "application/json")
        .header("if-match", token)
        .accepting(&[200, 204, 400, 409, 412, 428])
        .writing();
    let answer = script.send(request)?;
    let stale = STALE.contains(&answer.status) || resource_modified(&answer.body);
    if answer.status == 400 && !stale {
        return Err(told(answer).into());
    }
    if !stale && answer.body["id"].is_string() {
        let after = snapshot(cx, &answer.body, answer.started_at)?;
        return Ok(Written::Done { after, overwritten: Vec::new(), created: false });
    }
    let Some(now) = one(script, id)? else { return Err(gone().into()) };
    let after = snapshot(cx, &now.body, now.started_at)?;
    Ok(if stale { Written::Moved(after) } else { Written::Done { after, overwritten: Vec::new(), created: false } })
}

/// Another way in which Partner Center says that somebody was faster.
fn resource_modified(body: &Json) -> bool {
    let code = body.pointer("/error/code").or(body.get("code")).and_then(Json::as_str);
    code.is_some_and(|code| code.eq_ignore_ascii_case("resourceModified"))
}
