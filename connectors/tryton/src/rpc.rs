//! JSON-RPC: how a call is written and what its answer means.

use concord_connector::{Context, Fault, Kind, Request, Response, Result};
use serde_json::{Map, Value as Json, json};

/// The longest sentence that is passed on from Tryton.
const SENTENCE: usize = 300;

/// The company of the connection, as its id.
pub(crate) fn company(cx: &Context) -> Result<i64> {
    cx.option("company")
        .and_then(|id| id.trim().parse().ok())
        .ok_or_else(|| Fault::malformed("tryton.company", "the option `company` is no id of a Tryton company"))
}

/// A setting that holds an id; `None` when it is empty.
pub(crate) fn id_option(cx: &Context, name: &'static str) -> Result<Option<i64>> {
    match cx.option(name).map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|_| Fault::malformed("tryton.option", format!("the option `{name}` is no id of a Tryton record"))),
    }
}

/// A call of a model's method. Inactive records are seen; where they must not be, the domain says so.
pub(crate) fn request(cx: &Context, model: &str, method: &str, params: Vec<Json>) -> Result<Request> {
    request_in(cx, model, method, params, Map::new())
}

/// The same with further entries in the call's context.
pub(crate) fn request_in(
    cx: &Context,
    model: &str,
    method: &str,
    mut params: Vec<Json>,
    mut context: Map<String, Json>,
) -> Result<Request> {
    context.insert("company".into(), company(cx)?.into());
    context.insert("active_test".into(), false.into());
    params.push(Json::Object(context));
    let database = cx.option("database").unwrap_or("tryton");
    if database.is_empty() || !database.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        return Err(Fault::malformed("tryton.database", "the option `database` is no name of a Tryton database"));
    }
    let body = json!({ "id": 1, "method": format!("model.{model}.{method}"), "params": params });
    Ok(Request::post(format!("/{database}/rpc/"), body))
}

/// The result of a call, as its outcome: application errors come with status 200 and a name.
///
/// # Errors
/// `Conflict` when a precondition did not hold; `Rejected`, with Tryton's sentence, when it refuses the record.
/// An error without a known name is an exception inside Tryton, for an unknown field as for a defect: the same call
/// fails the same way, so it is not retried.
pub(crate) fn result(response: &Response) -> Result<&Json> {
    if let Some(error) = response.at("/error").and_then(Json::as_array) {
        return Err(refusal(error));
    }
    response.at("/result").ok_or_else(|| {
        Fault::new(Kind::Unavailable, "tryton.rpc", "something else than Tryton answered")
            .with("status", response.status)
    })
}

fn refusal(error: &[Json]) -> Fault {
    let name = error.first().and_then(Json::as_str).unwrap_or_default();
    let detail = |at: usize| match error.get(1) {
        Some(Json::String(text)) => text.as_str(),
        Some(Json::Array(parts)) => parts.get(at).and_then(Json::as_str).unwrap_or_default(),
        _ => "",
    };
    match name {
        "ConcurrencyException" => Fault::new(Kind::Conflict, "tryton.rpc", "the record at Tryton changed meanwhile"),
        "UserError" => Fault::new(Kind::Rejected, "tryton.rpc", clip(detail(0))),
        // A warning is an error that a person at the client may confirm; nobody is there to do it. Its first part is a
        // technical key, the second the sentence.
        "UserWarning" => Fault::new(Kind::Rejected, "tryton.rpc", clip(detail(1))),
        other => Fault::new(Kind::Rejected, "tryton.rpc", format!("Tryton failed inside the call: {}", clip(other))),
    }
}

fn clip(text: &str) -> String {
    text.chars().take(SENTENCE).collect()
}
