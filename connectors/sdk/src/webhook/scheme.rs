//! Signature schemes as data.

mod code;
mod jwt;
mod prove;
mod sns;

pub use code::{Algorithm, Form};
pub(crate) use code::{Code, key, standard_key};
pub use jwt::names_a_key_of;

use crate::time::Instant;
use serde::{Deserialize, Serialize};

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
    /// Standard Webhooks: HMAC-SHA256 over `id.timestamp.body` in `webhook-signature`, under a `whsec_` secret. A header
    /// with several signatures (while a secret is rotated) needs one good one.
    Standard {
        /// How far the timestamp may be off, in seconds, either way.
        #[serde(default = "five_minutes")]
        tolerance_s: i64,
    },
    /// HMAC under the secret, over the parts in order.
    Hmac {
        /// The header with the signature.
        header: String,
        /// The hash.
        #[serde(default)]
        algorithm: Algorithm,
        /// How the signature is written.
        encoding: Encoding,
        /// What stands before the signature: `sha256=`, `v1=`. Without it nothing is a signature.
        #[serde(default)]
        prefix: String,
        /// Between several signatures, or a signature and other things, in one header: `,`. Without it the header is one
        /// signature.
        #[serde(default)]
        separator: Option<String>,
        /// How the secret is written.
        #[serde(default)]
        secret: Form,
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
    /// A JSON Web Token as bearer in the `Authorization` header, signed with RS256 by a key of the sender's key set. What
    /// stands for secrets is the key set (RFC 7517); the hub fetches and keeps it.
    Jwt {
        /// Where the key set is.
        keys_url: String,
        /// Who may have issued it; `{name}` stands for a connection's option.
        issuers: Vec<String>,
        /// For whom; `{name}` stands for a connection's option.
        audience: String,
        /// Further claims that have to have these values; `{name}` stands for a connection's option.
        #[serde(default)]
        claims: std::collections::BTreeMap<String, String>,
    },
    /// Amazon SNS over HTTPS: the body is a message that AWS has signed with the key of a certificate that it names. What
    /// stands for secrets is that certificate; the hub fetches and keeps it, from AWS's own host only.
    Sns {
        /// The ARNs of the topics that are let in, with commas between; `{name}` stands for a connection's option.
        topics: String,
    },
    /// A buyer's browser brings a purchase token to `/hooks/{connection}/landing`. Nothing proves it but the vendor, who
    /// knows what the token stands for: it is a hint, and is taken in only where a connection lists the scheme by name.
    Landing {
        /// What the token is called in the form, the query, or the body.
        token: String,
    },
    /// The path has to end in the secret. What comes this way is a hint: it carries ids, never field values.
    Path {},
    /// Nothing proves the sender. What comes this way is a hint as well; a connection takes it in only where it lists the
    /// scheme by name.
    None {},
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The timestamp, as it was sent.
    Timestamp,
    /// The text of another header.
    Header(String),
    /// A fixed text: `.`, `v0:`.
    Text(String),
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
    /// What stands before it: `t=`.
    #[serde(default)]
    pub prefix: String,
    /// Between it and other things in the same header: `,`.
    #[serde(default)]
    pub separator: Option<String>,
}

fn five_minutes() -> i64 {
    300
}

impl Scheme {
    /// True when what comes this way is a hint without proof of its content.
    pub fn is_hint(&self) -> bool {
        matches!(self.signed, Signed::Path {} | Signed::None {} | Signed::Landing { .. })
    }
    /// True when nothing at all proves the sender.
    pub fn is_open(&self) -> bool {
        matches!(self.signed, Signed::None {} | Signed::Landing { .. })
    }
    /// True when buyers come this way, with a browser that has to be sent on.
    pub fn is_landing(&self) -> bool {
        matches!(self.signed, Signed::Landing { .. })
    }
    /// True when the proof is made with a secret that both sides keep.
    pub fn has_secret(&self) -> bool {
        !self.is_open() && !matches!(self.signed, Signed::Jwt { .. } | Signed::Sns { .. })
    }
    /// The headers without which nothing can be proved.
    pub fn headers(&self) -> Vec<&str> {
        match &self.signed {
            Signed::Standard { .. } => vec!["webhook-id", "webhook-timestamp", "webhook-signature"],
            Signed::Hmac { header, timestamp, parts, .. } => {
                let others = parts.iter().filter_map(|part| match part {
                    Part::Header(name) => Some(name.as_str()),
                    _ => None,
                });
                let stamp = timestamp.as_ref().map(|stamp| stamp.header.as_str());
                [header.as_str()].into_iter().chain(stamp).chain(others).collect()
            }
            Signed::Digest { header, version: (version, _), .. } => vec![header, version],
            Signed::Header { header } => vec![header],
            Signed::Jwt { .. } => vec!["authorization"],
            Signed::Sns { .. } | Signed::Landing { .. } | Signed::Path {} | Signed::None {} => Vec::new(),
        }
    }
    /// Where the sender's keys are, when it signs with keys that it publishes.
    pub fn keys_url(&self) -> Option<&str> {
        match &self.signed {
            Signed::Jwt { keys_url, .. } => Some(keys_url),
            _ => None,
        }
    }
    /// Where the certificate is that a message says it is signed with; `None` where nothing has to be fetched, or where the
    /// message is not let in whatever its signature.
    pub fn certificate_url(&self, body: &[u8], now: Instant) -> Option<String> {
        match &self.signed {
            Signed::Sns { topics } => sns::Message::of(body)?.welcome(topics, now)?.certificate_url(),
            _ => None,
        }
    }
    /// The address that has to be visited for messages to come at all, when a message is about nothing else. The message
    /// has to be verified.
    pub fn confirmation(&self, body: &[u8]) -> Option<String> {
        match &self.signed {
            Signed::Sns { .. } => sns::Message::of(body)?.confirmation(),
            _ => None,
        }
    }
    /// With a connection's options in the places that stand for them.
    #[must_use]
    pub fn filled(&self, options: &std::collections::BTreeMap<String, String>) -> Self {
        let fill = |text: &mut String| {
            for (name, value) in options {
                *text = text.replace(&format!("{{{name}}}"), value);
            }
        };
        let mut filled = self.clone();
        match &mut filled.signed {
            Signed::Jwt { keys_url, issuers, audience, claims } => {
                issuers.iter_mut().chain([keys_url, audience]).chain(claims.values_mut()).for_each(fill);
            }
            Signed::Sns { topics } => fill(topics),
            _ => {}
        }
        filled
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
