//! What signals say by themselves, beside what a read shows.

use super::Asked;
use crate::{coalesce::Look, message::Observation, settings::Connection};
use concord_connector::{ConnectionName, Snapshot, signal::Edit, snapshot::Presence};
use std::collections::BTreeMap;

/// What a signal adds to a read that began after it came: nothing, but for the exact time of an edit.
pub(super) fn covered(
    connection: &Connection,
    name: &ConnectionName,
    one: &Asked<'_>,
    look: &Look,
) -> Option<Observation> {
    let mut snapshot = Snapshot::clone(&look.shown);
    take_times(connection, &mut snapshot, one.signal.edits.iter());
    let signalled_at = Some(one.received_at);
    let (connection, read_at) = (name.clone(), look.read_at);
    (snapshot.field_times != look.shown.field_times).then_some(Observation {
        connection,
        snapshot,
        read_at,
        signalled_at,
        from_history: false,
        ours: BTreeMap::new(),
        looked: true,
    })
}

/// The record that came with a signal.
pub(super) fn carried(connection: &ConnectionName, one: &Asked<'_>) -> Option<Observation> {
    Some(Observation {
        connection: connection.clone(),
        snapshot: one.signal.record.as_deref()?.clone(),
        read_at: one.received_at,
        signalled_at: Some(one.received_at),
        from_history: false,
        ours: BTreeMap::new(),
        looked: false,
    })
}

/// What a signal of a delete says.
pub(super) fn gone(connection: &ConnectionName, one: &Asked<'_>, presence: Presence) -> Observation {
    let mut snapshot = Snapshot::deleted(one.signal.entity, one.signal.id.clone(), one.signal.at);
    snapshot.presence = presence;
    Observation {
        connection: connection.clone(),
        snapshot,
        read_at: one.received_at,
        signalled_at: Some(one.received_at),
        from_history: false,
        ours: BTreeMap::new(),
        looked: false,
    }
}

/// Takes over the times of field edits that events reported, where the read shows the same value.
pub(super) fn take_times<'a>(connection: &Connection, snapshot: &mut Snapshot, edits: impl Iterator<Item = &'a Edit>) {
    let Ok(mapping) = connection.context.mapping(snapshot.entity) else { return };
    for edit in edits {
        let Some(rule) = mapping.fields.iter().find(|rule| rule.vendor == edit.pointer) else { continue };
        let Ok(codec) = rule.effective(snapshot.entity) else { continue };
        let mut row = serde_json::json!({});
        if concord_connector::codec::put(&mut row, &edit.pointer, edit.value.clone()).is_err() {
            continue;
        }
        let Ok(Some(value)) = codec.decode(&connection.context, &row, &edit.pointer) else { continue };
        if snapshot.fields.get(&rule.field) == Some(&value) {
            let time = snapshot.field_times.entry(rule.field.clone()).or_insert(edit.at);
            *time = (*time).max(edit.at);
        }
    }
}
