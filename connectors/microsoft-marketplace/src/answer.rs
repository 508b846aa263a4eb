//! Answers of one row: what is this row's own trouble, and what is everybody's.

use concord_connector::{
    Context, Entity, ExternalId, Fault, Instant, Kind, Request, Response, Result, Snapshot,
    exchange::{Refused, Unfit, Written, version_of},
    script::{Pause, Run, Script},
    snapshot::Presence,
};
use serde_json::Value as Json;

/// What came of one row.
pub(crate) type Row = std::result::Result<Written, Refused>;

/// Statuses that say something about one row only. 401 is not among them: the engine gets another token.
const OWN: [u16; 16] = [200, 201, 202, 204, 400, 403, 404, 409, 412, 422, 423, 429, 500, 502, 503, 504];

/// Sends a write of one row. Several rows share an operation: what one of them met must not hide what became of the others.
pub(crate) fn send<'a>(
    script: &mut Script<'a>,
    request: Request,
) -> Run<std::result::Result<&'a Response, (Refused, &'a Response)>> {
    let request = request.accepting(&OWN).writing();
    let answer = script.send(request.clone())?;
    Ok(match answer.status {
        200..=299 => Ok(answer),
        _ => Err((Refused::from(crate::classify(&request, answer)), answer)),
    })
}

/// A fault of a row stays with it.
pub(crate) fn own(row: Run<Written>) -> Run<Row> {
    match row {
        Ok(written) => Ok(Ok(written)),
        Err(Pause::Fault(fault)) if fault.kind != Kind::Unavailable => Ok(Err(Refused::from(fault))),
        Err(pause) => Err(pause),
    }
}

/// A refusal for good.
pub(crate) fn refusal(operation: &'static str, mistakes: &[Unfit]) -> Fault {
    let sentences: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    Fault::new(Kind::Rejected, operation, sentences.join("; "))
}

/// The record is not there.
pub(crate) fn gone(entity: Entity, id: &ExternalId) -> Fault {
    Fault::new(Kind::NotFound, "microsoft_marketplace.write", "Microsoft Marketplace does not show this record to us")
        .with("entity", entity)
        .with("id", id)
}

/// What a row of our view says.
pub(crate) fn snapshot(
    cx: &Context,
    entity: Entity,
    row: &Json,
    modified: Option<Instant>,
    read_at: Instant,
) -> Result<Snapshot> {
    let mapping = cx.mapping(entity)?;
    let text = |pointer: &str| row.pointer(pointer).and_then(Json::as_str).filter(|text| !text.is_empty());
    let id = text(&mapping.id).ok_or_else(|| {
        Fault::malformed("microsoft_marketplace.read", "the record has no id").with("pointer", &mapping.id)
    })?;
    // Nothing here has a version of its own that every change raises: the later read is the newer one.
    let mut snapshot = Snapshot::new(entity, id, version_of(None, read_at));
    snapshot.modified = modified;
    snapshot.marker = mapping.marker.as_deref().and_then(text).map(Into::into);
    match row.get("gone").and_then(Json::as_bool) {
        Some(true) => snapshot.presence = Presence::Deleted,
        _ => snapshot.fields = mapping.decode(cx, entity, row)?,
    }
    Ok(snapshot)
}

/// Whether somebody changed a field that is to be written.
pub(crate) fn moved(held: &concord_connector::Fields, seen: &Snapshot) -> bool {
    held.iter().any(|(field, value)| seen.fields.get(field).is_some_and(|now| now != value))
}

/// Done, with the record as a read showed it.
pub(crate) fn done(after: Snapshot) -> Written {
    Written::Done { after, overwritten: Vec::new(), created: false }
}

/// The vendor's sentence in a refusal, in any of the shapes of its APIs.
pub(crate) fn said(body: &Json) -> Option<&str> {
    ["/error/message", "/message", "/Message"].iter().find_map(|at| body.pointer(at).and_then(Json::as_str))
}
