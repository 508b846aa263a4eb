//! Who may call, and how often.

use concord_connector::{
    sandbox::{WireRequest, WireResponse},
    time::Instant,
};
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// Access tokens of OAuth apps live that long, in seconds.
const LIFE_S: u64 = 1800;
const INTERVAL: Duration = Duration::from_secs(10);
const SEARCHES: usize = 5;

pub(super) struct Access {
    portal_id: u64,
    /// Access tokens handed out, with their ends.
    tokens: BTreeMap<String, Instant>,
    pub(super) limit: Option<usize>,
    /// A refresh token is good for one use.
    pub(super) single_use_refresh: bool,
    /// How many refresh tokens were used up.
    refreshed: u64,
    /// The access token that came with the newest refresh token: once it is used, older refresh tokens are refused.
    newest: Option<String>,
    calls: VecDeque<Instant>,
    searches: VecDeque<Instant>,
}

impl Access {
    pub(super) fn new(portal_id: u64) -> Self {
        Self {
            portal_id,
            tokens: BTreeMap::new(),
            limit: None,
            single_use_refresh: false,
            refreshed: 0,
            newest: None,
            calls: VecDeque::new(),
            searches: VecDeque::new(),
        }
    }

    pub(super) fn credentials(&self) -> BTreeMap<String, String> {
        let id = self.portal_id;
        BTreeMap::from(
            [
                ("token", format!("pat-fake-{id}")),
                ("client_id", format!("fake-client-{id}")),
                ("client_secret", format!("fake-secret-{id}")),
                ("refresh_token", self.refresh_token(self.refreshed)),
                ("code", format!("fake-code-{id}")),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        )
    }

    fn refresh_token(&self, number: u64) -> String {
        match number {
            0 => format!("fake-refresh-{}", self.portal_id),
            number => format!("fake-refresh-{}-{number}", self.portal_id),
        }
    }

    /// Ends every access token that was handed out.
    pub(super) fn expire(&mut self) {
        self.tokens.clear();
    }

    /// Whether a refresh token is taken: the newest one, and the one before it until the newest access token was used.
    fn takes(&self, given: &str) -> bool {
        let before = self.newest.as_ref().and_then(|_| self.refreshed.checked_sub(1));
        given == self.refresh_token(self.refreshed) || before.is_some_and(|before| given == self.refresh_token(before))
    }

    /// The refusal of a request that has no good token or comes too often.
    pub(super) fn refuse(&mut self, now: Instant, request: &WireRequest) -> Option<WireResponse> {
        if request.path().starts_with("/oauth/") {
            return None;
        }
        let token = request.headers.get("authorization").and_then(|header| header.strip_prefix("Bearer "));
        if self.newest.as_deref() == token {
            self.newest = None;
        }
        let private = format!("pat-fake-{}", self.portal_id);
        let good = token.is_some_and(|token| token == private || self.tokens.get(token).is_some_and(|end| *end > now));
        if !good {
            return Some(WireResponse::json(
                401,
                &json!({
                    "status": "error",
                    "message": "Authentication credentials not found. This API supports OAuth 2.0 authentication.",
                    "correlationId": "00000000-0000-4000-8000-000000000000",
                    "category": "INVALID_AUTHENTICATION",
                }),
            ));
        }
        let limit = self.limit?;
        let search = request.path().ends_with("/search");
        if search && full(&mut self.searches, now, Duration::from_secs(1), SEARCHES) {
            return Some(throttled("You have reached your secondly limit.", "SECONDLY"));
        }
        full(&mut self.calls, now, INTERVAL, limit)
            .then(|| throttled("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING"))
    }

    /// `POST /oauth/v1/token`. The refresh token stays the same, unless it is good for one use.
    pub(super) fn token(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let form = request.form();
        let given = |name: &str| form.get(name).cloned().unwrap_or_default();
        let known = self.credentials();
        let right = |name: &str| known.get(name) == Some(&given(name));
        let grant = match given("grant_type").as_str() {
            "refresh_token" => self.takes(&given("refresh_token")),
            "authorization_code" => right("code"),
            _ => false,
        };
        if !(grant && right("client_id") && right("client_secret")) {
            let body = json!({ "status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token" });
            return WireResponse::json(400, &body);
        }
        let mut token = format!("fake-access-{}-{}", self.portal_id, now.ms());
        if self.single_use_refresh {
            // The old one used again: the pair that it gave is given once more in another form.
            if given("refresh_token") == self.refresh_token(self.refreshed) {
                self.refreshed += 1;
            }
            token = format!("{token}-{}", self.refreshed);
            self.newest = Some(token.clone());
        }
        self.tokens.insert(token.clone(), now.plus(Duration::from_secs(LIFE_S)));
        let body: Json = json!({
            "access_token": token,
            "refresh_token": self.refresh_token(self.refreshed),
            "token_type": "bearer",
            "expires_in": LIFE_S,
        });
        WireResponse::json(200, &body)
    }
}

/// Counts a call unless the sliding window is full.
fn full(calls: &mut VecDeque<Instant>, now: Instant, window: Duration, most: usize) -> bool {
    while calls.front().is_some_and(|first| first.plus(window) <= now) {
        calls.pop_front();
    }
    if calls.len() >= most {
        return true;
    }
    calls.push_back(now);
    false
}

fn throttled(message: &str, policy: &str) -> WireResponse {
    let body = json!({
        "status": "error",
        "message": message,
        "errorType": "RATE_LIMIT",
        "correlationId": "00000000-0000-4000-8000-000000000000",
        "policyName": policy,
    });
    WireResponse::json(429, &body)
}
