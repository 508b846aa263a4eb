//! Writing: what is there is read, compared with what we believe is there, and changed under Tryton's own lock.
//!
//! The rows of an operation share their reads: one before (records, markers, addresses), one after.

mod document;
mod party;
mod phone;
mod situation;
mod update;

use crate::{
    Scripted,
    read::{by_id, rows},
    row, rpc,
    script::{Pause, Script},
};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Kind, Outcome, Request, Result, Snapshot, Value,
    exchange::{Change, Refused, Write, Written},
    mapping::Creating,
};
use serde_json::{Value as Json, json};
use situation::Situation;
use std::collections::BTreeMap;
use update::{Verdict, judge, update};

/// What a row came to before the read-back.
enum Row {
    /// Nothing more to ask.
    Settled(Box<std::result::Result<Written, Refused>>),
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
    let settle = |(row, write): (Row, &Write)| match row {
        Row::Settled(outcome) => *outcome,
        Row::Wrote { id, created } => {
            shown(script.cx, entity, &after, id).map(|seen| done(script.cx, entity, write, seen, created))
        }
        Row::Stale { id } => shown(script.cx, entity, &after, id).map(Written::Moved),
    };
    Ok(Outcome::Written(outcomes.into_iter().zip(writes).map(settle).collect()))
}

/// The read-back is a call of its own: where it shows something else than what was written, somebody edited on top of it,
/// for Tryton keeps texts, amounts and dates as they are sent, and of telephone numbers the digits. Their edit is an
/// observation.
fn done(cx: &Context, entity: Entity, write: &Write, seen: Snapshot, created: bool) -> Written {
    let mut after = seen.clone();
    let mut edited = false;
    for (field, value) in &write.fields {
        let Ok(image) = crate::image(cx, entity, field, value.as_ref()) else { continue };
        let kept = |there: &Option<Value>| *there == image || (field.as_str() == "phone" && phone::same(there, &image));
        if let Some(there) = after.fields.get_mut(field).filter(|there| !kept(there)) {
            *there = image;
            edited = true;
        }
    }
    Written::Done { after, overwritten: if edited { vec![seen] } else { Vec::new() }, created }
}

fn one(script: &mut Script<'_>, entity: Entity, there: &Situation, write: &Write) -> std::result::Result<Row, Pause> {
    let cx = script.cx;
    match &write.change {
        Change::Create { .. } => match there.marked.get(&row::marker(entity, &write.record)) {
            Some(id) => Ok(settled(Written::Exists(ExternalId::new(id.to_string())))),
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
                Ok(Verdict::Settled(written)) => Ok(settled(*written)),
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
                Ok(_) => settled(Written::Done {
                    after: Snapshot::deleted(entity, id.clone(), response.started_at),
                    overwritten: Vec::new(),
                    created: false,
                }),
                Err(fault) => refused(fault),
            })
        }
    }
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
    Row::Settled(Box::new(Err(fault.into())))
}

fn settled(written: Written) -> Row {
    Row::Settled(Box::new(Ok(written)))
}

fn invisible(id: &ExternalId) -> Fault {
    Fault::new(Kind::NotFound, "tryton.write", "Tryton does not show this record to us").with("id", id)
}
