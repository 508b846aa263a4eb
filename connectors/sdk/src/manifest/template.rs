//! Texts with placeholders, taken apart once when the manifest is read.

use serde::{Deserialize, Serialize};

/// A text with `{placeholders}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Template {
    text: String,
    pieces: Vec<Piece>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// The value of a name.
    Value(String),
}

impl From<String> for Template {
    fn from(text: String) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        while let Some(open) = rest.find('{') {
            let Some(close) = rest[open..].find('}').map(|at| open + at) else { break };
            let name = &rest[open + 1..close];
            let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if is_name {
                if open > 0 {
                    pieces.push(Piece::Text(rest[..open].to_owned()));
                }
                pieces.push(Piece::Value(name.to_owned()));
            } else {
                pieces.push(Piece::Text(rest[..=close].to_owned()));
            }
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Self { text, pieces }
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.text
    }
}

impl Template {
    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
    /// Its pieces.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }
    /// The names of its placeholders.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }
    /// The text with its values; `None` when one of them has none.
    pub fn fill<'v>(&self, value: impl Fn(&str) -> Option<std::borrow::Cow<'v, str>>) -> Option<String> {
        let mut out = String::with_capacity(self.text.len() + 16);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Value(name) => out.push_str(&value(name)?),
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let filled = |text: &str| {
            Template::from(text.to_owned()).fill(|name| (name == "id").then_some(std::borrow::Cow::Borrowed("7")))
        };
        assert_eq!(filled("/a/{id}/b").as_deref(), Some("/a/7/b"));
        assert_eq!(filled("{id}{id}").as_deref(), Some("77"));
        assert_eq!(filled("{\"a\": 1} {").as_deref(), Some("{\"a\": 1} {"));
        assert_eq!(filled("{nobody}"), None);
        assert_eq!(filled("").as_deref(), Some(""));
    }
}
