//! Value maps.

use ecow::EcoString;

/// A vendor's value and ours. Several vendor values may mean one of ours; the first of them is written back.
pub type Pairs = Vec<(String, String)>;

/// What a vendor's value means.
pub(super) fn ours(pairs: &Pairs, theirs: &str) -> Option<EcoString> {
    pairs.iter().find(|(vendor, _)| vendor == theirs).map(|(_, ours)| ours.as_str().into())
}

/// What is written for one of ours.
pub(super) fn theirs(pairs: &Pairs, ours: &str) -> Option<String> {
    pairs.iter().find(|(_, canonical)| canonical == ours).map(|(vendor, _)| vendor.clone())
}

/// What is said of a value that the map does not have.
pub(super) fn unknown(text: &str) -> String {
    let shown: String = text.chars().take(60).collect();
    format!("`{shown}` is not in the value map; add it to the connection's overlay")
}

/// A vendor's word as a word of ours.
pub(super) fn snake(text: &str) -> EcoString {
    text.trim().to_lowercase().replace([' ', '-', '/'], "_").into()
}
