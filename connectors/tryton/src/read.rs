//! Reading: by id, what changed, and who is who.

mod find;
mod poll;

use crate::{Scripted, row, rpc, script::Script};
use concord_connector::{
    Context, Entity, ExternalId, Outcome, Request, Result,
    exchange::{Refused, decode_each},
};
pub(crate) use find::{find, marked_field};
pub(crate) use poll::poll;
use serde_json::{Value as Json, json};

/// The records of these ids, in one call. Ids that are no numbers are not Tryton's, and so not visible.
pub(crate) fn fetch(script: &mut Script<'_>, entity: Entity, ids: &[ExternalId]) -> Scripted {
    let ids: Vec<i64> = ids.iter().filter_map(|id| id.as_str().parse().ok()).collect();
    if ids.is_empty() {
        return Ok(Outcome::Records(Vec::new()));
    }
    let response = script.call(by_id(script.cx, entity, &ids)?)?;
    let rows = rows(rpc::result(response)?);
    Ok(Outcome::Records(snapshots(script.cx, entity, rows)))
}

/// Every record with one of these ids.
pub(crate) fn by_id(cx: &Context, entity: Entity, ids: &[i64]) -> Result<Request> {
    let mut domain = row::domain(entity, rpc::company(cx)?);
    domain.push(json!(["id", "in", ids]));
    search(cx, entity, domain, ids.len())
}

/// At most `limit` records of an entity, in the order of their ids.
fn search(cx: &Context, entity: Entity, domain: Vec<Json>, limit: usize) -> Result<Request> {
    let fields = row::shape(entity)?.fields;
    let model = &cx.mapping(entity)?.object;
    rpc::request(
        cx,
        model,
        "search_read",
        vec![json!(domain), 0.into(), limit.into(), json!([["id", "ASC"]]), json!(fields)],
    )
}

/// The records that a search gave.
pub(crate) fn rows(result: &Json) -> &[Json] {
    result.as_array().map_or(&[], Vec::as_slice)
}

fn snapshots(
    cx: &Context,
    entity: Entity,
    rows: &[Json],
) -> Vec<(ExternalId, std::result::Result<concord_connector::Snapshot, Refused>)> {
    decode_each(rows, row::id, |raw| row::snapshot(cx, entity, raw))
}
