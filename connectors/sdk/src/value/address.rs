//! Postal addresses.

use ecow::EcoString;
use litemap::LiteMap;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// A part of a postal address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AddressPart {
    /// Street and house number; several lines are separated by a line feed.
    Street,
    /// City.
    City,
    /// State, province or region.
    Region,
    /// Postal code.
    PostalCode,
    /// Country, as the systems write it.
    Country,
}

/// A postal address: the parts that are not empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Address(
    #[cfg_attr(feature = "schema", schemars(with = "std::collections::BTreeMap<AddressPart, String>"))]
    Arc<LiteMap<AddressPart, EcoString>>,
);

impl Address {
    /// From parts; white space around them and empty ones go. `None` when nothing is left.
    pub fn from_parts(parts: impl IntoIterator<Item = (AddressPart, String)>) -> Option<Self> {
        let kept: LiteMap<_, EcoString> = parts
            .into_iter()
            .map(|(part, text)| (part, lines(text.trim())))
            .filter(|(_, text)| !text.is_empty())
            .collect();
        (!kept.is_empty()).then(|| Self(Arc::new(kept)))
    }
    /// One part.
    pub fn get(&self, part: AddressPart) -> Option<&str> {
        self.0.get(&part).map(EcoString::as_str)
    }
    /// The parts in order.
    pub fn parts(&self) -> impl Iterator<Item = (AddressPart, &str)> {
        self.0.iter().map(|(part, text)| (*part, text.as_str()))
    }
}
/// Lines end alike.
fn lines(text: &str) -> EcoString {
    if text.contains('\r') { text.replace("\r\n", "\n").into() } else { text.into() }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.values().map(|part| part.as_str().replace('\n', ", ")).collect();
        f.write_str(&parts.join(", "))
    }
}
