//! Looking for records that are a golden record: by our marker, then by keys. Archived records are never found by search.

use crate::{
    read, row,
    script::{Run, Script},
    search,
};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Outcome, RecordId, Request,
    key::{Key, KeyKind},
};
use serde_json::{Value as Json, json};

/// More hits than this are ambiguous anyway.
const HITS: usize = 10;
/// HubSpot takes at most five filter groups (joined by "or").
const GROUPS: usize = 5;

/// Answers a find.
pub(crate) fn find(
    script: &mut Script<'_>,
    cx: &Context,
    entity: Entity,
    record: &RecordId,
    keys: &[Key],
) -> Run<Outcome> {
    let object = &cx.mapping(entity)?.object;
    if cx.vendor_fields.is_empty() || cx.has_vendor_field(object, row::MARKER) {
        let found = search(script, object, vec![equals(row::MARKER, record.as_str())])?;
        if !found.is_empty() {
            return Ok(Outcome::Found(found));
        }
    }
    let named = own_ids(cx, keys);
    if !named.is_empty() {
        let found: Vec<_> = read::rows(script, cx, entity, &named)?.into_iter().map(|row| row.id).collect();
        if !found.is_empty() {
            return Ok(Outcome::Found(found));
        }
    }
    let groups: Vec<Json> = keys.iter().filter_map(|key| group(cx, entity, key)).take(GROUPS).collect();
    if groups.is_empty() {
        return Ok(Outcome::Found(Vec::new()));
    }
    Ok(Outcome::Found(search(script, object, groups)?))
}

fn search(script: &mut Script<'_>, object: &str, groups: Vec<Json>) -> Run<Vec<ExternalId>> {
    let body = json!({ "filterGroups": groups, "properties": [row::MARKER], "limit": HITS });
    let path = format!("/crm/v3/objects/{object}/search");
    let response = script.send(Request::post(path, body).accepting(&[200, 400]).limited_by("search"))?;
    if response.status == 400 {
        let sentence = if search::no_such_object(&response.body) {
            format!("the portal has no object `{object}`; make it, or leave the entity out of the connection")
        } else {
            format!("HubSpot refuses the search in `{object}`: {}", search::message(&response.body))
        };
        return Err(Fault::malformed("hubspot.find", sentence).into());
    }
    Ok(response.array("/results")?.iter().filter_map(row::id).collect())
}

/// External keys that name a record of this very connection.
fn own_ids(cx: &Context, keys: &[Key]) -> Vec<ExternalId> {
    let ours = |key: &&Key| key.kind == KeyKind::External;
    keys.iter()
        .filter(ours)
        .filter_map(|key| key.value.split_once('/'))
        .filter(|(connection, _)| *connection == cx.connection.as_str())
        .map(|(_, id)| ExternalId::from(id))
        .collect()
}

/// The filter for a key, where the mapping has a property for it and the account has that property.
fn group(cx: &Context, entity: Entity, key: &Key) -> Option<Json> {
    let field = match (key.kind, entity) {
        (KeyKind::TaxId, Entity::Organization) => "tax_id",
        (KeyKind::Lei, Entity::Organization) => "lei",
        (KeyKind::Duns, Entity::Organization) => "duns",
        (KeyKind::Domain, Entity::Organization) => "domain",
        (KeyKind::Email, Entity::Person | Entity::Lead) => "email",
        _ => return None,
    };
    let mapping = cx.mapping(entity).ok()?;
    let rule = mapping.active(cx).find(|rule| rule.field.as_str() == field)?;
    Some(equals(row::property(&rule.vendor)?, &key.value))
}

fn equals(property: &str, value: &str) -> Json {
    json!({ "filters": [{ "propertyName": property, "operator": "EQ", "value": value }] })
}
