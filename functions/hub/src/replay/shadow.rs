//! The shadow of one record: what its golden values would be under other settings. Pure.

use crate::{
    facet::ByField,
    record::Record,
    resolve::{self, Golden},
    settings::{CONCORD, Settings},
};
use concord_connector::{RecordId, Reference, Target, Value};
use std::{collections::BTreeMap, convert::Infallible};

/// Resolves a record as other settings would have: the word of connections that they do not have, and of fields that
/// they do not read, counts for nothing.
pub fn shadow(record: &Record, other: &Settings, homes: &BTreeMap<RecordId, RecordId>) -> ByField<Golden> {
    let mut viewed = resolve::views(&record.facets, homes);
    viewed.retain(|one| {
        let name = &one.facet.link.connection;
        name.as_str() == CONCORD || other.connections.contains_key(name)
    });
    for one in &mut viewed {
        let Some(connection) = other.connections.get(&one.facet.link.connection) else { continue };
        let mapping = connection.context.mappings.get(&record.entity);
        one.view.to_mut().cells.retain(|field, _| {
            let mut rules = mapping.into_iter().flat_map(|mapping| mapping.active(&connection.context));
            rules.any(|rule| rule.field == *field && rule.flow.reads())
        });
    }
    resolve::resolve(record.entity, &viewed, &other.policy).0
}

/// A value whose references lead where they lead today.
pub(super) fn following(value: Option<&Value>, homes: &BTreeMap<RecordId, RecordId>) -> Option<Value> {
    let value = value?;
    if value.references().is_empty() {
        return Some(value.clone());
    }
    let mapped = value.map_references::<Infallible>(&mut |reference| {
        let to = match &reference.to {
            Target::Record(id) => Target::Record(homes.get(id).unwrap_or(id).clone()),
            other => other.clone(),
        };
        Ok(Some(Reference { to, ..reference.clone() }))
    });
    mapped.unwrap_or_else(|never| match never {})
}
