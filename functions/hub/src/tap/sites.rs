//! Where lines come from: one function for each stage.

use super::{Show, Stage, Tapped};
use crate::{
    hub::Hub,
    message::Observation,
    record::Record,
    settings::Connection,
    views::{When, json},
};
use concord_connector::{
    ConnectionName, Entity, ExternalId, Field, RecordId, Signal, SubscriptionName,
    exchange::{Change, Write},
    signal::Happened,
    snapshot::Presence,
};
use serde_json::Value as Json;

pub(crate) fn signalled(hub: &Hub, connection: &ConnectionName, signal: &Signal) {
    hub.tap.emit(|show| {
        let what = match &signal.happened {
            Happened::Changed => "changed",
            Happened::Deleted => "deleted",
            Happened::MergedInto(_) => "merged",
            Happened::Advanced => "advanced",
            Happened::Gap => "gap",
        };
        let mut line = Tapped::new(When(hub.now()), Stage::Signal, what, signal.entity);
        line.connection = Some(connection.to_string());
        line.external = Some(signal.id.clone()).filter(|id| !id.as_str().is_empty());
        line.fields = signal.edits.iter().map(|edit| edit.pointer.clone()).collect();
        let edits = signal.edits.iter().map(|edit| (edit.pointer.clone(), edit.value.clone()));
        line.values = (show == Show::Values).then(|| edits.collect());
        vec![line]
    });
}

pub(crate) fn observed(hub: &Hub, observations: &[Observation]) {
    hub.tap.emit(|show| {
        let line = |one: &Observation| {
            let what = match one.snapshot.presence {
                Presence::Live => "live",
                Presence::Deleted => "deleted",
                Presence::MergedInto(_) => "merged",
            };
            let mut line = Tapped::new(When(hub.now()), Stage::Observation, what, one.snapshot.entity);
            line.connection = Some(one.connection.to_string());
            line.external = Some(one.snapshot.id.clone());
            line.carrying(show, one.snapshot.fields.iter().map(|(field, value)| (field, json(value.as_ref()))))
        };
        observations.iter().map(line).collect()
    });
}

pub(crate) fn committed<'a>(hub: &Hub, record: &Record, changed: impl Iterator<Item = &'a Field>) {
    hub.tap.emit(|show| {
        let what = if record.is_placeholder() { "placeholder" } else { "version" };
        let mut line = Tapped::new(When(record.committed_at), Stage::Commit, what, record.entity);
        line.record = Some(record.id.clone());
        line.version = Some(record.version);
        vec![line.carrying(show, changed.map(|field| (field, json(record.value(field.as_str())))))]
    });
}

/// A write leaves.
pub(crate) fn sent(hub: &Hub, connection: &Connection, entity: Entity, writes: &[Write]) {
    hub.tap.emit(|show| {
        let line = |write: &Write| {
            let (what, external) = named(&write.change);
            let mut line = Tapped::new(When(hub.now()), Stage::Delivery, what, entity);
            line.connection = Some(connection.name.to_string());
            line.record = Some(write.record.clone());
            line.external = external.cloned();
            line.carrying(show, write.fields.iter().map(|(field, value)| (field, json(value.as_ref()))))
        };
        writes.iter().map(line).collect()
    });
}

fn named(change: &Change) -> (&'static str, Option<&ExternalId>) {
    match change {
        Change::Create { .. } => ("create", None),
        Change::Update { id, .. } => ("update", Some(id)),
        Change::Archive { id } => ("archive", Some(id)),
        Change::Delete { id } => ("delete", Some(id)),
    }
}

/// What came of a write that was answered.
pub(crate) fn delivered(
    hub: &Hub,
    connection: &Connection,
    entity: Entity,
    record: &RecordId,
    what: &str,
    external: Option<&ExternalId>,
) {
    hub.tap.emit(|_| {
        let mut line = Tapped::new(When(hub.now()), Stage::Receipt, what, entity);
        line.connection = Some(connection.name.to_string());
        line.record = Some(record.clone());
        line.external = external.cloned();
        vec![line]
    });
}

/// What was refused, with the vendor's reason, from which values are taken out already.
pub(crate) fn refused(hub: &Hub, connection: &Connection, entity: Entity, record: &RecordId, reason: &str) {
    hub.tap.emit(|_| {
        let mut line = Tapped::new(When(hub.now()), Stage::Receipt, "refused", entity);
        line.connection = Some(connection.name.to_string());
        line.record = Some(record.clone());
        line.reason = Some(reason.to_owned());
        vec![line]
    });
}

/// What became of an event.
pub(crate) fn told(
    hub: &Hub,
    subscription: &SubscriptionName,
    (entity, record, version): (Entity, &RecordId, u64),
    changed: &[Field],
    what: &str,
    reason: Option<&str>,
) {
    hub.tap.emit(|_| {
        let mut line = Tapped::new(When(hub.now()), Stage::Event, what, entity);
        line.connection = Some(subscription.to_string());
        line.record = Some(record.clone());
        line.version = Some(version);
        line.fields = changed.iter().map(Field::to_string).collect();
        line.reason = reason.map(str::to_owned);
        vec![line]
    });
}

/// The line as JSON.
impl From<Tapped> for Json {
    fn from(line: Tapped) -> Self {
        serde_json::to_value(line).unwrap_or_default()
    }
}
