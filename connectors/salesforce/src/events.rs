//! Change events, as Event Relay and EventBridge deliver them, and outbound messages.

mod soap;

use crate::{columns, ids};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Instant, Result, Signal,
    signal::{Edit, Happened},
};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Signals in one request. An envelope has one event; this bounds what a stranger's array can cost.
const MOST: usize = 2_000;

/// What a body says: change events in their envelope, bare, or in an array; an outbound message; or anything else in
/// which ids of known objects can be found.
pub(crate) fn signals(cx: &Context, hint: bool, body: &[u8]) -> Result<Vec<Signal>> {
    if hint || body.trim_ascii_start().starts_with(b"<") {
        return soap::signals(cx, body);
    }
    let json: Json = serde_json::from_slice(body)
        .map_err(|e| Fault::malformed("signals", "the body of the event is no JSON").caused_by(e))?;
    let events: Vec<&Json> = match &json {
        Json::Array(events) => events.iter().take(MOST).collect(),
        event => vec![event],
    };
    let mut signals = Vec::new();
    for event in events {
        signals.extend(of_event(cx, event)?);
    }
    signals.truncate(MOST);
    Ok(signals)
}

fn of_event(cx: &Context, event: &Json) -> Result<Vec<Signal>> {
    for pointer in ["/detail/payload", "/payload", "/detail", "/data/payload", ""] {
        let Some(payload) = event.pointer(pointer) else { continue };
        if let Some(header) = payload.get("ChangeEventHeader").filter(|header| header.is_object()) {
            return change(cx, payload, header);
        }
    }
    hints(cx, event)
}

fn change(cx: &Context, payload: &Json, header: &Json) -> Result<Vec<Signal>> {
    let text = |name: &str| header.get(name).and_then(Json::as_str);
    let missing = |name: &str| Fault::malformed("signals", "a change event is incomplete").with("pointer", name);
    let object = text("entityName").ok_or_else(|| missing("/ChangeEventHeader/entityName"))?;
    // Events of objects that are not mapped are the admin's choice of channel, not a fault.
    let Some(entity) = entity_of(cx, object) else { return Ok(Vec::new()) };
    let kind = text("changeType").ok_or_else(|| missing("/ChangeEventHeader/changeType"))?;
    if is_ours(cx, text("changeOrigin").unwrap_or_default()) {
        return Ok(Vec::new());
    }
    let number = |name: &str| header.get(name).and_then(Json::as_i64);
    let at = Instant::from_ms(number("commitTimestamp").unwrap_or_default()).min(Instant::MAX).max(Instant::EPOCH);
    let event = format!("{}:{}:{object}", text("transactionKey").unwrap_or("-"), number("sequenceNumber").unwrap_or(0));
    if kind == "GAP_OVERFLOW" {
        // One event stands for more than 100,000 changes; its only id is a row of zeros.
        let mut gap = Signal::changed(format!("{event}:gap:{}", at.ms()), entity, "", at);
        gap.happened = Happened::Gap;
        return Ok(vec![gap]);
    }
    let record_ids = header.get("recordIds").and_then(Json::as_array);
    let record_ids = record_ids.ok_or_else(|| missing("/ChangeEventHeader/recordIds"))?;
    let edits = if kind == "UPDATE" { edits(payload, header, at) } else { Vec::new() };
    let happened = match kind {
        // Where records can be merged, a delete event may be the loser's end: the read that follows says which of the
        // two it was, and the delete log says the same within a minute.
        "DELETE" if !columns::merges(object) => Happened::Deleted,
        _ => Happened::Changed,
    };
    let mut signals = Vec::new();
    for id in record_ids.iter().take(MOST) {
        // A record id may carry a wildcard prefix for objects that share it; what is no id is nothing to look at.
        let Some(id) = id.as_str().and_then(ids::full) else { continue };
        let key = format!("{event}:{id}");
        signals.push(Signal {
            key,
            entity,
            id: ExternalId::new(id),
            happened: happened.clone(),
            at,
            edits: edits.clone(),
            record: None,
        });
    }
    Ok(signals)
}

fn entity_of(cx: &Context, object: &str) -> Option<Entity> {
    cx.mappings.keys().copied().find(|entity| columns::object(cx, *entity).is_ok_and(|name| name == object))
}

/// A change event repeats the client name of the request that caused it at the end of `changeOrigin`:
/// `com/salesforce/api/rest/67.0;client=Concord/`, in some samples without the last slash. Only the whole name counts.
fn is_ours(cx: &Context, origin: &str) -> bool {
    let ours = cx.option("client_name").unwrap_or_default();
    let client = origin.rsplit_once(";client=").map(|(_, client)| client.trim_end_matches('/'));
    !ours.is_empty() && client == Some(ours)
}

/// Edits of plain fields. Unchanged fields are null or absent in the payload, so only `nulledFields` tells a clear;
/// compound fields (a person's name, an address) and texts that come as a difference say nothing here.
fn edits(payload: &Json, header: &Json, at: Instant) -> Vec<Edit> {
    let names = |list: &str| -> BTreeSet<&str> {
        let list = header.get(list).and_then(Json::as_array);
        list.map(|names| names.iter().filter_map(Json::as_str).take(500).collect()).unwrap_or_default()
    };
    let (nulled, diffs) = (names("nulledFields"), names("diffFields"));
    let plain = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    names("changedFields")
        .union(&nulled)
        .copied()
        .filter(plain)
        .filter(|name| !diffs.contains(name) && !matches!(*name, "LastModifiedDate" | "LastModifiedById"))
        .filter_map(|name| {
            let value = match payload.get(name) {
                _ if nulled.contains(name) => Json::Null,
                None | Some(Json::Null | Json::Object(_) | Json::Array(_)) => return None,
                Some(value) => value.clone(),
            };
            Some(Edit { pointer: format!("/{name}"), value, at })
        })
        .collect()
}

/// Ids of known objects anywhere in an event of a shape that we do not know: look there, and trust nothing else in it.
fn hints(cx: &Context, event: &Json) -> Result<Vec<Signal>> {
    let mut found = BTreeSet::new();
    collect(cx, event, 0, &mut found);
    if found.is_empty() {
        return Err(Fault::malformed("signals", "the event has no `ChangeEventHeader` and names no record"));
    }
    let event_id =
        ["/id", "/detail/event/replayId", "/event/replayId"].iter().find_map(|pointer| event.pointer(pointer));
    let event_id = event_id.map_or_else(String::new, |id| id.to_string());
    Ok(found.into_iter().map(|(entity, id)| hint(entity, &id, &event_id)).collect())
}

/// A hint has no time of its own, and no key that a sender could repeat to keep a later one out: equal hints are merged
/// only while they name the same event.
fn hint(entity: Entity, id: &str, event: &str) -> Signal {
    Signal::changed(format!("hint:{event}:{id}"), entity, id, Instant::EPOCH)
}

/// Values below this depth are not looked at; no event of the vendor is deeper.
const DEPTH: usize = 12;

fn collect(cx: &Context, json: &Json, depth: usize, found: &mut BTreeSet<(Entity, String)>) {
    if depth > DEPTH || found.len() >= MOST {
        return;
    }
    match json {
        Json::String(text) => found.extend(known(cx, text)),
        Json::Array(elements) => elements.iter().for_each(|element| collect(cx, element, depth + 1, found)),
        Json::Object(fields) => fields.values().for_each(|value| collect(cx, value, depth + 1, found)),
        _ => {}
    }
}

/// The entity that an id belongs to, by how it begins.
fn known(cx: &Context, text: &str) -> Option<(Entity, String)> {
    let id = ids::full(text)?;
    let entity = cx.mappings.keys().copied().find(|entity| {
        columns::object(cx, *entity)
            .ok()
            .and_then(|object| ids::prefix(cx, object))
            .is_some_and(|prefix| id.starts_with(prefix))
    })?;
    Some((entity, id))
}
