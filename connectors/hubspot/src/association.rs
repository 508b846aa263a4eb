//! Reading associations (v4), in batches, and finding the numbers of their types.

use crate::{
    link::{Links, Slot, Type},
    row,
    script::{Run, Script},
};
use concord_connector::{Context, Request};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Numbers that HubSpot publishes for types of its own; a description of the account finds the rest.
const PUBLISHED: [(&str, &str, &str, u64); 6] = [
    ("contacts", "companies", "Primary", 1),
    ("contacts", "companies", "", 279),
    ("deals", "companies", "Primary", 5),
    ("deals", "companies", "", 341),
    ("leads", "contacts", "Primary", 578),
    ("leads", "companies", "Primary", 580),
];

/// Whether the number of a slot's type has to be read from the account: plain associations need none, and the primary
/// company of a contact has had the same one everywhere since associations have numbers.
pub(crate) fn varies(from: &str, to: &str, slot: &Slot) -> bool {
    *slot != Slot::Any && (from, to, slot) != ("contacts", "companies", &Slot::Primary)
}

/// The name under which a description of the account keeps a type.
pub(crate) fn fact(from: &str, to: &str, label: &str) -> String {
    format!("label.{from}.{to}.{label}")
}

/// The type with a label (`Primary`, a label of the admin's own, or none for the plain association).
pub(crate) fn kind(cx: &Context, from: &str, to: &str, label: &str) -> Option<Type> {
    let named = || (!label.is_empty()).then(|| label.to_owned());
    let described = cx.option(&fact(from, to, label)).and_then(|text| text.split_once('/'));
    if let Some((category, id)) = described.and_then(|(category, id)| Some((category, id.parse().ok()?))) {
        return Some(Type { category: category.to_owned(), id, label: named() });
    }
    let (.., id) = PUBLISHED.iter().find(|(f, t, l, _)| (*f, *t, *l) == (from, to, label))?;
    Some(Type { category: "HUBSPOT_DEFINED".into(), id: *id, label: named() })
}

/// The associations of records with records of another object, by id. Ids for which HubSpot reported an error other
/// than "no associations" are left out: nothing is known of them.
pub(crate) fn read(script: &mut Script<'_>, from: &str, to: &str, ids: &[String]) -> Run<BTreeMap<String, Links>> {
    let mut found: BTreeMap<String, Links> = BTreeMap::new();
    // The vendor takes 1,000 ids; a batch of ours has 100 at most.
    for chunk in ids.chunks(1000) {
        let inputs: Vec<Json> = chunk.iter().map(|id| json!({ "id": id })).collect();
        let path = format!("/crm/v4/associations/{from}/{to}/batch/read");
        let request = Request::post(path, json!({ "inputs": inputs })).accepting(&[200, 207]);
        let response = script.send(request)?;
        found.extend(chunk.iter().map(|id| (id.clone(), Links::new())));
        for unknown in unknown(&response.body) {
            found.remove(&unknown);
        }
        for result in response.array("/results")? {
            let Some(id) = result.pointer("/from/id").and_then(row::text) else { continue };
            let others = result.get("to").and_then(Json::as_array).into_iter().flatten();
            let links = others.filter_map(|other| Some((row::text(other.get("toObjectId")?)?, kinds(other))));
            found.entry(id).or_default().extend(links);
        }
    }
    Ok(found)
}

/// A record without associations is an error of that row in a 207 (`NO_ASSOCIATIONS_FOUND`), and means "none".
fn unknown(body: &Json) -> Vec<String> {
    let errors = body.get("errors").and_then(Json::as_array).into_iter().flatten();
    errors
        .filter(|error| !error.to_string().contains("NO_ASSOCIATIONS_FOUND"))
        .filter_map(|error| error.pointer("/context/fromObjectId")?.as_array())
        .flatten()
        .filter_map(row::text)
        .collect()
}

fn kinds(other: &Json) -> Vec<Type> {
    let types = other.get("associationTypes").and_then(Json::as_array).into_iter().flatten();
    types
        .filter_map(|of| {
            Some(Type {
                category: of.get("category")?.as_str()?.to_owned(),
                id: of.get("typeId")?.as_u64()?,
                label: of.get("label").and_then(Json::as_str).map(str::to_owned),
            })
        })
        .collect()
}
