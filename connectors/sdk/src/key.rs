//! Deterministic keys: values that name the same thing in every system.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of key it is, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// A person decided that two external records are one.
    Pin,
    /// An id of this thing in another connection, stored as a field.
    External,
    /// A tax or VAT number, with its country prefix.
    TaxId,
    /// A legal entity identifier (ISO 17442).
    Lei,
    /// A D-U-N-S number.
    Duns,
    /// A person's e-mail address.
    Email,
    /// A registrable domain.
    Domain,
}

/// A key: kind and normalised value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Key {
    /// The kind.
    pub kind: KeyKind,
    /// The value, normalised so that equal means equal.
    pub value: String,
}

impl Key {
    /// A key of a kind.
    pub fn new(kind: KeyKind, value: impl Into<String>) -> Self {
        Self { kind, value: value.into() }
    }
    /// The key that names a record of another connection: `connection/id`.
    pub fn external(connection: &str, id: &str) -> Self {
        Self::new(KeyKind::External, format!("{connection}/{id}"))
    }
}
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            KeyKind::Pin => "pin",
            KeyKind::External => "external",
            KeyKind::TaxId => "tax_id",
            KeyKind::Lei => "lei",
            KeyKind::Duns => "duns",
            KeyKind::Email => "email",
            KeyKind::Domain => "domain",
        };
        write!(f, "{kind}:{}", self.value)
    }
}
