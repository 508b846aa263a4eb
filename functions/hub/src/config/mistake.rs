//! A mistake: where, and what to write instead.

pub use concord_connector::mistake::Mistake;

/// What the TOML reader has to say.
pub(super) fn of_toml(text: &str, error: &toml::de::Error) -> Mistake {
    Mistake::of_toml(text, error)
}
