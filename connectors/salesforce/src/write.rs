//! Writes: one composite request for a batch, every row with its own precondition and its own answer, and in the same
//! request the read-back that shows what the vendor made of it.
//!
//! A batch runs in up to four phases, each skipped where no row needs it: look (reads before the write), names (ids of
//! programmes and levels), rows, and partners (rows of their own on an opportunity).

mod names;
mod outcome;
mod partners;
mod plan;

use crate::{
    ask::{Asked, Result},
    columns, composite, ids, read,
    shape::{self, Moment},
    soql,
};
use concord_connector::{
    Context, Entity, ExternalId, Outcome,
    exchange::{Change, Refused, Write, Written},
};
use plan::{Plan, Send};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The answer to one row.
pub(crate) type Answer = std::result::Result<Written, Refused>;

/// A row as a read found it.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) row: &'a Json,
    pub(crate) at: Moment,
}

/// Rows by id.
pub(crate) type Looked<'a> = BTreeMap<ExternalId, Found<'a>>;

/// Writes records of one entity.
pub(crate) fn write(cx: &Context, entity: Entity, writes: &[Write], asked: &mut Asked<'_>) -> Result<Outcome> {
    let looks: Vec<ExternalId> = writes.iter().filter_map(|write| plan::look(entity, write)).collect();
    let mut looked = Looked::new();
    if !looks.is_empty() {
        add(&mut looked, read::rows(cx, entity, &looks, asked)?);
    }
    let names = names::resolve(cx, entity, writes, asked)?;
    let plans: Vec<Plan> = writes.iter().map(|write| plan::plan(cx, entity, write, &looked, &names)).collect();

    let mut answers: Vec<Option<Answer>> = plans.iter().map(|plan| plan.settled.clone()).collect();
    let open: Vec<usize> = (0..plans.len()).filter(|n| plans[*n].send.is_some()).collect();
    // One place in each request is for the read-back.
    for chunk in open.chunks(composite::MOST - 1) {
        let rows = chunk.iter().map(|n| sub(cx, entity, *n, &plans[*n], &writes[*n]));
        let mut subs = rows.collect::<concord_connector::Result<Vec<_>>>()?;
        subs.push(read_back(cx, entity, chunk.iter().map(|n| &writes[*n]))?);
        let response = asked.send(composite::write(cx, &subs))?;
        let given = composite::answers(response)?;
        let after = after(&given, Moment::of(response));
        for (n, answer) in chunk.iter().zip(&given) {
            let write = &writes[*n];
            answers[*n] = Some(outcome::of(cx, entity, write, *answer, &after, response.started_at));
        }
        looked.extend(after);
    }
    partners::write(cx, entity, writes, &looked, &mut answers, asked)?;
    Ok(Outcome::Written(
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(outcome::unanswered()))).collect(),
    ))
}

fn add<'a>(looked: &mut Looked<'a>, rows: Vec<(&'a Json, Moment)>) {
    looked.extend(rows.into_iter().filter_map(|(row, at)| Some((shape::id(row)?, Found { row, at }))));
}

/// The subrequest of a row. A create is an upsert under the marker: sent twice it still makes one record.
fn sub(
    cx: &Context,
    entity: Entity,
    n: usize,
    plan: &Plan,
    write: &Write,
) -> concord_connector::Result<composite::Sub> {
    let object = columns::object(cx, entity)?;
    let base = format!("{}/sobjects/{object}", soql::root(cx));
    let reference = format!("row{n}");
    Ok(match (&plan.send, &write.change) {
        (Some(Send::Upsert(body)), _) => {
            let marker = soql::name(columns::marker(cx.mapping(entity)?))?;
            let value: String = url::form_urlencoded::byte_serialize(write.record.as_str().as_bytes()).collect();
            composite::Sub::new("PATCH", reference, format!("{base}/{marker}/{value}")).body(Json::Object(body.clone()))
        }
        (Some(Send::Patch { body, unmodified_since }), Change::Update { id, .. }) => {
            let sub = composite::Sub::new("PATCH", reference, format!("{base}/{}", path(id)));
            sub.body(Json::Object(body.clone())).header("If-Unmodified-Since", unmodified_since.clone())
        }
        (_, Change::Delete { id } | Change::Update { id, .. } | Change::Archive { id }) => {
            composite::Sub::new("DELETE", reference, format!("{base}/{}", path(id)))
        }
        (_, Change::Create { .. }) => composite::Sub::get(reference, base),
    })
}

fn path(id: &ExternalId) -> String {
    url::form_urlencoded::byte_serialize(ids::normal(id.as_str()).as_bytes()).collect()
}

/// The query that shows the rows after the write, in the same request.
fn read_back<'w>(
    cx: &Context,
    entity: Entity,
    writes: impl Iterator<Item = &'w Write>,
) -> concord_connector::Result<composite::Sub> {
    let (mut ids, mut markers) = (Vec::new(), Vec::new());
    for write in writes {
        match &write.change {
            Change::Create { .. } => markers.push(write.record.as_str()),
            Change::Update { id, .. } | Change::Archive { id } | Change::Delete { id } => {
                ids.extend(ids::full(id.as_str()))
            }
        }
    }
    let marker = columns::marker(cx.mapping(entity)?);
    let by_id = (!ids.is_empty()).then(|| format!("Id IN {}", soql::list(ids.iter().map(String::as_str))));
    let by_marker = (!markers.is_empty()).then(|| format!("{marker} IN {}", soql::list(markers)));
    let conditions: Vec<String> = by_id.into_iter().chain(by_marker).collect();
    let (select, object) = (columns::select(cx, entity)?, columns::object(cx, entity)?);
    let soql = format!("SELECT {select} FROM {object} WHERE {}", conditions.join(" OR "));
    Ok(composite::Sub::get("after", soql::url(cx, &soql)))
}

/// The rows of the read-back, which is the last subrequest. A read-back that failed shows nothing.
fn after<'a>(given: &[composite::Answer<'a>], at: Moment) -> Looked<'a> {
    let mut found = Looked::new();
    if let Some(rows) =
        given.last().filter(|answer| answer.status == 200).and_then(|answer| soql::rows(answer.body).ok())
    {
        add(&mut found, rows.iter().map(|row| (row, at)).collect());
    }
    found
}
