//! Reading opportunities: by id, all of them page by page, by our mark.

use crate::view::{id_of, marker, snapshot};
use concord_connector::{
    Context, Cursor, ExternalId, Outcome, RecordId, Request, Response,
    exchange::{Refused, decode_each},
    script::{Run, Script},
};
use serde_json::Value as Json;

const PAGE: usize = 50;
/// No partner has more pages of opportunities than this.
const PAGES: usize = 100;

/// Whether an id can stand in a path as it is.
pub(crate) fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 100 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// In whose name we ask.
pub(crate) fn partner(cx: &Context) -> String {
    format!("partners/{}", cx.option("partner_id").unwrap_or_default())
}

pub(crate) fn list(cx: &Context, size: usize, page: Option<&str>) -> Request {
    let request = Request::get("/opportunities").query("partner", partner(cx)).query("pageSize", size.to_string());
    page.into_iter().fold(request, |request, page| request.query("pageToken", page))
}

/// One opportunity as it is there.
pub(crate) fn one<'a>(script: &mut Script<'a>, cx: &Context, id: &str) -> Run<Option<&'a Response>> {
    if !is_id(id) {
        return Ok(None);
    }
    let request = Request::get(format!("/opportunities/{id}")).query("partner", partner(cx));
    let answer = script.send(request.accepting(&[200, 404]))?;
    Ok((answer.status == 200).then_some(answer))
}

/// Answers a fetch.
pub(crate) fn fetch(script: &mut Script<'_>, cx: &Context, ids: &[ExternalId]) -> Run<Outcome> {
    let mut records = Vec::new();
    for id in ids {
        if let Some(answer) = one(script, cx, id.as_str())? {
            records.push((id.clone(), snapshot(cx, &answer.body, answer.started_at).map_err(Refused::from)));
        }
    }
    Ok(Outcome::Records(records))
}

/// The opportunities of a page; an answer without any may leave them out.
fn listed(answer: &Response) -> Run<&[Json]> {
    match answer.at("/opportunities") {
        None if answer.body.is_object() => Ok(&[]),
        _ => Ok(answer.array("/opportunities")?),
    }
}

fn next(answer: &Response) -> Option<&str> {
    answer.text("/nextPageToken").filter(|token| !token.is_empty())
}

/// Answers a poll: a page of everything, because no filter is documented.
pub(crate) fn poll(script: &mut Script<'_>, cx: &Context, cursor: Option<&Cursor>) -> Run<Outcome> {
    let page = cursor.map(Cursor::as_str).filter(|page| !page.is_empty());
    let answer = script.send(list(cx, PAGE, page))?;
    let id = |row: &Json| id_of(row).map(ExternalId::from);
    let records = decode_each(listed(answer)?, id, |row| snapshot(cx, row, answer.started_at));
    let next = next(answer);
    Ok(Outcome::Page { records, more: next.is_some(), cursor: Cursor::new(next.unwrap_or_default()) })
}

/// Answers a search.
pub(crate) fn find(script: &mut Script<'_>, cx: &Context, record: &RecordId) -> Run<Outcome> {
    let found = marked(script, cx, record)?;
    // A draft on its way to Google is not found, so that the write that comes again submits it.
    let there = found.filter(|raw| !crate::write::is_coming(cx, raw));
    Ok(Outcome::Found(there.as_ref().and_then(id_of).map(ExternalId::from).into_iter().collect()))
}

/// The opportunity with our mark, one that Google knows before a draft.
pub(crate) fn marked(script: &mut Script<'_>, cx: &Context, record: &RecordId) -> Run<Option<Json>> {
    let mut found: Option<Json> = None;
    let mut page: Option<String> = None;
    for _ in 0..PAGES {
        let answer = script.send(list(cx, PAGE, page.as_deref()))?;
        for row in listed(answer)?.iter().filter(|row| marker(row) == Some(record.as_str())) {
            if found.as_ref().is_none_or(|before| before["state"] == "DRAFT") {
                found = Some(row.clone());
            }
        }
        page = next(answer).map(str::to_owned);
        if page.is_none() {
            break;
        }
    }
    Ok(found)
}
