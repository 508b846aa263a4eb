//! REST: `/<database>/rest/model/<model>[/<id>[/<action>]]`. It knows no stamps: a write is never stale.

use super::{
    http, rpc,
    store::{Outcome, Refusal, Store, model},
    workflow,
};
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use concord_connector::sandbox::{WireRequest, WireResponse};
use serde_json::{Value as Json, json};

/// Base64 for URLs, padded or not.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Answers a request for a model; `parts` is the path behind `model`.
pub(super) fn handle(store: &mut Store, request: &WireRequest, parts: &[&str]) -> WireResponse {
    if !http::may_rest(request) {
        return http::page(401);
    }
    let id = parts.get(1).and_then(|id| id.parse::<i64>().ok());
    let outcome = match (request.method.as_str(), parts, id) {
        ("GET", [of], _) => search(store, request, of),
        ("POST", [of], _) => {
            let values = request.json().unwrap_or_default();
            store.create(of, &values).and_then(|id| show(store, request, of, id))
        }
        (_, [of, ..], Some(id)) if model(of).is_ok() && store.get(of, id).is_none() => Ok(http::page(404)),
        ("GET", [of, _], Some(id)) => show(store, request, of, id),
        ("PUT", [of, _], Some(id)) => {
            let values = request.json().unwrap_or_default();
            store.write(of, &[id], &values).and_then(|()| show(store, request, of, id))
        }
        ("DELETE", [of, _], Some(id)) => store.delete(of, &[id]).map(|()| WireResponse::empty(204)),
        ("POST", [of, _, action], Some(id)) => match workflow::act(store, of, id, action) {
            Ok(true) => show(store, request, of, id),
            Ok(false) => Ok(http::page(403)),
            Err(refusal) => Err(refusal),
        },
        _ => Ok(http::page(404)),
    };
    outcome.unwrap_or_else(|refusal| {
        store.roll_back();
        refused(refusal)
    })
}

fn refused(refusal: Refusal) -> WireResponse {
    match refusal {
        Refusal::User(message) => {
            WireResponse::json(400, &json!({ "status": 400, "message": message, "description": "" }))
        }
        Refusal::Inside(text) => http::page_of(500, &text.replace('\'', "&#39;")),
        Refusal::Stale => http::page(500),
    }
}

/// The fields that are asked for, with the ids of every relation on the way; without any, a record's name.
fn fields(request: &WireRequest) -> Vec<String> {
    let asked = request.query().into_iter().filter(|(name, _)| name == "f").map(|(_, field)| field);
    let mut fields: Vec<String> = asked.collect();
    if fields.is_empty() {
        fields.push("rec_name".into());
    }
    for field in fields.clone() {
        let mut path = field.as_str();
        while let Some((relation, _)) = path.rsplit_once('.') {
            fields.extend([format!("{relation}.id"), format!("{relation}.__name__")]);
            path = relation;
        }
    }
    fields.push("__name__".into());
    fields
}

fn show(store: &Store, request: &WireRequest, of: &str, id: i64) -> Outcome<WireResponse> {
    let row = store.read(of, &[id], &fields(request))?.pop().map_or(Json::Null, undotted);
    Ok(WireResponse::json(200, &row).header("content-language", "en"))
}

fn search(store: &Store, request: &WireRequest, of: &str) -> Outcome<WireResponse> {
    let parameter = |name: &str| -> Option<Json> {
        let bytes = URL_SAFE.decode(request.parameter(name)?).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    let context = request.headers.get("x-tryton-context").and_then(|text| URL_SAFE.decode(text).ok());
    let context: Json = context.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let inactive = context.get("active_test").is_some_and(|test| test == false);
    let (domain, order) = (parameter("d").unwrap_or_default(), parameter("o").unwrap_or_default());
    let mut ids = store.search(of, &domain, &order, inactive)?;
    let all = ids.len();
    let range = request.headers.get("range").and_then(|text| text.split_once('=')?.1.split_once('-'));
    let range = range.and_then(|(from, to)| Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok())));
    let number = |name: &str| request.parameter(name).and_then(|text| text.parse::<u64>().ok());
    match range {
        // The end of a range is not part of it.
        Some((from, to)) => {
            let limit = to.map(|to| to.saturating_sub(from) as u64);
            rpc::page(&mut ids, Some(from as u64), limit);
            if ids.is_empty() && from > 0 {
                return Ok(http::page(416));
            }
        }
        None => rpc::page(&mut ids, number("p"), number("s")),
    }
    let rows: Vec<Json> = store.read(of, &ids, &fields(request))?.into_iter().map(undotted).collect();
    let response = WireResponse::json(200, &Json::Array(rows)).header("content-language", "en");
    Ok(match range {
        Some((from, _)) => response
            .header("accept-ranges", "records")
            .header("content-range", format!("records {from}-{}/{all}", from + ids.len())),
        None => response,
    })
}

/// REST drops the dot behind the name of a relation.
pub(super) fn undotted(row: Json) -> Json {
    match row {
        Json::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| match name.strip_suffix('.') {
                Some(relation) => (relation.to_owned(), undotted(value)),
                None => (name, value),
            })
            .collect(),
        Json::Array(rows) => rows.into_iter().map(undotted).collect(),
        other => other,
    }
}
