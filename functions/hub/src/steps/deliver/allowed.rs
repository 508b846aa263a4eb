//! What may be written for a record at a connection: everything that is wanted, or only what a person agreed to.

use super::plan::Job;
use crate::{
    facet::Hash,
    record::{Approval, Record},
    settings::{Connection, Mode},
    settle,
};
use concord_connector::{ExternalId, Field, Value};

/// What may be written.
pub(super) enum Allowed<'a> {
    /// Whatever is wanted.
    All,
    /// What an approval names, and with no other values.
    Only(Option<&'a Approval>),
}

impl<'a> Allowed<'a> {
    /// At a connection that observes, only what a person approved.
    pub(super) fn of(record: &'a Record, connection: &Connection) -> Self {
        match connection.mode {
            Mode::Sync => Self::All,
            Mode::Observe => Self::Only(record.approvals.get(&connection.name)),
        }
    }
    /// Whether nothing may be written at all.
    pub(super) fn nothing(&self) -> bool {
        matches!(self, Self::Only(None))
    }
    /// Whether a field may be written with this image.
    pub(super) fn updates(&self, id: &ExternalId, field: &Field, image: Option<&Value>) -> bool {
        match self {
            Self::All => true,
            Self::Only(approval) => approval
                .and_then(|approval| approval.updates.get(id)?.get(field))
                .is_some_and(|approved| *approved == Hash::of(image)),
        }
    }
    /// Whether the record may be made there.
    pub(super) fn creates(&self) -> bool {
        match self {
            Self::All => true,
            Self::Only(approval) => approval.is_some_and(|approval| approval.create.is_some()),
        }
    }
    /// Whether it may be made with these values. Fewer than were approved are those that wait for what they refer to.
    pub(super) fn creates_as(&self, connection: &Connection, job: &Job) -> bool {
        let Self::Only(approval) = self else { return true };
        let Some(approved) = approval.and_then(|approval| approval.create.as_ref()) else { return false };
        job.golden.iter().all(|(field, (value, _))| {
            let image = settle::image(connection, job.entity, field, value.as_ref());
            image.is_some_and(|image| approved.get(field) == Some(&Hash::of(image.as_ref())))
        })
    }
    /// Whether an external record may be taken out of use or deleted.
    pub(super) fn removes(&self, id: &ExternalId) -> bool {
        match self {
            Self::All => true,
            Self::Only(approval) => approval.is_some_and(|approval| approval.removals.contains(id)),
        }
    }
}
