//! How far a sweep is, and what it found.

use crate::settings::Connection;
use concord_connector::{Cursor, Entity, Instant};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A sweep of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// When it began: the fence. What was read later is not judged by it.
    pub started_at: Instant,
    /// When it was through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Instant>,
    /// Whether it is the first reading of the connection.
    #[serde(default)]
    pub first: bool,
    /// Whether another one follows at once.
    #[serde(default)]
    pub again: bool,
    /// When it last got on.
    #[serde(default)]
    pub moved_at: Instant,
    /// The entities of the connection.
    pub entities: BTreeMap<Entity, Part>,
}

/// One entity of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What is being done.
    pub phase: Phase,
    /// When its enumeration began.
    #[serde(default)]
    pub started_at: Instant,
    /// When its enumeration was complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_at: Option<Instant>,
    /// Records that the system listed.
    #[serde(default)]
    pub listed: u64,
    /// Records that were listed and not known here.
    #[serde(default)]
    pub missing: u64,
    /// Records that are known and that the list shows differently.
    #[serde(default)]
    pub differing: u64,
    /// Of both, those that had changed well before the sweep and should have arrived by then: gaps that it closed.
    #[serde(default)]
    pub gaps: u64,
    /// Records that the list shows and that cannot be understood; dead letters say why.
    #[serde(default)]
    pub unreadable: u64,
    /// Records known here as being there.
    #[serde(default)]
    pub known: u64,
    /// Known records that were not listed.
    #[serde(default)]
    pub absent: u64,
    /// Of these, the ones that the system says were deleted.
    #[serde(default)]
    pub deleted: u64,
    /// And the ones of which it says nothing: not visible, which is never taken for deleted.
    #[serde(default)]
    pub not_visible: u64,
    /// Whether the deletes wait for a person, because they are out of proportion.
    #[serde(default)]
    pub braked: bool,
    pub(super) cursor: Option<Cursor>,
    pub(super) seen_pages: u64,
    pub(super) absent_pages: u64,
    pub(super) gone_pages: u64,
}

/// What is being done for an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The system lists its records.
    #[default]
    List,
    /// What is known here is compared with the list.
    Absent {
        /// Where the list of records goes on.
        after: Option<String>,
    },
    /// What was not listed is read by id.
    Read {
        /// The page of absent ids that comes next.
        at: u64,
    },
    /// What was deleted is taken in, or stopped.
    Take {
        /// The page of tombstones that comes next.
        at: u64,
    },
    /// It is through.
    Done,
}

impl Sweep {
    pub(super) fn begin(connection: &Connection, before: Option<&Self>, now: Instant) -> Self {
        let entities = connection.context.mappings.keys().map(|entity| (*entity, Part::default())).collect();
        Self { started_at: now, finished_at: None, first: before.is_none(), again: false, moved_at: now, entities }
    }
    /// Records that were listed so far.
    pub fn listed(&self) -> u64 {
        self.entities.values().map(|part| part.listed).sum()
    }
    /// Records that were taken in because they were missing here or differed.
    pub fn taken_in(&self) -> u64 {
        self.entities.values().map(|part| part.missing + part.differing).sum()
    }
}
