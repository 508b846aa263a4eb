//! HTTP without sockets: an operation and the responses so far give the next request or the outcome.

mod body;
mod cbor;
mod job;
mod wire;

pub use body::Body;
pub use job::{Checked, Running, Unfit};
pub use wire::{Method, Request, Response};

use crate::{
    Cursor, ExternalId, Fault, Kind, RecordId, Result, Snapshot, SourceVersion, key::Key, schema::Entity,
    snapshot::Fields, time::Instant, value::Currency,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What a delivery asks for, for one external record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Write {
    /// The golden record, written as marker where the vendor has room for one.
    pub record: RecordId,
    /// What to do.
    pub change: Change,
    /// Fixed before the first send and equal in every attempt of this very write: what vendors call a client token. Set where
    /// the vendor works on writes in jobs of its own, and for creates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The values to write; nothing else is touched. References are external ids of the target.
    #[serde(default)]
    pub fields: Fields,
}

/// What to do to an external record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Make a new one.
    Create {
        /// Fixed before the first send and equal in every attempt.
        idempotency: String,
    },
    /// Change one that is there.
    Update {
        /// Its id.
        id: ExternalId,
        /// The vendor's change token as of the last read or write.
        revision: Option<String>,
        /// What is held there as far as we know, for the fields to be written: what a precondition protects.
        held: Fields,
        /// When `held` was last confirmed.
        held_at: Instant,
    },
    /// Take it out of use without deleting it.
    Archive {
        /// Its id.
        id: ExternalId,
    },
    /// Delete it.
    Delete {
        /// Its id.
        id: ExternalId,
    },
}

/// The answer to one write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Written {
    /// Done. `after` shows the record as the vendor answered it or as a read-back found it; it may hold fewer fields than
    /// a full read. `overwritten` has edits that the vendor's field history shows between `held` and our write.
    Done {
        /// The record after the write.
        after: Snapshot,
        /// Edits by others that our write covered: each is an observation of its own.
        overwritten: Vec<Snapshot>,
        /// True when a new external record was made.
        created: bool,
    },
    /// Not written: the record there differs from `held` in a field to be written. The read that showed it.
    Moved(Snapshot),
    /// Not written: the vendor knows the record under another id (a create that collided, a merge).
    Exists(ExternalId),
    /// Taken on: the vendor works on it in an operation of its own, and says later what came of it.
    Running(Running),
    /// Not written: the vendor holds the record closed for now (a review, a publication). What is wanted then is sent when
    /// it opens.
    Closed {
        /// Why, in a sentence for the admin.
        reason: String,
        /// When to look again at the latest, in seconds.
        again_s: u64,
    },
}

/// One row's fault, without its source so that it can be stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// What happened.
    pub kind: Kind,
    /// What to do.
    pub retry: crate::Retry,
    /// A sentence for the admin.
    pub message: String,
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { kind: fault.kind, retry: fault.retry, message: fault.to_string() }
    }
}

/// What to do at a vendor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Read these records; one request where the vendor can. At most the manifest's `read_batch` ids.
    Fetch {
        /// The kind of thing.
        entity: Entity,
        /// Their ids.
        ids: Vec<ExternalId>,
    },
    /// Read one page of what changed. `cursor` is `None` at the beginning of a backfill.
    Poll {
        /// The kind of thing.
        entity: Entity,
        /// Where the last page ended.
        cursor: Option<Cursor>,
        /// The end of the window, by the hub's clock.
        until: Instant,
    },
    /// Ids that the vendor says were deleted, for vendors that have such a list.
    Deleted {
        /// The kind of thing.
        entity: Entity,
        /// Where the last call ended.
        cursor: Option<Cursor>,
        /// The end of the window, by the hub's clock.
        until: Instant,
    },
    /// Look for external records that are this golden record: by marker first, then by deterministic keys.
    Find {
        /// The kind of thing.
        entity: Entity,
        /// The marker.
        record: RecordId,
        /// Keys, strongest first.
        keys: Vec<Key>,
    },
    /// Write records of one entity; outcomes are per row, in the order of the writes.
    Write {
        /// The kind of thing.
        entity: Entity,
        /// At most the manifest's `write_batch` of them.
        writes: Vec<Write>,
    },
    /// Ask how an asynchronous job stands that a write started.
    Check {
        /// The kind of thing.
        entity: Entity,
        /// The job.
        operation: ExternalId,
        /// What was written.
        write: Box<Write>,
    },
    /// Read the account: time zone, currency, which optional fields exist.
    Describe,
}

impl Operation {
    /// A short name for logs and faults.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fetch { .. } => "fetch",
            Self::Poll { .. } => "poll",
            Self::Deleted { .. } => "deleted",
            Self::Find { .. } => "find",
            Self::Write { .. } => "write",
            Self::Check { .. } => "check",
            Self::Describe => "describe",
        }
    }
}

/// What came of an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Of a fetch: what was found. Ids that are not in it are *not visible*, which never means deleted. A record that
    /// cannot be understood is a fault of its own, beside its neighbours.
    Records(Vec<(ExternalId, std::result::Result<Snapshot, Refused>)>),
    /// Of a poll: a page.
    Page {
        /// The records. One that is listed and not shown is a fault of kind `NotFound`: it is asked for again.
        records: Vec<(ExternalId, std::result::Result<Snapshot, Refused>)>,
        /// Where to go on.
        cursor: Cursor,
        /// Whether there is more now.
        more: bool,
    },
    /// Of a find: ids of live external records.
    Found(Vec<ExternalId>),
    /// Of a write: one answer a row.
    Written(Vec<std::result::Result<Written, Refused>>),
    /// Of a check.
    Checked(Checked),
    /// Of a describe.
    Account(Account),
}

impl Outcome {
    /// What was read: not what a write left behind.
    pub fn shown(&mut self) -> impl Iterator<Item = &mut Snapshot> {
        let (records, rows): (&mut [_], &mut [_]) = match self {
            Self::Records(records) | Self::Page { records, .. } => (records, &mut []),
            Self::Written(rows) => (&mut [], rows),
            Self::Found(_) | Self::Checked(_) | Self::Account(_) => (&mut [], &mut []),
        };
        let moved = rows.iter_mut().filter_map(|row| match row {
            Ok(Written::Moved(seen)) => Some(seen),
            _ => None,
        });
        records.iter_mut().filter_map(|(_, read)| read.as_mut().ok()).chain(moved)
    }
}

/// What a system says about the account itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The IANA time zone.
    pub time_zone: Option<String>,
    /// The company currency.
    pub currency: Option<Currency>,
    /// The vendor's fields by object, where they were asked for.
    #[serde(default)]
    pub fields: BTreeMap<String, BTreeSet<String>>,
    /// Other facts that the connector's requests need (ids of association labels, of a company), by name.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Send this, then ask again.
    Send(Request),
    /// Finished.
    Done(Outcome),
}

/// Reads one vendor record per element and keeps faults beside the id that they belong to.
pub fn decode_each<'a>(
    rows: impl IntoIterator<Item = &'a Json>,
    id_of: impl Fn(&Json) -> Option<ExternalId>,
    decode: impl Fn(&Json) -> Result<Snapshot>,
) -> Vec<(ExternalId, std::result::Result<Snapshot, Refused>)> {
    rows.into_iter()
        .filter_map(|row| {
            let id = id_of(row)?;
            Some((id, decode(row).map_err(Refused::from)))
        })
        .collect()
}

/// A version for vendors whose modified time is all there is.
pub fn version_of(modified: Option<Instant>, read_at: Instant) -> SourceVersion {
    SourceVersion::from_instant(modified.unwrap_or(read_at))
}
