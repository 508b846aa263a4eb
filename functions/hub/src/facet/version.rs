//! One version of an external record: what it changed, and how we know.

use super::{ByField, Hash};
use concord_connector::{Field, Instant, SourceVersion, Value, snapshot::Presence};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};

/// Clocks that differ by less are right.
pub(crate) const SLACK: Duration = Duration::from_secs(2);

/// The place of a version: by source version, then by when its read started (of a receipt: when its write started), then
/// by content. Vendors count versions as coarsely as in whole seconds: an edit that was read before a write began stands
/// before it although both have one version, and what is read from then on shows what was written, or what came of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Order {
    /// The vendor's.
    pub version: SourceVersion,
    /// When the first read that showed it started; of a receipt, when the write did.
    pub read_at: Instant,
    /// Receipt or observation.
    pub sort: Sort,
    /// Breaks ties.
    pub content: Hash,
}

/// How a version became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// We wrote it.
    Receipt,
    /// We read it.
    Seen,
}

/// One version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its place.
    pub order: Order,
    /// When the last read that showed the same content under the same source version started.
    pub last_read: Instant,
    /// The vendor's modified time of the record as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Instant>,
    /// The fields that differ from the version before (of a receipt: the fields that were written).
    #[serde(default, skip_serializing_if = "ByField::is_empty")]
    pub diff: ByField<Option<Value>>,
    /// Mapped fields that this read did not show although an earlier one did.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub absent: BTreeSet<Field>,
    /// When fields of `diff` were edited, where the vendor says so.
    #[serde(default, skip_serializing_if = "ByField::is_empty")]
    pub times: ByField<Instant>,
    /// Fields of `diff` that show a value which we were about to write: our write, whose receipt is missing.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ours: BTreeSet<Field>,
    /// Of fields of `diff`: the stamp of the golden value that our write, whose receipt is missing, carried there. The field
    /// shows it, or was edited on top of it.
    #[serde(default, skip_serializing_if = "ByField::is_empty")]
    pub stamps: ByField<Instant>,
    /// Of a receipt: the hash of the golden value that each field stands for, and its stamp.
    #[serde(default, skip_serializing_if = "ByField::is_empty")]
    pub wrote: ByField<(Hash, Instant)>,
    /// There or gone, where this version says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<Presence>,
}

/// What a version was taken for the first to show, until an earlier one turned out to show it too.
pub(super) struct Brought {
    pub(super) field: Field,
    /// It was our write.
    pub(super) ours: bool,
    /// Its exact time.
    pub(super) time: Option<Instant>,
    /// The stamp that it had, or was edited on top of.
    pub(super) stamp: Option<Instant>,
}

impl Version {
    /// The value that a field has after this version, given the one before; `None` where this version does not show it.
    pub(super) fn shows(&self, field: &Field, before: Option<&Option<Value>>) -> Option<Option<Value>> {
        match self.diff.get(field) {
            Some(value) => Some(value.clone()),
            None if self.order.sort == Sort::Receipt || self.absent.contains(field) => None,
            None => before.cloned(),
        }
    }
    /// This version turned out to be the first that showed a value of which a later one had been known already. Whose it was
    /// was decided then: by now the same value may be wanted there because somebody had edited it.
    pub(super) fn shown_first(&mut self, Brought { field, ours, time, stamp }: Brought) {
        if self.order.sort == Sort::Receipt || !self.diff.contains_key(&field) {
            return;
        }
        if let Some(time) = time {
            self.times.entry(field.clone()).and_modify(|known| *known = time.min(*known)).or_insert(time);
        }
        match stamp {
            Some(stamp) => drop(self.stamps.insert(field.clone(), stamp)),
            None => drop(self.stamps.remove(&field)),
        }
        if ours {
            self.ours.insert(field);
        } else {
            self.ours.remove(&field);
        }
    }
    /// Of a receipt: how far the vendor's clock was behind ours, at most; `None` when it was not.
    pub(super) fn behind(&self) -> Option<Duration> {
        let modified = self.modified?;
        (end_of_grain(modified).plus(SLACK) < self.order.read_at).then(|| self.last_read.since(modified))
    }
    /// An upper bound of when an edit that this version brought was made.
    pub(super) fn edited_by(&self) -> Instant {
        self.modified.map_or(self.order.read_at, |modified| end_of_grain(modified).min(self.order.read_at))
    }
    /// A lower bound of when this version came about; of a delete the careful one, because an edit elsewhere that may be
    /// later than it is a question for a person.
    pub(super) fn not_before(&self) -> Instant {
        self.modified.map_or(self.order.read_at, |modified| modified.min(self.order.read_at))
    }
    /// When the edit of a field was made, and whether exactly then. A time that an event told is no later than the bound:
    /// by then a delivery may have carried the value elsewhere, stamped with the bound, and somebody may have edited on top
    /// of it. A better known time only ever goes back, so that such an edit stays the later one.
    pub(super) fn edited_at(&self, field: &Field) -> (Instant, bool) {
        let bound = self.edited_by();
        self.times.get(field).map_or((bound, false), |exact| ((*exact).min(bound), true))
    }
}

/// The last moment that a modified time can stand for: many vendors round it down to the second.
fn end_of_grain(modified: Instant) -> Instant {
    if modified.ms().rem_euclid(1000) == 0 { Instant::from_ms(modified.ms().saturating_add(999)) } else { modified }
}
