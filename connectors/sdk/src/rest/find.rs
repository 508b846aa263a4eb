//! Looking for records that are a golden record: by our marker, then by ids and keys.

use super::{
    Place, fetch,
    fill::{Values, request},
};
use crate::{
    ExternalId, Fault, Outcome, RecordId,
    exchange::Method,
    key::{Key, KeyKind},
    manifest::{Endpoint, api::scalar},
    script::{Run, Script},
    time::Instant,
};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Answers a find.
pub(super) fn find(script: &mut Script<'_>, place: &Place<'_>, record: &RecordId, keys: &[Key]) -> Run<Outcome> {
    let found = by_marker(script, place, record)?;
    if !found.is_empty() {
        return Ok(Outcome::Found(found));
    }
    let mut found = BTreeSet::new();
    for id in own_ids(place, keys) {
        found.extend(fetch::one(script, place, &id)?.and_then(|(_, row)| place.id(row)));
    }
    for key in keys {
        let Some((field, endpoint)) = field_of(key.kind).and_then(|f| Some((f, place.api.find_by.get(f)?))) else {
            continue;
        };
        if !found.is_empty() {
            break;
        }
        let values = Values { key: Some(&key.value), ..Values::default() };
        found.extend(searched(script, place, endpoint, &values, |row| has(place, row, field, &key.value))?);
    }
    Ok(Outcome::Found(found.into_iter().collect()))
}

/// Ids of live records with our marker.
pub(super) fn by_marker(script: &mut Script<'_>, place: &Place<'_>, record: &RecordId) -> Run<Vec<ExternalId>> {
    let (Some(endpoint), Some(pointer)) = (&place.api.find, place.mapping.marker.as_deref()) else {
        return upserted(script, place, record);
    };
    // A system that does not know the parameter answers everything: a row counts only if it says so itself.
    let ours = |row: &Json| row.pointer(pointer).and_then(scalar).as_deref() == Some(record.as_str());
    let Some(pages) = endpoint.scan else {
        let values = Values { marker: Some(record.as_str()), ..Values::default() };
        return searched(script, place, endpoint, &values, ours);
    };
    let (Some(list), mut cursor) = (&place.api.list, None) else { return Ok(Vec::new()) };
    for _ in 0..pages {
        let (rows, next) = super::poll::rows(script, place, list, cursor)?;
        let found: Vec<ExternalId> = rows.iter().filter(|row| ours(row)).filter_map(|row| place.id(row)).collect();
        if !found.is_empty() || next.is_none() {
            return Ok(found);
        }
        cursor = next;
    }
    Ok(Vec::new())
}

/// Under an id that is ours there is a record, or there is none.
fn upserted(script: &mut Script<'_>, place: &Place<'_>, record: &RecordId) -> Run<Vec<ExternalId>> {
    if place.api.upsert.is_none() || !place.api.reads() {
        return Ok(Vec::new());
    }
    let id = ExternalId::from(record.as_str());
    let found = fetch::one(script, place, &id)?;
    Ok(found.and_then(|(_, row)| place.id(row)).into_iter().collect())
}

fn searched(
    script: &mut Script<'_>,
    place: &Place<'_>,
    endpoint: &Endpoint,
    values: &Values<'_>,
    counts: impl Fn(&Json) -> bool,
) -> Run<Vec<ExternalId>> {
    let mut request = request(place.cx, endpoint, Method::Get, values)?;
    let missing = fetch::missing(endpoint);
    request.accept.extend(&missing);
    let answer = script.send(request)?;
    if missing.contains(&answer.status) {
        return Ok(Vec::new());
    }
    let rows: Vec<&Json> = match answer.at(&endpoint.rows) {
        Some(Json::Array(rows)) => rows.iter().collect(),
        Some(row @ Json::Object(_)) => vec![row],
        Some(Json::Null) => Vec::new(),
        _ => return Err(Fault::from_missing(&endpoint.rows, answer.status).into()),
    };
    let live = |row: &&&Json| !place.api.deleted.as_ref().is_some_and(|deleted| deleted.holds(row));
    Ok(rows.iter().filter(live).filter(|row| counts(row)).filter_map(|row| place.id(row)).collect())
}

/// Whether a row has a key itself, as far as the mapping shows it.
fn has(place: &Place<'_>, row: &Json, field: &str, value: &str) -> bool {
    let Ok(snapshot) = place.snapshot(row, Instant::EPOCH, None) else { return false };
    match snapshot.fields.get(field) {
        Some(Some(held)) => held.as_str().is_some_and(|held| {
            let bare = |text: &str| -> String { text.chars().filter(char::is_ascii_alphanumeric).collect() };
            bare(held).eq_ignore_ascii_case(&bare(value))
        }),
        Some(None) => false,
        None => true,
    }
}

fn field_of(kind: KeyKind) -> Option<&'static str> {
    Some(match kind {
        KeyKind::TaxId => "tax_id",
        KeyKind::Lei => "lei",
        KeyKind::Duns => "duns",
        KeyKind::Email => "email",
        KeyKind::Domain => "domain",
        KeyKind::Pin | KeyKind::External => return None,
    })
}

/// External keys that name a record of this very connection.
fn own_ids(place: &Place<'_>, keys: &[Key]) -> Vec<ExternalId> {
    let external = keys.iter().filter(|key| key.kind == KeyKind::External);
    external
        .filter_map(|key| key.value.split_once('/'))
        .filter(|(connection, _)| *connection == place.cx.connection.as_str())
        .map(|(_, id)| ExternalId::from(id))
        .collect()
}

impl Fault {
    fn from_missing(pointer: &str, status: u16) -> Self {
        let sentence = format!("the answer has no rows at `{pointer}`");
        Self::new(crate::Kind::Unavailable, "rest.find", sentence).with("status", status)
    }
}
