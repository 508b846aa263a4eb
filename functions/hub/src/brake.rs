//! The mass-change brake: a wave of changes that is out of proportion stops, and a person is asked with the plan shown.
//!
//! Waves are counted by connection, direction and kind, in records and per window of time. A wave that is *from* a
//! connection stops before it becomes part of golden records, one that goes *to* a connection before it is written there.
//! What stops is kept item by item; everything else goes on. An approved wave goes on exactly: what has changed since is
//! asked about anew. A rejected one leaves things as they are.

mod drain;
mod held;
mod ledger;
mod limits;

pub(crate) use drain::{decide, drain};
pub use held::{Held, What, members};
pub(crate) use held::{hold, passes};
pub use ledger::{Plan, Sample};
pub use limits::{Brake, Limit};

use crate::settings::Connection;
use concord_connector::{ConnectionName, snapshot::Presence};
use serde::{Deserialize, Serialize};

/// Which way a wave goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From a connection into golden records.
    From,
    /// From golden records to a connection.
    To,
}

/// What a wave is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Records are deleted or taken out of use.
    Deletes,
    /// Fields that held something are emptied.
    Clears,
    /// Records change because the configuration did.
    Configured,
    /// Records are made.
    Creates,
    /// Anything else.
    Updates,
}

impl Direction {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::From => "from",
            Self::To => "to",
        }
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Deletes, Self::Clears, Self::Configured, Self::Creates, Self::Updates];
    /// Its name in configuration and keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deletes => "deletes",
            Self::Clears => "clears",
            Self::Configured => "configured",
            Self::Creates => "creates",
            Self::Updates => "updates",
        }
    }
    /// In a sentence: `delete 12 records`.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Deletes => "delete",
            Self::Clears => "empty fields of",
            Self::Configured => "change, because the configuration did,",
            Self::Creates => "create",
            Self::Updates => "change",
        }
    }
}

/// Which wave is meant.
#[derive(Clone, Copy)]
pub(crate) struct Wave<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) direction: Direction,
    pub(crate) kind: Kind,
}

/// Which wave is meant, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WaveName {
    /// The connection.
    pub connection: ConnectionName,
    /// From it or to it.
    pub direction: Direction,
    /// What it is made of.
    pub kind: Kind,
}

impl Wave<'_> {
    pub(crate) fn name(&self) -> WaveName {
        WaveName { connection: self.connection.name.clone(), direction: self.direction, kind: self.kind }
    }
    pub(crate) fn limit(&self) -> Option<&Limit> {
        self.connection.brake.limit(self.kind)
    }
}

/// What the brake says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// In proportion.
    Go,
    /// Keep it: a person is asked.
    Stop,
}

/// The kind of a change that a connection shows; `None` for what is new here, which is no change of anything.
pub(crate) fn observed(facet: &crate::facet::Facet, was_live: bool, was_unseen: bool) -> Option<Kind> {
    if was_unseen {
        return None;
    }
    let newest = facet.versions().last()?;
    match (&newest.presence, was_live) {
        (Some(Presence::Deleted), true) => return Some(Kind::Deletes),
        // Who was merged lives on in the winner.
        (Some(Presence::Deleted | Presence::MergedInto(_)), _) => return None,
        _ => {}
    }
    Some(if newest.diff.values().any(Option::is_none) { Kind::Clears } else { Kind::Updates })
}
