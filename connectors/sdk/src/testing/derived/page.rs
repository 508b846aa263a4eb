//! Lists of a derived system, in pages of the kind that the manifest declares.

use super::{
    Derived,
    calls::{body_at, error},
    route::Values,
};
use crate::{
    Instant,
    codec::put,
    manifest::{Api, Endpoint, Paging, SinceForm, api::scalar},
    mapping::Mapping,
    sandbox::{WireRequest, WireResponse},
};
use serde_json::{Value as Json, json};

/// Rows in a page where the manifest does not say.
const PAGE: usize = 50;

pub(super) fn list(
    derived: &Derived,
    mapping: &Mapping,
    api: &Api,
    endpoint: &Endpoint,
    request: &WireRequest,
    values: &Values,
) -> WireResponse {
    let since = values.get("since").and_then(|text| read(endpoint.since, text));
    let rows: Vec<Json> = derived
        .store
        .rows(&mapping.object)
        .filter(|row| since.is_none_or(|since| row.modified >= since))
        .filter(|row| !row.dead || api.deleted.is_some())
        .map(|row| row.json.clone())
        .collect();
    let sent = |send: &str| match send.starts_with('/') {
        true => request.json().as_ref().and_then(|body| body.pointer(send)).and_then(scalar),
        false => request.parameter(send),
    };
    let number = |text: Option<String>, default: usize| text.map_or(Some(default), |text| text.parse().ok());
    let (from, size) = match &endpoint.page {
        Paging::None {} => (Some(0), rows.len().max(1)),
        Paging::Number { send, first, size } => {
            let first = usize::try_from(*first).unwrap_or(0);
            (number(sent(send), first).map(|page| page.saturating_sub(first) * size), *size)
        }
        Paging::Offset { send, size } => (number(sent(send), 0), *size),
        Paging::Cursor { send, .. } => {
            let place = sent(send).map(|text| text.strip_prefix('c').unwrap_or("?").to_owned());
            (number(place, 0), PAGE)
        }
        Paging::LastId { send, at } => {
            let id = |row: &Json| row.pointer(at.as_deref().unwrap_or(&mapping.id)).and_then(scalar);
            let from = match sent(send) {
                None => Some(0),
                Some(last) => rows.iter().position(|row| id(row).as_deref() == Some(&last)).map(|at| at + 1),
            };
            (from, PAGE)
        }
        Paging::Link { .. } => (number(request.parameter("place"), 0), PAGE),
    };
    let Some(from) = from else { return error(400, "the page is not one of this list") };
    let more = rows.len() > from + size;
    let part: Vec<Json> = rows.into_iter().skip(from).take(size).collect();
    let Some(mut body) = body_at(endpoint, part) else { return error(500, "the rows have no place in the answer") };
    let mut header = None;
    let next = from + size;
    let mut put_at = |at: &Option<String>, value: Json| at.as_ref().is_none_or(|at| put(&mut body, at, value).is_ok());
    let mut good = put_at(&endpoint.more, json!(more));
    match &endpoint.page {
        Paging::Cursor { at, header: name, .. } => {
            good &= put_at(at, if more { json!(format!("c{next}")) } else { Json::Null });
            header = name.clone().filter(|_| more).map(|name| (name.to_ascii_lowercase(), format!("c{next}")));
        }
        Paging::Link { at } => {
            let query = request.target.split_once('?').map_or("", |(_, query)| query);
            let kept = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("place="));
            let query: Vec<String> = kept.map(str::to_owned).chain([format!("place={next}")]).collect();
            let address = format!("https://derived.example.com{}?{}", request.path(), query.join("&"));
            if at.is_some() {
                good &= put_at(at, if more { json!(address) } else { Json::Null });
            } else if more {
                header = Some(("link".to_owned(), format!("<{address}>; rel=\"next\"")));
            }
        }
        _ => {}
    }
    if !good {
        return error(500, "the next page has no place in the answer");
    }
    let answer = WireResponse::json(200, &body);
    match header {
        Some((name, value)) => answer.header(&name, value),
        None => answer,
    }
}

fn read(form: SinceForm, text: &str) -> Option<Instant> {
    match form {
        SinceForm::Rfc3339 => Instant::parse(text),
        SinceForm::EpochMs => text.parse().ok().map(Instant::from_ms),
        SinceForm::EpochS => text.parse::<i64>().ok().map(|s| Instant::from_ms(s * 1000)),
        SinceForm::Date => Instant::parse(&format!("{text}T00:00:00Z")),
    }
}
