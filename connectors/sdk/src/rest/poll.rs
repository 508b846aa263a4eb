//! Polling: the pages of a list, changed records only where the system can tell.
//!
//! A window keeps its beginning until its last page was read. The next one begins before the end of this one by the
//! look-back, and that end is by the system's own clock where its answers say the time.

use super::{
    Place,
    fill::{Values, request},
};
use crate::{
    Cursor, Fault, Outcome, Request, Response,
    codec::put,
    exchange::{Body, Method, decode_each},
    manifest::{Endpoint, Paging, api::scalar},
    script::{Run, Script},
    time::Instant,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Statuses with which a system refuses a page that began behind something that is gone.
const LOST: [u16; 4] = [400, 404, 410, 422];

/// Where a poll goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Stand {
    /// The beginning of the window, epoch milliseconds; none in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    /// The end of the window, while it is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    /// The next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<String>,
}

/// Answers a poll.
pub(super) fn poll(
    script: &mut Script<'_>,
    place: &Place<'_>,
    cursor: Option<&Cursor>,
    until: Instant,
    look_back_s: u64,
) -> Run<Outcome> {
    let Some(list) = &place.api.list else {
        let cursor = cursor.cloned().unwrap_or_else(|| Cursor::new("{}"));
        return Ok(Outcome::Page { records: Vec::new(), cursor, more: false });
    };
    let stand: Stand = match cursor {
        None => Stand::default(),
        Some(cursor) => serde_json::from_str(cursor.as_str()).map_err(|cause| {
            Fault::malformed("rest.poll", "the stored cursor is not one of this connector; run a backfill")
                .caused_by(cause)
        })?,
    };
    let mut request = page_request(place, list, &stand, Some(until))?;
    if stand.page.is_some() {
        request.accept.extend(LOST);
    }
    let answer = script.send(request)?;
    if LOST.contains(&answer.status) {
        // What the page began behind is gone: the window begins again, now or with the next poll.
        let cursor = Cursor::new(json!(Stand { page: None, until: None, ..stand }).to_string());
        return Ok(Outcome::Page { records: Vec::new(), cursor, more: false });
    }
    let end = stand.until.unwrap_or_else(|| answer.window_end(until).ms());
    let rows = answer.array(&list.rows)?;
    let records = decode_each(rows, |row| place.id(row), |row| place.snapshot(row, answer.started_at, None));
    let next = next_page(place, list, stand.page.as_deref(), answer, rows)?;
    let more = next.is_some();
    let next = match next {
        Some(page) => Stand { page: Some(page), until: Some(end), ..stand },
        None => {
            let since = Instant::from_ms(end).minus(Duration::from_secs(look_back_s)).ms().max(0);
            Stand { since: Some(since), until: None, page: None }
        }
    };
    Ok(Outcome::Page { records, cursor: Cursor::new(json!(next).to_string()), more })
}

/// The rows of one page of everything, and the name of the next.
pub(super) fn rows<'a>(
    script: &mut Script<'a>,
    place: &Place<'_>,
    list: &Endpoint,
    page: Option<String>,
) -> Run<(&'a Vec<Json>, Option<String>)> {
    let stand = Stand { page, ..Stand::default() };
    let answer = script.send(page_request(place, list, &stand, None)?)?;
    let rows = answer.array(&list.rows)?;
    let next = next_page(place, list, stand.page.as_deref(), answer, rows)?;
    Ok((rows, next))
}

fn page_request(place: &Place<'_>, list: &Endpoint, stand: &Stand, until: Option<Instant>) -> Result<Request, Fault> {
    let until = stand.until.map(Instant::from_ms).or(until);
    let values = Values { since: stand.since.map(Instant::from_ms), until, ..Values::default() };
    let mut built = request(place.cx, list, Method::Get, &values)?;
    let page = match (&list.page, &stand.page) {
        (Paging::Number { first, .. }, None) => Some(first.to_string()),
        (Paging::Offset { .. }, None) => Some("0".to_owned()),
        (_, page) => page.clone(),
    };
    match (&list.page, page) {
        (Paging::Link { .. }, Some(query)) => {
            built.query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        }
        (
            Paging::Number { send, .. }
            | Paging::Offset { send, .. }
            | Paging::Cursor { send, .. }
            | Paging::LastId { send, .. },
            Some(page),
        ) => set(&mut built, send, page, matches!(list.page, Paging::Number { .. } | Paging::Offset { .. }))?,
        _ => {}
    }
    Ok(built)
}

/// Puts a page's name into the query, or into the body where `send` is a pointer.
fn set(request: &mut Request, send: &str, page: String, number: bool) -> Result<(), Fault> {
    if !send.starts_with('/') {
        request.query.retain(|(name, _)| name != send);
        request.query.push((send.to_owned(), page));
        return Ok(());
    }
    let mut body = match std::mem::take(&mut request.body) {
        Body::Json(json) => json,
        _ => json!({}),
    };
    let page = if number { page.parse::<u64>().map_or(Json::Null, Json::from) } else { Json::String(page) };
    put(&mut body, send, page).map_err(|sentence| Fault::malformed("rest.poll", sentence))?;
    request.body = Body::Json(body);
    Ok(())
}

fn next_page(
    place: &Place<'_>,
    list: &Endpoint,
    page: Option<&str>,
    answer: &Response,
    rows: &[Json],
) -> Result<Option<String>, Fault> {
    let said = list.more.as_deref().and_then(|at| answer.at(at)).map(|more| match more {
        Json::Bool(more) => *more,
        other => scalar(other).is_some_and(|text| text == "true" || text == "1"),
    });
    if said == Some(false) || rows.is_empty() {
        return Ok(None);
    }
    let at = |default: u64| page.and_then(|page| page.parse::<u64>().ok()).unwrap_or(default);
    let full = |size: usize| said.unwrap_or(rows.len() >= size);
    Ok(match &list.page {
        Paging::None {} => None,
        Paging::Number { first, size, .. } => full(*size).then(|| (at(*first) + 1).to_string()),
        Paging::Offset { size, .. } => full(*size).then(|| (at(0) + rows.len() as u64).to_string()),
        Paging::Cursor { at, header, .. } => {
            let place = at.as_deref().and_then(|at| answer.at(at)).and_then(scalar);
            let place = place.or_else(|| answer.headers.get(&header.as_deref()?.to_ascii_lowercase()).cloned());
            place.filter(|next| !next.is_empty() && Some(next.as_str()) != page)
        }
        Paging::LastId { at, .. } => {
            // Without a flag only an empty page is known to be the last.
            let last = rows.last().and_then(|row| row.pointer(at.as_deref().unwrap_or(&place.mapping.id)));
            let last = last.and_then(scalar);
            if last.is_some() && last.as_deref() == page {
                return Err(Fault::malformed("rest.poll", "a page begins where it ended: the last id does not move"));
            }
            last
        }
        Paging::Link { at } => {
            let address = match at {
                Some(at) => answer.text(at).map(str::to_owned),
                None => answer.headers.get("link").and_then(|header| next_of(header)),
            };
            address.and_then(|address| address.split_once('?').map(|(_, query)| query.to_owned()))
        }
    })
}

/// The address with `rel="next"` of a `Link` header.
fn next_of(header: &str) -> Option<String> {
    header.split(',').find_map(|link| {
        let (address, parameters) = link.split_once('>')?;
        let next = parameters.split(';').any(|one| {
            let one = one.trim();
            one.eq_ignore_ascii_case("rel=next") || one.eq_ignore_ascii_case("rel=\"next\"")
        });
        next.then(|| address.trim().trim_start_matches('<').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_told_from_the_others() {
        let header = r#"<https://a.example.com/x?page=1>; rel="prev", <https://a.example.com/x?page=3>; rel="next""#;
        assert_eq!(next_of(header).as_deref(), Some("https://a.example.com/x?page=3"));
        assert_eq!(next_of("<https://a.example.com/x?page=1>; rel=\"last\""), None);
        assert_eq!(next_of("nonsense"), None);
    }
}
