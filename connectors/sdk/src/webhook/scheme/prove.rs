//! Checking a proof.

use super::{Code, Part, Scheme, Signed, Timestamp, code::decode, jwt, key, sns, standard_key};
use crate::{
    time::Instant,
    webhook::{Refused, Unverified, Verified, Webhook},
};
use sha2::{Digest, Sha256};
use std::marker::PhantomData;
use subtle::ConstantTimeEq;

/// How far in the future a sender's clock may be, in seconds.
const SKEW_S: i64 = 60;
/// More signatures than this are in no header of an honest sender.
const SIGNATURES: usize = 16;

impl Webhook<Unverified> {
    /// Checks the request against a scheme under each of the active secrets.
    ///
    /// # Errors
    /// `Refused`, for every reason alike.
    pub fn verify(self, scheme: &Scheme, secrets: &[&[u8]], now: Instant) -> Result<Webhook<Verified>, Refused> {
        let mut good = match &scheme.signed {
            Signed::Landing { token } => self.is_landing(token),
            _ => scheme.is_open(),
        };
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
            Signed::Standard { tolerance_s } => {
                let (id, stamp) = (self.header("webhook-id"), self.header("webhook-timestamp"));
                let age_s = stamp.and_then(|stamp| now.seconds().checked_sub(stamp.parse().ok()?));
                let timely = age_s.is_some_and(|age_s| (-tolerance_s..=*tolerance_s).contains(&age_s));
                let mut code = Code::new(super::Algorithm::Sha256, &standard_key(secret))?;
                let named = id.unwrap_or_default();
                for part in [named.as_bytes(), b".", stamp.unwrap_or_default().as_bytes(), b".", &self.body] {
                    code.update(part);
                }
                let given = self.header("webhook-signature").unwrap_or_default().split(' ');
                let given = given.filter_map(|one| decode(super::Encoding::Base64, one.strip_prefix("v1,")?));
                Some(code.verifies(given.take(SIGNATURES)) && timely && !named.is_empty())
            }
            Signed::Hmac { header, algorithm, encoding, prefix, separator, secret: form, parts, timestamp } => {
                let stamp = match timestamp {
                    Some(timestamp) => self.header(&timestamp.header).and_then(|text| timestamp.read(text, now)),
                    None => Some(""),
                };
                let mut code = Code::new(*algorithm, &key(*form, secret)?)?;
                let complete = self.feed(parts, stamp.unwrap_or_default(), |bytes| code.update(bytes));
                let given = items(self.header(header).unwrap_or_default(), prefix, separator.as_deref());
                let good = code.verifies(given.filter_map(|one| decode(*encoding, one)).take(SIGNATURES));
                Some(good && complete && stamp.is_some())
            }
            Signed::Digest { header, parts, version: (name, value) } => {
                let is_version = self.header(name).is_some_and(|said| said == value);
                let given = self.header(header).and_then(|text| hex::decode(text).ok());
                let mut hash = Sha256::new();
                hash.update(secret);
                let complete = self.feed(parts, "", |bytes| hash.update(bytes));
                let good = bool::from(hash.finalize().as_slice().ct_eq(given.as_deref().unwrap_or_default()));
                Some(good && complete && is_version)
            }
            Signed::Header { header } => {
                let given = self.header(header);
                Some(equal(given.unwrap_or_default().as_bytes(), secret) && given.is_some())
            }
            Signed::Jwt { issuers, audience, claims, .. } => {
                let token = self.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
                Some(jwt::proves(token.unwrap_or_default(), secret, issuers, audience, claims, now))
            }
            Signed::Path {} => {
                let given = self.path_secret.as_deref();
                Some(equal(given.unwrap_or_default().as_bytes(), secret) && given.is_some())
            }
            Signed::Sns { topics } => Some(sns::proves(&self.body, secret, topics, now)),
            // Whether it is one was seen above, and no secret opens this door.
            Signed::Landing { .. } => Some(false),
            Signed::None {} => Some(true),
        }
    }

    /// `false` when a header that is signed was not sent exactly once.
    fn feed(&self, parts: &[Part], stamp: &str, mut sink: impl FnMut(&[u8])) -> bool {
        let mut complete = true;
        for part in parts {
            match part {
                Part::Method => sink(self.method.as_bytes()),
                Part::Uri => sink(self.uri.as_bytes()),
                Part::UriUnescaped => sink(unescape(&self.uri).as_bytes()),
                Part::Body => sink(&self.body),
                Part::Timestamp => sink(stamp.as_bytes()),
                Part::Header(name) => match self.header(name) {
                    Some(text) => sink(text.as_bytes()),
                    None => complete = false,
                },
                Part::Text(text) => sink(text.as_bytes()),
            }
        }
        complete
    }
}

/// What stands behind a prefix in a header of one or several items.
fn items<'a>(header: &'a str, prefix: &'a str, separator: Option<&'a str>) -> impl Iterator<Item = &'a str> {
    let several = separator.map(|separator| header.split(separator));
    let one = separator.is_none().then_some(header);
    several.into_iter().flatten().map(str::trim).chain(one).filter_map(move |item| item.strip_prefix(prefix))
}

impl Timestamp {
    /// The timestamps in a header.
    pub(crate) fn items<'a>(&'a self, header: &'a str) -> impl Iterator<Item = &'a str> {
        items(header, &self.prefix, self.separator.as_deref())
    }

    fn read<'a>(&'a self, header: &'a str, now: Instant) -> Option<&'a str> {
        let mut stamps = self.items(header);
        let text = stamps.next()?;
        if stamps.next().is_some() {
            return None;
        }
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
