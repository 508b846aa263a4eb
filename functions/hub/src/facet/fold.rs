//! The fold: from versions to `held` and `said`.

use super::{ByField, Hash, Sort, Version};
use concord_connector::{Field, Instant, Value, snapshot::Presence};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What somebody edited there last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The value; empty is a claim too, but for a baseline.
    pub value: Option<Value>,
    /// When it was edited; `None` for the baseline, which is older than every edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Instant>,
    /// Where only a range is known: the edit is later than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Instant>,
}

/// One field of a facet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The value there now.
    pub held: Option<Value>,
    /// What `held` stands for, when it is how the vendor stored our write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_of: Option<Hash>,
    /// The golden stamp of our last write of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Instant>,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
    /// Of a list: when each element was last added (true) or removed (false) by somebody there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elements: Vec<(Value, bool, Option<Instant>)>,
    /// Of an amount: the sum of all changes that people made there, in minor units, and the baseline.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub delta: i64,
    /// The first value ever seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Value>,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// What the versions of an external record amount to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The fields that were ever seen or written.
    #[serde(default)]
    pub cells: ByField<Cell>,
    /// There or gone.
    #[serde(default)]
    pub presence: Presence,
    /// When it was said to be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<Instant>,
    /// When the last version that people could have edited on was current, for ranges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen_at: Option<Instant>,
    /// The newest folded place, so that older versions are known to be too old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) folded: Option<super::Order>,
}

impl View {
    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.folded.is_none()
    }
    /// The value there now; `None` when the field was never seen.
    pub fn held(&self, field: &Field) -> Option<&Option<Value>> {
        self.cells.get(field).map(|cell| &cell.held)
    }
    /// What was said of a field.
    pub fn said(&self, field: &Field) -> Option<&Said> {
        self.cells.get(field).and_then(|cell| cell.said.as_ref())
    }

    /// Adds the next version.
    pub(super) fn fold(&mut self, version: &Version) {
        match version.order.sort {
            Sort::Receipt => self.fold_receipt(version),
            Sort::Seen => self.fold_seen(version),
        }
        if let Some(presence) = &version.presence {
            self.gone_at = (*presence != Presence::Live).then(|| version.not_before());
            self.presence = presence.clone();
        }
        self.seen_at = Some(version.last_read.min(version.modified.unwrap_or(Instant::MAX)));
    }

    fn fold_receipt(&mut self, version: &Version) {
        for (field, value) in &version.diff {
            let wrote = version.wrote.get(field);
            // What a record that was just made shows and we did not write is what a first read of it would have shown.
            let new = || if wrote.is_none() { Cell::baseline(value.clone()) } else { Cell::default() };
            let cell = self.cells.entry(field.clone()).or_insert_with(new);
            cell.held.clone_from(value);
            match wrote {
                Some((golden, stamp)) => {
                    cell.image_of = Some(*golden).filter(|_| !left_out!(NoImage));
                    cell.stamp = Some(cell.stamp.map_or(*stamp, |earlier| earlier.max(*stamp)));
                }
                None => cell.image_of = None,
            }
        }
    }

    fn fold_seen(&mut self, version: &Version) {
        for (field, value) in &version.diff {
            let stamp = version.stamps.get(field).copied();
            let Some(cell) = self.cells.get_mut(field) else {
                let first = if version.ours.contains(field) {
                    Cell { held: value.clone(), baseline: value.clone(), stamp, ..Cell::default() }
                } else if let Some(under) = stamp.filter(|_| !left_out!(NoStamp)) {
                    let mut first = Cell { stamp, ..Cell::default() };
                    let at = version.edited_at(field).0.max(Instant::from_ms(under.ms() + 1));
                    first.edited(value, at, None);
                    Cell { held: value.clone(), ..first }
                } else {
                    let mut first = Cell::baseline(value.clone());
                    if let Some(said) = first.said.as_mut().filter(|_| left_out!(BaselineIsEdit)) {
                        said.at = Some(version.last_read);
                    }
                    first
                };
                self.cells.insert(field.clone(), first);
                continue;
            };
            // Whether it shows our write or came on top of it: that write is older.
            cell.stamp = cell.stamp.max(stamp);
            if !version.ours.contains(field) {
                let (mut at, exact) = version.edited_at(field);
                // Whoever edits on top of a value wins over it, whatever the clocks say.
                if let Some(stamp) = cell.stamp.filter(|_| !left_out!(NoStamp)) {
                    at = at.max(Instant::from_ms(stamp.ms() + 1));
                }
                let after = if exact { None } else { self.seen_at.filter(|seen| *seen < at) };
                cell.edited(value, at, after);
            }
            cell.held.clone_from(value);
            cell.image_of = None;
        }
    }
}

impl Cell {
    fn baseline(value: Option<Value>) -> Self {
        let elements = match &value {
            Some(Value::List(elements)) => elements.iter().map(|element| (element.clone(), true, None)).collect(),
            _ => Vec::new(),
        };
        // A baseline null says nothing.
        let said = value.clone().map(|value| Said { value: Some(value), at: None, after: None });
        Self { held: value.clone(), said, elements, baseline: value, ..Self::default() }
    }

    fn edited(&mut self, value: &Option<Value>, at: Instant, after: Option<Instant>) {
        let list = |value: &Option<Value>| match value {
            Some(Value::List(elements)) => Arc::clone(elements),
            _ => Arc::default(),
        };
        let (old, new) = (list(&self.held), list(value));
        for element in old.iter().filter(|element| !new.contains(element)) {
            self.mark(element, false, at);
        }
        for element in new.iter().filter(|element| !old.contains(element)) {
            self.mark(element, true, at);
        }
        if let (Some(Value::Money(new)), Some(Value::Money(old))) = (value, &self.held)
            && new.currency == old.currency
        {
            self.delta = self.delta.saturating_add(new.minor.saturating_sub(old.minor));
        }
        self.said = Some(Said { value: value.clone(), at: Some(at), after });
    }

    fn mark(&mut self, element: &Value, there: bool, at: Instant) {
        match self.elements.iter_mut().find(|(known, ..)| known == element) {
            Some(entry) => *entry = (element.clone(), there, Some(at)),
            None => {
                self.elements.push((element.clone(), there, Some(at)));
                self.elements.sort();
            }
        }
    }
}
