//! With which secrets a connection's webhooks may be signed at a moment.

use crate::{
    ports::{Secret, Secrets},
    settings::Connection,
};
use concord_connector::Instant;

/// What follows a secret's name in the name of the part that says how long it is good.
const UNTIL: &str = "_until";

impl Connection {
    /// The active webhook secrets, the newest first: those of the configuration, then those of the vault (`webhook`,
    /// `webhook_previous`, ...); one whose grace has ended (`webhook_previous_until`, an RFC 3339 time) is none any more.
    /// HubSpot-like systems sign with the app's client secret, which serves when no secret of its own is there.
    pub fn webhook_secrets(&self, kept: &Secrets, now: Instant) -> Vec<Secret> {
        let mut secrets: Vec<Secret> = self.given_secrets.get("webhook").cloned().unwrap_or_default();
        let is_active = |name: &str| match kept.parts.get(&format!("{name}{UNTIL}")) {
            Some(until) => Instant::parse(until.expose().trim()).is_some_and(|until| now <= until),
            None => true,
        };
        let named = kept.parts.iter().filter(|(name, _)| name.starts_with("webhook") && !name.ends_with(UNTIL));
        secrets.extend(named.filter(|(name, _)| is_active(name)).map(|(_, secret)| secret.clone()));
        if secrets.is_empty() {
            secrets.extend(kept.parts.get("client_secret").cloned());
        }
        secrets
    }
}
