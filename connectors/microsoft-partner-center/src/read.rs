//! Reading referrals: by id, by when they were updated, by our mark on the newest ones.

use crate::view::snapshot;
use concord_connector::{
    Context, Cursor, ExternalId, Fault, Instant, Outcome, RecordId, Request, Response,
    exchange::{Refused, decode_each},
    key::{Key, KeyKind},
    script::{Run, Script},
};
use serde_json::{Value as Json, json};
use std::time::Duration;

const PAGE: usize = 50;
/// Our mark cannot be filtered on: so many pages of the newest referrals are looked through.
const SCANNED: usize = 6;

/// Whether an id can stand in a path as it is.
pub(crate) fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 100 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The documents ask for a content type with every call.
fn typed(request: Request) -> Request {
    request.header("content-type", "application/json")
}

pub(crate) fn list(filter: Option<String>, top: usize, skip: usize, order: &str) -> Request {
    let request = typed(Request::get("/referrals"));
    let request = filter.into_iter().fold(request, |request, filter| request.query("$filter", filter));
    let request = request.query("$orderby", order).query("$top", top.to_string());
    if skip > 0 { request.query("$skip", skip.to_string()) } else { request }
}

/// One referral, as it is there.
pub(crate) fn one<'a>(script: &mut Script<'a>, id: &ExternalId) -> Run<Option<&'a Response>> {
    if !is_id(id.as_str()) {
        return Ok(None);
    }
    let answer = script.send(typed(Request::get(format!("/referrals/{id}"))).accepting(&[200, 404]))?;
    Ok((answer.status == 200).then_some(answer))
}

/// Answers a fetch.
pub(crate) fn fetch(script: &mut Script<'_>, cx: &Context, ids: &[ExternalId]) -> Run<Outcome> {
    let mut records = Vec::new();
    for id in ids {
        if let Some(answer) = one(script, id)? {
            records.push((id.clone(), snapshot(cx, &answer.body, answer.started_at).map_err(Refused::from)));
        }
    }
    Ok(Outcome::Records(records))
}

/// Answers a poll. Pages are in the order of creation, so that what is new comes at their end.
pub(crate) fn poll(script: &mut Script<'_>, cx: &Context, cursor: Option<&Cursor>, until: Instant) -> Run<Outcome> {
    let stand: Json = match cursor {
        None => json!({}),
        Some(cursor) => serde_json::from_str(cursor.as_str()).map_err(|cause| {
            let sentence = "the stored cursor is not one of this connector; run a backfill";
            Fault::malformed("microsoft_partner_center.poll", sentence).caused_by(cause)
        })?,
    };
    let since = stand["since"].as_i64().map(Instant::from_ms);
    let skip = stand["skip"].as_u64().and_then(|skip| usize::try_from(skip).ok()).unwrap_or(0);
    let filter = since.map(|since| format!("updatedDateTime ge {}", since.rfc3339()));
    let answer = script.send(list(filter, PAGE, skip, "createdDateTime asc"))?;
    let end = stand["until"].as_i64().unwrap_or_else(|| answer.window_end(until).ms());
    let rows = answer.array("/value")?;
    let id = |row: &Json| row["id"].as_str().map(ExternalId::from);
    let records = decode_each(rows, id, |row| snapshot(cx, row, answer.started_at));
    let more = rows.len() >= PAGE;
    let next = match more {
        true => json!({ "since": stand["since"], "until": end, "skip": skip + rows.len() }),
        false => {
            let back = Duration::from_secs(crate::MANIFEST.capabilities.look_back_s);
            json!({ "since": Instant::from_ms(end).minus(back).ms().max(0) })
        }
    };
    Ok(Outcome::Page { records, cursor: Cursor::new(next.to_string()), more })
}

/// Answers a search.
pub(crate) fn find(script: &mut Script<'_>, cx: &Context, record: &RecordId, keys: &[Key]) -> Run<Outcome> {
    if let Some(id) = marked(script, record)? {
        return Ok(Outcome::Found(vec![id]));
    }
    let own = keys.iter().filter(|key| key.kind == KeyKind::External).filter_map(|key| key.value.split_once('/'));
    let own = own.filter(|(connection, _)| *connection == cx.connection.as_str());
    let mut found = Vec::new();
    for (_, id) in own {
        let id = ExternalId::from(id);
        if one(script, &id)?.is_some() {
            found.push(id);
        }
    }
    Ok(Outcome::Found(found))
}

/// The referral with our mark, among the newest.
pub(crate) fn marked(script: &mut Script<'_>, record: &RecordId) -> Run<Option<ExternalId>> {
    for page in 0..SCANNED {
        let answer = script.send(list(None, PAGE, page * PAGE, "createdDateTime desc"))?;
        let rows = answer.array("/value")?;
        let ours = rows.iter().find(|row| row["externalReferenceId"] == record.as_str());
        if let Some(id) = ours.and_then(|row| row["id"].as_str()) {
            return Ok(Some(id.into()));
        }
        if rows.len() < PAGE {
            break;
        }
    }
    Ok(None)
}
