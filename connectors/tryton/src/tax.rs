//! Tax numbers: ours carry a country prefix, Tryton's a type that names the country.

/// Prefixes of numbers that Tryton checks as European VAT numbers; `EL` is Greece, `XI` Northern Ireland.
const EUROPEAN: &[&str] = &[
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "XI",
];

/// Types of other countries: the prefix, Tryton's type. The number is kept without its prefix.
const OTHERS: &[(&str, &str)] = &[
    ("AU", "au_abn"),
    ("BR", "br_cnpj"),
    ("CA", "ca_bn"),
    ("GB", "gb_vat"),
    ("IL", "il_hp"),
    ("IN", "in_gstin"),
    ("IS", "is_vsk"),
    ("JP", "jp_cn"),
    ("KR", "kr_brn"),
    ("MX", "mx_rfc"),
    ("NO", "no_mva"),
    ("NZ", "nz_ird"),
    ("SG", "sg_uen"),
    ("TR", "tr_vkn"),
    ("US", "us_ein"),
];

/// Tryton's type and code of a tax number. A number of another country is kept as it is, without a type.
pub(crate) fn identifier(number: &str) -> (Option<&'static str>, String) {
    let number: String = number.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
    let Some((prefix, rest)) = number.split_at_checked(2) else { return (None, number) };
    // Swiss numbers begin with CHE and keep it.
    if number.starts_with("CHE") {
        return (Some("ch_vat"), number);
    }
    if EUROPEAN.contains(&prefix) {
        return (Some("eu_vat"), number);
    }
    match OTHERS.iter().find(|(country, _)| *country == prefix) {
        Some((_, kind)) => (Some(kind), rest.to_owned()),
        None => (None, number),
    }
}

/// Our tax number of Tryton's type and compact code; `None` when it is none.
pub(crate) fn number(kind: Option<&str>, code: &str) -> Option<String> {
    let Some(kind) = kind else { return looks_like_one(code).then(|| code.to_owned()) };
    if kind == "eu_vat" || kind == "ch_vat" {
        return Some(code.to_owned());
    }
    // A national type that is the European number without its prefix (`de_vat`) counts too.
    let known = OTHERS.iter().any(|(_, known)| *known == kind);
    let prefix = kind.get(..2)?.to_uppercase();
    let national = kind.ends_with("_vat") && EUROPEAN.contains(&prefix.as_str());
    (known || national).then(|| if code.starts_with(&prefix) { code.to_owned() } else { format!("{prefix}{code}") })
}

/// Free text counts where it has the form of a tax number: two capital letters, then digits and capitals.
fn looks_like_one(code: &str) -> bool {
    let Some((prefix, rest)) = code.split_at_checked(2) else { return false };
    prefix.bytes().all(|b| b.is_ascii_uppercase())
        && (2..=18).contains(&rest.len())
        && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && rest.bytes().any(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tax_numbers_come_back_as_they_went() {
        for ours in ["DE136695976", "GB980780684", "US911144442", "CHE107787577MWST", "EL094259216", "XX000000017"] {
            let (kind, code) = identifier(ours);
            assert_eq!(number(kind, &code).as_deref(), Some(ours), "{kind:?}");
        }
        assert_eq!(identifier("de 136 695 976"), (Some("eu_vat"), "DE136695976".to_owned()));
        assert_eq!(number(Some("de_vat"), "136695976").as_deref(), Some("DE136695976"));
    }

    #[test]
    fn other_identifiers_are_no_tax_numbers() {
        for (kind, code) in [
            (Some("us_ssn"), "536904399"),
            (None, "concord:organization:r1"),
            (None, "HRB"),
            (None, "ß1"),
            (None, ""),
            (Some("x"), "1"),
        ] {
            assert_eq!(number(kind, code), None, "{kind:?} {code}");
        }
    }
}
