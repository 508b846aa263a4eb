//! What makes two records look alike: fixed rules over what their golden fields say.

use crate::{
    facet::{Hash, hash},
    record::Record,
};
use concord_connector::{
    Entity,
    value::{AddressPart, Value},
};
use std::collections::BTreeMap;

/// Legal forms and other words that say nothing of who it is, as they stand at the end of a name.
const FORMS: &[&str] = &[
    "ab",
    "ag",
    "aps",
    "as",
    "asa",
    "bv",
    "bvba",
    "co",
    "company",
    "corp",
    "corporation",
    "doo",
    "eg",
    "ek",
    "ev",
    "gbr",
    "gmbh",
    "holding",
    "inc",
    "incorporated",
    "kft",
    "kg",
    "kgaa",
    "limited",
    "llc",
    "llp",
    "lp",
    "ltd",
    "mbh",
    "nv",
    "oao",
    "ohg",
    "oy",
    "oyj",
    "plc",
    "pte",
    "pty",
    "sa",
    "sarl",
    "sas",
    "sasu",
    "se",
    "sl",
    "spa",
    "spzoo",
    "srl",
    "sro",
    "ug",
    "und",
    "and",
    "et",
];
/// Letters that are written in two ways.
const LETTERS: &[(char, &str)] = &[
    ('ä', "ae"),
    ('ö', "oe"),
    ('ü', "ue"),
    ('ß', "ss"),
    ('æ', "ae"),
    ('ø', "oe"),
    ('å', "aa"),
    ('œ', "oe"),
    ('á', "a"),
    ('à', "a"),
    ('â', "a"),
    ('ã', "a"),
    ('ą', "a"),
    ('ç', "c"),
    ('ć', "c"),
    ('č', "c"),
    ('ď', "d"),
    ('é', "e"),
    ('è', "e"),
    ('ê', "e"),
    ('ë', "e"),
    ('ę', "e"),
    ('ě', "e"),
    ('í', "i"),
    ('ì', "i"),
    ('î', "i"),
    ('ï', "i"),
    ('ł', "l"),
    ('ñ', "n"),
    ('ń', "n"),
    ('ň', "n"),
    ('ó', "o"),
    ('ò', "o"),
    ('ô', "o"),
    ('õ', "o"),
    ('ő', "oe"),
    ('ř', "r"),
    ('ś', "s"),
    ('š', "s"),
    ('ş', "s"),
    ('ť', "t"),
    ('ú', "u"),
    ('ù', "u"),
    ('û', "u"),
    ('ů', "u"),
    ('ű', "ue"),
    ('ý', "y"),
    ('ź', "z"),
    ('ž', "z"),
    ('ż', "z"),
];
/// Digits at the end of a phone number that tell it apart, however country and area are written.
const DIGITS: usize = 8;

/// A name without case, accents, punctuation and legal form: `Müller & Söhne GmbH & Co. KG` is `mueller soehne`.
pub(super) fn normalised(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for letter in name.to_lowercase().chars() {
        match LETTERS.iter().find(|(known, _)| *known == letter) {
            Some((_, written)) => plain.push_str(written),
            // `S.A.` and `SA` are one word, `A-B` and `A B` are two.
            None if matches!(letter, '.' | '\'' | '’') => {}
            None if letter.is_alphanumeric() => plain.push(letter),
            None => plain.push(' '),
        }
    }
    let mut words: Vec<&str> = plain.split_whitespace().collect();
    while words.len() > 1 && words.last().is_some_and(|word| FORMS.contains(word)) {
        words.pop();
    }
    words.join(" ")
}

/// What a record is called.
pub(super) fn name(record: &Record) -> String {
    let text = |field: &str| record.value(field).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let whole = text("name");
    if !whole.is_empty() {
        return whole;
    }
    let parts = [text("first_name"), text("last_name")].join(" ").trim().to_owned();
    if parts.is_empty() { text("number") } else { parts }
}

/// What others that are alike share with a record, with the reason to show.
pub(super) fn marks(record: &Record) -> BTreeMap<Hash, String> {
    let mut marks = BTreeMap::new();
    let mut mark = |rule: &str, value: String, reason: String| {
        marks.insert(hash(&(rule, record.entity, value)), reason);
    };
    let called = normalised(&name(record));
    if called.chars().count() >= 3 {
        mark("name", called.clone(), format!("both are called `{called}`, legal forms and accents aside"));
    }
    let digits: String = record
        .value("phone")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    if digits.len() >= DIGITS {
        let last = digits[digits.len() - DIGITS..].to_owned();
        mark("phone", last.clone(), format!("both have a phone number that ends in {last}"));
    }
    if record.entity != Entity::Organization {
        return marks;
    }
    let email = record.value("email").and_then(Value::as_str).and_then(|email| email.split_once('@'));
    if let Some(domain) = email.and_then(|(_, domain)| crate::identity::registrable(domain)) {
        mark("domain", domain.clone(), format!("the mail of one and the web of the other are at {domain}"));
    }
    for field in ["domain", "website"] {
        let web = record.value(field).and_then(Value::as_str);
        if let Some(domain) = web.and_then(crate::identity::registrable) {
            mark("domain", domain.clone(), format!("the mail or web of both is at {domain}"));
        }
    }
    if let Some(Value::Address(address)) = record.value("billing_address") {
        let parts: BTreeMap<AddressPart, &str> = address.parts().collect();
        let part = |part| parts.get(&part).map(|text| normalised(text)).filter(|text| !text.is_empty());
        if let (Some(street), Some(code)) = (part(AddressPart::Street), part(AddressPart::PostalCode)) {
            mark("address", format!("{street} {code}"), format!("both are at `{street}`, {code}"));
        }
        let first = called.split(' ').next().filter(|word| word.chars().count() >= 5);
        if let (Some(first), Some(city)) = (first, part(AddressPart::City)) {
            mark("city", format!("{first} {city}"), format!("both names begin with `{first}`, and both are in {city}"));
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::normalised;

    #[test]
    fn names_are_compared_without_form_accent_and_case() {
        for (written, plain) in [
            ("Müller & Söhne GmbH & Co. KG", "mueller soehne"),
            ("MUELLER & SOEHNE", "mueller soehne"),
            ("Acme, Inc.", "acme"),
            ("ACME S.A.", "acme"),
            ("Société Générale SA", "societe generale"),
            ("AG", "ag"),
            ("  ", ""),
        ] {
            assert_eq!(normalised(written), plain, "{written}");
        }
    }
}
