//! Usage: operations of Service Control, each under an id that is made of what it counts, so that none counts twice.

use crate::{entitlement, told};
use concord_connector::{
    Context, Entity, Fault, Fields, Kind, Outcome, Request, Response, Retry, Snapshot, Value,
    exchange::{Change, Refused, Unfit, Write, Written, version_of},
    offer::decimal,
    script::{Run, Script},
};
use serde_json::{Value as Json, json};
use sha1::{Digest as _, Sha1};
use std::{collections::BTreeMap, time::Duration};

const WRITE: &str = "google_marketplace.report";
const HOUR: Duration = Duration::from_secs(3_600);

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Option::as_ref).and_then(Value::as_str)
}

fn entitled(fields: &Fields) -> Option<&str> {
    Some(fields.get("entitlement")?.as_ref()?.as_reference()?.external_id()?.as_str())
}

fn hour(fields: &Fields) -> Option<concord_connector::Instant> {
    match fields.get("hour") {
        Some(Some(Value::Instant(hour))) => Some(*hour),
        _ => None,
    }
}

/// What no report takes.
pub(crate) fn preflight(write: &Write) -> Vec<Unfit> {
    if !matches!(write.change, Change::Create { .. }) {
        return vec![Unfit::whole("reported usage cannot be changed: report the rest in another hour")];
    }
    let fields = &write.fields;
    let mut mistakes = Vec::new();
    let mut need = |holds: bool, field: &'static str, sentence: &str| {
        if !holds {
            mistakes.push(Unfit::field(field, sentence));
        }
    };
    need(entitled(fields).is_some(), "entitlement", "name the entitlement that used it");
    need(text(fields, "dimension").is_some(), "dimension", "write the metric, without the service before it");
    need(text(fields, "quantity").and_then(decimal).is_some(), "quantity", "write a decimal number");
    need(hour(fields).is_some_and(|at| at.ms() % 3_600_000 == 0), "hour", "write a full hour in UTC");
    mistakes
}

/// The namespace of names that are addresses (RFC 9562).
const NAMESPACE: [u8; 16] =
    [0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];

/// A UUID made of what is counted (version 5): equal for the same, different for anything else.
fn operation_id(entitlement: &str, metric: &str, hour: &str) -> String {
    let name = format!("{entitlement}/{metric}/{hour}");
    let mut bytes = Sha1::new().chain_update(NAMESPACE).chain_update(name).finalize();
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex::encode(&bytes[..16]);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

/// One operation.
fn operation(cx: &Context, write: &Write, consumer: &str) -> Json {
    let fields = &write.fields;
    let service = cx.option("service").unwrap_or_default();
    let metric = format!("{service}/{}", text(fields, "dimension").unwrap_or_default());
    let (from, to) = hour(fields).map(|at| (at.rfc3339(), at.plus(HOUR).rfc3339())).unwrap_or_default();
    let quantity = text(fields, "quantity").and_then(decimal).unwrap_or_default();
    // 64-bit numbers are texts there; what has a fraction is a number.
    let value = match quantity.contains('.') {
        true => json!({ "doubleValue": serde_json::from_str::<Json>(&quantity).unwrap_or_default() }),
        false => json!({ "int64Value": quantity }),
    };
    json!({
        "operationId": operation_id(entitled(fields).unwrap_or_default(), &metric, &from),
        "operationName": "Hourly usage", "consumerId": consumer, "startTime": from, "endTime": to,
        "metricValueSets": [{ "metricName": metric, "metricValues": [value] }],
    })
}

type Row = Result<Written, Refused>;

fn refused(kind: Kind, retry: Retry, message: String) -> Refused {
    Refused { kind, retry, message }
}

/// Writes several in one report, each consumer checked before it.
pub(crate) fn write(script: &mut Script<'_>, cx: &Context, writes: &[Write]) -> Run<Outcome> {
    let service = cx.option("service").unwrap_or_default();
    let mut consumers: BTreeMap<String, Result<String, Refused>> = BTreeMap::new();
    let mut operations: Vec<Result<Json, Refused>> = Vec::with_capacity(writes.len());
    for write in writes {
        let mistakes: Vec<String> = preflight(write).iter().map(ToString::to_string).collect();
        if !mistakes.is_empty() {
            operations.push(Err(refused(Kind::Rejected, Retry::Never, mistakes.join("; "))));
            continue;
        }
        let id = entitled(&write.fields).unwrap_or_default().to_owned();
        if !consumers.contains_key(&id) {
            let consumer = checked(script, cx, service, &id, write)?;
            consumers.insert(id.clone(), consumer);
        }
        let consumer = consumers[&id].clone();
        operations.push(consumer.map(|consumer| operation(cx, write, &consumer)));
    }
    let good: Vec<Json> = operations.iter().filter_map(|one| one.as_ref().ok().cloned()).collect();
    let mut answer: Option<&Response> = None;
    if !good.is_empty() {
        let request = Request::post(format!("/services/{service}:report"), json!({ "operations": good })).to("usage");
        answer = Some(script.send(request.accepting(&[200, 400]).writing())?);
    }
    let rows = operations.into_iter().zip(writes).map(|(operation, write)| match answer {
        Some(answer) => judged(cx, write, &operation?, answer),
        None => Err(operation
            .err()
            .unwrap_or_else(|| refused(Kind::Unexpected, Retry::Never, "nothing was reported".into()))),
    });
    Ok(Outcome::Written(rows.collect()))
}

/// Against whom an entitlement's usage counts, if Google takes usage of it now.
fn checked(
    script: &mut Script<'_>,
    cx: &Context,
    service: &str,
    id: &str,
    write: &Write,
) -> Run<Result<String, Refused>> {
    let unknown =
        |sentence: &str| refused(Kind::Rejected, Retry::Never, Unfit::field("entitlement", sentence).to_string());
    let Some(seen) = entitlement::one(script, cx, id)? else {
        return Ok(Err(unknown("Google does not show this entitlement to us")));
    };
    let Some(consumer) = seen.text("/usageReportingId").filter(|consumer| !consumer.is_empty()) else {
        return Ok(Err(unknown("the entitlement has no usage to report yet: approve it first")));
    };
    let body = json!({ "operation": operation(cx, write, consumer) });
    let request = Request::post(format!("/services/{service}:check"), body).to("usage").accepting(&[200, 400]);
    let answer = script.send(request)?;
    if answer.status == 400 {
        return Ok(Err(Refused::from(told(WRITE, answer))));
    }
    let codes: Vec<&str> = answer
        .at("/checkErrors")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(|error| error["code"].as_str())
        // Where Google cannot tell, usage is reported.
        .filter(|code| !code.ends_with("_UNAVAILABLE"))
        .collect();
    Ok(match codes.is_empty() {
        true => Ok(consumer.to_owned()),
        false => Err(unknown(&format!("Google takes no usage of it ({})", codes.join(", ")))),
    })
}

fn judged(cx: &Context, write: &Write, operation: &Json, answer: &Response) -> Row {
    if answer.status == 400 {
        return Err(Refused::from(told(WRITE, answer)));
    }
    let errors = answer.at("/reportErrors").and_then(Json::as_array);
    if let Some(error) = errors.into_iter().flatten().find(|error| error["operationId"] == operation["operationId"]) {
        let said = error.pointer("/status/message").and_then(Json::as_str).unwrap_or("without a reason");
        let message = format!("Google says: {}", said.chars().take(300).collect::<String>());
        // 4, 8, 13, 14 of google.rpc.Code: in time it may pass.
        return Err(match error.pointer("/status/code").and_then(Json::as_i64) {
            Some(4 | 8 | 13 | 14) => refused(Kind::Unavailable, Retry::After(None), message),
            _ => refused(Kind::Rejected, Retry::Never, message),
        });
    }
    let id = operation["operationId"].as_str().unwrap_or_default();
    let mut after = Snapshot::new(Entity::UsageRecord, id, version_of(None, answer.started_at));
    after.fields = write.fields.clone();
    let status = cx
        .mapping(Entity::UsageRecord)
        .and_then(|mapping| mapping.decode(cx, Entity::UsageRecord, &json!({ "status": "accepted" })))
        .map_err(|fault: Fault| Refused::from(fault))?;
    after.fields.extend(status);
    Ok(Written::Done { after, overwritten: Vec::new(), created: true })
}

#[cfg(test)]
mod tests {
    use super::operation_id;

    #[test]
    fn the_same_use_has_the_same_id() {
        let id = operation_id("e-1", "service/calls", "2026-01-01T00:00:00.000Z");
        assert_eq!(id, operation_id("e-1", "service/calls", "2026-01-01T00:00:00.000Z"));
        assert_ne!(id, operation_id("e-1", "service/calls", "2026-01-01T01:00:00.000Z"));
        assert_eq!((id.len(), id.as_bytes()[14]), (36, b'5'));
    }
}
