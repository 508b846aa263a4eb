//! Webhooks from an HTTP API or a function's own address, both of which send events of payload version 2.0.

use crate::boot::Booted;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord_hub::{
    steps::ingest::{self, Incoming, MAX_BODY},
    trace,
};
use lambda_runtime::Error;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The request, as API Gateway tells it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    #[serde(default)]
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    request_context: Context,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
struct Context {
    http: Http,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    #[serde(default)]
    source_ip: String,
}

/// Answers a request.
///
/// # Errors
/// When the event is no request at all.
pub async fn answer(booted: &Booted, event: Json) -> Result<Json, Error> {
    let request: Request = serde_json::from_value(event)?;
    let trace = request.headers.get("x-amzn-trace-id").cloned();
    let (connection, incoming) = match incoming(request) {
        Ok(incoming) => incoming,
        Err(status) => return Ok(json!({ "statusCode": status, "body": "" })),
    };
    let answer = trace::under(trace, ingest::ingest(&booted.hub, &connection, incoming)).await;
    let mut headers = answer.content_type.map_or_else(|| json!({}), |kind| json!({ "content-type": kind }));
    if let Some(page) = answer.location {
        headers["location"] = page.into();
        // The address that a buyer comes from may have a purchase token in it.
        headers["referrer-policy"] = "no-referrer".into();
    }
    Ok(json!({ "statusCode": answer.status, "headers": headers, "body": answer.body, "isBase64Encoded": false }))
}

/// The connection and what came for it, or the status of a refusal. A body that is too long is not even decoded.
fn incoming(request: Request) -> Result<(String, Incoming), u16> {
    let method = request.request_context.http.method;
    if !["POST", "GET", "OPTIONS", "HEAD"].contains(&method.as_str()) {
        return Err(405);
    }
    let Some(rest) = request.raw_path.strip_prefix("/hooks/") else { return Err(404) };
    let (connection, path_secret) = match rest.split_once('/') {
        Some((connection, secret)) => (connection.to_owned(), Some(secret.to_owned())),
        None => (rest.to_owned(), None),
    };
    let body = request.body.unwrap_or_default();
    let most = if request.is_base64_encoded { MAX_BODY.div_ceil(3) * 4 } else { MAX_BODY };
    if body.len() > most {
        return Err(413);
    }
    let body = if request.is_base64_encoded { STANDARD.decode(body).map_err(|_| 400_u16)? } else { body.into_bytes() };
    if body.len() > MAX_BODY {
        return Err(413);
    }
    let query = &request.raw_query_string;
    let path_and_query =
        if query.is_empty() { request.raw_path.clone() } else { format!("{}?{query}", request.raw_path) };
    let source = Some(request.request_context.http.source_ip).filter(|source| !source.is_empty());
    let headers = request.headers.into_iter().collect();
    Ok((connection, Incoming { method, path_and_query, path_secret, headers, body, source }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(changes: Json) -> Result<(String, Incoming), u16> {
        let mut event = json!({
            "version": "2.0", "rawPath": "/hooks/crm", "rawQueryString": "",
            "headers": { "content-type": "application/json" },
            "requestContext": { "http": { "method": "POST", "sourceIp": "198.51.100.7" } },
            "body": "{}", "isBase64Encoded": false
        });
        for (name, value) in changes.as_object().unwrap() {
            event[name] = value.clone();
        }
        incoming(serde_json::from_value(event).unwrap())
    }

    #[test]
    fn a_request_is_read_with_its_raw_path_and_body() {
        let (connection, incoming) =
            of(json!({ "rawPath": "/hooks/portal/s3cret", "rawQueryString": "a=%20b" })).unwrap();
        assert_eq!((connection.as_str(), incoming.path_secret.as_deref()), ("portal", Some("s3cret")));
        assert_eq!(incoming.path_and_query, "/hooks/portal/s3cret?a=%20b");
        assert_eq!(incoming.source.as_deref(), Some("198.51.100.7"));
        let (_, bytes) = of(json!({ "body": "/wA=", "isBase64Encoded": true })).unwrap();
        assert_eq!(bytes.body, [0xff, 0]);
    }

    #[test]
    fn what_is_too_long_is_refused_before_it_is_decoded() {
        let refused = |changes| of(changes).err();
        assert_eq!(refused(json!({ "body": "x".repeat(MAX_BODY + 1) })), Some(413));
        // Were it decoded first, these letters would be refused as no base 64.
        assert_eq!(refused(json!({ "body": "*".repeat(MAX_BODY * 2), "isBase64Encoded": true })), Some(413));
        assert_eq!(refused(json!({ "body": "*", "isBase64Encoded": true })), Some(400));
        assert_eq!(of(json!({ "body": "x".repeat(MAX_BODY) })).unwrap().1.body.len(), MAX_BODY);
        let whole = STANDARD.encode(vec![b'x'; MAX_BODY]);
        assert_eq!(of(json!({ "body": whole, "isBase64Encoded": true })).unwrap().1.body.len(), MAX_BODY);
    }

    #[test]
    fn only_hooks_are_answered() {
        assert_eq!(of(json!({ "rawPath": "/other" })).err(), Some(404));
        let put = json!({ "requestContext": { "http": { "method": "PUT", "sourceIp": "" } } });
        assert_eq!(of(put).err(), Some(405));
    }
}
