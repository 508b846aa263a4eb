//! One request to one address.

use async_trait::async_trait;
use std::{collections::BTreeMap, fmt, time::Duration};

/// A request, complete: the only place where a credential is in one.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: &'static str,
    /// The full URL.
    pub url: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long it may take in all.
    pub timeout: Duration,
    /// Whether the admin allowed private and loopback addresses for this connection.
    pub allow_private: bool,
    /// Of a longer answer only so many bytes are read, and the rest is hung up on; `None` reads all of it, up to 32 MiB.
    pub keep: Option<usize>,
}

impl fmt::Debug for HttpRequest {
    /// Without query, headers and body: they may hold credentials and personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpRequest({} {})", self.method, self.url.split('?').next().unwrap_or_default())
    }
}

/// A response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

/// No response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// The request did not leave: no connection, an address that is not allowed.
    NotSent(String),
    /// It left, and no answer came: it may have been carried out.
    Lost(String),
}

/// Sends.
#[async_trait]
pub trait Http: Send + Sync {
    /// Sends one request; follows no redirect; bodies above 32 MiB are an error.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError>;
}
