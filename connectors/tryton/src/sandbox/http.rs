//! What the wire needs: pages, dates, credentials.

use super::{KEY, PASSWORD, USERNAME};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord_connector::sandbox::{WireRequest, WireResponse};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Value as Json, json};

/// An error page as Tryton's web framework writes it.
pub(super) fn page(status: u16) -> WireResponse {
    let text = match status {
        400 => "The browser (or proxy) sent a request that this server could not understand.",
        401 => "The server could not verify that you are authorized to access the URL requested.",
        403 => "You don&#39;t have the permission to access the requested resource.",
        404 => "The requested URL was not found on the server.",
        416 => "The server cannot provide the requested range.",
        _ => "The server encountered an internal error.",
    };
    page_of(status, text)
}

/// An error page with a sentence.
pub(super) fn page_of(status: u16, text: &str) -> WireResponse {
    let title = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        416 => "Requested Range Not Satisfiable",
        422 => "Unprocessable Entity",
        _ => "Internal Server Error",
    };
    let mut response = WireResponse::html(status, title);
    let page =
        format!("<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n<h1>{title}</h1>\n<p>{text}</p>\n");
    response.body = page.into_bytes();
    response
}

/// A request's kind: its method and path, with the RPC method and without ids.
pub(super) fn route(request: &WireRequest) -> String {
    let is_id = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let path: Vec<&str> = request.path().split('/').map(|part| if is_id(part) { "{}" } else { part }).collect();
    let path = path.join("/");
    let called = request.json().filter(|_| path.ends_with("/rpc/"));
    match called.as_ref().and_then(|body| body.get("method")).and_then(Json::as_str) {
        Some(method) => format!("{} {path} {method}", request.method),
        None => format!("{} {path}", request.method),
    }
}

/// Whether a request may call JSON-RPC: Basic with login and password, or a session.
pub(super) fn may_call(request: &WireRequest) -> bool {
    let decoded = |text: &str| STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match scheme(request) {
        Some(("Basic", text)) => decoded(text).is_some_and(|text| text == format!("{USERNAME}:{PASSWORD}")),
        Some(("Session", text)) => decoded(text).is_some_and(|text| text == format!("{USERNAME}:1:{}", session())),
        _ => false,
    }
}

/// Whether a request may use REST: the application key, as bearer token or as Basic password.
pub(super) fn may_rest(request: &WireRequest) -> bool {
    match scheme(request) {
        Some(("Bearer", token)) => token == KEY,
        Some(("Basic", text)) => STANDARD.decode(text).is_ok_and(|bytes| bytes.ends_with(format!(":{KEY}").as_bytes())),
        _ => false,
    }
}

/// The token of the one session that a login opens.
pub(super) fn session() -> &'static str {
    "sandbox-session"
}

fn scheme(request: &WireRequest) -> Option<(&str, &str)> {
    request.headers.get("authorization")?.split_once(' ')
}

/// A time in UTC, from microseconds.
pub(super) fn civil(micros: i64) -> DateTime {
    Timestamp::from_microsecond(micros).unwrap_or_default().to_zoned(TimeZone::UTC).datetime()
}

/// A time as Tryton writes it.
pub(super) fn datetime(micros: i64) -> Json {
    let at = civil(micros);
    json!({
        "__class__": "datetime",
        "year": at.year(), "month": at.month(), "day": at.day(),
        "hour": at.hour(), "minute": at.minute(), "second": at.second(),
        "microsecond": at.subsec_nanosecond() / 1000,
    })
}

/// Microseconds of a time or a date; `None` for other objects.
pub(super) fn micros(value: &Json) -> Option<i64> {
    let part = |name: &str| value.get(name).and_then(Json::as_i64).unwrap_or(0);
    let small = |name: &str| i8::try_from(part(name)).ok();
    value.get("year")?;
    let at = DateTime::new(
        i16::try_from(part("year")).ok()?,
        small("month")?,
        small("day")?,
        small("hour")?,
        small("minute")?,
        small("second")?,
        i32::try_from(part("microsecond")).ok()?.checked_mul(1000)?,
    );
    Some(at.ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond())
}
