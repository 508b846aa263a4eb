//! When an event that was not accepted is tried again.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The waits after the first, second, ... attempt that was not accepted: three days and three hours in all.
pub const SLOTS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * MINUTE),
    Duration::from_secs(30 * MINUTE),
    Duration::from_secs(2 * HOUR),
    Duration::from_secs(5 * HOUR),
    Duration::from_secs(10 * HOUR),
    Duration::from_secs(14 * HOUR),
    Duration::from_secs(20 * HOUR),
    Duration::from_secs(24 * HOUR),
];
/// After so many failures in a row, whatever the records, nothing more is sent but a probe.
pub const TRIP: u32 = 5;
/// The first wait before a probe.
const FIRST: Duration = Duration::from_secs(5);
/// The longest wait before a probe: a subscriber that is back is noticed within this.
pub const LONGEST: Duration = Duration::from_secs(5 * MINUTE);

/// The wait after so many attempts; `None` when they are spent.
pub(crate) fn slot(attempts: u32) -> Option<Duration> {
    SLOTS.get(usize::try_from(attempts.checked_sub(1)?).ok()?).copied()
}

/// The wait before a probe, after so many failures in a row: doubles from five seconds to five minutes.
pub(super) fn probe(failures: u32) -> Duration {
    FIRST.saturating_mul(1 << failures.saturating_sub(TRIP).min(10)).min(LONGEST)
}

/// A slot with its jitter: up to a fifth longer by lot, so that what failed together does not return together. What the
/// subscriber asked for (`Retry-After`) is honoured up to twice the slot.
pub(crate) fn wait(slot: Duration, asked: Option<Duration>, lot: u8) -> Duration {
    let drawn = slot + slot / 5 * u32::from(lot) / 255;
    asked.map_or(drawn, |asked| asked.clamp(drawn, slot * 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_goes_on_for_three_days() {
        assert_eq!(slot(0), None);
        assert_eq!(slot(1), Some(Duration::from_secs(5)));
        assert_eq!(slot(9), Some(Duration::from_secs(86_400)));
        assert_eq!(slot(10), None);
        let all: Duration = SLOTS.iter().sum();
        assert_eq!(all.as_secs() / 3600, 75);
        assert!(SLOTS.is_sorted());
    }

    /// Security line 23: `Retry-After` is honoured but bounded.
    #[test]
    fn s23_retry_after_is_honoured_from_one_to_two_slots() {
        let slot = Duration::from_secs(300);
        let waits = |asked: u64| wait(slot, Some(Duration::from_secs(asked)), 0).as_secs();
        assert_eq!([0, 1, 300, 450, 600, 601, u64::MAX].map(waits), [300, 300, 300, 450, 600, 600, 600]);
        assert_eq!(wait(slot, None, 0), slot);
        assert_eq!(wait(slot, None, 255), Duration::from_secs(360));
        assert_eq!(wait(slot, Some(Duration::ZERO), 255), Duration::from_secs(360));
    }

    #[test]
    fn a_dead_subscriber_is_probed_ever_more_rarely_but_every_five_minutes() {
        assert_eq!([1, 5, 6, 7, 10, 11, 12, u32::MAX].map(|n| probe(n).as_secs()), [5, 5, 10, 20, 160, 300, 300, 300]);
    }
}
