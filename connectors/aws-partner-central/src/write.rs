//! Writing: a new opportunity, or one that is read, laid over and replaced as a whole under the time it was changed last.

use crate::{
    ask, check, deal,
    errors::{Failed, failed, refusal},
    invitation, read, submit,
};
use concord_connector::{
    Context, ExternalId, Fault, Fields, Kind, Outcome, Snapshot, Value,
    exchange::{Change, Checked, Refused, Running, Unfit, Write, Written},
    script::{Run, Script},
};
use serde_json::{Value as Json, json};

type Row = std::result::Result<Written, Refused>;

/// How soon a new opportunity is looked for: AWS shows it some seconds later.
const SHORTLY_S: u64 = 5;
/// A review takes days; an event says when it is over.
const REVIEW_S: u64 = 6 * 3600;

/// Fields that have calls of their own.
const OWN_CALLS: [&str; 4] = ["consent", "solution", "marketplace_offer", "decision"];
/// What AWS lets be changed of an opportunity that it wants mended.
const MENDABLE: [&str; 8] =
    ["website", "address", "close_date", "amount", "problem", "consent", "solution", "marketplace_offer"];
/// What AWS lets nobody change of one that it has approved.
const APPROVED: [&str; 5] = ["industry", "website", "customer_name", "problem", "name"];

/// Writes rows, one after the other.
pub(crate) fn write(cx: &Context, script: &mut Script<'_>, writes: &[Write]) -> Run<Outcome> {
    let mut rows = Vec::with_capacity(writes.len());
    for write in writes {
        let mistakes = check::write(cx, write);
        rows.push(match (&write.change, mistakes.is_empty()) {
            (_, false) => Err(refusal(&mistakes)),
            (Change::Create { .. }, _) => create(cx, script, write)?,
            (Change::Update { id, held, .. }, _) if invitation::is_one(id.as_str()) => {
                answer(cx, script, write, id, held)?
            }
            (Change::Update { id, held, .. }, _) => update(cx, script, write, id, held)?,
            (Change::Archive { .. } | Change::Delete { .. }, _) => {
                Err(Fault::new(Kind::Rejected, "aws-partner-central.write", "Partner Central deletes nothing").into())
            }
        });
    }
    Ok(Outcome::Written(rows))
}

/// What a call is known by, if it is sent twice.
pub(crate) fn token(write: &Write, part: &str) -> String {
    let fixed = match (&write.token, &write.change) {
        (Some(token), _) => token.as_str(),
        (None, Change::Create { idempotency }) => idempotency,
        (None, _) => write.record.as_str(),
    };
    format!("{fixed}-{part}").chars().take(255).collect()
}

fn running(id: &ExternalId, again_s: u64) -> Row {
    Ok(Written::Running(Running { operation: id.clone(), again_s }))
}

/// Makes an opportunity, unless one carries our id. What follows (solution, offer, submission) is done in the check, each
/// once, whatever was lost on the way.
fn create(cx: &Context, script: &mut Script<'_>, write: &Write) -> Run<Row> {
    if let Some(id) = read::find(cx, script, &write.record)?.into_iter().next() {
        return Ok(Ok(Written::Exists(id)));
    }
    let mut body = match deal::creation(cx, &write.record, &write.fields) {
        Ok(body) => body,
        Err(fault) => return Ok(Err(fault.into())),
    };
    body["ClientToken"] = token(write, "create").into();
    let response = script.send(ask::write(cx, "CreateOpportunity", body))?;
    match (response.status, response.text("/Id")) {
        (200, Some(id)) => Ok(running(&id.into(), SHORTLY_S)),
        _ => row_of(failed(response)),
    }
}

fn row_of(failed: Failed) -> Run<Row> {
    match failed {
        Failed::Connection(fault) => Err(fault.into()),
        Failed::Record(refused) => Ok(Err(refused)),
    }
}

fn update(cx: &Context, script: &mut Script<'_>, write: &Write, id: &ExternalId, held: &Fields) -> Run<Row> {
    let Some((opportunity, now)) = read::get(cx, script, id.as_str())? else {
        let fault = Fault::new(Kind::NotFound, "aws-partner-central.write", "AWS does not show this opportunity to us");
        return Ok(Err(fault.with("id", id).into()));
    };
    let there = match read::understood(cx, script, &opportunity, now)? {
        Ok(there) => there,
        Err(fault) => return Ok(Err(fault.into())),
    };
    if moved(&there, held, &write.fields) {
        return Ok(Ok(Written::Moved(there)));
    }
    let mut wanted: Fields = write
        .fields
        .iter()
        .filter(|(name, value)| there.fields.get(*name) != Some(*value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if wanted.is_empty() {
        return Ok(Ok(Written::Done { after: there, overwritten: Vec::new(), created: false }));
    }
    let stays = match gate(&opportunity, &mut wanted) {
        Gate::Refused(refused) => return Ok(Err(refused)),
        Gate::Closed(reason) if wanted.is_empty() => return Ok(Ok(closed(reason))),
        Gate::Closed(reason) => Some(reason),
        Gate::Open => None,
    };
    if wanted.keys().any(|name| !OWN_CALLS.contains(&name.as_str())) {
        let body = match deal::update(cx, &opportunity, &wanted) {
            Ok(body) => body,
            Err(fault) => return Ok(Err(fault.into())),
        };
        let response = script.send(ask::write(cx, "UpdateOpportunity", body))?;
        if response.status != 200 {
            return match failed(response) {
                Failed::Record(refused) if is_closed(&response.body) => {
                    Ok(Ok(closed(&format!("AWS holds the opportunity closed: {}", refused.message))))
                }
                failed => row_of(failed),
            };
        }
    }
    match (stays, submit::is_due(cx, &write.fields, &opportunity)) {
        // What can be done is begun; the rest keeps the write open.
        (Some(reason), true) => {
            return Ok(match submit::follow(cx, script, id.as_str(), write)? {
                Checked::Refused { mistakes } => Err(refusal(&mistakes)),
                _ => Ok(closed(reason)),
            });
        }
        (Some(reason), false) => return Ok(Ok(closed(reason))),
        (None, true) => return Ok(running(id, 1)),
        (None, false) => {}
    }
    match read::one(cx, script, id.as_str())? {
        Some(Ok(after)) => Ok(Ok(Written::Done { after, overwritten: Vec::new(), created: false })),
        Some(Err(fault)) => Ok(Err(fault.into())),
        None => Ok(running(id, SHORTLY_S)),
    }
}

fn closed(reason: &str) -> Written {
    Written::Closed { reason: reason.to_owned(), again_s: REVIEW_S }
}

/// Whether AWS says that the state of the opportunity is what is in the way.
fn is_closed(body: &Json) -> bool {
    ask::rows(body, "/ErrorList")
        .any(|error| matches!(ask::said(error, "/Code"), "INVALID_RESOURCE_STATE" | "ACTION_NOT_PERMITTED"))
}

fn moved(there: &Snapshot, held: &Fields, wanted: &Fields) -> bool {
    wanted.iter().any(|(field, value)| {
        let now = there.fields.get(field);
        now.is_some() && now != Some(value) && held.get(field).is_some_and(|held| Some(held) != now)
    })
}

/// What the state of an opportunity lets through.
enum Gate {
    Open,
    /// What is left of the wanted fields may be sent; the others wait, for this reason.
    Closed(&'static str),
    Refused(Refused),
}

fn gate(opportunity: &Json, wanted: &mut Fields) -> Gate {
    let stage = ask::said(opportunity, "/LifeCycle/Stage");
    let refuse = |fields: Vec<String>, sentence: &str| {
        let mistakes: Vec<Unfit> = fields.iter().map(|field| Unfit::field(field.as_str(), sentence)).collect();
        Gate::Refused(refusal(&mistakes))
    };
    let names = |wanted: &Fields, keep: &dyn Fn(&str) -> bool| -> Vec<String> {
        wanted.keys().map(|name| name.to_string()).filter(|name| keep(name)).collect()
    };
    match (ask::said(opportunity, "/LifeCycle/ReviewStatus"), stage) {
        ("Rejected", _) => {
            refuse(names(wanted, &|_| true), "AWS has rejected the opportunity, and takes no changes of it")
        }
        (_, "Closed Lost") => {
            refuse(names(wanted, &|_| true), "the opportunity is lost, and AWS takes no changes of it")
        }
        (_, "Launched") => {
            refuse(names(wanted, &|_| true), "the opportunity is launched, and AWS takes no changes of it")
        }
        ("Submitted" | "In review", _) => {
            wanted.clear();
            Gate::Closed("AWS reviews the opportunity; what is wanted is sent when the review is over")
        }
        ("Action Required", _) => {
            let fixed = names(wanted, &|name| !MENDABLE.contains(&name));
            if fixed.is_empty() {
                return Gate::Open;
            }
            wanted.retain(|name, _| MENDABLE.contains(&name.as_str()));
            Gate::Closed("AWS wants the opportunity mended first; the other changes are sent when it is approved")
        }
        ("Approved", _) => {
            let fixed = names(wanted, &|name| APPROVED.contains(&name));
            if fixed.is_empty() {
                Gate::Open
            } else {
                refuse(fixed, "AWS keeps this as it was approved; change it back, or ask AWS")
            }
        }
        _ => {
            if wanted.remove("stage").is_some() {
                return Gate::Closed(
                    "a stage moves when AWS has approved the opportunity: submit it (`consent` = given)",
                );
            }
            Gate::Open
        }
    }
}

/// Accepts or rejects an invitation.
fn answer(cx: &Context, script: &mut Script<'_>, write: &Write, id: &ExternalId, held: &Fields) -> Run<Row> {
    let there = match invitation::one(cx, script, id.as_str())? {
        Some(Ok(there)) => there,
        Some(Err(fault)) => return Ok(Err(fault.into())),
        None => {
            let fault =
                Fault::new(Kind::NotFound, "aws-partner-central.write", "AWS does not show this invitation to us");
            return Ok(Err(fault.with("id", id).into()));
        }
    };
    if moved(&there, held, &write.fields) {
        return Ok(Ok(Written::Moved(there)));
    }
    if !invitation::only_decides(&write.fields, &there.fields) {
        let reason = "an invitation is accepted (`decision` = approved) before its deal can be changed";
        return Ok(Ok(Written::Closed { reason: reason.into(), again_s: REVIEW_S }));
    }
    match write.fields.get("decision").and_then(Option::as_ref).and_then(Value::as_str) {
        _ if there.fields.get("decision") == write.fields.get("decision") => {}
        Some("approved") => return Ok(running(id, 1)),
        Some("rejected") => {
            let body = json!({ "Identifier": id.as_str(), "RejectionReason": "Not a fit for this partner" });
            let response = script.send(ask::write(cx, "RejectEngagementInvitation", body))?;
            if response.status != 200 {
                return row_of(failed(response));
            }
            return match invitation::one(cx, script, id.as_str())? {
                Some(Ok(after)) => Ok(Ok(Written::Done { after, overwritten: Vec::new(), created: false })),
                _ => Ok(running(id, SHORTLY_S)),
            };
        }
        _ => {}
    }
    Ok(Ok(Written::Done { after: there, overwritten: Vec::new(), created: false }))
}
