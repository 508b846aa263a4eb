//! Reads by id and searches.

use crate::{
    ask::{Asked, Result},
    columns, ids,
    shape::{self, Moment},
    soql,
};
use concord_connector::{
    Context, Entity, ExternalId, Outcome, RecordId,
    codec::host,
    exchange::decode_each,
    key::{Key, KeyKind},
};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Ids in one query: with the longest select list of ours the URI stays below the vendor's limit.
const AT_ONCE: usize = 200;

/// One read for all ids where the URI is long enough for them.
pub(crate) fn fetch(cx: &Context, entity: Entity, ids: &[ExternalId], asked: &mut Asked<'_>) -> Result<Outcome> {
    let mut records = Vec::new();
    for (row, at) in rows(cx, entity, ids, asked)? {
        records.extend(decode_each([row], shape::id, |row| shape::snapshot(cx, entity, row, at)));
    }
    Ok(Outcome::Records(records))
}

/// The rows of records, those in the recycle bin included.
pub(crate) fn rows<'a>(
    cx: &Context,
    entity: Entity,
    ids: &[ExternalId],
    asked: &mut Asked<'a>,
) -> Result<Vec<(&'a Json, Moment)>> {
    // A text that is no id would fail the whole query (INVALID_QUERY_FILTER_OPERATOR), its neighbours with it. In its place
    // stands the id that no record has, so that the answer still says how the connection is.
    let wanted: BTreeSet<String> =
        ids.iter().map(|id| ids::full(id.as_str()).unwrap_or_else(|| ids::NOBODY.to_owned())).collect();
    let wanted: Vec<String> = wanted.into_iter().collect();
    let mut found = Vec::new();
    for chunk in wanted.chunks(AT_ONCE) {
        let soql = by_id(cx, entity, chunk.iter().map(String::as_str))?;
        found.extend(soql::every(cx, asked, &soql)?);
    }
    Ok(found)
}

/// The query for records of an entity by id.
pub(crate) fn by_id<'a>(
    cx: &Context,
    entity: Entity,
    ids: impl IntoIterator<Item = &'a str>,
) -> concord_connector::Result<String> {
    let object = columns::object(cx, entity)?;
    Ok(format!("SELECT {} FROM {object} WHERE Id IN {}", columns::select(cx, entity)?, soql::list(ids)))
}

/// By marker first; only when nothing carries it by the keys that the org can be asked for.
pub(crate) fn find(
    cx: &Context,
    entity: Entity,
    record: &RecordId,
    keys: &[Key],
    asked: &mut Asked<'_>,
) -> Result<Outcome> {
    let (object, mapping) = (columns::object(cx, entity)?, cx.mapping(entity)?);
    let marker = columns::marker(mapping);
    if columns::has(cx, mapping, marker) {
        let condition = format!("{marker} = {}", soql::text(record.as_str()));
        let soql = format!("SELECT Id FROM {object} WHERE {condition} AND IsDeleted = false LIMIT 10");
        let found: Vec<ExternalId> =
            soql::every(cx, asked, &soql)?.into_iter().filter_map(|(row, _)| shape::id(row)).collect();
        if !found.is_empty() {
            return Ok(Outcome::Found(found));
        }
    }
    let searches: Vec<(&str, String, &Key)> = keys.iter().filter_map(|key| condition(cx, entity, key)).collect();
    if searches.is_empty() {
        return Ok(Outcome::Found(Vec::new()));
    }
    let columns: BTreeSet<&str> = searches.iter().map(|(column, _, _)| *column).collect();
    let any: Vec<&str> = searches.iter().map(|(_, condition, _)| condition.as_str()).collect();
    let soql = format!(
        "SELECT Id, {} FROM {object} WHERE ({}) AND IsDeleted = false LIMIT 200",
        columns.into_iter().collect::<Vec<_>>().join(", "),
        any.join(" OR ")
    );
    let rows = soql::every(cx, asked, &soql)?;
    let hits = rows.into_iter().filter(|(row, _)| {
        searches
            .iter()
            .any(|(column, _, key)| row.get(*column).and_then(Json::as_str).is_some_and(|text| names(key, text)))
    });
    Ok(Outcome::Found(hits.filter_map(|(row, _)| shape::id(row)).collect()))
}

/// The column and the condition of a key; `None` where the org has no column for it.
fn condition<'k>(cx: &Context, entity: Entity, key: &'k Key) -> Option<(&'static str, String, &'k Key)> {
    let column = match (entity, key.kind) {
        (Entity::Organization, KeyKind::TaxId) => "Concord_Tax_Id__c",
        (Entity::Organization, KeyKind::Lei) => "Concord_Lei__c",
        (Entity::Organization, KeyKind::Duns) => "DunsNumber",
        (Entity::Organization, KeyKind::Domain) => "Website",
        (Entity::Person, KeyKind::Email) => "Email",
        (_, KeyKind::External) => columns::EXTERNAL_KEYS,
        _ => return None,
    };
    let mapping = cx.mapping(entity).ok()?;
    // Not every org has D-U-N-S numbers: the field comes with a licence.
    let optional = column == "DunsNumber" && !cx.vendor_fields.contains_key(&mapping.object);
    if optional || !columns::has(cx, mapping, column) || key.value.trim().is_empty() {
        return None;
    }
    let condition = match key.kind {
        KeyKind::Domain | KeyKind::External => format!("{column} LIKE {}", soql::anywhere(&key.value)),
        _ => format!("{column} = {}", soql::text(&key.value)),
    };
    Some((column, condition, key))
}

/// Whether a value that the search found really is the key: LIKE finds `notacme.com` for `acme.com` too.
fn names(key: &Key, text: &str) -> bool {
    match key.kind {
        KeyKind::Domain => host(text).is_some_and(|host| {
            host == key.value || host.strip_suffix(key.value.as_str()).is_some_and(|rest| rest.ends_with('.'))
        }),
        KeyKind::External => text.lines().any(|line| line.trim() == key.value),
        _ => text.trim().eq_ignore_ascii_case(key.value.trim()),
    }
}
