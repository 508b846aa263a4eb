//! What mode `sync` would do at a connection that only observes.

use crate::{
    hub::Hub,
    keys,
    ports::{Index, Query},
    record::Record,
    resolve::{self, Viewed},
    settings::{Connection, Mode, Settings},
    settle,
};
use concord_connector::{ConnectionName, Entity, Field, RecordId, Result, Value};
use serde::Serialize;
use std::collections::BTreeMap;

/// Records that are looked at; beyond it the preview says that it is not complete.
const LOOKED_AT: usize = 20_000;
const PAGE: usize = 200;
/// How many examples are shown.
const EXAMPLES: usize = 20;

/// What would be created and changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Preview {
    /// Records that would be created there, by entity.
    pub creates: BTreeMap<Entity, usize>,
    /// External records that would be changed, by entity.
    pub changes: BTreeMap<Entity, usize>,
    /// The first of them.
    pub examples: Vec<Example>,
    /// False when there are too many records to look at all of them.
    pub complete: bool,
}

/// One record and what would be written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Example {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub entity: Entity,
    /// The external record; `None` where it would be created.
    pub external: Option<String>,
    /// Per field: what is there now and what would be.
    pub fields: BTreeMap<Field, (Option<String>, Option<String>)>,
}

/// What `sync` would do at a connection, whatever its mode is.
///
/// # Errors
/// `Rejected` without such a connection; the store's faults.
pub async fn preview(hub: &Hub, name: &ConnectionName) -> Result<Preview> {
    let settings = as_if_synced(&hub.settings(), name);
    let connection = settings.connection(name)?;
    let mut preview = Preview { complete: true, ..Preview::default() };
    let mut looked = 0;
    for entity in connection.context.mappings.keys() {
        let mut after = None;
        loop {
            let query = Query { after, ..Query::partition(Some(Index::List), entity.name(), PAGE) };
            let page = hub.table.query(query).await?;
            let ids: Vec<RecordId> = page.keys.iter().filter_map(|(_, key)| keys::record_id(key)).collect();
            looked += ids.len();
            for (_, (record, _)) in hub.records(&ids).await?.into_iter().filter(|(id, (record, _))| *id == record.id) {
                preview.look(&settings, connection, &record);
            }
            match page.next {
                Some(_) if looked >= LOOKED_AT => {
                    preview.complete = false;
                    break;
                }
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(preview)
}

/// The settings with one connection in mode `sync`.
pub(crate) fn as_if_synced(settings: &Settings, name: &ConnectionName) -> Settings {
    let mut connections = settings.connections.clone();
    if let Some(connection) = connections.get_mut(name) {
        connection.mode = Mode::Sync;
    }
    Settings { connections, ..settings.clone() }
}

impl Preview {
    fn look(&mut self, settings: &Settings, connection: &Connection, record: &Record) {
        if settle::would_create_at(record, connection) {
            let golden = record.golden.iter().filter(|(_, golden)| golden.value.is_some());
            let maps = |field: &Field| {
                connection
                    .context
                    .mappings
                    .get(&record.entity)
                    .is_some_and(|mapping| mapping.rule(field.as_str()).is_some())
            };
            let fields = golden
                .filter(|(field, _)| maps(field))
                .map(|(field, golden)| (field.clone(), (None, shown(golden.value.as_ref()))));
            let fields = fields.collect();
            *self.creates.entry(record.entity).or_default() += 1;
            self.example(record, None, fields);
            return;
        }
        if !settle::in_scope(record, connection) {
            return;
        }
        let viewed = resolve::views(&record.facets, &BTreeMap::new());
        for one in viewed.iter().filter(|one| one.facet.link.connection == connection.name) {
            if one.facet.is_unseen() || !one.facet.is_live() {
                continue;
            }
            let fields = changed(settings, connection, record, one);
            if !fields.is_empty() {
                *self.changes.entry(record.entity).or_default() += 1;
                self.example(record, Some(one.facet.link.id.to_string()), fields);
            }
        }
    }

    fn example(
        &mut self,
        record: &Record,
        external: Option<String>,
        fields: BTreeMap<Field, (Option<String>, Option<String>)>,
    ) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(Example { record: record.id.clone(), entity: record.entity, external, fields });
        }
    }
}

fn changed(
    settings: &Settings,
    connection: &Connection,
    record: &Record,
    one: &Viewed<'_>,
) -> BTreeMap<Field, (Option<String>, Option<String>)> {
    settle::differences(record.entity, &record.golden, one, connection, settings)
        .into_iter()
        .filter(|(field, _)| !one.facet.parked.contains(field))
        .map(|(field, image)| {
            let held = one.view.held(&field).and_then(|held| shown(held.as_ref()));
            (field, (held, shown(image.as_ref())))
        })
        .collect()
}

fn shown(value: Option<&Value>) -> Option<String> {
    value.map(ToString::to_string)
}
