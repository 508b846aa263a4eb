//! JSON Web Tokens as proof of a sender: RS256 under a key of the sender's set, for us, from whom we expect, and in time.

use crate::time::Instant;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    jwk::{AlgorithmParameters, JwkSet},
};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// How far a sender's clock may be off, in seconds.
const SKEW_S: i64 = 60;
/// No honest token is longer, in bytes.
const LONGEST: usize = 16 * 1024;

/// Whether the token proves its sender. Whatever is wrong with it, the answer is the same.
pub(super) fn proves(
    token: &str,
    keys: &[u8],
    issuers: &[String],
    audience: &str,
    claims: &BTreeMap<String, String>,
    now: Instant,
) -> bool {
    let Some(said) = signed(token, keys) else { return false };
    let seconds = |name: &str| said.get(name).and_then(Json::as_i64);
    let in_time = seconds("exp").is_some_and(|exp| now.seconds() < exp.saturating_add(SKEW_S))
        && ["nbf", "iat"].into_iter().filter_map(seconds).all(|from| from <= now.seconds().saturating_add(SKEW_S));
    let for_us = match said.get("aud") {
        Some(Json::String(one)) => one == audience,
        Some(Json::Array(several)) => several.iter().any(|one| one == audience),
        _ => false,
    };
    let from = said.get("iss").and_then(Json::as_str).is_some_and(|iss| issuers.iter().any(|known| known == iss));
    // Under one of several names: what version 1 of a token calls `appid` is `azp` in version 2.
    let has =
        |(names, value): (&String, &String)| names.split('|').any(|name| text(said.get(name)) == Some(value.clone()));
    in_time && for_us && from && !audience.is_empty() && claims.iter().all(has)
}

/// The claims, when a key of the set has signed them.
fn signed(token: &str, keys: &[u8]) -> Option<Map<String, Json>> {
    let header = header(token)?;
    // Nothing but this: a token that names `none`, or a hash under a public key, is a forgery.
    if header.alg != Algorithm::RS256 {
        return None;
    }
    let keys: JwkSet = serde_json::from_slice(keys).ok()?;
    let key = keys.find(header.kid.as_deref()?)?;
    if !matches!(key.algorithm, AlgorithmParameters::RSA(_)) {
        return None;
    }
    let key = DecodingKey::from_jwk(key).ok()?;
    let mut validation = Validation::new(Algorithm::RS256);
    // By the hub's own clock, below.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode::<Map<String, Json>>(token, &key, &validation).ok().map(|token| token.claims)
}

fn header(token: &str) -> Option<jsonwebtoken::Header> {
    (token.len() <= LONGEST).then(|| jsonwebtoken::decode_header(token).ok()).flatten()
}

/// Whether the key that a request's token names is in the set: when it is not, the sender may have new keys.
pub fn names_a_key_of(authorization: &str, keys: &[u8]) -> bool {
    let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
    let named = header(token).and_then(|header| header.kid);
    let keys: Option<JwkSet> = serde_json::from_slice(keys).ok();
    named.zip(keys).is_some_and(|(named, keys)| keys.find(&named).is_some())
}

fn text(value: Option<&Json>) -> Option<String> {
    match value? {
        Json::String(text) => Some(text.clone()),
        Json::Bool(flag) => Some(flag.to_string()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
