//! What systems say of a refusal, without what it must not repeat: values that we sent, credentials, e-mail addresses.

use concord_connector::{
    Fault, Operation, Outcome, Value,
    exchange::{Checked, Refused},
};
use std::collections::BTreeSet;

/// Shorter values name nobody, and are in every sentence.
const SHORTEST: usize = 3;
/// A sentence for an admin is not longer, in characters.
const LONGEST: usize = 500;

/// Texts that a sentence must not repeat.
#[derive(Default)]
pub(super) struct Scrub(BTreeSet<String>);

impl Scrub {
    /// The values that an operation sends.
    pub(super) fn of(operation: &Operation) -> Self {
        let mut scrub = Self::default();
        if let Operation::Write { writes, .. } = operation {
            writes.iter().flat_map(|write| write.fields.values().flatten()).for_each(|value| scrub.value(value));
        }
        if let Operation::Check { write, .. } = operation {
            write.fields.values().flatten().for_each(|value| scrub.value(value));
        }
        scrub
    }

    /// Headers that authorize: their values, with and without the scheme's name.
    pub(super) fn headers(headers: &[(String, String)]) -> Self {
        let mut scrub = Self::default();
        for (_, value) in headers {
            scrub.text(value.split_whitespace().next_back().unwrap_or_default());
        }
        scrub
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Text(text) => self.text(text),
            Value::Address(address) => address.parts().for_each(|(_, text)| self.text(text)),
            Value::List(elements) => elements.iter().for_each(|element| self.value(element)),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        for text in [text.trim().to_owned(), text.trim().to_lowercase()] {
            if text.chars().count() >= SHORTEST {
                self.0.insert(text);
            }
        }
    }

    /// The sentence without them.
    pub(super) fn clean(&self, sentence: &str) -> String {
        let mut longest_first: Vec<&String> = self.0.iter().collect();
        longest_first.sort_by_key(|text| std::cmp::Reverse(text.len()));
        let mut clean = sentence.to_owned();
        for text in longest_first {
            if clean.contains(text.as_str()) {
                clean = clean.replace(text.as_str(), "(…)");
            }
        }
        clip(&without_addresses(&clean))
    }

    /// The fault without them.
    pub(super) fn fault(&self, fault: Fault) -> Fault {
        let mut clean = Fault::new(fault.kind, fault.operation(), self.clean(fault.message())).retry(fault.retry);
        for (name, value) in fault.context() {
            clean = clean.with(name, self.clean(value));
        }
        clean
    }

    /// The outcome, each refused row without them.
    pub(super) fn outcome(&self, mut outcome: Outcome) -> Outcome {
        let clean = |refused: &mut Refused| refused.message = self.clean(&refused.message);
        match &mut outcome {
            Outcome::Records(rows) | Outcome::Page { records: rows, .. } => {
                rows.iter_mut().filter_map(|(_, row)| row.as_mut().err()).for_each(clean);
            }
            Outcome::Written(rows) => rows.iter_mut().filter_map(|row| row.as_mut().err()).for_each(clean),
            Outcome::Checked(Checked::Refused { mistakes }) => {
                mistakes.iter_mut().for_each(|unfit| unfit.sentence = self.clean(&unfit.sentence));
            }
            Outcome::Checked(Checked::Broken { reason }) => *reason = self.clean(reason),
            Outcome::Checked(_) | Outcome::Found(_) | Outcome::Account(_) => {}
        }
        outcome
    }
}

fn clip(sentence: &str) -> String {
    match sentence.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{} …", &sentence[..at]),
        None => sentence.to_owned(),
    }
}

fn without_addresses(sentence: &str) -> String {
    if !sentence.contains('@') {
        return sentence.to_owned();
    }
    let part = |c: char| c.is_alphanumeric() || "@._%+-".contains(c);
    let mut clean = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some(at) = rest.find(part) {
        let end = rest[at..].find(|c| !part(c)).map_or(rest.len(), |length| at + length);
        let word = &rest[at..end];
        clean.push_str(&rest[..at]);
        clean.push_str(if word.trim_matches('@').contains('@') { "(an e-mail address)" } else { word });
        rest = &rest[end..];
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use concord_connector::{
        Entity, Field, RecordId,
        exchange::{Change, Write},
    };

    #[test]
    fn a_sentence_keeps_its_words_and_loses_what_was_sent() {
        let change = Change::Create { idempotency: "x".into() };
        let fields = [("family_name", "Beeblebrox"), ("phone", "42")]
            .map(|(name, text)| (Field::from(name), Value::text(text)))
            .into_iter()
            .collect();
        let write = Write { token: None, record: RecordId::from("r1"), change, fields };
        let scrub = Scrub::of(&Operation::Write { entity: Entity::Person, writes: vec![write] });
        assert_eq!(
            scrub.clean("Email a.b+c@example.com of BEEBLEBROX, Beeblebrox (42) is invalid: at most 80 @ all"),
            "Email (an e-mail address) of BEEBLEBROX, (…) (42) is invalid: at most 80 @ all"
        );
    }

    #[test]
    fn a_token_is_not_repeated() {
        let headers = [("authorization".to_owned(), "Bearer fake-token".to_owned())];
        assert_eq!(Scrub::headers(&headers).clean("no: Bearer fake-token."), "no: Bearer (…).");
    }
}
