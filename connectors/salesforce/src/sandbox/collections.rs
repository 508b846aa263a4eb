//! Collections: up to 200 rows of one kind of change in one request, answered row by row in the same order.

use super::{Call, Org, Reply, api, error, schema};
use serde_json::{Map, Value as Json, json};

const MOST: usize = 200;

/// Creates, updates, upserts or deletes rows.
pub(super) fn run(org: &mut Org, call: &Call<'_>, rest: &[&str]) -> Reply {
    if call.method == "DELETE" {
        let ids: Vec<String> = call.parameter("ids").unwrap_or_default().split(',').map(schema::full).collect();
        let outcomes = ids.iter().map(|id| {
            let object = schema::OBJECTS.iter().find(|object| id.starts_with(object.prefix));
            let done = object.map_or_else(
                || Err(error::not_found()),
                |object| org.store.delete(call.now, call.client.as_deref(), object.name, id),
            );
            done.map_or_else(outcome, |()| json!({ "id": id, "success": true, "errors": [] }))
        });
        return (200, outcomes.collect());
    }
    let empty = Vec::new();
    let records = call.body.as_ref().and_then(|body| body.get("records")).and_then(Json::as_array).unwrap_or(&empty);
    if records.is_empty() || records.len() > MOST {
        return error::one(400, "INVALID_INPUT", "The request has to have 1 to 200 records");
    }
    let mut outcomes = Vec::new();
    for record in records {
        let Json::Object(fields) = record else {
            return error::one(400, "INVALID_INPUT", "A record has to be an object");
        };
        let object = record.pointer("/attributes/type").and_then(Json::as_str).unwrap_or_default();
        outcomes.push(row(org, call, rest, object, fields.clone()));
    }
    (200, Json::Array(outcomes))
}

fn row(org: &mut Org, call: &Call<'_>, rest: &[&str], object: &str, mut fields: Map<String, Json>) -> Json {
    let client = call.client.as_deref();
    fields.remove("attributes");
    let reply = match (call.method, rest) {
        ("POST", []) => match org.store.create(call.now, client, object, fields) {
            Ok(id) => (201, json!({ "id": id, "success": true, "errors": [] })),
            Err(refusal) => refusal,
        },
        ("PATCH", []) => {
            let id = fields.remove("id").or_else(|| fields.remove("Id"));
            let id = id.as_ref().and_then(Json::as_str).map(schema::full).unwrap_or_default();
            match org.store.update(call.now, client, object, &id, fields) {
                Ok(()) => (200, json!({ "id": id, "success": true, "errors": [] })),
                Err(refusal) => refusal,
            }
        }
        ("PATCH", [of, field]) if *of == object => {
            let value = fields.remove(*field);
            match value.as_ref().and_then(Json::as_str) {
                Some(value) => api::upsert(org, call, object, field, value, &Some(Json::Object(fields))),
                None => error::fields("MISSING_ARGUMENT", "The external id is missing", &[field]),
            }
        }
        _ => error::not_found(),
    };
    if reply.0 < 300 { reply.1 } else { outcome(reply) }
}

/// A refusal as the outcome of a row: the code is called `statusCode` here.
fn outcome((status, body): Reply) -> Json {
    if status == 300 {
        let error =
            json!({ "statusCode": "DUPLICATE_EXTERNAL_ID", "message": "more than one record found", "fields": [] });
        return json!({ "success": false, "errors": [error] });
    }
    let text = |name: &str| body.pointer(name).cloned().unwrap_or(Json::Null);
    let error = json!({ "statusCode": text("/0/errorCode"), "message": text("/0/message"), "fields": body.pointer("/0/fields").cloned().unwrap_or_else(|| json!([])) });
    json!({ "success": false, "errors": [error] })
}
