//! Parties: one record with lists of addresses, identifiers and contact mechanisms.

use super::{Shape, active, elements};
use crate::tax;
use serde_json::{Value as Json, json};

pub(crate) const SHAPE: Shape = Shape {
    fields: &[
        "name",
        "active",
        "replaced_by",
        "last_modified_at",
        "_timestamp",
        "addresses.active",
        "addresses.invoice",
        "addresses.street",
        "addresses.city",
        "addresses.postal_code",
        "addresses.country.name",
        "addresses.subdivision.name",
        "addresses.last_modified_at",
        "addresses._timestamp",
        "identifiers.active",
        "identifiers.type",
        "identifiers.code",
        "identifiers.code_compact",
        "identifiers.last_modified_at",
        "identifiers._timestamp",
        "contact_mechanisms.active",
        "contact_mechanisms.type",
        "contact_mechanisms.value",
        "contact_mechanisms.last_modified_at",
        "contact_mechanisms._timestamp",
    ],
    parts: &["addresses", "identifiers", "contact_mechanisms"],
    flatten,
    markers,
};

/// The address that invoices go to: the one with that mark, else the first; lists come in the order that people see.
pub(crate) fn address(raw: &Json) -> Option<&Json> {
    let marked = |part: &&Json| part.get("invoice").is_some_and(|mark| mark == true || mark == 1);
    let live = || elements(raw, "addresses").filter(|part| active(part));
    live().find(marked).or_else(|| live().next())
}

/// The first contact mechanism of a type: `phone`, `email`, `website`.
pub(crate) fn mechanism<'a>(raw: &'a Json, kind: &str) -> Option<&'a Json> {
    elements(raw, "contact_mechanisms").filter(|part| active(part)).find(|part| text(part, "type") == Some(kind))
}

/// The first identifier that is a tax number; one with a type before free text.
pub(crate) fn tax_identifier(raw: &Json) -> Option<&Json> {
    let numbers = || elements(raw, "identifiers").filter(|part| active(part) && tax_number(part).is_some());
    numbers().find(|part| text(part, "type").is_some()).or_else(|| numbers().next())
}

/// The tax number that an identifier is. Its compact code has no blanks and dots.
pub(crate) fn tax_number(part: &Json) -> Option<String> {
    let code = text(part, "code_compact").or_else(|| text(part, "code"))?;
    tax::number(text(part, "type"), code)
}

/// A text of a part.
pub(crate) fn text<'a>(part: &'a Json, name: &str) -> Option<&'a str> {
    part.get(name).and_then(Json::as_str)
}

fn flatten(raw: &Json) -> Json {
    let value = |kind: &str| mechanism(raw, kind).and_then(|part| text(part, "value"));
    let address = address(raw);
    let line = |name: &str| address.and_then(|part| text(part, name));
    let related = |name: &str| address.and_then(|part| part.get(name)?.get("name")?.as_str());
    json!({
        "id": raw.get("id"),
        "name": raw.get("name"),
        "website": value("website"),
        "domain": value("website"),
        "phone": value("phone"),
        "email": value("email"),
        "tax_id": tax_identifier(raw).and_then(tax_number),
        "address": {
            "street": line("street"),
            "city": line("city"),
            "postal_code": line("postal_code"),
            "region": related("subdivision."),
            "country": related("country."),
        },
    })
}

/// Identifiers without a type are free text to Tryton; ours are among them.
fn markers(raw: &Json) -> Vec<&str> {
    elements(raw, "identifiers")
        .filter(|part| text(part, "type").is_none())
        .filter_map(|part| text(part, "code"))
        .collect()
}
