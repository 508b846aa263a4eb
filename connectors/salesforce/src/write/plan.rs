//! What is sent for one row, decided before anything is.

use super::{Answer, Found, Looked, names::Names, outcome};
use crate::{ids, shape};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Instant, Kind, Result,
    exchange::{Change, Write, Written},
    mapping::Creating,
    snapshot::{Fields, Presence},
};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value as Json};
use std::time::Duration;

/// The plan of one row: settled without sending, or something to send.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) settled: Option<Answer>,
    pub(super) send: Option<Send>,
}

/// What is sent.
pub(super) enum Send {
    /// PATCH under the marker.
    Upsert(Map<String, Json>),
    /// PATCH under the id.
    Patch { body: Map<String, Json>, unmodified_since: String },
    /// DELETE.
    Delete,
}

/// Preconditions have a grain of one second: a change in the same second as the revision that we know passes unseen. A stamp
/// whose second was not over when it was read is therefore no revision (`shape::Moment`), and the row is read again first.
/// Where an answer did not say what time it is there, our clock has to do: where our knowledge is no older than this after
/// the revision, the row is read again too.
const GRAIN: Duration = Duration::from_secs(2);

/// The id to read before the write, where the write needs one.
pub(super) fn look(entity: Entity, write: &Write) -> Option<ExternalId> {
    let Change::Update { id, revision, held_at, .. } = &write.change else { return None };
    let known = revision.as_deref().and_then(Instant::parse);
    let covered = known.is_some_and(|at| *held_at >= at.plus(GRAIN));
    let parts = entity == Entity::Opportunity && write.fields.contains_key("partners");
    // A level belongs to a programme, and which one is on the row.
    let level = entity == Entity::Partnership && write.fields.contains_key("tier");
    (!covered || parts || level || write.fields.is_empty()).then(|| ids::external(id.as_str()))
}

/// Decides one row.
pub(super) fn plan(cx: &Context, entity: Entity, write: &Write, looked: &Looked<'_>, names: &Names) -> Plan {
    match decide(cx, entity, write, looked, names) {
        Ok(plan) => plan,
        Err(fault) => Plan { settled: Some(Err(fault.into())), send: None },
    }
}

fn decide(cx: &Context, entity: Entity, write: &Write, looked: &Looked<'_>, names: &Names) -> Result<Plan> {
    let sending = |send| Plan { settled: None, send: Some(send) };
    match &write.change {
        Change::Create { .. } => {
            let mut body = shape::body(cx, entity, &write.fields, Creating::Yes)?;
            names.put(entity, &mut body, None)?;
            Ok(sending(Send::Upsert(body)))
        }
        Change::Update { id, revision, held, .. } => {
            let seen = looked.get(&ids::external(id.as_str()));
            let wanted = look(entity, write).is_some();
            let revision = match (seen, wanted) {
                (Some(found), _) => match differs(cx, entity, id, held, &write.fields, *found)? {
                    Some(answer) => return Ok(Plan { settled: Some(answer), send: None }),
                    None => found.row.get("SystemModstamp").and_then(Json::as_str),
                },
                (None, true) => return Ok(Plan { settled: Some(Err(outcome::gone(id))), send: None }),
                (None, false) => revision.as_deref(),
            };
            let mut body = shape::body(cx, entity, &write.fields, Creating::No)?;
            names.put(entity, &mut body, seen.map(|found| found.row))?;
            if body.is_empty() {
                return nothing(cx, entity, id, seen);
            }
            let at = revision.and_then(Instant::parse).and_then(rfc1123);
            let at = at.ok_or_else(|| Fault::malformed("write", "the revision is no time").with("record", id))?;
            Ok(sending(Send::Patch { body, unmodified_since: at }))
        }
        Change::Delete { .. } => Ok(sending(Send::Delete)),
        Change::Archive { .. } => Err(Fault::new(
            Kind::Rejected,
            "write",
            "Salesforce has no archive for these records; set on_delete to `unlink` or `propagate`",
        )),
    }
}

/// Only parts are to be written, or nothing that this org has a field for: what the read showed is the state.
fn nothing(cx: &Context, entity: Entity, id: &ExternalId, seen: Option<&Found<'_>>) -> Result<Plan> {
    let Some(found) = seen else { return Ok(Plan { settled: Some(Err(outcome::gone(id))), send: None }) };
    let after = shape::snapshot(cx, entity, found.row, found.at)?;
    Ok(Plan { settled: Some(Ok(Written::Done { after, overwritten: Vec::new(), created: false })), send: None })
}

/// The answer where the row is gone, merged, or holds something else than we know in a field to be written.
fn differs(
    cx: &Context,
    entity: Entity,
    id: &ExternalId,
    held: &Fields,
    wanted: &Fields,
    found: Found<'_>,
) -> Result<Option<Answer>> {
    let seen = shape::snapshot(cx, entity, found.row, found.at)?;
    match &seen.presence {
        Presence::MergedInto(winner) => return Ok(Some(Ok(Written::Exists(winner.clone())))),
        Presence::Deleted => return Ok(Some(Err(outcome::gone(id)))),
        Presence::Live => {}
    }
    let moved = wanted.keys().any(|field| match (held.get(field), seen.fields.get(field)) {
        (Some(known), Some(now)) => known != now,
        _ => false,
    });
    // In the second of its stamp the row may be saved once more without a sign of it: the write waits until that is over.
    let within = shape::stamp(found.row).is_some_and(|stamp| found.at.is_within(stamp));
    Ok((moved || within).then_some(Ok(Written::Moved(seen))))
}

/// `Wed, 21 Oct 2015 07:28:00 GMT`. Rounded down to the second, as the vendor's own stamps are.
pub(crate) fn rfc1123(at: Instant) -> Option<String> {
    let stamp = Timestamp::from_second(at.seconds()).ok()?;
    Some(stamp.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_precondition_is_written_as_http_dates_are() {
        let at = Instant::parse("2026-01-02T03:04:05.000+0000").unwrap();
        assert_eq!(rfc1123(at).as_deref(), Some("Fri, 02 Jan 2026 03:04:05 GMT"));
    }
}
