//! A write that landed without its receipt: the process died between the two, or the answer was lost.

use crate::{facet::Landed, record::Record, resolve::Viewed, settings::Connection, settle};
use concord_connector::{Field, manifest::Concurrency};
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
    let open = wanted.iter().filter(|field| record.golden.contains_key(*field));
    open.filter_map(|field| Some((field.clone(), current.facet.landed(field)?))).collect()
}
