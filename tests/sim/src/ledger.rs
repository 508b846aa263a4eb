//! The ledger: every edit that people made, as the systems showed it, kept apart from the hub.

use crate::plan::Plan;
use concord_connector::{Entity, Field, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Names a record at a connection; records that people set values of in Concord are at `concord`.
pub type Place = (String, String);

/// An edit of one field.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Where.
    pub place: Place,
    /// When, by the true clock.
    pub at: i64,
    /// What was shown before.
    pub saw: Option<Value>,
    /// What is shown after.
    pub value: Option<Value>,
    /// Made with the record.
    pub first: bool,
    /// Made when the record was known already: until then all of it counts as there from the beginning.
    pub known: bool,
}

/// What is known of one thing.
#[derive(Clone, Debug, Default)]
pub struct Thing {
    /// Edits by field, in the order in which they were made.
    pub edits: BTreeMap<Field, Vec<Edit>>,
    /// Records that people made.
    pub made: Vec<(i64, Place)>,
    /// Records that people deleted or merged away.
    pub gone: BTreeMap<Place, i64>,
    /// Why its identity is a matter of opinion, when it is: then it is only asked who wrote what.
    pub muddled: Option<&'static str>,
    /// Poisoned: at which places a value cannot be read.
    pub poisoned: BTreeSet<Place>,
}

/// Everything that people did.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// By number of the thing.
    pub things: Vec<Thing>,
    /// Things that were joined are one: the smaller number of each.
    pub joined: BTreeMap<usize, usize>,
}

impl Ledger {
    /// Whether people deleted or merged a company away: its people and deals go with it, where a system does that.
    pub fn company_went(&self, plan: &Plan) -> bool {
        let mut known = plan.things.iter().zip(&self.things);
        known.any(|(entity, known)| *entity == Entity::Organization && !known.gone.is_empty())
    }
}

/// When an edit was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// With the record.
    First,
    /// Before the hub knew of the record.
    Unknown,
    /// Afterwards.
    Known,
}

impl Thing {
    /// Notes what changed at a place, from what was shown before to what is shown after.
    pub fn note(
        &mut self,
        place: &Place,
        at: i64,
        before: &BTreeMap<Field, Option<Value>>,
        after: &BTreeMap<Field, Option<Value>>,
        made: Made,
    ) {
        for (field, value) in after {
            let saw = before.get(field).cloned().flatten();
            if saw != *value {
                let (first, known) = (made == Made::First, made == Made::Known);
                let edit = Edit { place: place.clone(), at, saw, value: value.clone(), first, known };
                self.edits.entry(field.clone()).or_default().push(edit);
            }
        }
    }
}

/// Edits that no other of them was made on top of: who edits what is shown has seen it, and so has who edits the same
/// record later. A value that several edits share tells nothing.
pub fn heads<'a>(edits: &[&'a Edit]) -> Vec<&'a Edit> {
    let many = edits.len();
    let mut under = vec![false; many];
    for (at, edit) in edits.iter().enumerate() {
        for (other_at, other) in edits.iter().enumerate() {
            if at == other_at {
                continue;
            }
            let same_record = edit.place == other.place && at < other_at;
            let unique = edit.value.is_some() && edits.iter().filter(|one| one.value == edit.value).count() == 1;
            let seen = unique && other.saw == edit.value && other.at >= edit.at;
            // What is made with a record is older than every edit.
            let older = edit.first && other.known;
            under[at] |= same_record || seen || older;
        }
    }
    edits.iter().zip(under).filter(|(_, under)| !under).map(|(edit, _)| *edit).collect()
}
