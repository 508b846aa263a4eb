//! What a connection says an external record is.

use crate::{ExternalId, Fault, Field, RecordId, Result, key::Key, schema::Entity, time::Instant, value::Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Canonical fields: `None` is "empty there", an absent field is "not said" (no permission, not requested).
pub type Fields = BTreeMap<Field, Option<Value>>;

/// A number that grows with every change of an external record, derived from the vendor's modified time or revision.
/// Comparable between observations of one external record only. A composite's version is the maximum over its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct SourceVersion(pub u64);

impl SourceVersion {
    /// From a modified time, in microseconds so that vendors with finer clocks fit the same scale.
    pub fn from_instant(modified: Instant) -> Self {
        Self(u64::try_from(modified.ms()).unwrap_or(0).saturating_mul(1000))
    }
}

/// Whether the external record is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is.
    #[default]
    Live,
    /// The vendor said that it was deleted; said, not concluded from an absence.
    Deleted,
    /// The vendor merged it into another of its records, which lives on.
    MergedInto(ExternalId),
}

/// What one read (or one delete event) says of one external record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Snapshot {
    /// The kind of thing.
    pub entity: Entity,
    /// Its id there.
    pub id: ExternalId,
    /// Orders the observations of this record.
    pub version: SourceVersion,
    /// The vendor's change token as it wrote it, for preconditions; `None` where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// When the record as a whole was last changed, by the vendor's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Instant>,
    /// The mapped fields. References are external ids of the same connection.
    pub fields: Fields,
    /// When a field was last edited, where the vendor says so per field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub field_times: BTreeMap<Field, Instant>,
    /// There or gone.
    #[serde(default)]
    pub presence: Presence,
    /// The golden record's id, where we wrote it as a marker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<RecordId>,
    /// Ids of the same thing in other connections, as this system stores them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Key>,
    /// How far the vendor's clock was behind the hub's when this was read, at most, in milliseconds; `None` where it was not,
    /// or did not say. The engine notes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind_ms: Option<u64>,
}

impl Snapshot {
    /// A live snapshot without fields.
    pub fn new(entity: Entity, id: impl Into<ExternalId>, version: SourceVersion) -> Self {
        Self {
            entity,
            id: id.into(),
            version,
            revision: None,
            modified: None,
            fields: Fields::new(),
            field_times: BTreeMap::new(),
            presence: Presence::Live,
            marker: None,
            keys: Vec::new(),
            behind_ms: None,
        }
    }
    /// The same of what a vendor showed, which may be anything.
    ///
    /// # Errors
    /// `Malformed` when it names no record: nothing of it may be taken for what a record shows.
    pub fn named(entity: Entity, id: &str, version: SourceVersion) -> Result<Self> {
        match id {
            "" => {
                Err(Fault::malformed("read", "the system's answer has no id, so it shows no record")
                    .with("entity", entity))
            }
            id => Ok(Self::new(entity, id, version)),
        }
    }
    /// The tombstone that a vendor's own delete event stands for.
    pub fn deleted(entity: Entity, id: impl Into<ExternalId>, at: Instant) -> Self {
        let mut tombstone = Self::new(entity, id, SourceVersion::from_instant(at));
        tombstone.modified = Some(at);
        tombstone.presence = Presence::Deleted;
        tombstone
    }
}
