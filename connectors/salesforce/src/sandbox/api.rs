//! The REST resources.

use super::{
    Call, Org, Reply, collections, composite, error, evaluate,
    schema::{self, Access, Kind, MARKER, Object, stamp},
    soql,
    store::Row,
};
use concord_connector::Instant;
use serde_json::{Map, Value as Json, json};
use std::time::Duration;

const ROOT: &str = "/services/data/v67.0";

/// Answers a request whose session is good.
pub(super) fn handle(org: &mut Org, call: &Call<'_>) -> Reply {
    if call.path == "/services/data" && call.method == "GET" {
        return (200, json!([{ "version": "67.0", "url": ROOT, "label": "Summer '26" }]));
    }
    let Some(rest) = call.path.strip_prefix(ROOT) else { return error::not_found() };
    let decoded: Vec<String> = rest.trim_matches('/').split('/').map(decode).collect();
    let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
    match (call.method, parts.as_slice()) {
        ("GET", ["limits"]) => (200, json!({ "DailyApiRequests": { "Max": 100_000, "Remaining": 99_000 } })),
        ("GET", ["query"]) => query(org, call, false),
        ("GET", ["queryAll"]) => query(org, call, true),
        ("GET", ["query" | "queryAll", locator]) => more(org, locator),
        ("POST", ["composite"]) => composite::run(org, call),
        (_, ["composite", "sobjects", rest @ ..]) => collections::run(org, call, rest),
        ("GET", ["sobjects", object, "describe"]) => {
            schema::find(object).map_or_else(error::not_found, |object| (200, describe(object)))
        }
        ("GET", ["sobjects", object, "deleted"]) => changed(org, call, object, true),
        ("GET", ["sobjects", object, "updated"]) => changed(org, call, object, false),
        ("POST", ["sobjects", object]) => create(org, call, object),
        ("GET", ["sobjects", object, id]) => read(org, call, object, id),
        ("PATCH", ["sobjects", object, id]) => patch(org, call, object, id),
        ("DELETE", ["sobjects", object, id]) => {
            match org.store.delete(call.now, call.client.as_deref(), object, &schema::full(id)) {
                Ok(()) => (204, Json::Null),
                Err(refusal) => refusal,
            }
        }
        ("PATCH", ["sobjects", object, field, value]) => upsert(org, call, object, field, value, &call.body),
        _ => error::not_found(),
    }
}

fn decode(part: &str) -> String {
    let pair = format!("x={part}");
    url::form_urlencoded::parse(pair.as_bytes()).next().map_or_else(String::new, |(_, value)| value.into_owned())
}

/// The kind of request that a path is: ids, values and locators replaced.
pub(super) fn template(path: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    for (place, part) in path.split('/').enumerate() {
        let parent = out.last().copied().unwrap_or_default();
        let fixed = place < 5
            || matches!(parent, "sobjects" | "composite")
            || matches!(part, "describe" | "deleted" | "updated" | "");
        let field = place == 6 && part.ends_with("__c");
        out.push(if fixed || field { part } else { "{}" });
    }
    out.join("/")
}

fn query(org: &mut Org, call: &Call<'_>, all: bool) -> Reply {
    let Some(text) = call.parameter("q") else {
        return error::one(400, "MALFORMED_QUERY", "A query string has to be specified");
    };
    let parsed = match soql::parse(text) {
        Ok(parsed) => parsed,
        Err(sentence) => return error::one(400, "MALFORMED_QUERY", &sentence),
    };
    match evaluate::run(&org.store, &parsed, all) {
        Ok(rows) => page(org, rows, 0),
        Err(refusal) => refusal,
    }
}

fn page(org: &mut Org, rows: Vec<Json>, from: usize) -> Reply {
    let end = (from + org.batch).min(rows.len());
    let mut answer = json!({ "totalSize": rows.len(), "done": end == rows.len(), "records": rows[from..end] });
    if end < rows.len() {
        let number = org.locators.len();
        let locator = format!("01g{number:015}-{end}");
        answer["nextRecordsUrl"] = json!(format!("{ROOT}/query/{locator}"));
        org.locators.insert(locator, rows);
    }
    (200, answer)
}

fn more(org: &mut Org, locator: &str) -> Reply {
    let from = locator.rsplit_once('-').and_then(|(_, from)| from.parse().ok());
    match (org.locators.remove(locator), from) {
        (Some(rows), Some(from)) => page(org, rows, from),
        _ => error::one(400, "INVALID_QUERY_LOCATOR", "invalid query locator"),
    }
}

/// Who and where a row is.
pub(super) fn attributes(object: &str, id: &str) -> Json {
    json!({ "type": object, "url": format!("{ROOT}/sobjects/{object}/{id}") })
}

/// A field of a row.
pub(super) fn value(object: &Object, id: &str, row: &Row, name: &str) -> Json {
    let name = object.field(name).map_or(name, |field| field.name);
    match name {
        "Id" => json!(id),
        "IsDeleted" => json!(row.deleted),
        "CreatedDate" => json!(stamp(row.created)),
        "LastModifiedDate" | "SystemModstamp" => json!(stamp(row.modified)),
        other => row.get(other).clone(),
    }
}

/// Every field of a row.
pub(super) fn shown(object: &str, id: &str, row: &Row) -> Map<String, Json> {
    let mut out: Map<String, Json> = [("attributes".to_owned(), attributes(object, id))].into_iter().collect();
    if let Some(object) = schema::find(object) {
        out.extend(object.fields().map(|field| (field.name.to_owned(), value(object, id, row, field.name))));
    }
    out
}

fn read(org: &Org, call: &Call<'_>, object: &str, id: &str) -> Reply {
    let Some(object) = schema::find(object) else { return error::not_found() };
    let id = schema::full(id);
    match org.store.row(object.name, &id) {
        None => error::not_found(),
        Some(row) if row.deleted => error::deleted(),
        Some(row) => {
            let mut all = shown(object.name, &id, row);
            if let Some(fields) = call.parameter("fields") {
                let wanted: Vec<&str> = fields.split(',').map(str::trim).collect();
                if wanted.iter().any(|name| object.field(name).is_none()) {
                    return error::one(400, "INVALID_FIELD", "No such column");
                }
                all.retain(|name, _| name == "attributes" || wanted.contains(&name.as_str()));
            }
            (200, Json::Object(all))
        }
    }
}

fn body(json: Option<&Json>) -> Result<Map<String, Json>, Reply> {
    match json {
        Some(Json::Object(fields)) => Ok(fields.clone()),
        _ => Err(error::one(400, "JSON_PARSER_ERROR", "The body has to be an object")),
    }
}

fn create(org: &mut Org, call: &Call<'_>, object: &str) -> Reply {
    let made =
        body(call.body.as_ref()).and_then(|fields| org.store.create(call.now, call.client.as_deref(), object, fields));
    match made {
        Ok(id) => (201, json!({ "id": id, "success": true, "errors": [] })),
        Err(refusal) => refusal,
    }
}

fn patch(org: &mut Org, call: &Call<'_>, object: &str, id: &str) -> Reply {
    let id = schema::full(id);
    if matches!(object, "OpportunityPartner") {
        return error::one(405, "METHOD_NOT_ALLOWED", "HTTP Method 'PATCH' not allowed. Allowed are GET,HEAD,DELETE");
    }
    if let Some(since) = call.headers.get("if-unmodified-since") {
        // The grain of the header is a second, and so is that of the stamps.
        let Some(since) = Instant::parse_http(since) else {
            return error::one(400, "BAD_REQUEST", "invalid If-Unmodified-Since");
        };
        if org.store.row(object, &id).is_some_and(|row| !row.deleted && row.modified > since) {
            return error::one(412, "PRECONDITION_FAILED", "The record was modified since the given time");
        }
    }
    let done = body(call.body.as_ref())
        .and_then(|fields| org.store.update(call.now, call.client.as_deref(), object, &id, fields));
    match done {
        Ok(()) => (204, Json::Null),
        Err(refusal) => refusal,
    }
}

/// Creates or updates by external id.
pub(super) fn upsert(
    org: &mut Org,
    call: &Call<'_>,
    object: &str,
    field: &str,
    value: &str,
    json: &Option<Json>,
) -> Reply {
    let Some(object) = schema::find(object) else { return error::not_found() };
    if field != MARKER || object.field(field).is_none() {
        let message = format!("Provided external ID field does not exist or is not accessible: {field}");
        return error::one(404, "NOT_FOUND", &message);
    }
    let mut fields = match body(json.as_ref()) {
        Ok(fields) => fields,
        Err(refusal) => return refusal,
    };
    if fields.contains_key(field) {
        let message = format!("The {field} field should not be specified in the sobject data.");
        return error::one(400, "INVALID_FIELD", &message);
    }
    let live = |id: &String| org.store.row(object.name, id).is_some_and(|row| !row.deleted);
    let ids: Vec<String> = org.store.marked(object.name, value).into_iter().filter(live).collect();
    let client = call.client.as_deref();
    match ids.as_slice() {
        [] if call.parameter("updateOnly") == Some("true") => error::not_found(),
        [] => {
            fields.insert(field.to_owned(), json!(value));
            match org.store.create(call.now, client, object.name, fields) {
                Ok(id) => (201, json!({ "id": id, "success": true, "errors": [], "created": true })),
                Err(refusal) => refusal,
            }
        }
        [id] => match org.store.update(call.now, client, object.name, id, fields) {
            Ok(()) => (200, json!({ "id": id, "success": true, "errors": [], "created": false })),
            Err(refusal) => refusal,
        },
        many => (300, many.iter().map(|id| json!(format!("{ROOT}/sobjects/{}/{id}", object.name))).collect()),
    }
}

/// Deleted or updated ids in a window.
fn changed(org: &Org, call: &Call<'_>, object: &str, deleted: bool) -> Reply {
    let Some(object) = schema::find(object) else { return error::not_found() };
    let at = |name: &str| call.parameter(name).and_then(Instant::parse);
    let (Some(start), Some(end)) = (at("start"), at("end")) else {
        return error::one(400, "INVALID_REPLICATION_DATE", "start and end have to be dateTimes");
    };
    if end.since(start) < Duration::from_secs(60) {
        return error::one(400, "INVALID_REPLICATION_DATE", "the window has to be a minute at least");
    }
    if start < call.now.minus(Duration::from_secs(30 * 86_400)) {
        return error::one(400, "INVALID_REPLICATION_DATE", "startDate before org replication enabled date");
    }
    // What is not committed yet will carry a time in the last minute: it is left to the next call.
    let covered = Instant::from_ms(end.min(call.now).ms().div_euclid(60_000) * 60_000).max(start);
    let rows = org
        .store
        .rows(object.name)
        .filter(|(_, row)| row.deleted == deleted && row.modified >= start && row.modified < end);
    if deleted {
        let list: Vec<Json> = rows.map(|(id, row)| json!({ "id": id, "deletedDate": stamp(row.modified) })).collect();
        let body = json!({ "deletedRecords": list, "earliestDateAvailable": stamp(start), "latestDateCovered": stamp(covered) });
        return (200, body);
    }
    let list: Vec<&String> = rows.map(|(id, _)| id).collect();
    (200, json!({ "ids": list, "latestDateCovered": stamp(covered) }))
}

fn describe(object: &Object) -> Json {
    let fields: Vec<Json> = object
        .fields()
        .map(|field| {
            let (kind, length) = match field.kind {
                Kind::Id => ("id", 18),
                Kind::Text(most) if most > 255 => ("textarea", most),
                Kind::Text(most) => ("string", most),
                Kind::Email => ("email", 80),
                Kind::Flag => ("boolean", 0),
                Kind::Currency => ("currency", 0),
                Kind::Date => ("date", 0),
                Kind::Stamp => ("datetime", 0),
                Kind::Reference(_) => ("reference", 18),
                Kind::Pick(most) => ("picklist", most),
                Kind::Restricted(_) => ("picklist", 255),
                Kind::Several(_) => ("multipicklist", 4099),
            };
            json!({
                "name": field.name, "type": kind, "length": length, "nillable": !field.required,
                "createable": field.access != Access::Read, "updateable": field.access == Access::Write,
                "externalId": field.name == MARKER, "unique": field.name == MARKER, "custom": field.name.ends_with("__c"),
            })
        })
        .collect();
    json!({ "name": object.name, "keyPrefix": object.prefix, "custom": object.name.ends_with("__c"), "fields": fields })
}
