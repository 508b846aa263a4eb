//! Forms of values, and the list of mistakes.

use crate::fields::text;
use concord_connector::{Fields, exchange::Unfit};

/// The mistakes found so far.
#[derive(Default)]
pub(super) struct Mistakes(pub(super) Vec<Unfit>);

impl Mistakes {
    /// One more, unless it is known.
    pub(super) fn add(&mut self, field: &str, sentence: &str) {
        let unfit = Unfit::field(field, sentence);
        if !self.0.contains(&unfit) {
            self.0.push(unfit);
        }
    }
    /// The length of a text in characters; whether it has to be there.
    pub(super) fn length(&mut self, fields: &Fields, name: &str, least: usize, most: usize, needed: bool) {
        match text(fields, name).map(|text| text.chars().count()) {
            None if needed || (least > 0 && name == "name" && fields.contains_key(name)) => {
                self.add(name, &format!("write {least} to {most} characters"));
            }
            Some(length) if length > most => {
                self.add(name, &format!("at most {most} characters fit, and there are {length}"));
            }
            _ => {}
        }
    }
    /// The key of a dimension.
    pub(super) fn key(&mut self, field: &str, key: &str) {
        if key.is_empty() || key.chars().count() > 100 {
            self.add(field, "the key of a dimension has 1 to 100 characters");
        }
    }
}

/// An AWS account: 12 digits.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An address of the web that is encrypted.
pub(super) fn is_https(text: &str) -> bool {
    text.strip_prefix("https://").is_some_and(|rest| rest.contains('.') && !rest.contains(char::is_whitespace))
}

/// Months or days, up to five years.
pub(super) fn is_duration(text: &str) -> bool {
    let count = |unit: char| text.strip_prefix('P').and_then(|rest| rest.strip_suffix(unit)?.parse::<u32>().ok());
    match (count('M'), count('D'), count('Y')) {
        (Some(months), ..) => (1..=60).contains(&months),
        (_, Some(days), _) => (1..=1_826).contains(&days),
        (.., Some(years)) => (1..=5).contains(&years),
        _ => false,
    }
}
