//! AWS Signature Version 4, of a request whose body is signed with it. By the algorithm that AWS publishes
//! ("Create a signed AWS API request"); held against AWS's own crate by a test of `functions/aws`.

use crate::time::Instant;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt};

/// Whose signature it is, and for what.
#[derive(Clone)]
pub struct Signer {
    /// The id of the access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// The token of a session, where the key belongs to one.
    pub session_token: Option<String>,
    /// The region: `us-east-1`.
    pub region: String,
    /// The signing name of the service: `aws-marketplace`.
    pub service: String,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} in {})", self.service, self.region)
    }
}

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub struct Signable<'a> {
    /// The method.
    pub method: &'a str,
    /// Host, and port where it is not the scheme's own.
    pub host: &'a str,
    /// The path, percent-encoded.
    pub path: &'a str,
    /// The query string, percent-encoded; empty without one.
    pub query: &'a str,
    /// Headers that are signed besides those that always are; names in lower case.
    pub headers: &'a [(String, String)],
    /// The body.
    pub body: &'a [u8],
}

impl Signer {
    /// The headers to add: the time, the session's token, the hash of the body, the signature.
    pub fn sign(&self, request: &Signable<'_>, now: Instant) -> Vec<(String, String)> {
        let stamp = stamp(now);
        let mut added = vec![
            ("x-amz-content-sha256".to_owned(), hex::encode(Sha256::digest(request.body))),
            ("x-amz-date".to_owned(), stamp.clone()),
        ];
        added.extend(self.session_token.iter().map(|token| ("x-amz-security-token".to_owned(), token.clone())));
        let mut signed: BTreeMap<&str, &str> =
            request.headers.iter().chain(&added).map(|(name, value)| (name.as_str(), value.trim())).collect();
        signed.insert("host", request.host);
        let names = signed.keys().copied().collect::<Vec<_>>().join(";");
        let signature = self.signature(request, &signed, &names, &stamp);
        let scope = self.scope(&stamp);
        let said = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key_id
        );
        added.push(("authorization".to_owned(), said));
        added
    }

    fn signature(&self, request: &Signable<'_>, signed: &BTreeMap<&str, &str>, names: &str, stamp: &str) -> String {
        let mut query: Vec<&str> = request.query.split('&').filter(|pair| !pair.is_empty()).collect();
        query.sort_unstable();
        let headers: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = [
            request.method,
            &encoded(request.path),
            &query.join("&").replace('+', "%20"),
            &headers,
            names,
            &hex::encode(Sha256::digest(request.body)),
        ]
        .join("\n");
        let text = ["AWS4-HMAC-SHA256", stamp, &self.scope(stamp), &hex::encode(Sha256::digest(canonical))].join("\n");
        let start = format!("AWS4{}", self.secret_access_key).into_bytes();
        let day = stamp.get(..8).unwrap_or_default();
        let key = [day, &self.region, &self.service, "aws4_request"]
            .into_iter()
            .fold(start, |key, part| code(&key, part.as_bytes()));
        hex::encode(code(&key, text.as_bytes()))
    }

    fn scope(&self, stamp: &str) -> String {
        format!("{}/{}/{}/aws4_request", stamp.get(..8).unwrap_or_default(), self.region, self.service)
    }
}

/// The path as services other than S3 sign it: encoded once more.
fn encoded(path: &str) -> String {
    let path = if path.is_empty() { "/" } else { path };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if plain(byte) {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `20261122T090000Z`.
fn stamp(now: Instant) -> String {
    let whole = Instant::from_ms(now.ms() - now.ms().rem_euclid(1000)).rfc3339();
    let digits: String =
        whole.split('.').next().unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
    if digits.ends_with('Z') { digits } else { format!("{digits}Z") }
}

fn code(key: &[u8], data: &[u8]) -> Vec<u8> {
    // A key of any length is one.
    Hmac::<Sha256>::new_from_slice(key)
        .map(|code| code.chain_update(data).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's documentation of Signature Version 4 (`GET iam ListUsers`, 2015-08-30): its key derivation.
    #[test]
    fn a_key_is_derived_as_the_published_example_says() {
        let start = b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_vec();
        let key = ["20150830", "us-east-1", "iam", "aws4_request"]
            .iter()
            .fold(start, |key, part| code(&key, part.as_bytes()));
        assert_eq!(hex::encode(key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    }

    #[test]
    fn a_time_is_written_without_separators() {
        assert_eq!(stamp(Instant::parse("2026-11-22T09:00:00.250Z").unwrap()), "20261122T090000Z");
    }
}
