//! Troubles that a sandbox makes on demand.

use super::{WireRequest, WireResponse};

/// One kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// 429, with that many seconds of `Retry-After` (none: without the header).
    Throttle(Option<u64>),
    /// This status, with an HTML body.
    Fail(u16),
    /// The request is carried out, and the answer is lost: the sandbox answers with status 0, and its server breaks the
    /// connection instead of sending it.
    LoseAnswer,
}

/// A plan of troubles: each entry is used once, in order, on the next request whose path contains its text.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    planned: Vec<(String, Trouble)>,
    /// Webhooks are dropped instead of sent.
    pub lose_webhooks: bool,
    /// Webhooks are sent twice.
    pub duplicate_webhooks: bool,
    /// Webhooks are sent in reverse order.
    pub reverse_webhooks: bool,
    /// Every access token ends before the next request; cleared by the sandbox that ended them.
    pub expire_tokens: bool,
    /// A refresh token is good for one use: a new one comes with every access token. As vendors do that rotate, the old
    /// one still works until the new access token was used, so that an answer that got lost locks nobody out.
    pub single_use_refresh: bool,
    /// Everything is refused with this status (an outage), until cleared.
    pub outage: Option<u16>,
}

impl Faults {
    /// Plans trouble for the next request whose path contains `path`.
    pub fn plan(&mut self, path: &str, trouble: Trouble) {
        self.planned.push((path.to_owned(), trouble));
    }
    /// Takes the trouble that is due for a request, if any.
    pub fn take(&mut self, request: &WireRequest) -> Option<Trouble> {
        if let Some(status) = self.outage {
            return Some(Trouble::Fail(status));
        }
        let at = self.planned.iter().position(|(path, _)| request.path().contains(path.as_str()))?;
        Some(self.planned.remove(at).1)
    }
    /// How many planned troubles no request has met yet.
    pub fn left(&self) -> usize {
        self.planned.len()
    }
    /// Whether planned troubles are left.
    pub fn is_empty(&self) -> bool {
        self.planned.is_empty() && self.outage.is_none()
    }
    /// The answer that a trouble stands for, before the request is carried out; `None` when it is carried out first.
    pub fn answer(trouble: Trouble) -> Option<WireResponse> {
        match trouble {
            Trouble::Throttle(Some(after)) => {
                Some(WireResponse::html(429, "Too Many Requests").header("retry-after", after.to_string()))
            }
            Trouble::Throttle(None) => Some(WireResponse::html(429, "Too Many Requests")),
            Trouble::Fail(status) => Some(WireResponse::html(status, "Service trouble")),
            Trouble::LoseAnswer => None,
        }
    }
}
