//! How long an invocation may still take.

use concord_connector::Instant;
use std::time::Duration;

/// Left for what follows the work: settling messages, the answer.
const RESERVE: Duration = Duration::from_millis(1500);
/// With less time than this no further work is begun.
const LEAST: Duration = Duration::from_secs(2);

/// The end of an invocation's time.
#[derive(Clone, Copy, Debug)]
pub struct TimeLeft(tokio::time::Instant);

impl TimeLeft {
    /// Until a deadline, in milliseconds since 1970, as the Runtime API tells it.
    pub fn until(deadline_ms: u64, now: Instant) -> Self {
        let deadline = Instant::from_ms(i64::try_from(deadline_ms).unwrap_or(i64::MAX));
        Self::of(deadline.since(now))
    }
    /// So long from now.
    pub fn of(left: Duration) -> Self {
        Self(tokio::time::Instant::now() + left.saturating_sub(RESERVE).min(Duration::from_secs(3600)))
    }
    /// Whether more work may be begun.
    pub fn is_enough(self) -> bool {
        self.left() >= LEAST
    }
    /// What is left for work.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(tokio::time::Instant::now())
    }
}
