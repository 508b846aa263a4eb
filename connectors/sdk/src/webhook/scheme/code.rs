//! Message authentication codes, and how secrets and signatures are written.

use super::Encoding;
use base64::{
    Engine as _,
    engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// Secrets are pasted by people: with and without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// SHA-1: still a sound message authentication code, and all that some vendors offer.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How a secret is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Its characters are the key.
    #[default]
    Text,
    /// The key is in base64.
    Base64,
    /// The key is in hexadecimal.
    Hex,
    /// As Standard Webhooks write it: `whsec_` and the key in base64.
    Whsec,
}

/// An HMAC under construction.
pub(crate) enum Code {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl Code {
    pub(crate) fn new(algorithm: Algorithm, key: &[u8]) -> Option<Self> {
        Some(match algorithm {
            Algorithm::Sha1 => Self::Sha1(Hmac::new_from_slice(key).ok()?),
            Algorithm::Sha256 => Self::Sha256(Hmac::new_from_slice(key).ok()?),
            Algorithm::Sha512 => Self::Sha512(Hmac::new_from_slice(key).ok()?),
        })
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(mac) => mac.update(bytes),
            Self::Sha256(mac) => mac.update(bytes),
            Self::Sha512(mac) => mac.update(bytes),
        }
    }

    /// Whether one of the signatures is this code, each compared in constant time.
    pub(super) fn verifies(&self, given: impl Iterator<Item = Vec<u8>>) -> bool {
        let mut good = false;
        for one in given {
            good |= match self {
                Self::Sha1(mac) => mac.clone().verify_slice(&one).is_ok(),
                Self::Sha256(mac) => mac.clone().verify_slice(&one).is_ok(),
                Self::Sha512(mac) => mac.clone().verify_slice(&one).is_ok(),
            };
        }
        good
    }

    /// The code, for those who sign.
    #[cfg(feature = "testing")]
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Sha1(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha256(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha512(mac) => mac.finalize().into_bytes().to_vec(),
        }
    }
}

/// The key that a secret stands for; `None` when it is not written as it should be.
pub(crate) fn key(form: Form, secret: &[u8]) -> Option<Vec<u8>> {
    let key = match form {
        Form::Text => secret.to_vec(),
        Form::Base64 => LENIENT.decode(secret).ok()?,
        Form::Hex => hex::decode(secret).ok()?,
        Form::Whsec => standard_key(secret),
    };
    (!key.is_empty()).then_some(key)
}

/// The key of a Standard Webhooks secret: base64, `whsec_` before it or not. What is no base64 is taken as it is.
pub(crate) fn standard_key(secret: &[u8]) -> Vec<u8> {
    let bare = secret.strip_prefix(b"whsec_").unwrap_or(secret);
    LENIENT.decode(bare).ok().filter(|key| !key.is_empty()).unwrap_or_else(|| bare.to_vec())
}

/// The bytes of a signature as it was sent.
pub(super) fn decode(encoding: Encoding, text: &str) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Base64 => STANDARD.decode(text).ok(),
        Encoding::Hex => hex::decode(text).ok(),
    }
}
