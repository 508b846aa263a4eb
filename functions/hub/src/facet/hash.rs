//! Hashes of values: to recognise a value without keeping it twice.

use concord_connector::Value;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The first 64 bits of the SHA-256 of a value's canonical JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hash(u64);

/// The hash of anything that has one JSON form.
pub fn hash(value: &impl Serialize) -> Hash {
    let json = serde_json::to_vec(value).unwrap_or_default();
    let digest = Sha256::digest(json);
    Hash(digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

impl Hash {
    /// The hash of a field's value, empty or not.
    pub fn of(value: Option<&Value>) -> Self {
        hash(&value)
    }
    /// The bits.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }
    /// Sixteen hexadecimal digits.
    pub fn hex(self) -> String {
        format!("{:016x}", self.0)
    }
}
