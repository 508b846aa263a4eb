//! A mistake in a file that a person wrote: where, and what to write instead.

use serde::{Deserialize, Serialize};
use std::fmt::{self, Display};

/// A mistake in a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mistake {
    /// The file, where it is another one than the document that was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong and what to write instead.
    pub sentence: String,
}

impl Mistake {
    /// A mistake at a byte of a text.
    pub fn at(text: &str, offset: usize, sentence: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { file: None, line, column, sentence: sentence.into() }
    }
    /// What the TOML reader has to say.
    pub fn of_toml(text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map_or(0, |span| span.start);
        Self::at(text, offset, format!("this is no TOML: {}.", error.message().replace('\n', "; ")))
    }
    /// In a file of that name.
    #[must_use]
    pub fn in_file(mut self, name: &str) -> Self {
        self.file = Some(name.to_owned());
        self
    }
}

impl Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}, ")?;
        }
        write!(f, "line {}, column {}: {}", self.line, self.column, self.sentence)
    }
}

/// `X is no ...; did you mean ...?`, or every known name when none is near.
pub fn unknown(name: &str, what: impl Display, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(meant) => format!("`{name}` is no {what}; did you mean `{meant}`?"),
        None if known.is_empty() => format!("`{name}` is no {what}, and there is none."),
        None => format!("`{name}` is no {what}; there is {}.", listed(known)),
    }
}

/// Names for a sentence.
pub fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The known name that takes the fewest edits, if they are few for its length.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase().replace('-', "_");
    let best = known.iter().map(|known| (edits(&name, &known.replace('-', "_")), *known)).min()?;
    let bound = (name.chars().count() / 3).max(1);
    (best.0 <= bound).then_some(best.1)
}

/// Levenshtein's distance, by characters.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_told_from_another_word() {
        assert_eq!(nearest("mdoe", &["mode", "auth"]), None, "two edits in four letters may be anything");
        assert_eq!(nearest("mod", &["mode", "auth"]), Some("mode"));
        assert_eq!(nearest("base-url", &["base_url"]), Some("base_url"));
        assert_eq!(nearest("organisation", &["organization", "person"]), Some("organization"));
        assert_eq!(nearest("weather", &["organization", "person"]), None);
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
