//! Signature schemes as data.

use super::{Refused, Unverified, Verified, Webhook};
use crate::time::Instant;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::marker::PhantomData;
use subtle::ConstantTimeEq;

/// How a sender proves itself, under the name that a connection's `webhooks` setting lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheme {
    /// The name: `v3`.
    pub name: String,
    /// How.
    pub signed: Signed,
    /// The longest that a vendor retries with the first timestamp, in seconds: replay marks live longer than this.
    #[serde(default = "day")]
    pub retry_horizon_s: u64,
}

fn day() -> u64 {
    86_400
}

/// The kinds of proof.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Signed {
    /// HMAC-SHA256 under the secret, over the parts in order.
    Hmac {
        /// The header with the signature.
        header: String,
        /// How the signature is written.
        encoding: Encoding,
        /// What is signed.
        parts: Vec<Part>,
        /// The header with the timestamp.
        timestamp: Option<Timestamp>,
    },
    /// SHA-256 over the secret and the parts, in hexadecimal. No replay protection: accepted only where a connection says so.
    Digest {
        /// The header with the signature.
        header: String,
        /// What is hashed after the secret.
        parts: Vec<Part>,
        /// A header that has to have this value.
        version: (String, String),
    },
    /// A header that has to equal the secret.
    Header {
        /// The header's name.
        header: String,
    },
    /// The path has to end in the secret. What comes this way is a hint: it carries ids, never field values.
    Path {},
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Encoding {
    Base64,
    Hex,
}

/// What a signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The method.
    Method,
    /// The public URI.
    Uri,
    /// The public URI with the escapes that HubSpot v3 signs undone, and only those.
    UriUnescaped,
    /// The raw body.
    Body,
    /// The text of the timestamp header.
    Timestamp,
}

/// A timestamp that is signed with the body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timestamp {
    /// The header.
    pub header: String,
    /// Its unit, in milliseconds: 1 or 1000.
    pub unit_ms: i64,
    /// How old it may be, in seconds.
    pub tolerance_s: i64,
}

/// How far in the future a sender's clock may be, in seconds.
const SKEW_S: i64 = 60;

impl Scheme {
    /// True when what comes this way is a hint without proof of its content.
    pub fn is_hint(&self) -> bool {
        matches!(self.signed, Signed::Path {})
    }
    /// True when the public URL is part of what is signed.
    pub fn signs_uri(&self) -> bool {
        let parts = match &self.signed {
            Signed::Hmac { parts, .. } | Signed::Digest { parts, .. } => parts.as_slice(),
            _ => &[],
        };
        parts.iter().any(|part| matches!(part, Part::Uri | Part::UriUnescaped))
    }
}

impl Webhook<Unverified> {
    /// Checks the request against a scheme under each of the active secrets.
    ///
    /// # Errors
    /// `Refused`, for every reason alike.
    pub fn verify(self, scheme: &Scheme, secrets: &[&[u8]], now: Instant) -> Result<Webhook<Verified>, Refused> {
        let mut good = false;
        for secret in secrets {
            good |= !secret.is_empty() && self.proves(&scheme.signed, secret, now).unwrap_or(false);
        }
        if !good {
            return Err(Refused);
        }
        Ok(Webhook {
            method: self.method,
            uri: self.uri,
            path_secret: None,
            headers: self.headers,
            body: self.body,
            scheme: Some(scheme.name.clone()),
            state: PhantomData,
        })
    }

    /// Whether the request bears the proof. A proof that is missing or misshapen takes as long to refuse as a wrong one:
    /// the body is hashed in any case.
    fn proves(&self, signed: &Signed, secret: &[u8], now: Instant) -> Option<bool> {
        match signed {
            Signed::Hmac { header, encoding, parts, timestamp } => {
                let stamp = match timestamp {
                    Some(timestamp) => self.header(&timestamp.header).and_then(|text| timestamp.read(text, now)),
                    None => Some(""),
                };
                let given = self.header(header).and_then(|text| match encoding {
                    Encoding::Base64 => STANDARD.decode(text).ok(),
                    Encoding::Hex => hex::decode(text).ok(),
                });
                let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
                self.feed(parts, stamp.unwrap_or_default(), |bytes| mac.update(bytes));
                let good = mac.verify_slice(given.as_deref().unwrap_or_default()).is_ok();
                Some(good && stamp.is_some() && given.is_some())
            }
            Signed::Digest { header, parts, version: (name, value) } => {
                let is_version = self.header(name).is_some_and(|said| said == value);
                let given = self.header(header).and_then(|text| hex::decode(text).ok());
                let mut hash = Sha256::new();
                hash.update(secret);
                self.feed(parts, "", |bytes| hash.update(bytes));
                let good = bool::from(hash.finalize().as_slice().ct_eq(given.as_deref().unwrap_or_default()));
                Some(good && is_version)
            }
            Signed::Header { header } => {
                let given = self.header(header);
                Some(equal(given.unwrap_or_default().as_bytes(), secret) && given.is_some())
            }
            Signed::Path {} => {
                let given = self.path_secret.as_deref();
                Some(equal(given.unwrap_or_default().as_bytes(), secret) && given.is_some())
            }
        }
    }

    fn feed(&self, parts: &[Part], stamp: &str, mut sink: impl FnMut(&[u8])) {
        for part in parts {
            match part {
                Part::Method => sink(self.method.as_bytes()),
                Part::Uri => sink(self.uri.as_bytes()),
                Part::UriUnescaped => sink(unescape(&self.uri).as_bytes()),
                Part::Body => sink(&self.body),
                Part::Timestamp => sink(stamp.as_bytes()),
            }
        }
    }
}

impl Timestamp {
    fn read<'a>(&self, text: &'a str, now: Instant) -> Option<&'a str> {
        let sent: i64 = text.parse().ok()?;
        let age_s = (now.ms().checked_sub(sent.checked_mul(self.unit_ms)?)?).div_euclid(1000);
        (-SKEW_S..=self.tolerance_s).contains(&age_s).then_some(text)
    }
}

/// Compares through a hash, so that neither content nor length shows in the time.
fn equal(given: &[u8], secret: &[u8]) -> bool {
    Sha256::digest(given).ct_eq(&Sha256::digest(secret)).into()
}

/// Undoes the escapes that HubSpot's v3 scheme undoes before it signs, in either case of the digits, and no others.
fn unescape(uri: &str) -> String {
    const SIGNED: [(&str, char); 12] = [
        ("3A", ':'),
        ("2F", '/'),
        ("3F", '?'),
        ("40", '@'),
        ("21", '!'),
        ("24", '$'),
        ("27", '\''),
        ("28", '('),
        ("29", ')'),
        ("2A", '*'),
        ("2C", ','),
        ("3B", ';'),
    ];
    let mut out = String::with_capacity(uri.len());
    let mut rest = uri;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 3).unwrap_or("");
        match SIGNED.iter().find(|(escape, _)| escape.eq_ignore_ascii_case(code)) {
            Some((_, plain)) => {
                out.push(*plain);
                rest = &rest[at + 3..];
            }
            None => {
                out.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn only_the_listed_escapes_are_undone() {
        assert_eq!(unescape("https://e.com/?a=x%3ay%2Fz%20%26%2B%"), "https://e.com/?a=x:y/z%20%26%2B%");
    }
}
