//! Partners of an opportunity: rows of their own, made and removed one by one. The vendor has no update for them, so
//! another role is another row.

use super::{Answer, Looked, after, read_back};
use crate::{
    ask::{Asked, Result},
    composite, errors, ids, roles,
    shape::{self, Moment},
    soql,
};
use concord_connector::{
    Context, Entity, ExternalId,
    exchange::{Change, Write, Written},
    value::{Reference, Target, Value},
};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// A partner: account and role in our words.
type Partner = (String, Option<String>);

/// One row to make or remove, for the write at a place.
struct Part {
    of: usize,
    method: &'static str,
    url: String,
    body: Option<Json>,
}

impl Part {
    fn sub(&self, place: usize) -> composite::Sub {
        let mut sub = composite::Sub::new(self.method, format!("part{place}"), self.url.clone());
        sub.body = self.body.clone();
        sub
    }
}

/// Brings the partner rows of every opportunity whose own fields are written to what the write says. `looked` shows the
/// rows as they are after that: the ids of what is to be removed, and what an earlier attempt already made.
pub(super) fn write(
    cx: &Context,
    entity: Entity,
    writes: &[Write],
    looked: &Looked<'_>,
    answers: &mut [Option<Answer>],
    asked: &mut Asked<'_>,
) -> Result<()> {
    if entity != Entity::Opportunity {
        return Ok(());
    }
    let targets: Vec<(usize, ExternalId)> = writes
        .iter()
        .enumerate()
        .filter(|(_, write)| write.fields.contains_key("partners") && !matches!(write.change, Change::Delete { .. }))
        .filter_map(|(n, _)| match answers.get(n) {
            Some(Some(Ok(Written::Done { after, .. }))) => Some((n, after.id.clone())),
            _ => None,
        })
        .collect();
    let mut parts = Vec::new();
    for (n, id) in &targets {
        let row = looked.get(id).map(|found| found.row);
        parts.extend(changes(cx, *n, id, row, &writes[*n]));
    }
    for chunk in parts.chunks(composite::MOST - 1) {
        let mut subs: Vec<composite::Sub> = chunk.iter().enumerate().map(|(place, part)| part.sub(place)).collect();
        let touched: BTreeSet<usize> = chunk.iter().map(|part| part.of).collect();
        let shown: Vec<Write> = touched.iter().filter_map(|n| by_id(&writes[*n], answers.get(*n))).collect();
        subs.push(read_back(cx, entity, shown.iter())?);
        let response = asked.send(composite::write(cx, &subs))?;
        let given = composite::answers(response)?;
        let rows = after(&given, Moment::of(response));
        for n in touched {
            refresh(cx, entity, &rows, &mut answers[n]);
        }
        for (part, answer) in chunk.iter().zip(&given) {
            // A row that is gone already is what a removal wants.
            let good = matches!(answer.status, 200 | 201 | 204) || (part.method == "DELETE" && answer.status == 404);
            if !good {
                let fault = errors::fault("write", answer.status, answer.body);
                answers[part.of] = Some(Err(fault.with("part", "OpportunityPartner").into()));
            }
        }
    }
    Ok(())
}

/// The same write under the id that its record has by now, for the read-back.
fn by_id(write: &Write, answer: Option<&Option<Answer>>) -> Option<Write> {
    let Some(Some(Ok(Written::Done { after, .. }))) = answer else { return None };
    Some(Write { change: Change::Delete { id: after.id.clone() }, ..write.clone() })
}

fn refresh(cx: &Context, entity: Entity, rows: &Looked<'_>, answer: &mut Option<Answer>) {
    let Some(Ok(Written::Done { after, .. })) = answer else { return };
    let Some(found) = rows.get(&after.id) else { return };
    match shape::snapshot(cx, entity, found.row, found.at) {
        Ok(seen) => *after = seen,
        Err(fault) => *answer = Some(Err(fault.into())),
    }
}

/// Rows to remove and rows to make, removals first: the vendor refuses a second row for the same account and role.
fn changes(cx: &Context, of: usize, id: &ExternalId, row: Option<&Json>, write: &Write) -> Vec<Part> {
    let roles = roles::Partners::of(cx);
    let wanted = said(write.fields.get("partners").and_then(Option::as_ref));
    let held = match &write.change {
        Change::Update { held, .. } => said(held.get("partners").and_then(Option::as_ref)),
        _ => BTreeSet::new(),
    };
    let base = format!("{}/sobjects/OpportunityPartner", soql::root(cx));
    let mut parts = Vec::new();
    let mut there: BTreeSet<Partner> = BTreeSet::new();
    for (account, role, part) in row.into_iter().flat_map(shape::live_partners) {
        let partner = (account, role.map(|role| roles.ours(role)));
        let part_id = part.get("Id").and_then(Json::as_str).and_then(ids::full);
        // Only what we knew and no longer want goes: a row that somebody added meanwhile stays.
        match part_id {
            Some(part_id) if held.contains(&partner) && !wanted.contains(&partner) => {
                parts.push(Part { of, method: "DELETE", url: format!("{base}/{part_id}"), body: None });
            }
            _ => {
                there.insert(partner);
            }
        }
    }
    for (account, role) in wanted.difference(&there) {
        let role = role.as_deref().map(|role| roles.label(role));
        let body = json!({ "OpportunityId": id.as_str(), "AccountToId": account, "Role": role, "IsPrimary": false });
        parts.push(Part { of, method: "POST", url: base.clone(), body: Some(body) });
    }
    parts
}

fn said(value: Option<&Value>) -> BTreeSet<Partner> {
    let references = value.map(Value::references).unwrap_or_default();
    references
        .into_iter()
        .filter_map(|reference| match reference {
            Reference { to: Target::External(id), role, .. } => {
                Some((ids::normal(id.as_str()), role.as_deref().map(str::to_owned)))
            }
            Reference { .. } => None,
        })
        .collect()
}
