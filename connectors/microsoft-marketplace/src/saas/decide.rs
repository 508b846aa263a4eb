//! What a seller may do to a subscription: let it begin, answer what the buyer asked for, change plan or seats, end it.

use super::{get, one, versioned};
use crate::{
    answer::{Row, done, gone, moved, own, refusal, said, send},
    read::Seen,
};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Fields, Kind, Outcome, Request, Response, Value,
    exchange::{Change, Checked, Method, Refused, Running, Unfit, Write, Written},
    script::{Run, Script},
};
use serde_json::{Value as Json, json};

/// Changes of a subscription take seconds.
const AGAIN_S: u64 = 15;

/// What no subscription takes.
pub(crate) fn preflight(write: &Write) -> Vec<Unfit> {
    let mut mistakes = Vec::new();
    if matches!(write.change, Change::Create { .. }) {
        mistakes.push(Unfit::whole("a subscription begins when a buyer purchases; none is made from here"));
    }
    let seats = write.fields.get("quantity").and_then(Option::as_ref).and_then(Value::as_str);
    if seats.is_some_and(|seats| seats.parse::<u32>().map_or(true, |seats| seats == 0)) {
        mistakes.push(Unfit::field("quantity", "write a whole number of seats, from 1"));
    }
    if write.fields.get("plan").is_some_and(Option::is_none) {
        mistakes
            .push(Unfit::field("plan", "a subscription has a plan: write the id of one, as it is in Partner Center"));
    }
    mistakes
}

/// Writes one subscription.
pub(crate) fn write(script: &mut Script<'_>, cx: &Context, write: &Write) -> Run<Row> {
    let row = match &write.change {
        Change::Update { id, held, .. } => change(script, cx, write, id, held),
        _ => Err(refusal(WRITE, &preflight(write)).into()),
    };
    own(row)
}

const WRITE: &str = "microsoft_marketplace.write";

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Option::as_ref).and_then(Value::as_str)
}

fn change(script: &mut Script<'_>, cx: &Context, write: &Write, id: &ExternalId, held: &Fields) -> Run<Written> {
    let mistakes = preflight(write);
    if !mistakes.is_empty() {
        return Err(refusal(WRITE, &mistakes).into());
    }
    let Some(seen) = one(script, id.as_str())? else { return Err(gone(Entity::Entitlement, id).into()) };
    let shown = seen.snapshot(cx, Entity::Entitlement)?;
    if moved(held, &shown) {
        return Ok(Written::Moved(shown));
    }
    let decided = match text(&write.fields, "decision") {
        Some("approved") => approve(script, id, &seen.row, &write.fields)?,
        Some("rejected") => reject(script, id, &seen.row)?,
        _ => Decided::Nothing,
    };
    match decided {
        Decided::Nothing => {}
        Decided::Running(written) => return Ok(*written),
        Decided::Done => {
            let Some(seen) = one(script, id.as_str())? else { return Err(gone(Entity::Entitlement, id).into()) };
            return Ok(done(seen.snapshot(cx, Entity::Entitlement)?));
        }
    }
    match wanted(&write.fields, &seen.row) {
        None => Ok(done(shown)),
        Some(_) if seen.row["saasSubscriptionStatus"] == "PendingFulfillmentStart" => Ok(Written::Closed {
            reason: "the purchase waits to be activated: plan and seats can be changed after that".into(),
            again_s: 3_600,
        }),
        Some((field, body)) => patch(script, id, field, body),
    }
}

/// What is to be changed next: the plan first, and the seats after it, because one change may hold one of them.
fn wanted(fields: &Fields, row: &Json) -> Option<(&'static str, Json)> {
    if let Some(plan) = text(fields, "plan").filter(|plan| row["planId"] != *plan) {
        return Some(("plan", json!({ "planId": plan })));
    }
    let seats: u32 = text(fields, "quantity")?.parse().ok()?;
    (row["quantity"].as_u64() != Some(seats.into())).then(|| ("quantity", json!({ "quantity": seats })))
}

fn patch(script: &mut Script<'_>, id: &ExternalId, field: &'static str, body: Json) -> Run<Written> {
    let request = versioned(Request::new(Method::Patch, format!("/saas/subscriptions/{id}"))).json(body);
    match send(script, request)? {
        Ok(answer) => Ok(running(id, answer)?),
        Err((refused, answer)) => {
            if answer.status == 400 && outstanding(script, id)?.is_some() {
                let reason = "another change of the subscription is on its way".to_owned();
                return Ok(Written::Closed { reason, again_s: 60 });
            }
            Err(told(refused, answer, Some(field)).into())
        }
    }
}

/// A refusal with the vendor's own sentence.
fn told(refused: Refused, answer: &Response, field: Option<&'static str>) -> Fault {
    let sentence = match said(&answer.body).filter(|_| matches!(answer.status, 400 | 409 | 422)) {
        Some(said) => format!("Microsoft says: {}", said.chars().take(300).collect::<String>()),
        None => refused.message,
    };
    let unfit = Unfit { field: field.map(Into::into), code: None, sentence };
    Fault::new(refused.kind, WRITE, unfit.to_string()).retry(refused.retry)
}

/// The operation that an answer names.
fn running(id: &ExternalId, answer: &Response) -> Result<Written, Fault> {
    let address = answer.headers.get("operation-location").map(String::as_str).unwrap_or_default();
    let path = address.split('?').next().unwrap_or_default().trim_end_matches('/');
    match path.rsplit('/').next().filter(|name| super::is_id(name)) {
        Some(name) => Ok(Written::Running(Running { operation: format!("{id}/{name}").into(), again_s: AGAIN_S })),
        None => Err(Fault::new(Kind::Unknown, WRITE, "the answer does not name the operation that it began")),
    }
}

enum Decided {
    Nothing,
    Done,
    Running(Box<Written>),
}

/// What the buyer asked for and nobody answered yet.
fn outstanding(script: &mut Script<'_>, id: &ExternalId) -> Run<Option<Json>> {
    let answer = script.send(get(format!("/saas/subscriptions/{id}/operations")).accepting(&[200, 404]))?;
    if answer.status == 404 {
        return Ok(None);
    }
    let open = |operation: &&Json| matches!(operation["status"].as_str(), Some("InProgress" | "NotStarted"));
    Ok(answer.array("/operations")?.iter().find(open).cloned())
}

fn approve(script: &mut Script<'_>, id: &ExternalId, row: &Json, fields: &Fields) -> Run<Decided> {
    if row["saasSubscriptionStatus"] == "PendingFulfillmentStart" {
        let plan = text(fields, "plan").or(row["planId"].as_str()).unwrap_or_default();
        let mut body = json!({ "planId": plan });
        let seats = text(fields, "quantity").and_then(|seats| seats.parse::<u64>().ok()).or(row["quantity"].as_u64());
        if let Some(seats) = seats {
            body["quantity"] = json!(seats);
        }
        let request = versioned(Request::post(format!("/saas/subscriptions/{id}/activate"), body));
        return match send(script, request)? {
            Ok(_) => Ok(Decided::Done),
            Err((refused, answer)) => Err(told(refused, answer, Some("decision")).into()),
        };
    }
    match outstanding(script, id)? {
        Some(operation) => answer_with(script, id, &operation, "Success").map(|()| Decided::Done),
        None => Ok(Decided::Nothing),
    }
}

fn reject(script: &mut Script<'_>, id: &ExternalId, row: &Json) -> Run<Decided> {
    if row["saasSubscriptionStatus"] == "Unsubscribed" {
        return Ok(Decided::Nothing);
    }
    if let Some(operation) = outstanding(script, id)? {
        // To refuse to go on after a suspension is to end it.
        if matches!(operation["action"].as_str(), Some("ChangePlan" | "ChangeQuantity")) {
            return answer_with(script, id, &operation, "Failure").map(|()| Decided::Done);
        }
    }
    let request = versioned(Request::new(Method::Delete, format!("/saas/subscriptions/{id}")));
    match send(script, request)? {
        Ok(answer) => Ok(Decided::Running(Box::new(running(id, answer)?))),
        Err((refused, answer)) => Err(told(refused, answer, Some("decision")).into()),
    }
}

fn answer_with(script: &mut Script<'_>, id: &ExternalId, operation: &Json, status: &str) -> Run<()> {
    let name = operation["id"].as_str().unwrap_or_default();
    let path = format!("/saas/subscriptions/{id}/operations/{name}");
    let request = versioned(Request::new(Method::Patch, path)).json(json!({ "status": status }));
    match send(script, request)? {
        Ok(_) => Ok(()),
        // It was answered already, by somebody or by time: what a read shows counts.
        Err((_, answer)) if answer.status == 409 => Ok(()),
        Err((refused, answer)) => Err(told(refused, answer, Some("decision")).into()),
    }
}

/// How a change stands.
pub(crate) fn check(script: &mut Script<'_>, cx: &Context, operation: &ExternalId, write: &Write) -> Run<Outcome> {
    let unknown = || Fault::malformed("microsoft_marketplace.check", "this is no operation of a subscription");
    let (id, name) = operation.as_str().split_once('/').ok_or_else(unknown)?;
    let request = get(format!("/saas/subscriptions/{id}/operations/{name}")).accepting(&[200, 404]);
    let answer = script.send(request)?;
    let broken = |reason: &str| Ok(Outcome::Checked(Checked::Broken { reason: reason.into() }));
    match answer.text("/status").unwrap_or_default() {
        "NotStarted" | "InProgress" => return Ok(Outcome::Checked(Checked::Running { again_s: AGAIN_S })),
        "Conflict" => return broken("another change of the subscription came in between"),
        "Failed" => {
            let field = if text(&write.fields, "plan").is_some() { "plan" } else { "quantity" };
            let sentence = "Microsoft did not make the change: look at the plan's limits in Partner Center";
            return Ok(Outcome::Checked(Checked::Refused { mistakes: vec![Unfit::field(field, sentence)] }));
        }
        // What became of a forgotten operation is seen in the subscription.
        _ => {}
    }
    let id = ExternalId::from(id);
    let Some(seen) = one(script, id.as_str())? else { return broken("the subscription is not shown to us any more") };
    finished(script, cx, &id, &seen, write, answer.status == 200)
}

fn finished(
    script: &mut Script<'_>,
    cx: &Context,
    id: &ExternalId,
    seen: &Seen,
    write: &Write,
    known: bool,
) -> Run<Outcome> {
    let after = seen.snapshot(cx, Entity::Entitlement)?;
    let ends = text(&write.fields, "decision") == Some("rejected");
    let left = wanted(&write.fields, &seen.row).filter(|_| !ends);
    match left {
        None => Ok(Outcome::Checked(Checked::Done { after, created: false })),
        // The plan was changed, and the seats come after it.
        Some(("quantity", body)) if known && text(&write.fields, "plan").is_some() => {
            if outstanding(script, id)?.is_none() {
                patch(script, id, "quantity", body)?;
            }
            Ok(Outcome::Checked(Checked::Running { again_s: AGAIN_S }))
        }
        Some(_) => Ok(Outcome::Checked(Checked::Broken { reason: "the subscription does not show the change".into() })),
    }
}
