//! Writing: what is there is read, compared with what we believe is there, and changed under Tryton's own lock.
//!
//! The rows of an operation share their reads: one before (records, markers, addresses), one after.

mod document;
mod party;

use crate::{
    Scripted,
    read::{by_id, marked_field, rows},
    row, rpc,
    script::{Pause, Script},
};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Fields, Kind, Outcome, Request, Result, Snapshot,
    exchange::{Change, Refused, Write, Written},
    mapping::Creating,
    snapshot::Presence,
};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// What a row came to before the read-back.
enum Row {
    /// Nothing more to ask.
    Settled(std::result::Result<Written, Refused>),
    /// Written: the read-back shows the record.
    Wrote { id: i64, created: bool },
    /// Tryton refused the write because the record had changed after our read.
    Stale { id: i64 },
}

pub(crate) fn write(script: &mut Script<'_>, entity: Entity, writes: &[Write]) -> Scripted {
    let there = Situation::read(script, entity, writes)?;
    let mut outcomes = Vec::with_capacity(writes.len());
    for write in writes {
        outcomes.push(one(script, entity, &there, write)?);
    }
    let ids: Vec<i64> = outcomes
        .iter()
        .filter_map(|row| match row {
            Row::Wrote { id, .. } | Row::Stale { id } => Some(*id),
            Row::Settled(_) => None,
        })
        .collect();
    let after = records(script, entity, &ids)?;
    let settle = |row| match row {
        Row::Settled(outcome) => outcome,
        Row::Wrote { id, created } => {
            shown(script.cx, entity, &after, id).map(|after| Written::Done { after, overwritten: Vec::new(), created })
        }
        Row::Stale { id } => shown(script.cx, entity, &after, id).map(Written::Moved),
    };
    Ok(Outcome::Written(outcomes.into_iter().map(settle).collect()))
}

/// What has to be known before anything is written.
struct Situation {
    /// The records to change, by id.
    records: BTreeMap<i64, Json>,
    /// The ids of records that carry a marker already: a create whose answer was lost.
    marked: BTreeMap<String, i64>,
    /// The address of a party that a document of ours names.
    addresses: BTreeMap<i64, i64>,
}

impl Situation {
    fn read(script: &mut Script<'_>, entity: Entity, writes: &[Write]) -> std::result::Result<Self, Pause> {
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

fn one(script: &mut Script<'_>, entity: Entity, there: &Situation, write: &Write) -> std::result::Result<Row, Pause> {
    let cx = script.cx;
    match &write.change {
        Change::Create { .. } => match there.marked.get(&row::marker(entity, &write.record)) {
            Some(id) => Ok(Row::Settled(Ok(Written::Exists(ExternalId::new(id.to_string()))))),
            None => match creation(cx, entity, there, write) {
                Ok(request) => {
                    let answer = rpc::result(script.call(request)?);
                    Ok(match answer.map(|ids| ids.pointer("/0").and_then(Json::as_i64)) {
                        Ok(Some(id)) => Row::Wrote { id, created: true },
                        Ok(None) => {
                            refused(Fault::new(Kind::Unknown, "tryton.create", "Tryton answered without an id"))
                        }
                        Err(fault) => refused(fault),
                    })
                }
                Err(fault) => Ok(refused(fault)),
            },
        },
        Change::Update { id, held, .. } => {
            let raw = number(id).and_then(|id| Some((id, there.records.get(&id)?)));
            let Some((number, raw)) = raw else { return Ok(refused(invisible(id))) };
            match judge(cx, entity, raw, held, &write.fields) {
                Ok(Verdict::Settled(written)) => Ok(Row::Settled(Ok(*written))),
                Ok(Verdict::Write(fields)) => update(script, entity, number, raw, &fields),
                Err(fault) => Ok(refused(fault)),
            }
        }
        Change::Archive { id } => call_by_id(script, entity, id, archive(entity)),
        Change::Delete { id } => {
            let request = match number(id) {
                Some(id) => rpc::request(cx, &cx.mapping(entity)?.object, "delete", vec![json!([id])])?.writing(),
                None => return Ok(refused(invisible(id))),
            };
            let response = script.call(request)?;
            Ok(match rpc::result(response) {
                Ok(_) => Row::Settled(Ok(Written::Done {
                    after: Snapshot::deleted(entity, id.clone(), response.started_at),
                    overwritten: Vec::new(),
                    created: false,
                })),
                Err(fault) => refused(fault),
            })
        }
    }
}

/// What to do with an update, given the record as it is.
enum Verdict {
    Settled(Box<Written>),
    Write(Fields),
}

/// Nothing is written over a value that we do not know; what is there already is not written again.
fn judge(cx: &Context, entity: Entity, raw: &Json, held: &Fields, wanted: &Fields) -> Result<Verdict> {
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

fn update(
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

fn creation(cx: &Context, entity: Entity, there: &Situation, write: &Write) -> Result<Request> {
    let mapping = cx.mapping(entity)?;
    let flat = mapping.encode(cx, entity, &write.fields, Creating::Yes)?;
    let marker = row::marker(entity, &write.record);
    let values = match entity {
        Entity::Organization => party::creation(cx, &flat, &marker),
        _ => document::creation(cx, entity, &flat, &marker, &there.addresses)?,
    };
    Ok(rpc::request(cx, &mapping.object, "create", vec![json!([values])])?.writing())
}

/// How a record of an entity is taken out of use: a method and the values that it takes.
fn archive(entity: Entity) -> (&'static str, Option<Json>) {
    match entity {
        Entity::Organization => ("write", Some(json!({ "active": false }))),
        _ => ("cancel", None),
    }
}

fn call_by_id(
    script: &mut Script<'_>,
    entity: Entity,
    id: &ExternalId,
    (method, values): (&str, Option<Json>),
) -> std::result::Result<Row, Pause> {
    let Some(number) = number(id) else { return Ok(refused(invisible(id))) };
    let mut params = vec![json!([number])];
    params.extend(values);
    let request = rpc::request(script.cx, &script.cx.mapping(entity)?.object, method, params)?.writing();
    Ok(match rpc::result(script.call(request)?) {
        Ok(_) => Row::Wrote { id: number, created: false },
        Err(fault) => refused(fault),
    })
}

fn records(script: &mut Script<'_>, entity: Entity, ids: &[i64]) -> std::result::Result<BTreeMap<i64, Json>, Pause> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let response = script.call(by_id(script.cx, entity, ids)?)?;
    let rows = rows(rpc::result(response)?);
    Ok(rows.iter().filter_map(|raw| Some((raw.get("id")?.as_i64()?, raw.clone()))).collect())
}

fn shown(
    cx: &Context,
    entity: Entity,
    records: &BTreeMap<i64, Json>,
    id: i64,
) -> std::result::Result<Snapshot, Refused> {
    let raw = records.get(&id).ok_or_else(|| invisible(&ExternalId::new(id.to_string())))?;
    row::snapshot(cx, entity, raw).map_err(Refused::from)
}

fn number(id: &ExternalId) -> Option<i64> {
    id.as_str().parse().ok()
}

fn refused(fault: Fault) -> Row {
    Row::Settled(Err(fault.into()))
}

fn invisible(id: &ExternalId) -> Fault {
    Fault::new(Kind::NotFound, "tryton.write", "Tryton does not show this record to us").with("id", id)
}
