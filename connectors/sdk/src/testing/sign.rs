//! Signs as a vendor signs: the other side of [`crate::webhook`].

use crate::{
    Instant,
    webhook::{Encoding, Part, Scheme, Signed},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// What a signed request carries besides method, URI and body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// What follows `/hooks/{connection}/` in the path.
    pub path_secret: Option<String>,
}

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
            });
        }
        bytes
    };
    match &scheme.signed {
        Signed::Hmac { header, encoding, parts, timestamp } => {
            let stamp = timestamp.as_ref().map(|t| (t.header.clone(), (now.ms() / t.unit_ms.max(1)).to_string()));
            let text = stamp.as_ref().map_or("", |(_, text)| text.as_str());
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return Signature::default() };
            mac.update(&covered(parts, text));
            let proof = mac.finalize().into_bytes();
            let written = match encoding {
                Encoding::Base64 => STANDARD.encode(proof),
                Encoding::Hex => hex::encode(proof),
            };
            let headers = [(header.clone(), written)].into_iter().chain(stamp).collect();
            Signature { headers, path_secret: None }
        }
        Signed::Digest { header, parts, version } => {
            let proof = Sha256::new().chain_update(secret).chain_update(covered(parts, "")).finalize();
            Signature { headers: vec![(header.clone(), hex::encode(proof)), version.clone()], path_secret: None }
        }
        Signed::Header { header } => {
            Signature { headers: vec![(header.clone(), secret.to_owned())], path_secret: None }
        }
        Signed::Path {} => Signature { headers: Vec::new(), path_secret: Some(secret.to_owned()) },
    }
}
