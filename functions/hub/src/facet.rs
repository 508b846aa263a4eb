//! A facet: what one external record holds and what was said there, kept inside its golden record.
//!
//! Two cells per field. `held` is the value there now, whoever put it there; `said` is the last value that somebody
//! *edited* there. A delivery never touches `said`. Both are a fold over the last versions of the external record, so
//! that the order in which observations arrive does not matter.

mod apply;
mod cached;
mod fold;
mod hash;
mod landed;
mod place;
mod version;
mod whose;

pub use apply::Applied;
pub use fold::{Cell, Said, View};
pub use hash::{Hash, hash};
pub use landed::Landed;
pub(crate) use version::SLACK;
pub use version::{Order, Sort, Version};

use concord_connector::{
    ConnectionName, ExternalId, Field, Instant, RecordId, SourceVersion, key::Key, snapshot::Presence,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How many versions of an external record are kept one by one; older ones are folded into a base.
pub const VERSIONS: usize = 32;
/// How many unacknowledged wants a facet keeps; beyond it the oldest two become one.
pub const WANTS: usize = 8;

/// Something of each of some fields, in one piece of memory: a record holds dozens of such maps, most of one field or two, and
/// a hub holds many records.
pub type ByField<T> = litemap::LiteMap<Field, T>;

/// What comes in the order of its fields, each once, as a map.
pub(crate) fn in_order<T>(each: impl Iterator<Item = (Field, T)>) -> ByField<T> {
    let each: Vec<(Field, T)> = each.collect();
    debug_assert!(each.is_sorted_by(|(one, _), (next, _)| one < next), "the order of fields is asked for by halves");
    ByField::from_sorted_store_unchecked(each)
}

/// Names an external record (of its golden record's entity).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Link {
    /// The connection.
    pub connection: ConnectionName,
    /// The id there.
    pub id: ExternalId,
}

impl std::fmt::Display for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.connection, self.id)
    }
}

/// What a commit decided that the external record should hold, and no receipt has covered yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// The record's version that decided it.
    pub version: u64,
    /// When it was decided, by the hub's clock.
    pub at: Instant,
    /// Whether the configuration brought it about, and nobody's change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub configured: bool,
    /// Whether a create was sent with it: what the record shows otherwise was edited there since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sent: bool,
    /// Per field: the hash of the image that the external record will show.
    pub fields: ByField<Hash>,
    /// Per field: the stamp of the golden value that this is the image of. Whoever edits on top of it is later.
    #[serde(default, skip_serializing_if = "ByField::is_empty")]
    pub stamps: ByField<Instant>,
    /// Fields that something else is to show by now, where no write lands on what it did not see: who edited such a field
    /// since, and then types this very value, has said so.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub withdrawn: BTreeSet<Field>,
    /// Fields of which somebody's edit was read while this was to be there all the same, with the beginning of that read: it
    /// may have been written over that edit.
    #[serde(default, skip_serializing_if = "ByField::is_empty")]
    pub outlived: ByField<Instant>,
}

impl Want {
    /// Whether it is of a field that is to show something else by now.
    pub fn is_withdrawn(&self, field: &Field) -> bool {
        self.withdrawn.contains(field)
    }
}

/// The last acknowledged write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastWrite {
    /// When its answer had arrived.
    pub ended_at: Instant,
    /// The external record's version after it.
    pub version: SourceVersion,
    /// Its place among the versions, where that is later: the vendor's clock had been set back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands_at: Option<SourceVersion>,
}

/// Who decided something, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Who, as they are known where they decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When.
    pub at: Instant,
    /// Whether it was taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.by.as_deref().unwrap_or("nobody said who"))?;
        self.why.as_ref().map_or(Ok(()), |why| write!(f, ": \"{why}\""))
    }
}

/// What a person decided about the identity of an external record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// It is the same thing as the other external records that bear this pin.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub join: BTreeSet<String>,
    /// It is not the same thing as these (by the home of their facets).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub apart: BTreeSet<RecordId>,
    /// Who decided that, and why: by pin, or by the home that it is kept apart from.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, Note>,
}

fn is_bare(view: &View) -> bool {
    view.is_empty()
}

/// One external record, as its golden record knows it.
///
/// Versions are shared between copies: a record is copied in every step that changes it, and each changes one version or two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facet {
    /// Which external record.
    pub link: Link,
    /// The record that it belongs to when nothing joins it to another: facets of one home are never parted.
    pub home: RecordId,
    /// Versions that were folded.
    #[serde(default, skip_serializing_if = "is_bare")]
    base: Arc<View>,
    /// The last versions, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    versions: Vec<Arc<Version>>,
    /// Their fold.
    #[serde(skip)]
    folded: cached::Cached,
    /// What is on its way there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wants: Vec<Want>,
    /// The vendor's change token as of the newest version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The last acknowledged write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<LastWrite>,
    /// Keys that the system stores for other connections' records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Key>,
    /// What people decided about its identity.
    #[serde(default)]
    pub pins: Pins,
    /// When fields were written back although nobody edited them elsewhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reverts: BTreeMap<Field, Vec<Instant>>,
    /// Fields that are no longer written there until a person decides.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub parked: BTreeSet<Field>,
    /// Of Concord's own facet: who said a field's value, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<Field, Note>,
}

impl Facet {
    /// A facet that nothing was observed of yet.
    pub fn unseen(link: Link, home: RecordId) -> Self {
        Self {
            link,
            home,
            base: Arc::default(),
            versions: Vec::new(),
            folded: cached::Cached::default(),
            wants: Vec::new(),
            revision: None,
            written: None,
            keys: Vec::new(),
            pins: Pins::default(),
            reverts: BTreeMap::new(),
            parked: BTreeSet::new(),
            notes: BTreeMap::new(),
        }
    }
    /// Whether nothing was observed of it and nothing written yet.
    pub fn is_unseen(&self) -> bool {
        self.versions.is_empty() && self.base.is_empty()
    }
    /// `held`, `said` and presence: the fold over all versions.
    pub fn view(&self) -> &View {
        self.folded.get(|| self.view_before(self.versions.len()))
    }
    /// Whether the external record is there.
    pub fn is_live(&self) -> bool {
        let last = self.versions.iter().rev().find_map(|version| version.presence.as_ref());
        matches!(last.unwrap_or(&self.base.presence), Presence::Live)
    }
    /// Whether somebody made the external record after a moment, or it was first read after another one by our clock.
    pub(crate) fn was_made_since(&self, moment: Instant, read_at: Instant) -> bool {
        let first = self.versions.first().filter(|first| self.base.is_empty() && first.order.sort == Sort::Seen);
        let says = |cell: &Cell| cell.said.as_ref().is_some_and(|said| said.value.is_some());
        first.is_some_and(|first| first.edited_by() > moment || first.order.read_at > read_at)
            && self.view().cells.values().any(says)
    }
    /// The newest version's place in the order.
    pub fn last(&self) -> Option<&Order> {
        self.versions.last().map(|version| &version.order)
    }
    /// The newest source version seen.
    pub fn source_version(&self) -> SourceVersion {
        self.last().map_or(SourceVersion(0), |order| order.version)
    }
    /// When the facet was last confirmed by a read or a write.
    pub fn confirmed_at(&self) -> Instant {
        self.versions.last().map_or(Instant::EPOCH, |version| version.last_read)
    }
    /// The kept versions, oldest first.
    pub fn versions(&self) -> &[Arc<Version>] {
        &self.versions
    }
    /// Forgets all that was said and held of a field, as if it had never been.
    pub(crate) fn forget(&mut self, field: &Field) {
        self.folded.forget();
        Arc::make_mut(&mut self.base).cells.remove(field);
        for version in self.versions.iter_mut().map(Arc::make_mut) {
            version.diff.remove(field);
            version.absent.remove(field);
            version.times.remove(field);
            version.ours.remove(field);
            version.stamps.remove(field);
            version.wrote.remove(field);
        }
    }
    /// The version that brought what a field shows, or showed last, where that was somebody's edit.
    pub(crate) fn newest_edit(&self, field: &Field) -> Option<&Version> {
        whose::edit(&self.versions, field)
    }
    /// Whether an unacknowledged want would make a field show a value.
    pub fn wants_value(&self, field: &Field, image: &Hash) -> bool {
        self.wants.iter().any(|want| want.fields.get(field) == Some(image))
    }
    /// The stamp of the golden value of which an unacknowledged want would make a field show the image.
    pub fn wanted_stamp(&self, field: &Field, image: &Hash) -> Option<Instant> {
        let of = |want: &&Want| want.fields.get(field) == Some(image);
        self.wants.iter().filter(of).filter_map(|want| want.stamps.get(field).copied()).max()
    }
    /// Adds a want, keeping their number bounded.
    pub fn want(&mut self, want: Want) {
        self.wants.push(want);
        if self.wants.len() > WANTS {
            let oldest = self.wants.remove(0);
            for (field, hash) in oldest.fields {
                let stamp = oldest.stamps.get(&field).copied();
                let next = &mut self.wants[0];
                if next.fields.contains_key(&field) {
                    continue;
                }
                if let Some(stamp) = stamp {
                    next.stamps.insert(field.clone(), stamp);
                }
                if oldest.withdrawn.contains(&field) {
                    next.withdrawn.insert(field.clone());
                }
                if let Some(edit) = oldest.outlived.get(&field) {
                    next.outlived.insert(field.clone(), *edit);
                }
                next.fields.insert(field, hash);
            }
        }
    }
    /// Every field with an unacknowledged want.
    pub fn wanted(&self) -> BTreeSet<&Field> {
        self.wants.iter().flat_map(|want| want.fields.keys()).collect()
    }
}
