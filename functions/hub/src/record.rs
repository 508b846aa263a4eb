//! The golden record: resolved fields, facets, version. One item of the table.

mod codec;

pub use codec::{MAX_BYTES, decode, encode};
pub(crate) use codec::{OVERDUE, place};

use crate::{
    facet::{Facet, Link},
    resolve::Golden,
};
use concord_connector::{ConnectionName, Entity, Field, Instant, RecordId, Value, exchange::Refused};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
    pub golden: BTreeMap<Field, Golden>,
    /// The external records.
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
            golden: BTreeMap::new(),
            facets: Vec::new(),
            creates: BTreeMap::new(),
            removal: None,
            outbox: BTreeMap::new(),
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
            for facet in self
                .facets
                .iter()
                .filter(|facet| facet.is_live() && facet.link.connection.as_str() != crate::settings::CONCORD)
            {
                note(&facet.link.connection, removal.at);
            }
        }
        pending.retain(|connection, _| !self.outbox.get(*connection).is_some_and(|outbox| outbox.parked));
        pending
    }
}
