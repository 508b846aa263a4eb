//! Writing records, one call each.

use super::{
    Place, fetch,
    fill::{Values, request},
    find,
};
use crate::{
    ExternalId, Fault, Fields, Kind, Outcome, RecordId, Response, Snapshot,
    codec::put,
    exchange::{Body, Change, Method, Refused, Write, Written, version_of},
    manifest::{Endpoint, api::scalar},
    mapping::Creating,
    script::{Pause, Run, Script},
    snapshot::Presence,
};
use serde_json::{Value as Json, json};

/// Answers a write.
pub(super) fn write(script: &mut Script<'_>, place: &Place<'_>, writes: &[Write]) -> Run<Outcome> {
    let mut rows = Vec::with_capacity(writes.len());
    for write in writes {
        let row = match &write.change {
            Change::Create { idempotency } => create(script, place, write, idempotency),
            Change::Update { id, revision, held, .. } => update(script, place, write, id, revision.as_deref(), held),
            Change::Delete { id } => remove(script, place, place.api.delete.as_ref(), id, Method::Delete),
            Change::Archive { id } => remove(script, place, place.api.archive.as_ref(), id, Method::Post),
        };
        rows.push(match row {
            Ok(written) => Ok(written),
            // What cannot be written is this row's own trouble.
            Err(Pause::Fault(fault)) => Err(Refused::from(fault)),
            Err(pause) => return Err(pause),
        });
    }
    Ok(Outcome::Written(rows))
}

fn refused(place: &Place<'_>, what: &str) -> Pause {
    let sentence = format!("the manifest has no call that {what} a {}", place.entity);
    Fault::new(Kind::Rejected, "rest.write", sentence).into()
}

fn create(script: &mut Script<'_>, place: &Place<'_>, write: &Write, idempotency: &str) -> Run<Written> {
    let endpoint = place.api.create.as_ref().or(place.api.upsert.as_ref()).ok_or_else(|| refused(place, "makes"))?;
    let record = write.record.as_str();
    // Unless the system refuses a second one itself, somebody has to look.
    if endpoint.exists.is_none()
        && let Some(id) = find::by_marker(script, place, &write.record)?.into_iter().next()
    {
        return Ok(Written::Exists(id));
    }
    let upserts = place.api.create.is_none();
    let values = Values {
        id: upserts.then_some(record),
        marker: Some(record),
        idempotency: Some(idempotency),
        ..Values::default()
    };
    let mut body = place.mapping.encode(place.cx, place.entity, &write.fields, Creating::Yes)?;
    if let Some(marker) = &place.mapping.marker {
        put(&mut body, marker, Json::String(record.to_owned())).map_err(encoding)?;
    }
    let usual = if upserts { Method::Put } else { Method::Post };
    let mut request = wrapped(request(place.cx, endpoint, usual, &values)?, endpoint, body)?.writing();
    request.accept.extend(endpoint.exists.iter().map(|exists| exists.status));
    let answer = script.send(request)?;
    if let Some(exists) = endpoint.exists.as_ref().filter(|exists| exists.status == answer.status) {
        let named = exists.id.as_deref().and_then(|at| answer.at(at)).and_then(scalar).map(ExternalId::from);
        let found = match named {
            Some(id) => Some(id),
            None => find::by_marker(script, place, &write.record)?.into_iter().next(),
        };
        return found.map(Written::Exists).ok_or_else(|| taken(place, &write.record).into());
    }
    let id = upserts.then(|| ExternalId::from(record));
    let after = after(script, place, endpoint, answer, id)?;
    Ok(Written::Done { after, overwritten: Vec::new(), created: !upserts || answer.status == 201 })
}

fn taken(place: &Place<'_>, record: &RecordId) -> Fault {
    let sentence = "the system says that the record is there already, and does not show it: look for it there";
    Fault::new(Kind::Rejected, "rest.write", sentence).with("entity", place.entity).with("record", record)
}

fn update(
    script: &mut Script<'_>,
    place: &Place<'_>,
    write: &Write,
    id: &ExternalId,
    revision: Option<&str>,
    held: &Fields,
) -> Run<Written> {
    let endpoint = place.api.update.as_ref().or(place.api.upsert.as_ref()).ok_or_else(|| refused(place, "changes"))?;
    let guarded = uses(endpoint, "revision");
    let mut body = place.mapping.encode(place.cx, place.entity, &write.fields, Creating::No)?;
    let mut revision = revision.map(str::to_owned);
    // Without a precondition of its own a write is preceded by a read, as closely as can be.
    if place.api.reads() && (endpoint.replaces || !guarded || revision.is_none()) {
        let Some((answer, row)) = fetch::one(script, place, id)? else { return Err(gone(place, id).into()) };
        let seen = place.snapshot(row, answer.started_at, place.etag(answer))?;
        if seen.presence != Presence::Live || moved(held, &seen) {
            return Ok(Written::Moved(seen));
        }
        if endpoint.replaces {
            let mut whole = row.clone();
            overlay(&mut whole, body);
            body = whole;
        }
        revision = seen.revision;
    }
    let values =
        Values { revision: revision.as_deref(), marker: Some(write.record.as_str()), ..Values::id(id.as_str()) };
    let usual = if place.api.update.is_none() || endpoint.replaces { Method::Put } else { Method::Patch };
    let mut request = wrapped(request(place.cx, endpoint, usual, &values)?, endpoint, body)?.writing();
    let stale = endpoint.stale.clone().unwrap_or_else(|| if guarded { vec![409, 412, 428] } else { vec![412] });
    request.accept.extend(&stale);
    let answer = script.send(request)?;
    if stale.contains(&answer.status) {
        let Some((answer, row)) = fetch::one(script, place, id)? else { return Err(gone(place, id).into()) };
        return Ok(Written::Moved(place.snapshot(row, answer.started_at, place.etag(answer))?));
    }
    let after = after(script, place, endpoint, answer, Some(id.clone()))?;
    Ok(Written::Done { after, overwritten: Vec::new(), created: false })
}

fn gone(place: &Place<'_>, id: &ExternalId) -> Fault {
    Fault::new(Kind::NotFound, "rest.write", "the system does not show this record to us")
        .with("entity", place.entity)
        .with("id", id)
}

/// Whether somebody changed one of the fields that are to be written.
fn moved(held: &Fields, seen: &Snapshot) -> bool {
    held.iter().any(|(field, value)| seen.fields.get(field).is_some_and(|now| now != value))
}

fn remove(
    script: &mut Script<'_>,
    place: &Place<'_>,
    endpoint: Option<&Endpoint>,
    id: &ExternalId,
    usual: Method,
) -> Run<Written> {
    let deletes = usual == Method::Delete;
    let what = if deletes { "deletes" } else { "takes out of use" };
    let endpoint = endpoint.ok_or_else(|| refused(place, what))?;
    let mut request = request(place.cx, endpoint, usual, &Values::id(id.as_str()))?.writing();
    request.accept.extend(fetch::missing(endpoint));
    let answer = script.send(request)?;
    let after = if deletes || fetch::missing(endpoint).contains(&answer.status) {
        Snapshot::deleted(place.entity, id.clone(), answer.started_at)
    } else {
        after(script, place, endpoint, answer, Some(id.clone()))?
    };
    Ok(Written::Done { after, overwritten: Vec::new(), created: false })
}

/// The record after a write: as the answer shows it, else as a read does, else as far as it is known without.
fn after(
    script: &mut Script<'_>,
    place: &Place<'_>,
    endpoint: &Endpoint,
    answer: &Response,
    id: Option<ExternalId>,
) -> Run<Snapshot> {
    let row = place.answered(answer, &endpoint.record);
    if let Some(row) = row {
        let orders = place.api.version.is_some() || place.api.modified.is_some();
        let dated = !orders || place.version(row)?.is_some();
        let snapshot = place.snapshot(row, answer.started_at, place.etag(answer))?;
        if dated && (!snapshot.fields.is_empty() || !place.api.reads()) {
            return Ok(snapshot);
        }
    }
    let id = row.and_then(|row| place.id(row)).or(id).or_else(|| location(answer));
    let unnamed = || Fault::new(Kind::Unknown, "rest.write", "the answer does not name the record that was made");
    let id = id.ok_or_else(unnamed)?;
    if let Some((answer, row)) = fetch::one(script, place, &id)? {
        return Ok(place.snapshot(row, answer.started_at, place.etag(answer))?);
    }
    let version = if place.api.version.is_some() { Default::default() } else { version_of(None, answer.started_at) };
    Ok(Snapshot::new(place.entity, id, version))
}

/// The last segment of a `Location` header.
fn location(answer: &Response) -> Option<ExternalId> {
    let address = answer.headers.get("location")?.split(['?', '#']).next()?;
    address.trim_end_matches('/').rsplit('/').next().filter(|id| !id.is_empty()).map(ExternalId::from)
}

fn wrapped(mut request: crate::Request, endpoint: &Endpoint, record: Json) -> Run<crate::Request> {
    let mut body = match std::mem::take(&mut request.body) {
        Body::Json(json) => json,
        _ => json!({}),
    };
    if endpoint.wrap.is_empty() {
        overlay(&mut body, record);
    } else {
        put(&mut body, &endpoint.wrap, record).map_err(encoding)?;
    }
    request.body = Body::Json(body);
    Ok(request)
}

/// Puts the members of one object over those of another, deeply.
fn overlay(below: &mut Json, above: Json) {
    match (below, above) {
        (Json::Object(below), Json::Object(above)) => {
            for (name, value) in above {
                overlay(below.entry(name).or_insert(Json::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

fn encoding(sentence: String) -> Pause {
    Fault::malformed("rest.write", sentence).into()
}

/// Whether an endpoint has a place for a value.
fn uses(endpoint: &Endpoint, name: &str) -> bool {
    let templates = endpoint.query.values().chain(endpoint.headers.values()).chain([&endpoint.path]);
    let in_body = || endpoint.body.as_ref().is_some_and(|body| body.to_string().contains(&format!("{{{name}}}")));
    templates.flat_map(|template| template.names()).any(|one| one == name) || in_body()
}
