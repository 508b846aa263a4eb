//! What becomes of a message that a step has answered: the same wherever messages are received.

use crate::ports::{Disposition, Entropy};
use std::time::Duration;

/// Failures of a message after which it is put aside.
pub const RECEIVES: u32 = 8;

/// The first back-off, at least.
const FIRST: Duration = Duration::from_secs(1);
/// The longest back-off.
const LONGEST: Duration = Duration::from_secs(900);
/// The longest wait that a step can ask for: what SQS allows.
const ASKED: Duration = Duration::from_secs(12 * 3600);

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It leaves the queue.
    Done,
    /// It is received again after that long.
    Later(Duration),
    /// It failed for the last time, for this reason.
    Bury(String),
}

/// Judges a message that was received so often.
pub fn of(disposition: Disposition, receives: u32, max_receives: u32, entropy: &dyn Entropy) -> Verdict {
    match disposition {
        Disposition::Done => Verdict::Done,
        Disposition::Retry { reason, .. } if receives >= max_receives => Verdict::Bury(reason),
        Disposition::Retry { after: Some(wait), .. } => Verdict::Later(wait.min(ASKED)),
        Disposition::Retry { after: None, .. } => Verdict::Later(backoff(receives, entropy)),
    }
}

/// Doubles with every receive; the upper half is drawn by lot, so that what failed together does not return together.
pub fn backoff(receives: u32, entropy: &dyn Entropy) -> Duration {
    let least = FIRST.saturating_mul(1 << receives.saturating_sub(1).min(20)).min(LONGEST / 2);
    let lot = u32::from(entropy.bytes()[0]);
    least + least * lot / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lot(u8);
    impl Entropy for Lot {
        fn bytes(&self) -> [u8; 16] {
            [self.0; 16]
        }
    }

    #[test]
    fn back_off_doubles_from_a_second_to_a_quarter_of_an_hour() {
        let seconds = |receives, lot| backoff(receives, &Lot(lot)).as_secs();
        assert_eq!([1, 2, 3, 4, 9, 10, u32::MAX].map(|receives| seconds(receives, 0)), [1, 2, 4, 8, 256, 450, 450]);
        assert_eq!([1, 2, 3, 4, 9, 10, u32::MAX].map(|receives| seconds(receives, 255)), [2, 4, 8, 16, 512, 900, 900]);
    }

    #[test]
    fn the_last_failure_buries_with_its_reason() {
        let retry = |after| Disposition::Retry { after, reason: "why".into() };
        assert_eq!(of(retry(None), 1, 3, &Lot(0)), Verdict::Later(Duration::from_secs(1)));
        assert_eq!(of(retry(Some(Duration::from_secs(7))), 2, 3, &Lot(0)), Verdict::Later(Duration::from_secs(7)));
        assert_eq!(of(retry(Some(Duration::MAX)), 2, 3, &Lot(0)), Verdict::Later(ASKED));
        assert_eq!(of(retry(None), 3, 3, &Lot(0)), Verdict::Bury("why".into()));
        assert_eq!(of(Disposition::Done, 9, 3, &Lot(0)), Verdict::Done);
    }
}
