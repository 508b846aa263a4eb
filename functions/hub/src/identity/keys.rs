//! The deterministic keys of an external record: from what its people said, never from what we delivered.

use super::registrable;
use crate::facet::Facet;
use concord_connector::{
    Entity, Field, Value,
    key::{Key, KeyKind},
};
use std::collections::BTreeSet;

/// The keys that a facet claims, join pins included.
pub fn keys(entity: Entity, facet: &Facet) -> BTreeSet<Key> {
    let view = facet.view();
    let said = |field: &str| {
        let said = view.said(&Field::from(field))?;
        said.value.as_ref().and_then(Value::as_str).map(str::to_owned)
    };
    let mut keys: BTreeSet<Key> = facet.keys.iter().cloned().collect();
    keys.extend(facet.pins.join.iter().map(|pin| Key::new(KeyKind::Pin, pin.as_str())));
    match entity {
        Entity::Organization => {
            let domain = said("domain").or_else(|| said("website"));
            keys.extend(domain.and_then(|domain| registrable(&domain)).map(|domain| Key::new(KeyKind::Domain, domain)));
            keys.extend(said("tax_id").and_then(|id| compact(&id, 6)).map(|id| Key::new(KeyKind::TaxId, id)));
            keys.extend(said("lei").and_then(|lei| valid_lei(&lei)).map(|lei| Key::new(KeyKind::Lei, lei)));
            keys.extend(said("duns").and_then(|duns| nine_digits(&duns)).map(|duns| Key::new(KeyKind::Duns, duns)));
        }
        Entity::Person => {
            let email = said("email").filter(|email| email.contains('@') && !email.starts_with('@'));
            keys.extend(email.map(|email| Key::new(KeyKind::Email, email.to_lowercase())));
        }
        _ => {}
    }
    keys
}

/// Letters and digits in upper case; `None` when there are too few to name anybody.
fn compact(text: &str, least: usize) -> Option<String> {
    let kept: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    let placeholder = kept.chars().all(|c| c == '0') || kept.chars().all(|c| c == 'X');
    (kept.len() >= least && !placeholder).then_some(kept)
}

fn nine_digits(text: &str) -> Option<String> {
    let digits = compact(text, 9)?;
    (digits.len() == 9 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

/// ISO 17442: twenty characters whose number, letters as 10 to 35, is 1 modulo 97.
fn valid_lei(text: &str) -> Option<String> {
    let lei = compact(text, 20).filter(|lei| lei.len() == 20)?;
    let rest = lei.chars().try_fold(0_u32, |rest, c| {
        let digit = c.to_digit(36)?;
        Some(if digit < 10 { (rest * 10 + digit) % 97 } else { (rest * 100 + digit) % 97 })
    })?;
    (rest == 1).then_some(lei)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_lei_needs_its_check_digits() {
        assert_eq!(valid_lei("529900 T8BM49 AURSDO55").as_deref(), Some("529900T8BM49AURSDO55"));
        assert_eq!(valid_lei("529900T8BM49AURSDO56"), None);
    }

    #[test]
    fn placeholders_are_no_tax_ids() {
        assert_eq!(compact("000-000-000", 6), None);
        assert_eq!(compact("DE 136 695 976", 6).as_deref(), Some("DE136695976"));
    }
}
