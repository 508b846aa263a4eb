//! Composite requests.

use super::{Call, Org, Reply, api, error};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Carries the subrequests out in order. Each has its own outcome, unless all or none was asked for.
pub(super) fn run(org: &mut Org, call: &Call<'_>) -> Reply {
    let empty = Vec::new();
    let subs =
        call.body.as_ref().and_then(|body| body.get("compositeRequest")).and_then(Json::as_array).unwrap_or(&empty);
    if let Some(refusal) = refused(subs) {
        return refusal;
    }
    let all_or_none = call.body.as_ref().and_then(|body| body.get("allOrNone")) == Some(&Json::Bool(true));
    let before = all_or_none.then(|| org.store.clone());
    let answers: Vec<(Reply, &Json)> = subs.iter().map(|sub| (one(org, call, sub), &sub["referenceId"])).collect();
    let failed = all_or_none && answers.iter().any(|((status, _), _)| *status >= 300);
    if let (true, Some(before)) = (failed, before) {
        org.store = before;
    }
    let list: Vec<Json> = answers
        .into_iter()
        .map(|((status, body), reference)| {
            let halted = failed && status < 300;
            let (status, body) = match halted {
                true => error::one(
                    400,
                    "PROCESSING_HALTED",
                    "The transaction was rolled back since another operation in the same transaction failed.",
                ),
                false => (status, body),
            };
            json!({ "body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": reference })
        })
        .collect();
    (200, json!({ "compositeResponse": list }))
}

fn refused(subs: &[Json]) -> Option<Reply> {
    let text = |sub: &Json, name: &str| sub.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    if subs.is_empty() || subs.len() > 25 {
        return Some(error::one(400, "LIMIT_EXCEEDED", "The request has to have 1 to 25 subrequests"));
    }
    let queries = subs.iter().filter(|sub| text(sub, "url").contains("/query")).count();
    if queries > 5 {
        return Some(error::one(400, "LIMIT_EXCEEDED", "The request has too many queries"));
    }
    let mut references: Vec<String> = subs.iter().map(|sub| text(sub, "referenceId")).collect();
    let plain = |name: &String| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !references.iter().all(plain) {
        return Some(error::one(400, "INVALID_INPUT", "Provided referenceId is invalid"));
    }
    references.sort();
    references.dedup();
    (references.len() < subs.len()).then(|| error::one(400, "INVALID_INPUT", "Provided referenceIds are not unique"))
}

fn one(org: &mut Org, call: &Call<'_>, sub: &Json) -> Reply {
    let text = |name: &str| sub.get(name).and_then(Json::as_str).unwrap_or_default();
    let (path, query) = text("url").split_once('?').unwrap_or((text("url"), ""));
    if path.contains("/composite") && !path.contains("/composite/sobjects") {
        return error::one(400, "INVALID_INPUT", "A composite request cannot hold another");
    }
    let headers: BTreeMap<String, String> = sub
        .get("httpHeaders")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned())))
        .collect();
    if ["accept", "authorization", "content-type"].iter().any(|name| headers.contains_key(*name)) {
        return error::one(400, "INVALID_INPUT", "This header cannot be set for a subrequest");
    }
    let inner = Call {
        now: call.now,
        method: text("method"),
        path,
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers,
        body: sub.get("body").cloned(),
        client: call.client.clone(),
    };
    api::handle(org, &inner)
}
