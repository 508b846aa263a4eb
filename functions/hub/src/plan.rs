//! Plans: each vendor write that is to be made, with its reason and its cost, before it is made; and making exactly those.
//!
//! [`make`] looks at records and says what would be written: at a connection in mode `observe` what mode `sync` would
//! write, at one in mode `sync` what is open. It writes nothing. [`keep`] stores a plan under its id, a digest of its
//! content; [`kept`] reads it back. [`apply`] compares the plan with the world, refuses with everything that moved when
//! anything did, and else approves the planned writes in their records ([`crate::record::Approval`]). They then travel the
//! normal path - wants and creates, deliveries with all their guards, receipts - and a connection that only observes is
//! written nothing but them. [`carry_out`] delivers them at once where nobody else does (an idle folder); [`standing`] says
//! how far they are.
//!
//! Whoever holds a connection back until a person agrees (a brake on mass changes) makes a plan of that connection, keeps
//! it, names it in the question, and lets pass only what an approval covers, as `deliver` does for connections that
//! observe ([`crate::record::Record::approves`]). The decision of one record's writes, without any I/O, is
//! [`look::look`]; the count of a wave is [`Share`].

mod apply;
mod cost;
mod digest;
pub mod look;
mod make;
mod shelf;
mod standing;
mod text;

pub use apply::{Applied, apply};
pub use cost::{Cost, Costs};
pub use digest::{Moved, compare, digest};
pub(crate) use make::referred;
pub use make::{Asked, MOST, make};
pub use shelf::{keep, kept};
pub use standing::{Progress, Standing, carry_out, standing};

use crate::{facet::Hash, settings::Mode, views::When};
use concord_connector::{ConnectionName, Entity, ExternalId, Field, RecordId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What would be written, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The digest of configuration, writes and conflicts: two plans of one id say the same.
    pub id: String,
    /// When it was made.
    pub made_at: When,
    /// The configuration that it was made under.
    pub configuration: u64,
    /// Per connection: how much, and what it costs.
    pub connections: BTreeMap<ConnectionName, Share>,
    /// Each write, in the order of records.
    pub writes: Vec<PlannedWrite>,
    /// Where systems disagree and the plan decides against one of them, or nobody has decided.
    pub conflicts: Vec<Conflict>,
    /// False when there is more than one plan holds.
    pub complete: bool,
}

/// A connection's part of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Whether the engine may write there without a person's approval.
    pub mode: Mode,
    /// External records to be made.
    pub creates: u64,
    /// External records to be changed.
    pub updates: u64,
    /// External records to be taken out of use or deleted.
    pub removals: u64,
    /// Writes that a plan cannot make, because something stands in their way.
    pub held_back: u64,
    /// Conflicts.
    pub conflicts: u64,
    /// What the writes cost in calls.
    pub cost: Cost,
}

/// What happens to an external record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// Fields of it are changed.
    Update,
    /// It is taken out of use.
    Archive,
    /// It is deleted.
    Delete,
}

impl Action {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Archive => "archive",
            Self::Delete => "delete",
        }
    }
}

/// One write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedWrite {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub entity: Entity,
    /// Its version.
    pub version: u64,
    /// Where to.
    pub connection: ConnectionName,
    /// What to do.
    pub action: Action,
    /// The external record; `None` where it is to be made.
    pub external: Option<ExternalId>,
    /// The values, in the order of field names.
    pub fields: Vec<PlannedField>,
    /// Why, in a sentence.
    pub because: String,
    /// Records that have to be there first; fields that refer to them follow when they are.
    pub waits_for: BTreeSet<RecordId>,
    /// Why the write cannot be made by a plan, when it cannot.
    pub held_back: Option<String>,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedField {
    /// The field.
    pub field: Field,
    /// What is there now, as people read it; `None` is empty.
    pub now: Option<String>,
    /// What is to be there.
    pub then: Option<String>,
    /// Whose word it is, when it was said and which rule let it win.
    pub because: String,
    /// Hash of what is there now.
    pub held: Hash,
    /// Hash of the golden value.
    pub golden: Hash,
    /// Hash of what the external record will show.
    pub image: Hash,
}

/// A disagreement that the plan touches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub entity: Entity,
    /// At which connection.
    pub connection: ConnectionName,
    /// Of which field.
    pub field: Field,
    /// What disagrees and what comes of it, in a sentence.
    pub sentence: String,
}

impl Plan {
    /// The writes that applying the plan makes.
    pub fn makes(&self) -> impl Iterator<Item = &PlannedWrite> {
        self.writes.iter().filter(|write| write.held_back.is_none())
    }
    /// Requests to vendors, all connections together.
    pub fn calls(&self) -> u64 {
        self.connections.values().map(|share| share.cost.calls).sum()
    }
}
