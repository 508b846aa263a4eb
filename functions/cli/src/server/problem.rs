//! Errors as RFC 9457 problem details.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use concord_connector::{Fault, Kind};
use serde_json::{Value as Json, json};

/// Why a request is not answered as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// A sentence that says what to do.
    pub detail: String,
}

impl Problem {
    /// A problem of a status.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }
    /// The request itself is wrong.
    pub fn wrong(detail: impl Into<String>) -> Self {
        Self::new(422, detail)
    }
    /// There is no such thing.
    pub fn missing(detail: impl Into<String>) -> Self {
        Self::new(404, detail)
    }
    /// Who asks is nobody we know.
    pub fn unauthorized() -> Self {
        Self::new(
            401,
            "This needs the header `Authorization: Bearer` with the admin token; it is in run.json in the data folder.",
        )
    }
    /// As a document.
    pub fn document(&self) -> Json {
        let title = StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        json!({
            "type": "about:blank",
            "title": title.unwrap_or("Problem"),
            "status": self.status,
            "detail": self.detail,
        })
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let status = match fault.kind {
            Kind::Malformed | Kind::Rejected => 422,
            Kind::NotFound => 404,
            Kind::Conflict | Kind::Ambiguous => 409,
            Kind::RateLimited | Kind::Unavailable => 503,
            Kind::Unauthorized | Kind::Forbidden => 502,
            _ => 500,
        };
        Self::new(status, sentence(&fault))
    }
}

/// What a fault says to a person: its sentence, and the names and ids that it concerns.
pub fn sentence(fault: &Fault) -> String {
    let mut text = fault.message().trim_end_matches('.').to_owned();
    let context: Vec<String> = fault.context().iter().map(|(name, value)| format!("{name} {value}")).collect();
    if !context.is_empty() {
        text = format!("{text} ({})", context.join(", "));
    }
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (status, [(header::CONTENT_TYPE, kind)], self.document().to_string()).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
