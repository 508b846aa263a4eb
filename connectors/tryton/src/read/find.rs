//! Who is who: the live records that are a golden record already.

use super::rows;
use crate::{
    Scripted,
    row::{self, elements, party::text},
    rpc,
    script::Script,
    tax,
};
use concord_connector::{
    Entity, Outcome, RecordId,
    codec::host,
    key::{Key, KeyKind},
};
use serde_json::{Value as Json, json};

/// Candidates that are read at most; more than one is a question for a person anyhow.
const CANDIDATES: usize = 50;

const FIELDS: &[&str] = &[
    "identifiers.type",
    "identifiers.code",
    "identifiers.code_compact",
    "contact_mechanisms.type",
    "contact_mechanisms.value",
];

/// By marker; failing that, by the strongest key that any party answers to.
pub(crate) fn find(script: &mut Script<'_>, entity: Entity, record: &RecordId, keys: &[Key]) -> Scripted {
    let cx = script.cx;
    let model = &cx.mapping(entity)?.object;
    let ask = |condition: Json, fields: Json| {
        let mut domain = row::domain(entity, rpc::company(cx)?);
        domain.push(condition);
        if entity == Entity::Organization {
            domain.push(json!(["active", "=", true]));
        }
        let order = json!([["id", "ASC"]]);
        rpc::request(cx, model, "search_read", vec![json!(domain), 0.into(), CANDIDATES.into(), order, fields])
    };

    let marked = script.call(ask(json!([marked_field(entity), "=", row::marker(entity, record)]), json!(["id"]))?)?;
    let marked = rows(rpc::result(marked)?);
    if !marked.is_empty() || entity != Entity::Organization {
        return Ok(found(marked.iter()));
    }
    let conditions: Vec<Json> = keys.iter().filter_map(condition).collect();
    if conditions.is_empty() {
        return Ok(Outcome::Found(Vec::new()));
    }
    let mut any = vec![json!("OR")];
    any.extend(conditions);
    let candidates = rows(rpc::result(script.call(ask(Json::Array(any), json!(FIELDS))?)?)?);
    for key in keys {
        let hits: Vec<&Json> = candidates.iter().filter(|raw| answers(raw, key)).collect();
        if !hits.is_empty() {
            return Ok(found(hits.into_iter()));
        }
    }
    Ok(Outcome::Found(Vec::new()))
}

/// Where the marker of an entity is searched.
pub(crate) fn marked_field(entity: Entity) -> &'static str {
    if entity == Entity::Organization { "identifiers.code" } else { "lines.note" }
}

fn found<'a>(rows: impl Iterator<Item = &'a Json>) -> Outcome {
    Outcome::Found(rows.filter_map(row::id).collect())
}

/// A condition that every party with the key fulfils; others may as well.
fn condition(key: &Key) -> Option<Json> {
    let like = |kind: &str| {
        let contact = json!([["type", "=", kind], ["value", "ilike", format!("%{}%", key.value)]]);
        json!(["contact_mechanisms", "where", contact])
    };
    match key.kind {
        KeyKind::TaxId => {
            // The compact code of a national type has no country prefix.
            let mut codes = vec![key.value.clone()];
            codes.push(tax::identifier(&key.value).1);
            codes.extend(key.value.get(2..).map(str::to_owned));
            codes.dedup();
            Some(json!(["identifiers.code_compact", "in", codes]))
        }
        KeyKind::Domain => Some(like("website")),
        KeyKind::Email => Some(like("email")),
        _ => None,
    }
}

/// Whether a party has the key: a search by text finds more than that.
fn answers(raw: &Json, key: &Key) -> bool {
    let contact = |kind: &'static str| {
        elements(raw, "contact_mechanisms")
            .filter(move |part| text(part, "type") == Some(kind))
            .filter_map(|part| text(part, "value"))
    };
    match key.kind {
        KeyKind::TaxId => {
            elements(raw, "identifiers").filter_map(row::party::tax_number).any(|number| number == key.value)
        }
        KeyKind::Domain => contact("website")
            .filter_map(host)
            .any(|host| host == key.value || host.ends_with(&format!(".{}", key.value))),
        KeyKind::Email => contact("email").any(|address| address.eq_ignore_ascii_case(&key.value)),
        _ => false,
    }
}
