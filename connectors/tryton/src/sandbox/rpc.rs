//! JSON-RPC: `POST /<database>/rpc/`.

use super::{
    PASSWORD, USERNAME, http,
    store::{Outcome, Refusal, Store, model},
    workflow,
};
use concord_connector::sandbox::{WireRequest, WireResponse};
use serde_json::{Value as Json, json};

/// Calls that need no database.
pub(super) fn root(request: &WireRequest) -> WireResponse {
    match request.json().as_ref().and_then(|body| body.get("method")).and_then(Json::as_str) {
        Some("common.server.version") => WireResponse::json(200, &json!({ "id": 1, "result": "8.2" })),
        _ => http::page(400),
    }
}

/// A call of a model's method. Application errors are answered with status 200.
pub(super) fn handle(store: &mut Store, request: &WireRequest) -> WireResponse {
    let Some(body) = request.json() else { return http::page_of(400, "Unable to get RPC method") };
    let Some(method) = body.get("method").and_then(Json::as_str) else {
        return http::page_of(400, "Unable to get RPC method");
    };
    let mut params = body.get("params").and_then(Json::as_array).cloned().unwrap_or_default();
    if method == "common.db.login" {
        let password = params.get(1).and_then(|parameters| parameters.get("password"));
        let known =
            params.first().is_some_and(|user| user == USERNAME) && password.is_some_and(|text| text == PASSWORD);
        let result = json!([1, http::session(), null]);
        return if known { answer(&body, "result", &result) } else { http::page(401) };
    }
    if !http::may_call(request) {
        return WireResponse::empty(401).header("content-type", "text/plain; charset=utf-8");
    }
    let Some(Json::Object(mut context)) = params.pop() else { return http::page_of(422, "Missing context argument") };
    if let Some(Json::Object(stamps)) = context.remove("_timestamp") {
        store.stamps = stamps.into_iter().collect();
    }
    let Some((of, called)) = method.strip_prefix("model.").and_then(|path| path.rsplit_once('.')) else {
        return http::page(403);
    };
    let inactive = context.get("active_test").is_some_and(|test| test == false);
    match call(store, of, called, &params, inactive) {
        Ok(Some(result)) => answer(&body, "result", &result),
        Ok(None) => http::page(403),
        Err(refusal) => {
            store.roll_back();
            answer(&body, "error", &error(refusal))
        }
    }
}

fn answer(body: &Json, name: &str, content: &Json) -> WireResponse {
    WireResponse::json(200, &json!({ "id": body.get("id"), name: content }))
}

fn error(refusal: Refusal) -> Json {
    match refusal {
        Refusal::User(sentence) => json!(["UserError", [sentence, "", null]]),
        Refusal::Inside(text) => json!([text, ""]),
        Refusal::Stale => json!(["ConcurrencyException", "Records were modified in the meanwhile"]),
    }
}

/// `None` when the model offers no such method.
fn call(store: &mut Store, of: &str, called: &str, params: &[Json], inactive: bool) -> Outcome<Option<Json>> {
    let null = &Json::Null;
    let at = |at: usize| params.get(at).unwrap_or(null);
    let numbers =
        |json: &Json| -> Vec<i64> { json.as_array().into_iter().flatten().filter_map(Json::as_i64).collect() };
    let texts = |json: &Json| -> Vec<String> {
        json.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
    };
    model(of)?;
    Ok(Some(match called {
        "search_read" => {
            let mut ids = store.search(of, at(0), at(3), inactive)?;
            page(&mut ids, at(1).as_u64(), at(2).as_u64());
            json!(store.read(of, &ids, &texts(at(4)))?)
        }
        "search" => {
            let mut ids = store.search(of, at(0), at(3), inactive)?;
            page(&mut ids, at(1).as_u64(), at(2).as_u64());
            json!(ids)
        }
        "read" => json!(store.read(of, &numbers(at(0)), &texts(at(1)))?),
        "create" => {
            let rows = at(0).as_array().cloned().unwrap_or_default();
            json!(rows.iter().map(|values| store.create(of, values)).collect::<Outcome<Vec<i64>>>()?)
        }
        "write" => {
            for pair in params.chunks(2) {
                store.write(of, &numbers(&pair[0]), pair.get(1).unwrap_or(null))?;
            }
            Json::Null
        }
        "delete" => {
            store.delete(of, &numbers(at(0)))?;
            Json::Null
        }
        action if workflow::BUTTONS.contains(&(of, action)) => {
            for id in numbers(at(0)) {
                workflow::act(store, of, id, action)?;
            }
            Json::Null
        }
        _ => return Ok(None),
    }))
}

/// Keeps a page of the ids.
pub(super) fn page(ids: &mut Vec<i64>, offset: Option<u64>, limit: Option<u64>) {
    let offset = usize::try_from(offset.unwrap_or(0)).unwrap_or(usize::MAX).min(ids.len());
    ids.drain(..offset);
    if let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) {
        ids.truncate(limit);
    }
}
