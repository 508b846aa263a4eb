//! What the answer to one subrequest means for its row.

use super::{Answer, Looked};
use crate::{columns, composite, errors, ids, shape};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Instant, Kind, Snapshot,
    exchange::{Change, Refused, Write, Written},
    snapshot::Presence,
};
use serde_json::Value as Json;

/// The answer to a row.
pub(super) fn of(
    cx: &Context,
    entity: Entity,
    write: &Write,
    answer: composite::Answer<'_>,
    after: &Looked<'_>,
    at: Instant,
) -> Answer {
    match &write.change {
        Change::Create { .. } => created(cx, entity, write, answer, after, at),
        Change::Update { id, .. } | Change::Archive { id } => updated(cx, entity, id, answer, after, at),
        Change::Delete { id } => deleted(cx, entity, id, answer, after, at),
    }
}

/// 201 made it, 200 found it under its marker, 300 found several.
fn created(
    cx: &Context,
    entity: Entity,
    write: &Write,
    answer: composite::Answer<'_>,
    after: &Looked<'_>,
    at: Instant,
) -> Answer {
    let id = answer.body.get("id").and_then(Json::as_str).map(ids::external);
    match (answer.status, id) {
        (200 | 201, Some(id)) => {
            let created = answer.status == 201 || answer.body.get("created") == Some(&Json::Bool(true));
            let after = shown(cx, entity, &id, after, at)?;
            Ok(Written::Done { after, overwritten: Vec::new(), created })
        }
        (200 | 201, None) => Err(unanswered()),
        (status, _) => match collided(cx, entity, answer.body).or_else(|| marked(cx, entity, write, status, after)) {
            Some(id) => Ok(Written::Exists(id)),
            None => {
                let fault = errors::fault("write", status, answer.body);
                Err(fault.with("record", &write.record).into())
            }
        },
    }
}

/// The record that an earlier attempt made: an upsert that finds it is an update, and the vendor refuses that as a whole
/// where the body has a field that can only be set on creation (the partner of a membership). The read-back shows it.
fn marked(cx: &Context, entity: Entity, write: &Write, status: u16, after: &Looked<'_>) -> Option<ExternalId> {
    let marker = columns::marker(cx.mapping(entity).ok()?);
    let ours = |row: &Json| row.get(marker).and_then(Json::as_str) == Some(write.record.as_str());
    let live = |row: &Json| row.get("IsDeleted") != Some(&Json::Bool(true));
    let mut found = after.iter().filter(|(_, found)| status != 300 && ours(found.row) && live(found.row));
    found.next().map(|(id, _)| id.clone())
}

/// The record that the vendor names when a unique value or a duplicate rule stands in the way of a create: in the prose of
/// the message, or in the results of the rule.
fn collided(cx: &Context, entity: Entity, body: &Json) -> Option<ExternalId> {
    if !matches!(errors::code(body), Some("DUPLICATE_VALUE" | "DUPLICATES_DETECTED")) {
        return None;
    }
    let prefix = ids::prefix(cx, columns::object(cx, entity).ok()?)?;
    let prose = errors::message(body).and_then(|message| ids::find(message, prefix));
    let found = prose.or_else(|| {
        let matches = body.pointer("/0/duplicateResult/matchResults/0/matchRecords")?.as_array()?;
        // Several matches are for a person to choose from.
        let [one] = matches.as_slice() else { return None };
        one.pointer("/record/Id").and_then(Json::as_str).filter(|id| id.starts_with(prefix)).and_then(ids::full)
    });
    found.map(ExternalId::new)
}

fn updated(
    cx: &Context,
    entity: Entity,
    id: &ExternalId,
    answer: composite::Answer<'_>,
    after: &Looked<'_>,
    at: Instant,
) -> Answer {
    let id = ids::external(id.as_str());
    match answer.status {
        200 | 204 => {
            Ok(Written::Done { after: shown(cx, entity, &id, after, at)?, overwritten: Vec::new(), created: false })
        }
        // The read-back of the same request shows what stands in the way.
        412 => match after.get(&id) {
            Some(_) => moved(cx, entity, &id, after, at),
            None => Err(errors::fault("write", 412, answer.body).with("record", &id).into()),
        },
        404 => match after.get(&id).map(|found| shape::snapshot(cx, entity, found.row, found.at)) {
            Some(Ok(Snapshot { presence: Presence::MergedInto(winner), .. })) => Ok(Written::Exists(winner)),
            _ => Err(gone(&id)),
        },
        status => Err(errors::fault("write", status, answer.body).with("record", &id).into()),
    }
}

fn moved(cx: &Context, entity: Entity, id: &ExternalId, after: &Looked<'_>, at: Instant) -> Answer {
    let seen = shown(cx, entity, id, after, at)?;
    match &seen.presence {
        Presence::MergedInto(winner) => Ok(Written::Exists(winner.clone())),
        Presence::Deleted => Err(gone(id)),
        Presence::Live => Ok(Written::Moved(seen)),
    }
}

fn deleted(
    cx: &Context,
    entity: Entity,
    id: &ExternalId,
    answer: composite::Answer<'_>,
    after: &Looked<'_>,
    at: Instant,
) -> Answer {
    let id = ids::external(id.as_str());
    let seen = after.get(&id).map(|found| shape::snapshot(cx, entity, found.row, found.at)).transpose()?;
    let gone_already = seen.as_ref().is_some_and(|seen| seen.presence != Presence::Live);
    match answer.status {
        200 | 204 => {
            let after = seen.filter(|_| gone_already).unwrap_or_else(|| Snapshot::deleted(entity, id, at));
            Ok(Written::Done { after, overwritten: Vec::new(), created: false })
        }
        // Somebody deleted it before us: that is what was asked for.
        404 if gone_already => match seen {
            Some(after) => Ok(Written::Done { after, overwritten: Vec::new(), created: false }),
            None => Err(gone(&id)),
        },
        404 => Err(gone(&id)),
        status => Err(errors::fault("write", status, answer.body).with("record", &id).into()),
    }
}

/// The record after the write as the read-back shows it; without a read-back only its id and the time are known.
fn shown(
    cx: &Context,
    entity: Entity,
    id: &ExternalId,
    after: &Looked<'_>,
    at: Instant,
) -> std::result::Result<Snapshot, Refused> {
    match after.get(id) {
        Some(found) => shape::snapshot(cx, entity, found.row, found.at).map_err(Refused::from),
        None => Ok(Snapshot::new(entity, id.clone(), concord_connector::exchange::version_of(None, at))),
    }
}

/// The record is not there for us any more.
pub(super) fn gone(id: &ExternalId) -> Refused {
    Fault::new(Kind::NotFound, "write", "Salesforce does not show this record to us any more").with("record", id).into()
}

/// The vendor's answer says nothing about the row.
pub(super) fn unanswered() -> Refused {
    Fault::new(Kind::Unknown, "write", "Salesforce did not say what became of the row").into()
}
