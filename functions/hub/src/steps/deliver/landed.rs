//! A write that landed without its receipt: the process died between the two, or the answer was lost.

use crate::{facet::Landed, record::Record, resolve::Viewed, settings::Connection, settle};
use concord_connector::{Field, manifest::Concurrency, schema::Type};
use std::collections::{BTreeMap, BTreeSet};

/// Fields that show our own write without its receipt, at a system whose history is read after every write. They are written
/// once more, with the same value or with what is to be there by now, so that the history tells whose edit that write covered.
pub(super) fn fields(
    record: &Record,
    connection: &Connection,
    current: &Viewed<'_>,
    wanted: &BTreeSet<Field>,
) -> BTreeMap<Field, Landed> {
    let keeps_history = connection.connector.manifest().concurrency == Concurrency::History;
    if !keeps_history || !settle::in_scope(record, connection) {
        return BTreeMap::new();
    }
    // A reference has none: whoever writes it looks at what is there, and not under it.
    let refers = |field: &Field| {
        let spec = record.entity.field(field.as_str());
        spec.is_some_and(|spec| matches!(spec.ty, Type::Reference(_) | Type::List(Type::Reference(_))))
    };
    let open = wanted.iter().filter(|field| record.golden.contains_key(*field) && !refers(field));
    open.filter_map(|field| Some((field.clone(), current.facet.landed(field)?))).collect()
}
