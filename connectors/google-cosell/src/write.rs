//! Writing opportunities: a draft, then its submission; later the fields that changed, and no others.

use crate::{
    check::preflight,
    is_on,
    read::{marked, one, partner},
    view::{id_of, mark, mask, overlay, snapshot, staged},
};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Fields, Kind, Outcome, Request, Response, Value,
    exchange::{Change, Method, Refused, Unfit, Write, Written},
    mapping::Creating,
    script::{Pause, Run, Script},
};
use serde_json::{Value as Json, json};

const WRITE: &str = "google_cosell.write";
/// Between looks at a deal that Google reviews, in seconds.
const REVIEW_S: u64 = 3_600;

/// Answers a write.
pub(crate) fn write(script: &mut Script<'_>, cx: &Context, writes: &[Write]) -> Run<Outcome> {
    let mut rows = Vec::with_capacity(writes.len());
    for write in writes {
        let row = match &write.change {
            Change::Create { .. } => create(script, cx, write),
            Change::Update { id, held, .. } => update(script, cx, write, id, held),
            Change::Archive { .. } | Change::Delete { .. } => {
                Err(Fault::new(Kind::Rejected, WRITE, "an opportunity is closed by its stage, and never deleted")
                    .into())
            }
        };
        rows.push(match row {
            Ok(written) => Ok(written),
            // What cannot be written is this row's own trouble.
            Err(Pause::Fault(fault)) if fault.kind != Kind::Unavailable => Err(Refused::from(fault)),
            Err(pause) => return Err(pause),
        });
    }
    Ok(Outcome::Written(rows))
}

fn refusal(mistakes: &[Unfit]) -> Fault {
    let sentences: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    Fault::new(Kind::Rejected, WRITE, sentences.join("; "))
}

fn checked(cx: &Context, write: &Write) -> Result<(), Fault> {
    let mistakes = preflight(cx, write);
    if mistakes.is_empty() { Ok(()) } else { Err(refusal(&mistakes)) }
}

/// Whether a draft of ours is on its way to Google's review.
pub(crate) fn is_coming(cx: &Context, raw: &Json) -> bool {
    raw["state"] == "DRAFT" && is_to_be_submitted(cx, raw)
}

fn is_to_be_submitted(cx: &Context, raw: &Json) -> bool {
    let consented = raw.pointer("/qualificationInfo/legalLanguageAccepted") == Some(&json!(true));
    is_on(cx) && consented && cx.option("submit") != Some("no")
}

fn create(script: &mut Script<'_>, cx: &Context, write: &Write) -> Run<Written> {
    checked(cx, write)?;
    let mut raw = json!({
        "opportunityType": "ISV_SOLUTION_CONNECT",
        "opportunityInfo": { "partnerEntity": partner(cx), "productFamily": ["GOOGLE_CLOUD_PLATFORM"] },
        "qualificationInfo": { "contractLengthMonths": 12, "decisionPhase": "INFORMATION_GATHERING" },
        "isvSolutionConnectInfo": { "isvSolutionConnectDeal": true, "customerContactRequested": true },
        "submitterEmail": cx.option("submitter_email"),
    });
    overlay(cx, &write.fields, &mut raw, Creating::Yes)?;
    mark(&mut raw, write.record.as_str())?;
    raw["state"] = json!("DRAFT");
    let there = match marked(script, cx, &write.record)? {
        // Made by a call whose answer got lost.
        Some(there) if is_coming(cx, &there) => there,
        Some(there) => {
            return match id_of(&there) {
                Some(id) => Ok(Written::Exists(id.into())),
                None => Err(unnamed().into()),
            };
        }
        None => good(script.send(Request::post("/opportunities", raw).accepting(&[200, 400]).writing())?)?.body.clone(),
    };
    let id = id_of(&there).ok_or_else(unnamed)?.to_owned();
    if is_coming(cx, &there) {
        good(script.send(patch(cx, &id, json!({ "state": "SUBMITTED" }), &["state".to_owned()]))?)?;
    }
    let now = again(script, cx, &id)?;
    let after = snapshot(cx, &now.body, now.started_at)?;
    Ok(Written::Done { after, overwritten: Vec::new(), created: true })
}

fn unnamed() -> Fault {
    Fault::new(Kind::Unknown, WRITE, "the answer does not name the opportunity")
}

fn patch(cx: &Context, id: &str, body: Json, paths: &[String]) -> Request {
    Request::new(Method::Patch, format!("/opportunities/{id}"))
        .json(body)
        .query("updateMask", paths.join(","))
        .query("partner", partner(cx))
        .accepting(&[200, 400])
        .writing()
}

/// The answer, when Google took the write.
fn good(answer: &Response) -> Run<&Response> {
    if answer.status == 200 {
        return Ok(answer);
    }
    let said = answer.text("/error/message").unwrap_or("without a reason").chars().take(300).collect::<String>();
    Err(Fault::new(Kind::Rejected, WRITE, format!("Google says: {said}")).into())
}

fn again<'a>(script: &mut Script<'a>, cx: &Context, id: &str) -> Run<&'a Response> {
    let gone = || {
        Fault::new(Kind::NotFound, WRITE, "Google does not show this opportunity to us")
            .with("entity", Entity::CosellDeal)
            .with("id", id)
    };
    Ok(one(script, cx, id)?.ok_or_else(gone)?)
}

fn update(script: &mut Script<'_>, cx: &Context, write: &Write, id: &ExternalId, held: &Fields) -> Run<Written> {
    checked(cx, write)?;
    let before = again(script, cx, id.as_str())?;
    let seen = snapshot(cx, &before.body, before.started_at)?;
    if held.iter().any(|(field, value)| seen.fields.get(field).is_some_and(|now| now != value)) {
        return Ok(Written::Moved(seen));
    }
    let state = before.body["state"].as_str().unwrap_or_default().to_owned();
    let mut raw = before.body.clone();
    overlay(cx, &write.fields, &mut raw, Creating::No)?;
    let mut stage_waits = false;
    if let Some(Some(Value::Enum(_))) = write.fields.get("stage") {
        let mut wanted = raw.clone();
        staged(cx, &write.fields, &mut wanted)?;
        let moves = snapshot(cx, &wanted, before.started_at)?.fields.get("stage") != seen.fields.get("stage");
        match state.as_str() {
            "ACCEPTED" if moves => raw = wanted,
            _ => stage_waits = moves,
        }
    }
    let mut paths = mask(&before.body, &raw);
    if state == "SUBMITTED" && (!paths.is_empty() || stage_waits) {
        let reason = "Google reviews the deal, and takes no change of it meanwhile".to_owned();
        return Ok(Written::Closed { reason, again_s: REVIEW_S });
    }
    // What was not accepted goes to Google again when it was changed, and a draft when it may.
    let resubmits = matches!(state.as_str(), "DRAFT" | "NOT_ACCEPTED" | "REJECTED") && is_to_be_submitted(cx, &raw);
    if resubmits && !paths.is_empty() {
        raw["state"] = json!("SUBMITTED");
        paths.push("state".to_owned());
    }
    let mut after = seen;
    if !paths.is_empty() {
        let body = only(&raw, &paths)?;
        good(script.send(patch(cx, id.as_str(), body, &paths))?)?;
        let now = again(script, cx, id.as_str())?;
        after = snapshot(cx, &now.body, now.started_at)?;
    }
    if stage_waits {
        let reason = "Google takes a stage once it has accepted the deal".to_owned();
        return Ok(Written::Closed { reason, again_s: REVIEW_S });
    }
    Ok(Written::Done { after, overwritten: Vec::new(), created: false })
}

/// The parts of a document that a mask names.
fn only(raw: &Json, paths: &[String]) -> Result<Json, Fault> {
    let mut body = json!({});
    for path in paths {
        let at = format!("/{}", path.replace('.', "/"));
        crate::view::set(&mut body, &at, raw.pointer(&at).unwrap_or(&Json::Null))?;
    }
    Ok(body)
}
