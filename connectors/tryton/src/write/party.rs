//! Parties: lists are edited in place, so that what else hangs on an address or a number stays.

use crate::{row::party, tax};
use concord_connector::Context;
use serde_json::{Map, Value as Json, json};

/// The lists of a party, and the models of their elements.
pub(super) const PARTS: &[(&str, &str)] = &[
    ("addresses", "party.address"),
    ("identifiers", "party.identifier"),
    ("contact_mechanisms", "party.contact_mechanism"),
];

const CONTACTS: &[&str] = &["phone", "email", "website"];

/// The values of a new party.
pub(super) fn creation(cx: &Context, flat: &Json, marker: &str) -> Map<String, Json> {
    let mut values = Map::new();
    values.insert("name".into(), flat.get("name").cloned().unwrap_or(Json::Null));

    // Without a type it is free text: nothing checks it and it counts as no tax number.
    let mut identifiers = vec![json!({ "type": null, "code": marker })];
    if let Some(number) = flat.get("tax_id").and_then(Json::as_str) {
        let (kind, code) = tax::identifier(number);
        identifiers.push(json!({ "type": kind, "code": code }));
    }
    values.insert("identifiers".into(), json!([["create", identifiers]]));

    let contact = |kind: &str| {
        // A domain is read out of the web address; it is not written as one, for nobody has said that there is a page.
        let given = flat.get(kind).and_then(Json::as_str);
        given.map(|value| json!({ "type": kind, "value": value }))
    };
    let contacts: Vec<Json> = CONTACTS.iter().filter_map(|kind| contact(kind)).collect();
    if !contacts.is_empty() {
        values.insert("contact_mechanisms".into(), json!([["create", contacts]]));
    }
    let lines = flat.get("address").map(|address| address_values(cx, address, None)).unwrap_or_default();
    // A sale needs an address to be quoted, be it empty; Tryton's own client makes one too, and a call does not.
    values.insert("addresses".into(), json!([["create", [lines]]]));
    values
}

/// The changes of a party that is there.
pub(super) fn changes(cx: &Context, raw: &Json, flat: &Json) -> Map<String, Json> {
    let mut values = Map::new();
    values.extend(flat.get("name").map(|name| ("name".to_owned(), name.clone())));

    if let Some(number) = flat.get("tax_id") {
        let part = number.as_str().map(|number| {
            let (kind, code) = tax::identifier(number);
            json!({ "type": kind, "code": code })
        });
        edit(&mut values, "identifiers", party::tax_identifier(raw), part);
    }
    for kind in CONTACTS {
        if let Some(value) = flat.get(*kind) {
            let part = value.as_str().map(|value| json!({ "type": kind, "value": value }));
            edit(&mut values, "contact_mechanisms", party::mechanism(raw, kind), part);
        }
    }
    if let Some(address) = flat.get("address") {
        // Emptied, not deleted: sales name it.
        let there = party::address(raw);
        edit(&mut values, "addresses", there, Some(Json::Object(address_values(cx, address, there))));
    }
    values
}

/// Adds the command that makes one element of a list hold these values; without values it is deleted.
fn edit(values: &mut Map<String, Json>, list: &str, there: Option<&Json>, part: Option<Json>) {
    let id = there.and_then(|there| there.get("id"));
    let command = match (id, part) {
        (Some(id), Some(part)) => json!(["write", [id], part]),
        (None, Some(part)) => json!(["create", [part]]),
        (Some(id), None) => json!(["delete", [id]]),
        (None, None) => return,
    };
    if let Json::Array(commands) = values.entry(list).or_insert_with(|| json!([])) {
        commands.push(command);
    }
}

/// The parts that a street can be given in.
const STREET_PARTS: &[&str] = &[
    "street_name",
    "building_name",
    "building_number",
    "unit_number",
    "floor_number",
    "room_number",
    "post_box",
    "post_office",
    "private_bag",
];

/// A street in parts hides the text, so that a street that is written takes the place of the parts.
///
/// A country that Tryton's list has not, and every region, is left as it is there.
fn address_values(cx: &Context, address: &Json, there: Option<&Json>) -> Map<String, Json> {
    let mut values = Map::new();
    for (ours, theirs) in [("street", "street_unstructured"), ("city", "city"), ("postal_code", "postal_code")] {
        values.extend(address.get(ours).map(|text| (theirs.to_owned(), text.clone())));
    }
    if there.is_some() && address.get("street").is_some() {
        values.extend(STREET_PARTS.iter().map(|part| ((*part).to_owned(), Json::Null)));
    }
    match address.get("country") {
        Some(Json::String(country)) => {
            values.extend(fact_id(cx, "countries", country).map(|id| ("country".to_owned(), id)));
        }
        Some(other) => values.extend([("country".to_owned(), other.clone())]),
        None => {}
    }
    values
}

/// The id that a description of the account found under a name.
pub(super) fn fact_id(cx: &Context, fact: &str, name: &str) -> Option<Json> {
    let known: Json = serde_json::from_str(cx.option(fact)?).ok()?;
    known.get(name.trim().to_lowercase()).cloned()
}
