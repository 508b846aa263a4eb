//! A signal: something about an external record may have changed. It says where to look, never what to write.

use crate::{ExternalId, Snapshot, schema::Entity, time::Instant};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// What the sender said happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// Look at it.
    Changed,
    /// The vendor's own delete event.
    Deleted,
    /// It was merged into another record, which lives on.
    MergedInto(ExternalId),
    /// An asynchronous job at the vendor got on: the id is the job's.
    Advanced,
    /// Events were lost: everything of this entity since that time has to be looked at.
    Gap,
}

/// One field's edit as an event reported it; used for its time only, and only where a read shows the same value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Edit {
    /// The JSON pointer of the vendor's field, as mappings write it.
    pub pointer: String,
    /// The value that the event carried.
    pub value: Json,
    /// When it was edited, by the vendor's clock.
    pub at: Instant,
}

/// How the key of a signal begins that cannot be told from another one: it is never taken for a replay.
pub const UNNAMED: &str = "unnamed:";

/// How the id begins of something that is known by a purchase token alone. The token is resolved once; what it stands for
/// has an id of its own.
pub const TOKEN: &str = "token:";

/// One signal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Signal {
    /// Names the delivery: equal for a vendor's retry of the same event, different for another event. It begins with
    /// [`UNNAMED`] where an event says nothing by which two of them could be told apart.
    pub key: String,
    /// The kind of thing.
    pub entity: Entity,
    /// Which one; empty for a gap.
    pub id: ExternalId,
    /// What was said to have happened.
    pub happened: Happened,
    /// When, by the vendor's clock.
    pub at: Instant,
    /// Field edits that the event reported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edit>,
    /// The whole record as the event showed it, where its version grows strictly with every change: it needs not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<Snapshot>>,
}

impl Signal {
    /// Whether a second signal of the same key is the same one, sent again.
    pub fn is_named(&self) -> bool {
        !self.key.starts_with(UNNAMED)
    }
    /// A plain "look here".
    pub fn changed(key: impl Into<String>, entity: Entity, id: impl Into<ExternalId>, at: Instant) -> Self {
        Self {
            key: key.into(),
            entity,
            id: id.into(),
            happened: Happened::Changed,
            at,
            edits: Vec::new(),
            record: None,
        }
    }
}
