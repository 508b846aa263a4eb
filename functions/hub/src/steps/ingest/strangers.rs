//! Strangers: who is refused too often is not listened to for a while, before anything is computed for them.

use concord_connector::Instant;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// So many refusals at once are forgiven, per source: a vendor whose secret was just changed has a burst of them.
const BURST: u32 = 100;
/// And one more every so many milliseconds.
const REFILL_MS: u64 = 200;
/// Sources that are remembered; beyond it the one that was refused longest ago is forgotten.
const SOURCES: usize = 4096;

/// Refusals by source, as buckets that empty with time. Its size is bounded whoever knocks.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<BTreeMap<String, Bucket>>);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    refusals: u32,
    since: Instant,
}

impl Bucket {
    /// What is left of the refusals by now; the remainder of the time is kept.
    fn at(self, now: Instant) -> Self {
        let passed = u64::try_from(now.since(self.since).as_millis()).unwrap_or(u64::MAX) / REFILL_MS;
        let refusals = u64::from(self.refusals).saturating_sub(passed);
        let since =
            if refusals == 0 { now } else { self.since.plus(std::time::Duration::from_millis(passed * REFILL_MS)) };
        Self { refusals: u32::try_from(refusals).unwrap_or(u32::MAX), since }
    }
}

impl Strangers {
    /// Whether a source has used up what is forgiven.
    pub(crate) fn are_barred(&self, source: &str, now: Instant) -> bool {
        let buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get(source).is_some_and(|bucket| bucket.at(now).refusals >= BURST)
    }

    /// Notes that a source was refused.
    pub(crate) fn refused(&self, source: String, now: Instant) {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= SOURCES && !buckets.contains_key(&source) {
            let oldest = buckets.iter().min_by_key(|(_, bucket)| bucket.since).map(|(name, _)| name.clone());
            oldest.and_then(|oldest| buckets.remove(&oldest));
        }
        let bucket = buckets.entry(source).or_insert(Bucket { refusals: 0, since: now });
        *bucket = bucket.at(now);
        bucket.refusals += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_source_is_barred_after_a_burst_and_listened_to_again_after_a_moment() {
        let strangers = Strangers::default();
        let start = Instant::from_ms(1_000_000);
        for _ in 0..BURST {
            assert!(!strangers.are_barred("192.0.2.1", start));
            strangers.refused("192.0.2.1".into(), start);
        }
        assert!(strangers.are_barred("192.0.2.1", start));
        assert!(!strangers.are_barred("192.0.2.2", start), "neighbours are not");
        let later = start.plus(Duration::from_millis(REFILL_MS));
        assert!(!strangers.are_barred("192.0.2.1", later));
        strangers.refused("192.0.2.1".into(), later);
        assert!(strangers.are_barred("192.0.2.1", later), "one refusal more was forgiven, not a burst");
        assert!(!strangers.are_barred("192.0.2.1", start.plus(Duration::from_secs(3600))));
    }

    #[test]
    fn what_is_remembered_of_strangers_is_bounded() {
        let strangers = Strangers::default();
        for number in 0..2 * SOURCES as i64 {
            strangers.refused(format!("source {number}"), Instant::from_ms(number));
        }
        assert_eq!(strangers.0.lock().unwrap().len(), SOURCES);
    }
}
