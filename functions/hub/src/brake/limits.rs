//! What is out of proportion.

use super::Kind;
use std::{collections::BTreeMap, time::Duration};

/// How long a wave is counted for when nobody says.
const WINDOW: Duration = Duration::from_secs(3600);

/// The limits of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brake {
    /// How long changes are counted together.
    pub window: Duration,
    /// By kind; a kind without limits never stops.
    pub limits: BTreeMap<Kind, Limit>,
}

/// A wave stops when it has more than `at_least` records and either more than `share` per cent of all, or more than `most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So many never stop, however few records there are in all.
    pub at_least: u64,
    /// Per cent of the connection's records.
    pub share: u64,
    /// More than so many always stop.
    pub most: u64,
}

impl Default for Brake {
    /// Deletes, emptied fields and what a configuration causes are braked. Edits and creates by people and systems are not:
    /// a bulk edit, an import and a first sync are what a hub is for, and cannot be told from an accident by their number.
    fn default() -> Self {
        let limits = [
            (Kind::Deletes, Limit { at_least: 10, share: 10, most: 1_000 }),
            (Kind::Clears, Limit { at_least: 100, share: 25, most: 10_000 }),
            (Kind::Configured, Limit { at_least: 200, share: 25, most: 10_000 }),
        ];
        Self { window: WINDOW, limits: BTreeMap::from(limits) }
    }
}

impl Brake {
    /// A brake that never stops anything.
    pub fn off() -> Self {
        Self { window: WINDOW, limits: BTreeMap::new() }
    }
    /// The limit of a kind.
    pub fn limit(&self, kind: Kind) -> Option<&Limit> {
        self.limits.get(&kind)
    }
}

impl Limit {
    /// Whether that many of so many are too many.
    pub fn exceeded(&self, count: u64, of: u64) -> bool {
        let share = u128::from(count) * 100 > u128::from(of) * u128::from(self.share);
        count > self.at_least && (count > self.most || share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_needs_a_number_and_a_number_alone_is_enough() {
        let limit = Limit { at_least: 10, share: 10, most: 1000 };
        assert!(!limit.exceeded(10, 10), "all of ten records are ten");
        assert!(limit.exceeded(11, 11));
        assert!(limit.exceeded(11, 109));
        assert!(!limit.exceeded(11, 110), "exactly a tenth");
        assert!(!limit.exceeded(1000, 1_000_000));
        assert!(limit.exceeded(1001, 1_000_000));
    }

    #[test]
    fn edits_and_creates_are_not_braked_unless_somebody_says_so() {
        let brake = Brake::default();
        let braked: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| brake.limit(*kind).is_some()).collect();
        assert_eq!(braked, [Kind::Deletes, Kind::Clears, Kind::Configured]);
        assert!(Brake::off().limits.is_empty());
    }
}
