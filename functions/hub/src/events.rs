//! What happened: one call counts and logs together.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Count {
    WebhooksAccepted,
    WebhooksRefused,
    ReplaysDropped,
    Signals,
    Observations,
    Commits,
    EchoesSuppressed,
    StaleReads,
    Merges,
    Splits,
    Deliveries,
    Creates,
    Adopted,
    Moved,
    Conflicts,
    Throttles,
    Outages,
    Refusals,
    DeadLetters,
    VendorCalls,
    Events,
    EventFailures,
    GapsClosed,
    WavesStopped,
    SignalsCovered,
}

const ALL: [(Count, &str); 25] = [
    (Count::WebhooksAccepted, "webhooks_accepted"),
    (Count::WebhooksRefused, "webhooks_refused"),
    (Count::ReplaysDropped, "replays_dropped"),
    (Count::Signals, "signals"),
    (Count::Observations, "observations"),
    (Count::Commits, "commits"),
    (Count::EchoesSuppressed, "echoes_suppressed"),
    (Count::StaleReads, "stale_reads"),
    (Count::Merges, "merges"),
    (Count::Splits, "splits"),
    (Count::Deliveries, "deliveries"),
    (Count::Creates, "creates"),
    (Count::Adopted, "adopted"),
    (Count::Moved, "moved"),
    (Count::Conflicts, "conflicts"),
    (Count::Throttles, "throttles"),
    (Count::Outages, "outages"),
    (Count::Refusals, "refusals"),
    (Count::DeadLetters, "dead_letters"),
    (Count::VendorCalls, "vendor_calls"),
    (Count::Events, "events"),
    (Count::EventFailures, "event_failures"),
    (Count::GapsClosed, "gaps_closed"),
    (Count::WavesStopped, "waves_stopped"),
    (Count::SignalsCovered, "signals_covered"),
];

/// Counters since the start, and the last delays from webhook to delivery.
#[derive(Debug, Default)]
pub struct Tally {
    counts: [AtomicU64; ALL.len()],
    rules: Mutex<BTreeMap<&'static str, u64>>,
    delays_ms: Mutex<Vec<u64>>,
}

/// How many delays are kept for percentiles.
const DELAYS: usize = 100_000;

impl Tally {
    /// Counts one.
    pub fn add(&self, what: Count) {
        self.add_many(what, 1);
    }
    /// Counts several.
    pub fn add_many(&self, what: Count, many: u64) {
        self.counts[what as usize].fetch_add(many, Ordering::Relaxed);
    }
    /// Counts a conflict that a rule decided.
    pub fn decided_by(&self, rule: &'static str) {
        self.add(Count::Conflicts);
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner).entry(rule).or_default() += 1;
    }
    /// Notes the time from a webhook's arrival to a delivery's acknowledgement, in milliseconds.
    pub fn delay(&self, ms: u64) {
        let mut delays = self.delays_ms.lock().unwrap_or_else(PoisonError::into_inner);
        if delays.len() < DELAYS {
            delays.push(ms);
        }
    }
    /// One count.
    pub fn get(&self, what: Count) -> u64 {
        self.counts[what as usize].load(Ordering::Relaxed)
    }
    /// Grows while systems tell of changes.
    pub(crate) fn live(&self) -> u64 {
        self.get(Count::Signals)
    }
    /// Every count by name.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        ALL.iter().map(|(count, name)| (*name, self.get(*count))).collect()
    }
    /// Conflicts by the rule that decided them.
    pub fn rules(&self) -> BTreeMap<&'static str, u64> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// The 50th and 99th percentile of the delays, in milliseconds; `None` without any.
    pub fn delays(&self) -> Option<(u64, u64)> {
        let mut delays = self.delays_ms.lock().unwrap_or_else(PoisonError::into_inner).clone();
        delays.sort_unstable();
        let at = |percent: usize| delays.get((delays.len().saturating_sub(1)) * percent / 100).copied();
        Some((at(50)?, at(99)?))
    }
}
