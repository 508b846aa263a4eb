//! A clock that tests move.

use crate::ports::Clock;
use async_trait::async_trait;
use concord_connector::Instant;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// A clock that stands still until it is moved, or until somebody sleeps: a sleep moves it and returns at once. Clones
/// are one clock.
#[derive(Clone, Debug)]
pub struct FakeClock(Arc<AtomicI64>);

impl FakeClock {
    /// A clock that shows this.
    pub fn at(now: Instant) -> Self {
        Self(Arc::new(AtomicI64::new(now.ms())))
    }
    /// Moves the clock ahead.
    pub fn advance(&self, by: Duration) {
        let later = self.now().plus(by);
        self.set(later);
    }
    /// Makes the clock show this.
    pub fn set(&self, now: Instant) {
        self.0.store(now.ms(), Ordering::SeqCst);
    }
}

impl Default for FakeClock {
    /// 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::at(Instant::from_ms(1_767_225_600_000))
    }
}

#[async_trait]
impl Clock for FakeClock {
    fn now(&self) -> Instant {
        Instant::from_ms(self.0.load(Ordering::SeqCst))
    }
    async fn sleep(&self, wait: Duration) {
        self.advance(wait);
    }
}
