//! What a write covered. HubSpot takes every write, and keeps the history of each property: an edit that somebody made
//! after we last looked, and that our write then hid, is still there as an entry below ours.

use crate::row;
use concord_connector::{
    Context, Entity, Fields, Snapshot, SourceVersion, Value,
    mapping::{Mapping, Rule},
    time::Instant,
};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// HubSpot keeps so many entries of a property's history.
const KEPT: usize = 20;
/// What HubSpot calls a person at its own screens.
const PERSON: &str = "CRM_UI";

/// What the target held, and when that was last confirmed.
pub(crate) struct Known<'a> {
    pub(crate) held: &'a Fields,
    pub(crate) held_at: Instant,
}

/// One state of a field in the past.
struct State {
    at: Instant,
    value: Option<Value>,
    ours: bool,
    /// Whether somebody typed it at HubSpot.
    typed: bool,
}

/// Edits of written properties that lie between what was held and what we wrote, oldest first.
pub(crate) fn overwritten(
    cx: &Context,
    entity: Entity,
    mapping: &Mapping,
    row: &Json,
    written: &Fields,
    known: &Known<'_>,
) -> Vec<Snapshot> {
    let mut edits: BTreeMap<Instant, Fields> = BTreeMap::new();
    for rule in mapping.active(cx).filter(|rule| rule.flow.updates() && rule.flow.reads()) {
        let Some(value) = written.get(&rule.field) else { continue };
        let Ok(wanted) = mapping.image(cx, entity, &rule.field, value.as_ref()) else { continue };
        let held = known.held.get(&rule.field);
        let states = states(cx, entity, mapping, rule, row);
        for state in between(&states, held, wanted.as_ref(), known.held_at) {
            edits.entry(state.at).or_default().insert(rule.field.clone(), state.value.clone());
        }
    }
    edits
        .into_iter()
        .map(|(at, fields)| {
            let id = row::id(row).unwrap_or_else(|| "".into());
            let mut snapshot = Snapshot::new(entity, id, SourceVersion::from_instant(at));
            snapshot.modified = Some(at);
            snapshot.field_times = fields.keys().map(|field| (field.clone(), at)).collect();
            snapshot.fields = fields;
            snapshot
        })
        .collect()
}

/// The states below our own entry that nobody here has seen, newest first.
///
/// They end where the held value comes up: what is older was seen. A property that was never set has no entry for that: a
/// whole history ends where it was empty. Clocks decide only where the history does not reach back to the held value, or
/// where we wrote the held value itself, so that finding it again says nothing.
fn between<'a>(
    states: &'a [State],
    held: Option<&Option<Value>>,
    wanted: Option<&Value>,
    held_at: Instant,
) -> Vec<&'a State> {
    // A newer entry than ours is an edit on top of it: the read itself shows that one. Where somebody typed what we wrote, our
    // write changed nothing and has no entry; what lies below was covered by that person.
    let ours = states.iter().position(|state| state.value.as_ref() == wanted && !state.typed);
    let Some(ours) = ours else { return Vec::new() };
    let older = &states[ours + 1..];
    let seen = held.filter(|held| held.as_ref() != wanted).and_then(|held| {
        let never_set = (held.is_none() && states.len() < KEPT).then_some(older.len());
        older.iter().position(|state| state.value == *held).or(never_set)
    });
    let unseen: Vec<&State> = match seen {
        Some(end) => older[..end].iter().collect(),
        None => older.iter().filter(|state| state.at > held_at).collect(),
    };
    unseen.into_iter().filter(|state| !state.ours && held != Some(&state.value)).collect()
}

/// The field's values through time, newest first. A field of several properties (an address, an amount and its currency)
/// has a state for each time at which any of them changed.
fn states(cx: &Context, entity: Entity, mapping: &Mapping, rule: &Rule, row: &Json) -> Vec<State> {
    let app = cx.option("app_id").unwrap_or_default();
    let empty = Vec::new();
    let names = row::properties_of(rule, entity);
    let mut left: Vec<(&str, &[Json])> = names
        .iter()
        .map(|name| {
            let entries = row.pointer("/propertiesWithHistory").and_then(|all| all.get(name)).and_then(Json::as_array);
            (name.as_str(), entries.unwrap_or(&empty).as_slice())
        })
        .collect();
    let mut states = Vec::new();
    loop {
        let heads = left.iter().filter_map(|(_, entries)| entries.first());
        let Some(at) = heads.filter_map(row::entry_time).max() else { return states };
        let newest = |entry: &&Json| row::entry_time(entry).is_none_or(|time| time == at);
        let is_ours = |entry: &Json| {
            let text = |name: &str| entry.get(name).and_then(Json::as_str).unwrap_or_default();
            !app.is_empty() && text("sourceType") == "INTEGRATION" && text("sourceId") == app
        };
        let mut brought = left.iter().filter_map(|(_, entries)| entries.first().filter(newest));
        let ours = brought.clone().all(is_ours);
        let typed = brought.any(|entry| entry.get("sourceType").and_then(Json::as_str) == Some(PERSON));
        let properties: Map<String, Json> = left
            .iter()
            .map(|(name, entries)| {
                let value = entries.first().and_then(|entry| entry.get("value")).cloned();
                ((*name).to_owned(), value.unwrap_or_default())
            })
            .collect();
        // A value that cannot be understood now could not be observed then either.
        if let Ok(mut fields) = mapping.decode(cx, entity, &json!({ "properties": properties })) {
            states.push(State { at, value: fields.remove(&rule.field).flatten(), ours, typed });
        }
        for (_, entries) in &mut left {
            if entries.first().as_ref().is_some_and(newest) {
                *entries = &entries[1..];
            }
        }
    }
}
