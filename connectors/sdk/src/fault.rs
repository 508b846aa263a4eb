//! A fault says what happened (kind) and what to do (retry): two questions, two fields.

use serde::{Deserialize, Serialize};
use std::{error::Error, fmt, time::Duration};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// The data cannot be understood, theirs or ours.
    Malformed,
    /// The credential was refused or has expired.
    Unauthorized,
    /// The credential is good and lacks a permission.
    Forbidden,
    /// The record is not visible there; this never means deleted.
    NotFound,
    /// Somebody changed the record since we read it.
    Conflict,
    /// Several records there answer to one id.
    Ambiguous,
    /// Too many calls.
    RateLimited,
    /// The system refuses this record.
    Rejected,
    /// The system is down, overloaded or unreachable.
    Unavailable,
    /// The outcome of a write is unknown: the connection broke after it was sent.
    Unknown,
    /// None of the above.
    Unexpected,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same request fails the same way.
    Never,
    /// Get a new token, then once more.
    AfterRefresh,
    /// Again, after that long; `None` leaves the wait to the caller.
    After(Option<Duration>),
}

/// A failure, ready to be shown to an admin. Never holds credentials or personal data: context carries names and ids only.
#[derive(Debug)]
pub struct Fault {
    /// What happened.
    pub kind: Kind,
    /// What to do.
    pub retry: Retry,
    operation: &'static str,
    message: String,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// A fault with the retry that its kind suggests. `message` is a sentence that an admin can act on.
    pub fn new(kind: Kind, operation: &'static str, message: impl Into<String>) -> Self {
        let retry = match kind {
            Kind::RateLimited | Kind::Unavailable | Kind::Unknown | Kind::Conflict => Retry::After(None),
            Kind::Unauthorized => Retry::AfterRefresh,
            _ => Retry::Never,
        };
        Self { kind, retry, operation, message: message.into(), context: Vec::new(), source: None }
    }
    /// The data cannot be understood.
    pub fn malformed(operation: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, operation, message)
    }
    /// With another retry verdict.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }
    /// Retry after a wait.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        self.retry(Retry::After(Some(wait)))
    }
    /// With one more piece of context; names and ids only.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.context.push((name, value.to_string()));
        self
    }
    /// With its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
    /// The operation that failed: `hubspot.write`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }
    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }
    /// The context, in the order in which it was added.
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.context
    }
    /// True when the connection as a whole is in trouble (throttle, outage, credential), not this record.
    pub fn is_of_connection(&self) -> bool {
        matches!(self.kind, Kind::RateLimited | Kind::Unavailable | Kind::Unauthorized | Kind::Unknown)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.message)?;
        for (i, (name, value)) in self.context.iter().enumerate() {
            write!(f, "{}{name} {value}", if i == 0 { " (" } else { ", " })?;
        }
        if self.context.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}
impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
