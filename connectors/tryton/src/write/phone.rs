//! Telephone numbers, which Tryton writes in a form of its own where it has the library for it (`phonenumbers`).

use concord_connector::Value;

/// The most digits of a country code (ITU-T E.164).
const COUNTRY_CODE: usize = 3;
/// Fewer digits say too little to be a number of the own country.
const SHORTEST: usize = 5;

/// Whether two values are one telephone number: the digits are, but for what stands before a number of the own country.
pub(super) fn same(one: &Option<Value>, other: &Option<Value>) -> bool {
    let (Some(Value::Text(one)), Some(Value::Text(other))) = (one, other) else { return one == other };
    let (one, other) = (digits(one), digits(other));
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let national = short.len() >= SHORTEST && long.len() - short.len() <= COUNTRY_CODE && long.ends_with(&short);
    !short.is_empty() && (national || short == long)
}

/// The digits of a number without its leading zeros.
fn digits(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Option<Value> {
        Some(Value::Text(value.into()))
    }

    #[test]
    fn another_way_of_writing_is_the_same_number() {
        for other in ["+493090182", "0049 30 90182", "030 90182", "+49 (30) 901-82"] {
            assert!(same(&text("+49 30 90182"), &text(other)), "{other}");
        }
    }

    #[test]
    fn another_number_is_another() {
        for other in [text("+49 30 90183"), text("+49 30 901822"), text("182"), text("ask reception"), text(""), None] {
            assert!(!same(&text("+49 30 90182"), &other), "{other:?}");
        }
        assert!(same(&None, &None));
    }
}
