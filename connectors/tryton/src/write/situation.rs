//! What has to be known before anything is written.

use super::{document, number, records};
use crate::{
    read::{marked_field, rows},
    row, rpc,
    script::{Pause, Script},
};
use concord_connector::{
    Entity,
    exchange::{Change, Write},
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What reads before the first write found.
pub(super) struct Situation {
    /// The records to change, by id.
    pub(super) records: BTreeMap<i64, Json>,
    /// The ids of records that carry a marker already: a create whose answer was lost.
    pub(super) marked: BTreeMap<String, i64>,
    /// The address of a party that a document of ours names.
    pub(super) addresses: BTreeMap<i64, i64>,
}

impl Situation {
    /// Reads for every row at once.
    pub(super) fn read(script: &mut Script<'_>, entity: Entity, writes: &[Write]) -> std::result::Result<Self, Pause> {
        let ids: Vec<i64> = writes
            .iter()
            .filter_map(|write| match &write.change {
                Change::Update { id, .. } => number(id),
                _ => None,
            })
            .collect();
        let records = records(script, entity, &ids)?;
        let creates: Vec<&Write> =
            writes.iter().filter(|write| matches!(write.change, Change::Create { .. })).collect();
        let mut marked = BTreeMap::new();
        let mut addresses = BTreeMap::new();
        if !creates.is_empty() {
            let markers: Vec<String> = creates.iter().map(|write| row::marker(entity, &write.record)).collect();
            let domain = json!([[marked_field(entity), "in", markers]]);
            let model = &script.cx.mapping(entity)?.object;
            let parts = json!([marked_field(entity)]);
            let params = vec![domain, 0.into(), Json::Null, json!([["id", "ASC"]]), parts];
            let response = script.call(rpc::request(script.cx, model, "search_read", params)?)?;
            let (list, field) = marked_field(entity).split_once('.').unwrap_or_default();
            for raw in rows(rpc::result(response)?) {
                for text in row::elements(raw, list).filter_map(|part| row::party::text(part, field)) {
                    if let Some(id) = raw.get("id").and_then(Json::as_i64) {
                        marked.entry(text.to_owned()).or_insert(id);
                    }
                }
            }
            if entity != Entity::Organization {
                addresses = document::addresses(script, &creates)?;
            }
        }
        Ok(Self { records, marked, addresses })
    }
}
