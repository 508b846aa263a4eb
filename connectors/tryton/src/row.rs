//! What a Tryton record is, as the flat row that the mapping reads, and as a snapshot.

pub(crate) mod document;
pub(crate) mod party;

use crate::wire;
use concord_connector::{
    Context, Entity, ExternalId, Fault, Instant, RecordId, Result, Snapshot, SourceVersion, snapshot::Presence,
};
use serde_json::{Value as Json, json};

/// How an entity's records are read.
pub(crate) struct Shape {
    /// The fields to ask for. A name that ends in a dot's part is read through a relation.
    pub(crate) fields: &'static [&'static str],
    /// Lists whose elements belong to the record: their changes are its changes.
    pub(crate) parts: &'static [&'static str],
    flatten: fn(&Json) -> Json,
    markers: fn(&Json) -> Vec<&str>,
}

/// The shape of an entity's records.
///
/// # Errors
/// `Malformed` for an entity that Tryton does not keep.
pub(crate) fn shape(entity: Entity) -> Result<&'static Shape> {
    match entity {
        Entity::Organization => Ok(&party::SHAPE),
        Entity::Order => Ok(&document::SALE),
        Entity::Invoice => Ok(&document::INVOICE),
        other => Err(Fault::malformed("tryton.entity", format!("Tryton keeps no {other}"))),
    }
}

/// Which records of a model are of the entity, for the connection's company.
pub(crate) fn domain(entity: Entity, company: i64) -> Vec<Json> {
    match entity {
        Entity::Order => vec![json!(["company", "=", company])],
        // Supplier invoices are the same model.
        Entity::Invoice => vec![json!(["company", "=", company]), json!(["type", "=", "out"])],
        _ => Vec::new(),
    }
}

/// What we write into a record to know it again.
pub(crate) fn marker(entity: Entity, record: &RecordId) -> String {
    // With the entity's name: Tryton copies a sale line's note to the invoice line that bills it.
    format!("concord:{entity}:{record}")
}

/// The id of a record, as Tryton writes it.
pub(crate) fn id(raw: &Json) -> Option<ExternalId> {
    raw.get("id").and_then(Json::as_i64).map(|id| ExternalId::new(id.to_string()))
}

/// The elements of a list that was read through a relation.
pub(crate) fn elements<'a>(raw: &'a Json, list: &str) -> impl Iterator<Item = &'a Json> {
    raw.get(format!("{list}.").as_str()).and_then(Json::as_array).into_iter().flatten()
}

/// Whether a record or a part of one is in use: SQLite answers 0 and 1, PostgreSQL false and true.
pub(crate) fn active(raw: &Json) -> bool {
    match raw.get("active") {
        Some(Json::Bool(truth)) => *truth,
        Some(Json::Number(number)) => number.as_i64() != Some(0),
        _ => true,
    }
}

/// A snapshot of a record.
///
/// # Errors
/// `Malformed`, naming the pointer, when a value cannot be understood.
pub(crate) fn snapshot(cx: &Context, entity: Entity, raw: &Json) -> Result<Snapshot> {
    let shape = shape(entity)?;
    let id = id(raw).ok_or_else(|| Fault::malformed("tryton.decode", "a record without id").with("pointer", "/id"))?;
    let changed = modified(raw, shape.parts);
    let mut snapshot = Snapshot::new(entity, id, SourceVersion(u64::try_from(changed).unwrap_or(0)));
    snapshot.modified = (changed > 0).then(|| Instant::from_ms(changed / 1000));
    snapshot.revision = raw.get("_timestamp").and_then(Json::as_str).map(str::to_owned);
    snapshot.fields = cx.mapping(entity)?.decode(cx, entity, &(shape.flatten)(raw))?;
    let prefix = marker(entity, &RecordId::new(""));
    let marked = (shape.markers)(raw).into_iter().find_map(|text| text.strip_prefix(&prefix));
    snapshot.marker = marked.filter(|record| !record.is_empty()).map(RecordId::from);
    snapshot.presence = presence(raw);
    Ok(snapshot)
}

/// A party that is in use somewhere cannot be deleted: people take it out of use instead. A merge names the winner.
fn presence(raw: &Json) -> Presence {
    match raw.get("replaced_by").and_then(Json::as_i64) {
        Some(winner) => Presence::MergedInto(ExternalId::new(winner.to_string())),
        None if !active(raw) => Presence::Deleted,
        None => Presence::Live,
    }
}

/// The latest change of a record and its parts, in microseconds. `last_modified_at` is the write date, or the creation
/// date of what was never written. An address edited by itself does not touch its party.
fn modified(raw: &Json, parts: &[&str]) -> i64 {
    let own = raw.get("last_modified_at").and_then(wire::micros);
    let of_parts = parts.iter().flat_map(|list| elements(raw, list));
    let of_parts = of_parts.filter_map(|part| part.get("last_modified_at").and_then(wire::micros));
    own.into_iter().chain(of_parts).max().unwrap_or(0)
}
