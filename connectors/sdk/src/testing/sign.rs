//! Signs as a vendor signs: the other side of [`crate::webhook`].

use crate::{
    Instant,
    webhook::{Algorithm, Code, Encoding, Part, Scheme, Signed, key, standard_key},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// What a signed request carries besides method, URI and body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// What follows `/hooks/{connection}/` in the path.
    pub path_secret: Option<String>,
}

/// What other headers that are signed say here.
const HEADER: &str = "signed-too";

/// The proof that a scheme asks for. `uri` must not have percent escapes that a scheme may undo.
pub fn sign(scheme: &Scheme, secret: &str, method: &str, uri: &str, body: &[u8], now: Instant) -> Signature {
    let covered = |parts: &[Part], stamp: &str| {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(match part {
                Part::Method => method.as_bytes(),
                Part::Uri | Part::UriUnescaped => uri.as_bytes(),
                Part::Body => body,
                Part::Timestamp => stamp.as_bytes(),
                Part::Text(text) => text.as_bytes(),
                Part::Header(_) => HEADER.as_bytes(),
            });
        }
        bytes
    };
    match &scheme.signed {
        Signed::Standard { .. } => {
            let stamp = now.seconds().to_string();
            let named = Sha256::new().chain_update(body).chain_update(now.ms().to_string()).finalize();
            let id = format!("msg_{}", &hex::encode(named)[..24]);
            let Some(mut code) = Code::new(Algorithm::Sha256, &standard_key(secret.as_bytes())) else {
                return Signature::default();
            };
            for part in [id.as_bytes(), b".", stamp.as_bytes(), b".", body] {
                code.update(part);
            }
            let written = format!("v1,{}", STANDARD.encode(code.bytes()));
            let headers = [("webhook-id", id), ("webhook-timestamp", stamp), ("webhook-signature", written)];
            let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            Signature { headers, path_secret: None }
        }
        Signed::Hmac { header, algorithm, encoding, prefix, separator, secret: form, parts, timestamp } => {
            let stamp = timestamp.as_ref().map(|t| (t.clone(), (now.ms() / t.unit_ms.max(1)).to_string()));
            let text = stamp.as_ref().map_or("", |(_, text)| text.as_str());
            let key = key(*form, secret.as_bytes()).unwrap_or_default();
            let Some(mut code) = Code::new(*algorithm, &key) else { return Signature::default() };
            code.update(&covered(parts, text));
            let proof = code.bytes();
            let mut written = match encoding {
                Encoding::Base64 => format!("{prefix}{}", STANDARD.encode(proof)),
                Encoding::Hex => format!("{prefix}{}", hex::encode(proof)),
            };
            let mut headers = Vec::new();
            if let Some((timestamp, text)) = stamp {
                let text = format!("{}{text}", timestamp.prefix);
                if timestamp.header.eq_ignore_ascii_case(header) {
                    written = format!("{text}{}{written}", separator.as_deref().unwrap_or(","));
                } else {
                    headers.push((timestamp.header, text));
                }
            }
            let others = parts.iter().filter_map(|part| match part {
                Part::Header(name) => Some((name.clone(), HEADER.to_owned())),
                _ => None,
            });
            headers.extend(others);
            headers.insert(0, (header.clone(), written));
            Signature { headers, path_secret: None }
        }
        Signed::Digest { header, parts, version } => {
            let proof = Sha256::new().chain_update(secret).chain_update(covered(parts, "")).finalize();
            Signature { headers: vec![(header.clone(), hex::encode(proof)), version.clone()], path_secret: None }
        }
        Signed::Header { header } => {
            Signature { headers: vec![(header.clone(), secret.to_owned())], path_secret: None }
        }
        Signed::Jwt { issuers, audience, claims, .. } => {
            let mut said = serde_json::json!({
                "iss": issuers.first(), "aud": audience, "iat": now.seconds(), "exp": now.seconds() + 3600,
                "jti": hex::encode(Sha256::new().chain_update(body).chain_update(now.ms().to_string()).finalize()),
            });
            for (names, value) in claims {
                let name = names.split('|').next().unwrap_or_default();
                said[name] = serde_json::Value::String(value.clone());
            }
            Signature { headers: vec![("authorization".into(), format!("Bearer {}", token(&said)))], path_secret: None }
        }
        // SNS signs a message of its own: [`super::sns`].
        Signed::None {} | Signed::Sns { .. } => Signature::default(),
        Signed::Landing { .. } => Signature { headers: Vec::new(), path_secret: Some("landing".into()) },
        Signed::Path {} => Signature { headers: Vec::new(), path_secret: Some(secret.to_owned()) },
    }
}

/// A token with these claims, signed by the fake key of [`KEYS`].
pub fn token(claims: &serde_json::Value) -> String {
    let header = jsonwebtoken::Header {
        kid: Some("fake-1".into()),
        ..jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256)
    };
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(include_bytes!("keys/fake-private-key.pem"));
    key.and_then(|key| jsonwebtoken::encode(&header, claims, &key)).unwrap_or_default()
}

/// The fake private key itself, for accounts that sign with one.
pub const PRIVATE_KEY: &str = include_str!("keys/fake-private-key.pem");
/// The set with the public half of the fake key, as an identity provider publishes it.
pub const KEYS: &str = include_str!("keys/fake-keys.json");
/// Another key under the same id.
pub const OTHER_KEYS: &str = include_str!("keys/fake-other-keys.json");
