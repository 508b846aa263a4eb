//! The golden record: resolved fields, facets, version. One item of the table.

mod codec;

pub use codec::{MAX_BYTES, decode, encode, halves, joined};
pub(crate) use codec::{OVERDUE, encode_record, place, read_facets, stored_facets};

use crate::{
    facet::{ByField, Facet, Hash, Link},
    resolve::Golden,
};
use concord_connector::{ConnectionName, Entity, ExternalId, Field, Instant, RecordId, Value, exchange::Refused};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A golden record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub id: RecordId,
    /// What kind of thing it is.
    pub entity: Entity,
    /// Grows when golden fields, wants or membership change; history has one entry for each.
    pub version: u64,
    /// The configuration that it was resolved with.
    pub configuration: u64,
    /// When the version was committed.
    pub committed_at: Instant,
    /// The resolved fields.
    pub golden: Arc<ByField<Golden>>,
    /// The external records; stored beside the rest, compressed.
    #[serde(default, skip_serializing)]
    pub facets: Vec<Facet>,
    /// Where it is to be created and is not yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub creates: BTreeMap<ConnectionName, OpenCreate>,
    /// Where it is to be taken out of use, because a system that may decide it has deleted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<Removal>,
    /// How deliveries stand, by connection, where there is anything to say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outbox: BTreeMap<ConnectionName, Outbox>,
    /// What a person agreed to have written, by connection, until it is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub approvals: BTreeMap<ConnectionName, Approval>,
    /// True while its identity has to be looked at again, because a create was open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub regroup: bool,
    /// Earliest receipt of a signal that led to the wants that are open, for the time from webhook to delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signalled_at: Option<Instant>,
}

/// A create that has not been acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCreate {
    /// When it was decided.
    pub since: Instant,
    /// Whether the configuration brought it about, and nobody's change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub configured: bool,
}

/// A delete that goes on to the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Whose delete it was.
    pub by: Link,
    /// When.
    pub at: Instant,
    /// True to archive, false to delete.
    pub archive: bool,
    /// Connections that are only read: nothing is taken out there, unless a person approved it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub only_read: BTreeSet<ConnectionName>,
}

/// How a delivery stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outbox {
    /// Refusals of this record so far.
    #[serde(default)]
    pub attempts: u32,
    /// Not before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Instant>,
    /// What the vendor said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Refused>,
    /// Records that have to exist there first, and since when it waits for them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub waiting_on: BTreeSet<RecordId>,
    /// Since when it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Instant>,
    /// Given up until a person decides or the record changes.
    #[serde(default)]
    pub parked: bool,
    /// Why the vendor holds the record closed for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
}

/// That a person agreed to a plan's writes of this record at a connection: those, and no others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The plan.
    pub plan: String,
    /// Who agreed.
    pub by: String,
    /// When.
    pub at: Instant,
    /// The images of the fields with which it is to be made there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<BTreeMap<Field, Hash>>,
    /// The images of the fields that are to be changed, by external record.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub updates: BTreeMap<ExternalId, BTreeMap<Field, Hash>>,
    /// External records that are to be taken out of use or deleted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub removals: BTreeSet<ExternalId>,
}

/// What is stored under a record's id.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// The record.
    Record(Box<Record>),
    /// It was merged into another.
    Redirect(RecordId),
}

impl Record {
    /// An empty record.
    pub fn new(id: RecordId, entity: Entity) -> Self {
        Self {
            id,
            entity,
            version: 0,
            configuration: 0,
            committed_at: Instant::EPOCH,
            golden: Arc::default(),
            facets: Vec::new(),
            creates: BTreeMap::new(),
            removal: None,
            outbox: BTreeMap::new(),
            approvals: BTreeMap::new(),
            regroup: false,
            signalled_at: None,
        }
    }
    /// The golden value of a field.
    pub fn value(&self, field: &str) -> Option<&Value> {
        self.golden.get(field).and_then(|golden| golden.value.as_ref())
    }
    /// The facet of an external record.
    pub fn facet(&self, link: &Link) -> Option<&Facet> {
        self.facets.iter().find(|facet| facet.link == *link)
    }
    /// The facet of an external record.
    pub fn facet_mut(&mut self, link: &Link) -> Option<&mut Facet> {
        self.facets.iter_mut().find(|facet| facet.link == *link)
    }
    /// The live facets at a connection.
    pub fn live_at<'a>(&'a self, connection: &'a ConnectionName) -> impl Iterator<Item = &'a Facet> {
        self.facets.iter().filter(move |facet| facet.link.connection == *connection && facet.is_live())
    }
    /// Whether a person agreed to have it made at a connection.
    pub fn approves_create(&self, connection: &ConnectionName) -> bool {
        self.approvals.get(connection).is_some_and(|approval| approval.create.is_some())
    }
    /// Forgets approvals of what is done, or no longer called for.
    pub(crate) fn prune_approvals(&mut self) {
        let Self { approvals, creates, facets, removal, .. } = self;
        for (connection, approval) in approvals.iter_mut() {
            let facet = |id: &ExternalId| {
                facets.iter().find(|facet| facet.link.connection == *connection && facet.link.id == *id)
            };
            if !creates.contains_key(connection) {
                approval.create = None;
            }
            approval.updates.retain(|id, _| facet(id).is_some_and(|facet| !facet.wants.is_empty()));
            approval.removals.retain(|id| removal.is_some() && facet(id).is_some_and(Facet::is_live));
        }
        approvals.retain(|_, approval| {
            approval.create.is_some() || !approval.updates.is_empty() || !approval.removals.is_empty()
        });
    }
    /// Whether nothing was observed of it: it is only referred to. Never delivered.
    pub fn is_placeholder(&self) -> bool {
        self.facets.iter().all(Facet::is_unseen)
    }
    /// Connections with work to do, and since when.
    pub fn pending(&self) -> BTreeMap<&ConnectionName, Instant> {
        let mut pending: BTreeMap<&ConnectionName, Instant> = BTreeMap::new();
        let mut note = |connection, at: Instant| {
            pending.entry(connection).and_modify(|since: &mut Instant| *since = (*since).min(at)).or_insert(at);
        };
        // What is on its way to a record that is gone there never arrives.
        for facet in self.facets.iter().filter(|facet| facet.is_live()) {
            if let Some(want) = facet.wants.first() {
                note(&facet.link.connection, want.at);
            }
        }
        for (connection, create) in &self.creates {
            note(connection, create.since);
        }
        if let Some(removal) = &self.removal {
            for Link { connection, id } in self.facets.iter().filter(|facet| facet.is_live()).map(|facet| &facet.link) {
                let approved = || self.approvals.get(connection).is_some_and(|approval| approval.removals.contains(id));
                let is_read = removal.only_read.contains(connection) && !approved();
                if connection.as_str() != crate::settings::CONCORD && !is_read {
                    note(connection, removal.at);
                }
            }
        }
        pending.retain(|connection, _| !self.outbox.get(*connection).is_some_and(|outbox| outbox.parked));
        pending
    }
}
