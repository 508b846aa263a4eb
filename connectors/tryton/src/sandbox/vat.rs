//! Which European VAT numbers Tryton takes: the German ones by their check digit, the others by their form.

const COUNTRIES: &[(&str, usize, usize)] = &[
    ("AT", 9, 9),
    ("BE", 10, 10),
    ("BG", 9, 10),
    ("CY", 9, 9),
    ("CZ", 8, 10),
    ("DE", 9, 9),
    ("DK", 8, 8),
    ("EE", 9, 9),
    ("EL", 9, 9),
    ("ES", 9, 9),
    ("FI", 8, 8),
    ("FR", 11, 11),
    ("HR", 11, 11),
    ("HU", 8, 8),
    ("IE", 8, 9),
    ("IT", 11, 11),
    ("LT", 9, 12),
    ("LU", 8, 8),
    ("LV", 11, 11),
    ("MT", 8, 8),
    ("NL", 12, 12),
    ("PL", 10, 10),
    ("PT", 9, 9),
    ("RO", 2, 10),
    ("SE", 12, 12),
    ("SI", 8, 8),
    ("SK", 10, 10),
    ("XI", 5, 12),
];

pub(super) fn is_valid(number: &str) -> bool {
    let number: String = number.chars().filter(char::is_ascii_alphanumeric).collect();
    let Some((prefix, rest)) = number.split_at_checked(2) else { return false };
    let Some((_, least, most)) = COUNTRIES.iter().find(|(country, ..)| *country == prefix) else { return false };
    let fits = (*least..=*most).contains(&rest.len());
    fits && (prefix != "DE" || german(rest))
}

/// ISO 7064, mod 11, 10.
fn german(digits: &str) -> bool {
    let digits: Option<Vec<u32>> = digits.chars().map(|c| c.to_digit(10)).collect();
    let Some((last, front)) = digits.as_deref().and_then(<[u32]>::split_last) else { return false };
    let product = front.iter().fold(10, |product, digit| {
        let sum = (product + digit) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    front.first() != Some(&0) && (11 - product) % 10 == *last
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn the_check_digit_counts() {
        assert!(is_valid("DE136695976"));
        assert!(!is_valid("DE136695978") && !is_valid("DE1") && !is_valid("ZZ12345678") && !is_valid(""));
    }
}
