//! Comparing: pure.

use super::{Disagreement, Proof, Seen};
use concord_connector::{Entity, ExternalId, Field, RecordId, Target, Value};
use concord_hub::{facet::Link, record::Record, settings::Connection};
use std::{collections::BTreeMap, convert::Infallible};

/// Every golden record, and whose each external record is.
pub(super) struct Golden {
    pub(super) records: BTreeMap<RecordId, Record>,
    owners: BTreeMap<(Entity, Link), RecordId>,
}

impl Golden {
    pub(super) fn new(records: BTreeMap<RecordId, Record>) -> Self {
        let owners = records
            .values()
            .flat_map(|record| {
                record.facets.iter().map(|facet| ((record.entity, facet.link.clone()), record.id.clone()))
            })
            .collect();
        Self { records, owners }
    }
}

/// Compares everything that one system has with what it should have.
pub(super) fn connection(connection: &Connection, golden: &Golden, seen: &Seen, proof: &mut Proof) {
    for (entity, id) in seen.keys() {
        let link = Link { connection: connection.name.clone(), id: id.clone() };
        if !golden.owners.contains_key(&(*entity, link)) {
            proof.disagreements.push(whole(connection, None, *entity, "no such record", &format!("{entity}/{id}")));
        }
    }
    // What a system shows nobody cannot be read back.
    let blind = &connection.connector.manifest().capabilities.blind;
    let mapped = golden.records.values().filter(|record| connection.maps(record.entity));
    for record in mapped.filter(|record| !blind.contains(&record.entity)) {
        let facets: Vec<_> = record.facets.iter().filter(|facet| facet.link.connection == connection.name).collect();
        let live: Vec<_> = facets.iter().filter(|facet| facet.is_live()).collect();
        let due = connection.scope(record.entity).creates(|field| record.value(field));
        match live.as_slice() {
            // Deleted there, or merged away there: it stays gone.
            [] if !facets.is_empty() || !due || record.removal.is_some() => {}
            [] => proof.disagreements.push(whole(connection, Some(record), record.entity, "one record", "none")),
            [facet] => match seen.get(&(record.entity, facet.link.id.clone())) {
                Some(snapshot) => fields(connection, golden, record, &snapshot.fields, proof),
                None => proof.disagreements.push(whole(
                    connection,
                    Some(record),
                    record.entity,
                    &facet.link.to_string(),
                    "none",
                )),
            },
            several => {
                let found = format!("{} records", several.len());
                proof.disagreements.push(whole(connection, Some(record), record.entity, "one record", &found));
            }
        }
    }
}

fn whole(
    connection: &Connection,
    record: Option<&Record>,
    entity: Entity,
    expected: &str,
    found: &str,
) -> Disagreement {
    Disagreement {
        record: record.map(|record| record.id.clone()),
        entity,
        connection: connection.name.clone(),
        field: None,
        expected: expected.to_owned(),
        found: found.to_owned(),
    }
}

fn fields(
    connection: &Connection,
    golden: &Golden,
    record: &Record,
    there: &BTreeMap<Field, Option<Value>>,
    proof: &mut Proof,
) {
    let Some(mapping) = connection.context.mappings.get(&record.entity) else { return };
    // What a system lets nobody write from outside is its own to say: it may have lost to a later edit elsewhere.
    for rule in mapping.active(&connection.context).filter(|rule| rule.flow.reads() && rule.flow.creates()) {
        let Some(found) = there.get(&rule.field) else { continue };
        let wanted = record.value(rule.field.as_str()).and_then(|value| at(connection, golden, value));
        // What the system makes of the value when it stores it; a value that it cannot hold is compared as it is.
        let image = connection.connector.image(&connection.context, record.entity, &rule.field, wanted.as_ref());
        let expected = image.unwrap_or(wanted);
        proof.fields_compared += 1;
        if *found != expected {
            proof.disagreements.push(Disagreement {
                field: Some(rule.field.to_string()),
                ..whole(connection, Some(record), record.entity, &text(&expected), &text(found))
            });
        }
    }
}

fn text(value: &Option<Value>) -> String {
    value.as_ref().map_or_else(|| "(empty)".to_owned(), ToString::to_string)
}

/// A golden value as a system can hold it: references by its own ids; those to records that it does not have are left out.
fn at(connection: &Connection, golden: &Golden, value: &Value) -> Option<Value> {
    let mapped = value.map_references::<Infallible>(&mut |reference| {
        let Target::Record(id) = &reference.to else { return Ok(Some(reference.clone())) };
        let external: Option<ExternalId> = golden
            .records
            .get(id)
            .and_then(|record| record.live_at(&connection.name).next())
            .map(|facet| facet.link.id.clone());
        Ok(external.map(|id| {
            let mut there = reference.clone();
            there.to = Target::External(id);
            there
        }))
    });
    mapped.unwrap_or_else(|never| match never {})
}
