//! One record of an answer, understood.

use super::Place;
use crate::{
    ExternalId, Fault, RecordId, Response, Result, Snapshot, SourceVersion,
    exchange::version_of,
    manifest::{VersionForm, api::scalar},
    snapshot::Presence,
    time::Instant,
};
use serde_json::Value as Json;

/// A point in time in any of the ways in which systems write it: RFC 3339, or a count of seconds or milliseconds.
pub(super) fn instant(json: &Json) -> Option<Instant> {
    let text = scalar(json)?;
    if let Some(at) = Instant::parse(&text) {
        return Some(at);
    }
    let count: i64 = text.parse().ok()?;
    // Counts of seconds reach this number in the year 5138, those of milliseconds did in 1973.
    let ms = if count.abs() < 100_000_000_000 { count.checked_mul(1000)? } else { count };
    Some(Instant::from_ms(ms))
}

impl<'a> Place<'a> {
    /// The id of a record.
    pub(super) fn id(&self, row: &Json) -> Option<ExternalId> {
        row.pointer(&self.mapping.id).and_then(scalar).filter(|id| !id.is_empty()).map(ExternalId::from)
    }

    /// The version of a record, where it has one of its own.
    pub(super) fn version(&self, row: &Json) -> Result<Option<SourceVersion>> {
        let modified = self.api.modified.as_deref().and_then(|at| row.pointer(at)).and_then(instant);
        let Some(pointer) = self.api.version.as_deref() else {
            return Ok(modified.map(SourceVersion::from_instant));
        };
        let Some(json) = row.pointer(pointer).filter(|json| !json.is_null()) else { return Ok(None) };
        let version = match self.api.version_as {
            VersionForm::Integer => scalar(json).and_then(|text| text.trim().parse().ok()).map(SourceVersion),
            VersionForm::Instant => instant(json).map(SourceVersion::from_instant),
        };
        let wrong = || Fault::malformed("rest.read", "the version is no number of the declared kind");
        version.map(Some).ok_or_else(|| wrong().with("pointer", pointer))
    }

    /// What a record says. `etag` is the change token that came in a header.
    pub(super) fn snapshot(&self, row: &Json, read_at: Instant, etag: Option<&str>) -> Result<Snapshot> {
        let no_id = || Fault::malformed("rest.read", "the record has no id").with("pointer", &self.mapping.id);
        let id = self.id(row).ok_or_else(no_id)?;
        let version = self.version(row)?.unwrap_or_else(|| version_of(None, read_at));
        let mut snapshot = Snapshot::new(self.entity, id, version);
        snapshot.modified = self.api.modified.as_deref().and_then(|at| row.pointer(at)).and_then(instant);
        snapshot.revision = match self.api.revision.as_deref() {
            Some(pointer) => row.pointer(pointer).and_then(scalar),
            None => etag.map(str::to_owned),
        };
        let marker = self.mapping.marker.as_deref().and_then(|at| row.pointer(at)).and_then(scalar);
        snapshot.marker = marker.filter(|marker| !marker.is_empty()).map(RecordId::from);
        if self.api.deleted.as_ref().is_some_and(|deleted| deleted.holds(row)) {
            snapshot.presence = Presence::Deleted;
        } else {
            snapshot.fields = self.mapping.decode(self.cx, self.entity, row)?;
        }
        Ok(snapshot)
    }

    /// The record in an answer, when there is one with an id.
    pub(super) fn answered<'r>(&self, response: &'r Response, pointer: &str) -> Option<&'r Json> {
        response.at(pointer).filter(|row| self.id(row).is_some())
    }

    /// The change token that came in a header.
    pub(super) fn etag<'r>(&self, response: &'r Response) -> Option<&'r str> {
        self.api.etag.then(|| response.headers.get("etag").map(String::as_str)).flatten()
    }
}
