//! Metering: one event for a subscription, a dimension and an hour. Sent again, an equal one is known.

use crate::{
    answer::{Row, refusal, said, send},
    saas,
};
use concord_connector::{
    Context, Entity, Fault, Fields, Kind, Outcome, Request, Retry, Snapshot, Value,
    exchange::{Change, Refused, Unfit, Write, Written, version_of},
    offer,
    script::{Run, Script},
};
use serde_json::{Value as Json, json};

const WRITE: &str = "microsoft_marketplace.meter";
const HOUR_MS: i64 = 3_600_000;

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Option::as_ref).and_then(Value::as_str)
}

fn subscription(fields: &Fields) -> Option<&str> {
    Some(fields.get("entitlement")?.as_ref()?.as_reference()?.external_id()?.as_str())
}

/// What no meter takes.
pub(crate) fn preflight(write: &Write) -> Vec<Unfit> {
    if !matches!(write.change, Change::Create { .. }) {
        return vec![Unfit::whole(
            "metered usage cannot be changed once it was reported: report the rest in another hour",
        )];
    }
    let mut mistakes = Vec::new();
    let mut need = |holds: bool, field: &'static str, sentence: &str| {
        if !holds {
            mistakes.push(Unfit::field(field, sentence));
        }
    };
    let fields = &write.fields;
    need(subscription(fields).is_some_and(saas::is_id), "entitlement", "name the subscription that used it");
    need(text(fields, "dimension").is_some(), "dimension", "write the id of a custom meter of the plan");
    need(text(fields, "plan").is_some(), "plan", "write the id of the plan that the subscription has");
    let quantity = text(fields, "quantity").and_then(offer::decimal).filter(|quantity| quantity != "0");
    need(quantity.is_some(), "quantity", "write a decimal number above 0; an hour without use is not reported");
    let hour = match fields.get("hour") {
        Some(Some(Value::Instant(hour))) => Some(hour.ms()),
        _ => None,
    };
    need(hour.is_some_and(|ms| ms % HOUR_MS == 0), "hour", "write a full hour in UTC, at most 24 hours ago");
    mistakes
}

/// One event.
fn event(cx: &Context, write: &Write) -> Result<Json, Fault> {
    let mistakes = preflight(write);
    if !mistakes.is_empty() {
        return Err(refusal(WRITE, &mistakes));
    }
    let mut event = cx.mapping(Entity::UsageRecord)?.encode(
        cx,
        Entity::UsageRecord,
        &write.fields,
        concord_connector::mapping::Creating::Yes,
    )?;
    let quantity = text(&write.fields, "quantity").and_then(offer::decimal).unwrap_or_default();
    // A number, without a detour through a float.
    event["quantity"] = serde_json::from_str(&quantity).unwrap_or(Json::Null);
    Ok(event)
}

/// Writes up to 25 of them in one call.
pub(crate) fn write(script: &mut Script<'_>, cx: &Context, writes: &[Write]) -> Run<Outcome> {
    let events: Vec<Result<Json, Fault>> = writes.iter().map(|write| event(cx, write)).collect();
    let good: Vec<Json> = events.iter().filter_map(|event| event.as_ref().ok().cloned()).collect();
    let answer = match good.is_empty() {
        true => None,
        false => {
            let body = json!({ "request": good });
            Some(send(script, saas::versioned(Request::post("/batchUsageEvent", body)))?)
        }
    };
    let mut results = Vec::new();
    let mut trouble = None;
    let mut read_at = None;
    match answer {
        None => {}
        Some(Ok(answer)) => {
            results.clone_from(answer.array("/result")?);
            read_at = Some(answer.started_at);
        }
        Some(Err((mut refused, answer))) => {
            if let Some(said) = said(&answer.body).filter(|_| answer.status == 400) {
                refused.message = format!("Microsoft says: {}", said.chars().take(300).collect::<String>());
            }
            trouble = Some(refused);
        }
    }
    let rows = events.into_iter().zip(writes).map(|(event, write)| {
        let event = event.map_err(Refused::from)?;
        if let Some(trouble) = &trouble {
            return Err(trouble.clone());
        }
        let mine = |result: &&Json| same(result, &event);
        let result = results.iter().find(mine).ok_or_else(|| {
            Refused::from(Fault::new(Kind::Unknown, WRITE, "the answer does not say what became of the event"))
        })?;
        judged(cx, write, &event, result, read_at.unwrap_or_default())
    });
    Ok(Outcome::Written(rows.collect()))
}

/// Whether a result is about an event.
fn same(result: &Json, event: &Json) -> bool {
    let hour = |json: &Json| json["effectiveStartTime"].as_str().and_then(concord_connector::Instant::parse);
    let equal = |name: &str| match (result[name].as_str(), event[name].as_str()) {
        (Some(theirs), Some(ours)) => theirs.eq_ignore_ascii_case(ours),
        _ => false,
    };
    equal("resourceId") && equal("dimension") && hour(result) == hour(event)
}

fn judged(cx: &Context, write: &Write, event: &Json, result: &Json, read_at: concord_connector::Instant) -> Row {
    let refuse = |field: &'static str, code: &str, sentence: &str| {
        let message = Unfit::field(field, sentence).coded(code).to_string();
        Err(Refused { kind: Kind::Rejected, retry: Retry::Never, message })
    };
    let status = result["status"].as_str().unwrap_or_default();
    let created = match status {
        "Accepted" => true,
        "Duplicate" => {
            let earlier =
                ["/error/additionalInfo/acceptedMessage/quantity", "/additionalInfo/acceptedMessage/quantity"];
            let earlier = earlier.iter().find_map(|at| result.pointer(at)).or(result.get("quantity"));
            if earlier.map(number) != Some(number(&event["quantity"])) {
                return refuse(
                    "quantity",
                    status,
                    "another quantity was accepted for this hour before: report the rest in another hour",
                );
            }
            false
        }
        "Expired" => return refuse("hour", status, "usage is taken for 24 hours only"),
        "InvalidDimension" => return refuse("dimension", status, "the plan has no such custom meter"),
        "InvalidQuantity" => return refuse("quantity", status, "Microsoft does not take this quantity"),
        "ResourceNotFound" | "ResourceNotAuthorized" => {
            return refuse("entitlement", status, "Microsoft knows no such subscription of this application");
        }
        "ResourceNotActive" => return refuse("entitlement", status, "the subscription is not active"),
        "Error" => {
            let message = "Microsoft could not take the event now (Error)".to_owned();
            return Err(Refused { kind: Kind::Unavailable, retry: Retry::After(None), message });
        }
        other => return refuse("quantity", other, "Microsoft does not take the event"),
    };
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let id = format!("{}|{}|{}", text("resourceId"), text("dimension"), text("effectiveStartTime"));
    let mut after = Snapshot::new(Entity::UsageRecord, id, version_of(None, read_at));
    after.fields = write.fields.clone();
    after.fields.extend(
        cx.mapping(Entity::UsageRecord)
            .and_then(|mapping| mapping.decode(cx, Entity::UsageRecord, &json!({ "status": "Accepted" })))
            .map_err(Refused::from)?,
    );
    Ok(Written::Done { after, overwritten: Vec::new(), created })
}

/// A quantity in its shortest form: `5.0` is `5`.
fn number(json: &Json) -> Option<String> {
    match json {
        Json::Number(number) => offer::decimal(&number.to_string()),
        Json::String(text) => offer::decimal(text),
        _ => None,
    }
}
