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

/// Tryton's type and code of a tax number; `None` when no type of ours takes it.
pub(crate) fn identifier(number: &str) -> Option<(&'static str, String)> {
    let number: String = number.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
    let prefix = number.get(..2)?;
    if EUROPEAN.contains(&prefix) {
        return Some(("eu_vat", number));
    }
    // Swiss numbers begin with CHE and keep it.
    if number.starts_with("CHE") {
        return Some(("ch_vat", number));
    }
    let (_, kind) = OTHERS.iter().find(|(country, _)| *country == prefix)?;
    Some((kind, number[2..].to_owned()))
}

/// Our tax number of Tryton's type and compact code; `None` when the type is no tax type of a country.
pub(crate) fn number(kind: &str, code: &str) -> Option<String> {
    if kind == "eu_vat" || kind == "ch_vat" {
        return Some(code.to_owned());
    }
    // A national type that is the European number without its prefix (`de_vat`) counts too.
    let known = OTHERS.iter().any(|(_, known)| *known == kind);
    let prefix = kind.get(..2)?.to_uppercase();
    let national = kind.ends_with("_vat") && EUROPEAN.contains(&prefix.as_str());
    (known || national).then(|| if code.starts_with(&prefix) { code.to_owned() } else { format!("{prefix}{code}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tax_numbers_come_back_as_they_went() {
        for ours in ["DE136695976", "GB980780684", "US911144442", "CHE107787577MWST", "EL094259216"] {
            let (kind, code) = identifier(ours).unwrap();
            assert_eq!(number(kind, &code).as_deref(), Some(ours), "{kind}");
        }
        assert_eq!(identifier("de 136 695 976"), Some(("eu_vat", "DE136695976".to_owned())));
        assert_eq!(number("de_vat", "136695976").as_deref(), Some("DE136695976"));
    }

    #[test]
    fn what_has_no_type_is_not_guessed() {
        for (ours, why) in [("ZZ123", "no such country"), ("1", "too short"), ("ß", "no ASCII"), ("", "empty")] {
            assert_eq!(identifier(ours), None, "{why}");
        }
        assert_eq!(number("us_ssn", "536904399"), None, "a person's number is no tax number of a company");
    }
}
