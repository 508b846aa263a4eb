//! What HubSpot's refusals mean.
//!
//! A normal error is `{"status","message","correlationId","category","errors":[{"message","context"}],"policyName"}`
//! with every member optional; an unknown record, a proxy or an outage answers HTML.

use crate::search::message;
use concord_connector::{Fault, Kind, Manifest, Request, Response, Retry, connector::classify_status};
use serde_json::Value as Json;
use std::time::Duration;

/// The daily budget comes back at the portal's midnight; looking again every quarter of an hour is cheap.
const DAILY: Duration = Duration::from_secs(900);
/// The length of the rolling interval; a 429 mostly names no wait of its own.
const ROLLING: Duration = Duration::from_secs(10);
/// A gateway that gives up may mean "too heavy": a pause of some seconds is asked for.
const HEAVY: Duration = Duration::from_secs(5);

/// What a status outside the accepted ones means.
pub(crate) fn classify(manifest: &Manifest, request: &Request, response: &Response) -> Fault {
    let plain = classify_status(manifest, request, response);
    let body = &response.body;
    let asked = match plain.retry {
        Retry::After(wait) => wait,
        _ => None,
    };
    let fault = |kind, sentence: String| {
        Fault::new(kind, "hubspot.exchange", sentence)
            .with("status", response.status)
            .with("request", format!("{} {}", request.method.as_str(), request.path))
    };
    match response.status {
        429 => {
            let policy = body.get("policyName").and_then(Json::as_str).unwrap_or_default();
            let wait = match policy {
                "DAILY" => DAILY,
                "SECONDLY" => Duration::from_secs(1),
                // Search answers name no policy; their budget is by the second.
                _ if request.path.ends_with("/search") => Duration::from_secs(1),
                _ => ROLLING,
            };
            let sentence = match policy {
                "DAILY" => "HubSpot's daily call limit is used up; it goes on by itself after midnight".to_owned(),
                _ => "HubSpot asks for fewer calls".to_owned(),
            };
            fault(Kind::RateLimited, sentence).after(asked.unwrap_or(wait))
        }
        // 477: the portal is being moved between data centres. 423: it is locked for a moment.
        status @ (423 | 477) => {
            let sentence =
                if status == 477 { "HubSpot is moving this portal" } else { "HubSpot has locked the record" };
            let wait = response.headers.get("retry-after").and_then(|text| text.trim().parse().ok());
            fault(Kind::Unavailable, sentence.to_owned()).after(wait.map_or(ROLLING, Duration::from_secs))
        }
        502 | 504 | 521 | 523 | 524 => {
            fault(Kind::Unavailable, "HubSpot is not available now".to_owned()).after(asked.unwrap_or(HEAVY))
        }
        403 if category(body) == Some("MISSING_SCOPES") => fault(Kind::Forbidden, scopes(body)),
        400 | 409 | 415 | 422 if body.is_object() => {
            fault(plain.kind, format!("HubSpot refuses the request: {}", message(body)))
        }
        _ => plain,
    }
}

/// The category of an error answer: `VALIDATION_ERROR`, `CONFLICT`, `OBJECT_NOT_FOUND`.
pub(crate) fn category(body: &Json) -> Option<&str> {
    body.get("category")?.as_str()
}

fn scopes(body: &Json) -> String {
    let missing = body.pointer("/errors/0/context/requiredGranularScopes").and_then(Json::as_array);
    let names: Vec<&str> = missing.into_iter().flatten().filter_map(Json::as_str).collect();
    let names = if names.is_empty() { "that its answer does not name".to_owned() } else { names.join(", ") };
    format!("HubSpot says that the app lacks scopes: {names}; add them in the app's settings and connect again")
}

/// What a refusal of one row means.
pub(crate) fn of_row(error: &Json) -> Fault {
    let kind = match category(error) {
        Some("OBJECT_NOT_FOUND") => Kind::NotFound,
        Some("CONFLICT") => Kind::Conflict,
        Some("RATE_LIMITS") => Kind::RateLimited,
        Some("MISSING_SCOPES") => Kind::Forbidden,
        _ => Kind::Rejected,
    };
    let fault = Fault::new(kind, "hubspot.write", format!("HubSpot refuses the record: {}", message(error)));
    // A record of the same unique value will still be there at the next attempt.
    if kind == Kind::Conflict { fault.retry(Retry::Never) } else { fault }
}

/// The record that stands in the way, where the message names it: `Contact already exists. Existing ID: 123`, and for
/// other unique properties `... 123 already has that value.`
pub(crate) fn existing(error: &Json) -> Option<String> {
    let text = error.get("message").and_then(Json::as_str)?;
    let digits = |text: &str| {
        let id: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
        (!id.is_empty()).then_some(id)
    };
    if let Some((_, after)) = text.split_once("Existing ID:") {
        return digits(after);
    }
    let (before, _) = text.split_once(" already has that value")?;
    digits(before.rsplit([' ', '.']).next()?)
}
