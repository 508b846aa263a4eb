//! Requests and responses, as connectors see them.

use super::{Body, cbor};
use crate::{Fault, Kind, Result, time::Instant};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The method's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A request to the connection's base URL. Never holds a credential: the engine adds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Which of the manifest's [`hosts`](crate::Manifest::hosts) it goes to; `None` is the base URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The path from the base URL on, beginning with `/`, query string excluded; percent-encoded already.
    pub path: String,
    /// Query parameters, not yet encoded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, String)>,
    /// Further headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(default)]
    pub body: Body,
    /// Statuses that the connector handles itself; others go to [`crate::Connector::classify`].
    #[serde(default)]
    pub accept: Vec<u16>,
    /// Which of the manifest's limits it counts against, besides those that count everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// True when sending it twice could do something twice: its outcome is unknown when the connection breaks.
    #[serde(default)]
    pub writes: bool,
}

impl Request {
    /// A request that accepts 200.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            host: None,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Body::Empty,
            accept: vec![200],
            limit: None,
            writes: false,
        }
    }
    /// GET.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::Get, path)
    }
    /// POST with a JSON body.
    pub fn post(path: impl Into<String>, body: Json) -> Self {
        Self::new(Method::Post, path).json(body)
    }
    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: Json) -> Self {
        self.body = Body::Json(body);
        self
    }
    /// With one more query parameter.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }
    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
    /// With other statuses accepted.
    #[must_use]
    pub fn accepting(mut self, statuses: &[u16]) -> Self {
        self.accept = statuses.to_vec();
        self
    }
    /// Counted against a named limit.
    #[must_use]
    pub fn limited_by(mut self, limit: &str) -> Self {
        self.limit = Some(limit.to_owned());
        self
    }
    /// To another of the system's hosts than the base URL.
    #[must_use]
    pub fn to(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }
    /// Marked as a write.
    #[must_use]
    pub fn writing(mut self) -> Self {
        self.writes = true;
        self
    }
}

/// A response. Header names are in lower case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body: JSON when it is JSON or CBOR, else a JSON string of the text, else null.
    #[serde(default)]
    pub body: Json,
    /// When the hub began to send the request: the `read_at` of what the response shows.
    #[serde(default)]
    pub started_at: Instant,
}

impl Response {
    /// Reads a body, whatever it is.
    pub fn new(status: u16, headers: BTreeMap<String, String>, body: &[u8], started_at: Instant) -> Self {
        let is_cbor = headers.get("content-type").is_some_and(|named| named.starts_with(cbor::TYPE));
        if let Some(body) = is_cbor.then(|| cbor::decode(body)).flatten() {
            return Self { status, headers, body, started_at };
        }
        let body = match serde_json::from_slice(body) {
            Ok(json) => json,
            Err(_) if body.is_empty() => Json::Null,
            Err(_) => Json::String(String::from_utf8_lossy(body).into_owned()),
        };
        Self { status, headers, body, started_at }
    }
    /// What the system's own clock said when it answered.
    pub fn clock(&self) -> Option<Instant> {
        self.headers.get("date").and_then(|date| Instant::parse_http(date))
    }
    /// The end of a window that was read up to `until` by our clock: by the system's own clock where that is behind ours.
    /// What changes there next has a time after that, whoever's clock is wrong.
    pub fn window_end(&self, until: Instant) -> Instant {
        self.clock().map_or(until, |theirs| theirs.min(until))
    }
    /// The value at a JSON pointer of the body.
    pub fn at(&self, pointer: &str) -> Option<&Json> {
        self.body.pointer(pointer)
    }
    /// The text at a JSON pointer of the body.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.at(pointer).and_then(Json::as_str)
    }
    /// The array at a JSON pointer of the body.
    ///
    /// # Errors
    /// `Unavailable` when there is none: a proxy or an outage page answered instead of the vendor.
    pub fn array(&self, pointer: &str) -> Result<&Vec<Json>> {
        self.at(pointer).and_then(Json::as_array).ok_or_else(|| {
            Fault::new(Kind::Unavailable, "exchange", format!("the answer has no array at `{pointer}`"))
                .with("status", self.status)
        })
    }
}
