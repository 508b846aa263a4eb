//! Landings: a buyer comes from a marketplace with a purchase token. The vendor alone knows what it stands for.

use super::{Verified, Webhook};
use crate::{
    schema::Entity,
    signal::{Signal, TOKEN},
    time::Instant,
};
use sha2::{Digest as _, Sha256};
use url::form_urlencoded::parse;

/// What follows the connection's name in the path.
const PAGE: &str = "landing";
/// No purchase token is longer.
const LONGEST: usize = 8 * 1024;

impl<State> Webhook<State> {
    /// Whether a browser brings a token of this name.
    pub(super) fn is_landing(&self, token: &str) -> bool {
        self.path_secret.as_deref() == Some(PAGE)
            && matches!(self.method.as_str(), "GET" | "POST")
            && self.purchase_token(token).is_some()
    }

    /// The purchase token, when it was sent exactly once: in a form, in the query, or as a member of a JSON body.
    pub fn purchase_token(&self, name: &str) -> Option<String> {
        let query = self.uri.split_once('?').map_or("", |(_, query)| query);
        let kind = self.header("content-type").unwrap_or_default();
        let form: &[u8] = if kind.starts_with("application/x-www-form-urlencoded") { &self.body } else { &[] };
        let json: Option<serde_json::Value> =
            kind.starts_with("application/json").then(|| serde_json::from_slice(&self.body).ok()).flatten();
        let member = json.as_ref().and_then(|json| json.get(name)?.as_str()).map(str::to_owned);
        let named = |(key, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
            (key == name).then(|| value.into_owned())
        };
        let mut found = parse(query.as_bytes()).chain(parse(form)).filter_map(named).chain(member);
        let (first, second) = (found.next(), found.next());
        // Tokens are written in base64, and have no spaces: one was a plus that nobody escaped.
        let token = first.filter(|_| second.is_none()).map(|token| token.replace(' ', "+"));
        token.filter(|token| (1..=LONGEST).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic()))
    }
}

/// What a landing says: that there is a purchase to be looked at, once however often the page is loaded.
pub fn landed(hook: &Webhook<Verified>, token: &str) -> Vec<Signal> {
    let signal = |token: String| {
        let key = format!("landing:{}", registration(&token));
        Signal::changed(key, Entity::Entitlement, format!("{TOKEN}{token}"), Instant::EPOCH)
    };
    hook.purchase_token(token).map(signal).into_iter().collect()
}

/// By what a landing is known on the seller's sign-up page, and in the entitlement that it belongs to: equal for the same
/// token, and no way back to it.
pub fn registration(token: &str) -> String {
    let digest = Sha256::new().chain_update("registration\n").chain_update(token).finalize();
    hex::encode(&digest[..16])
}
