//! A record in HubSpot's shape, and the snapshot that it stands for.

use concord_connector::{
    Context, Entity, ExternalId, Field, RecordId, Result, Snapshot,
    exchange::version_of,
    key::Key,
    mapping::{Mapping, Rule},
    time::Instant,
};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The property that holds the golden record's id; unique in the portal.
pub(crate) const MARKER: &str = "concord_id";
/// The optional property that names the same thing in other connections, a line each: `connection/id`.
pub(crate) const EXTERNAL_KEYS: &str = "concord_external_keys";

/// The modified time of contacts has a name of its own; that of every other object is `hs_lastmodifieddate`.
pub(crate) fn modified_property(object: &str) -> &'static str {
    if object == "contacts" { "lastmodifieddate" } else { "hs_lastmodifieddate" }
}

/// The name of the property that a pointer leads to.
pub(crate) fn property(pointer: &str) -> Option<&str> {
    pointer.strip_prefix("/properties/")
}

/// Names of the properties that a rule reads and writes.
pub(crate) fn properties_of(rule: &Rule, entity: Entity) -> Vec<String> {
    let Ok(codec) = rule.effective(entity) else { return Vec::new() };
    codec.pointers(&rule.vendor).iter().filter_map(|pointer| property(pointer)).map(str::to_owned).collect()
}

/// The properties behind each field, whose history tells when it was edited.
pub(crate) type Sources = Vec<(Field, Vec<String>)>;

/// The sources of an entity: made once for all rows of a read.
pub(crate) fn sources(cx: &Context, entity: Entity, mapping: &Mapping) -> Sources {
    let rules = mapping.active(cx).filter(|rule| rule.flow.reads());
    rules.map(|rule| (rule.field.clone(), properties_of(rule, entity))).filter(|(_, names)| !names.is_empty()).collect()
}

/// Names of the mapped properties, each once.
pub(crate) fn mapped(cx: &Context, entity: Entity, mapping: &Mapping) -> BTreeSet<String> {
    mapping.active(cx).filter(|rule| rule.flow.reads()).flat_map(|rule| properties_of(rule, entity)).collect()
}

/// Names of everything to ask for: what is mapped, the marker, the keys and the modified time.
pub(crate) fn asked(cx: &Context, entity: Entity, mapping: &Mapping) -> BTreeSet<String> {
    let mut names = mapped(cx, entity, mapping);
    names.extend([MARKER, modified_property(&mapping.object)].map(str::to_owned));
    if cx.has_vendor_field(&mapping.object, EXTERNAL_KEYS) {
        names.insert(EXTERNAL_KEYS.to_owned());
    }
    names
}

/// The row's id. HubSpot writes ids as texts in objects and as numbers in events; both are read.
pub(crate) fn id(row: &Json) -> Option<ExternalId> {
    text(row.get("id")?).map(ExternalId::new)
}

/// No id of HubSpot is longer than this.
const LONGEST_ID: usize = 64;

/// An id, whether it is written as a text or as a whole number.
pub(crate) fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) if (1..=LONGEST_ID).contains(&text.len()) => Some(text.clone()),
        Json::Number(number) if number.as_u64().is_some() => Some(number.to_string()),
        _ => None,
    }
}

/// What a row and its associations say.
///
/// # Errors
/// `Malformed` when a mapped value cannot be understood.
pub(crate) fn decode(
    cx: &Context,
    entity: Entity,
    sources: &Sources,
    row: &Json,
    associations: &Json,
    read_at: Instant,
) -> Result<Snapshot> {
    let mapping = cx.mapping(entity)?;
    let of = |name: &str| row.pointer("/properties").and_then(|all| all.get(name)).and_then(Json::as_str);
    let modified = of(modified_property(&mapping.object))
        .or_else(|| row.get("updatedAt").and_then(Json::as_str))
        .and_then(Instant::parse);
    let mut snapshot = Snapshot::new(entity, id(row).unwrap_or_else(|| "".into()), version_of(modified, read_at));
    snapshot.modified = modified;
    snapshot.fields = mapping.decode(cx, entity, row)?;
    if !associations.is_null() {
        snapshot.fields.extend(mapping.decode(cx, entity, associations)?);
    }
    for (field, names) in sources {
        if let Some(at) = edited_at(row, names) {
            snapshot.field_times.insert(field.clone(), at);
        }
    }
    snapshot.marker = of(MARKER).map(str::trim).filter(|marker| !marker.is_empty()).map(RecordId::from);
    snapshot.keys = of(EXTERNAL_KEYS).map(external_keys).unwrap_or_default();
    Ok(snapshot)
}

/// The newest history entry of any of these properties.
fn edited_at(row: &Json, names: &[String]) -> Option<Instant> {
    let history = row.get("propertiesWithHistory")?;
    names.iter().filter_map(|name| history.get(name)?.as_array()).flatten().filter_map(entry_time).max()
}

/// When a history entry was made.
pub(crate) fn entry_time(entry: &Json) -> Option<Instant> {
    Instant::parse(entry.get("timestamp")?.as_str()?)
}

fn external_keys(text: &str) -> Vec<Key> {
    text.lines()
        .filter_map(|line| line.trim().split_once('/'))
        .filter(|(connection, id)| !connection.is_empty() && !id.is_empty())
        .map(|(connection, id)| Key::external(connection, id))
        .collect()
}
