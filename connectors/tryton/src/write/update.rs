//! Updates: nothing is written over what we do not know, and Tryton's lock closes the gap between read and write.

use super::{Row, document, party, refused};
use crate::{
    row, rpc,
    script::{Pause, Script},
};
use concord_connector::{
    Context, Entity, Fields, Kind, Result, exchange::Written, mapping::Creating, snapshot::Presence,
};
use serde_json::{Map, Value as Json, json};

/// What to do with an update, given the record as it is.
pub(super) enum Verdict {
    Settled(Box<Written>),
    Write(Fields),
}

/// Nothing is written over a value that we do not know; what is there already is not written again.
pub(super) fn judge(cx: &Context, entity: Entity, raw: &Json, held: &Fields, wanted: &Fields) -> Result<Verdict> {
    let now = row::snapshot(cx, entity, raw)?;
    if let Presence::MergedInto(winner) = &now.presence {
        return Ok(Verdict::Settled(Box::new(Written::Exists(winner.clone()))));
    }
    let differs = |field, value| now.fields.get(field).is_some_and(|there| there != value);
    let unknown = wanted.iter().any(|(field, value)| {
        differs(field, value) && held.get(field).is_some_and(|believed| differs(field, believed))
    });
    // Tryton refuses every change of a party that was taken out of use.
    if unknown || now.presence == Presence::Deleted {
        return Ok(Verdict::Settled(Box::new(Written::Moved(now))));
    }
    let rest: Fields = wanted
        .iter()
        .filter(|(field, value)| now.fields.get(*field) != Some(*value))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    Ok(if rest.is_empty() {
        Verdict::Settled(Box::new(Written::Done { after: now, overwritten: Vec::new(), created: false }))
    } else {
        Verdict::Write(rest)
    })
}

/// Writes the fields under the stamps that were read with the record.
pub(super) fn update(
    script: &mut Script<'_>,
    entity: Entity,
    id: i64,
    raw: &Json,
    fields: &Fields,
) -> std::result::Result<Row, Pause> {
    let cx = script.cx;
    let flat = match cx.mapping(entity)?.encode(cx, entity, fields, Creating::No) {
        Ok(flat) => flat,
        Err(fault) => return Ok(refused(fault)),
    };
    let values = match entity {
        Entity::Organization => party::changes(cx, raw, &flat),
        _ => document::changes(&flat),
    };
    if !values.is_empty() {
        let lock =
            Map::from_iter([("_timestamp".to_owned(), Json::Object(stamps(&cx.mapping(entity)?.object, id, raw)))]);
        let params = vec![json!([id]), Json::Object(values)];
        let request = rpc::request_in(cx, &cx.mapping(entity)?.object, "write", params, lock)?.writing();
        match rpc::result(script.call(request)?) {
            Ok(_) => {}
            Err(fault) if fault.kind == Kind::Conflict => return Ok(Row::Stale { id }),
            Err(fault) => return Ok(refused(fault)),
        }
    }
    for step in document::transitions(entity, raw, &flat) {
        let request = rpc::request(cx, &cx.mapping(entity)?.object, step, vec![json!([id])])?.writing();
        if let Err(fault) = rpc::result(script.call(request)?) {
            return Ok(refused(fault));
        }
    }
    Ok(Row::Wrote { id, created: false })
}

/// Tryton's lock: the stamps of the record and of the parts that a write can touch, as they were read.
fn stamps(model: &str, id: i64, raw: &Json) -> Map<String, Json> {
    let mut stamps = Map::new();
    let mut keep = |model: &str, id: i64, raw: &Json| {
        if let Some(stamp) = raw.get("_timestamp").filter(|stamp| stamp.is_string()) {
            stamps.insert(format!("{model},{id}"), stamp.clone());
        }
    };
    keep(model, id, raw);
    for (list, of) in party::PARTS {
        for part in row::elements(raw, list) {
            if let Some(id) = part.get("id").and_then(Json::as_i64) {
                keep(of, id, part);
            }
        }
    }
    stamps
}
