//! Which known name was probably meant.

use std::fmt::Display;

/// `X is no ...; did you mean ...?`, or every known name when none is near.
pub(super) fn unknown(name: &str, what: impl Display, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(meant) => format!("`{name}` is no {what}; did you mean `{meant}`?"),
        None if known.is_empty() => format!("`{name}` is no {what}, and there is none."),
        None => format!("`{name}` is no {what}; there is {}.", listed(known)),
    }
}

/// Names for a sentence.
pub(super) fn listed(names: &[&str]) -> String {
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
