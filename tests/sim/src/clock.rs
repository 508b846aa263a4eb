//! The virtual clock: it stands still until the scheduler moves it.

use async_trait::async_trait;
use concord_connector::Instant;
use concord_hub::ports::Clock;
use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

/// 2026-01-01T00:00:00Z.
pub const START: i64 = 1_767_225_600_000;

/// One clock for everybody; clones are one.
#[derive(Clone, Debug)]
pub struct VirtualClock {
    now: Arc<AtomicI64>,
    sleepers: Arc<Mutex<BTreeMap<(i64, u64), ()>>>,
    number: Arc<AtomicU64>,
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self { now: Arc::new(AtomicI64::new(START)), sleepers: Arc::default(), number: Arc::default() }
    }
}

impl VirtualClock {
    /// Milliseconds since 1970.
    pub fn ms(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }
    /// Moves ahead; never back.
    pub fn set(&self, ms: i64) {
        self.now.fetch_max(ms, Ordering::Relaxed);
    }
    /// When the next sleeper wakes.
    pub fn next(&self) -> Option<i64> {
        self.sleepers().keys().next().map(|(at, _)| *at)
    }
    fn sleepers(&self) -> std::sync::MutexGuard<'_, BTreeMap<(i64, u64), ()>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Waits until the clock shows at least that.
    pub fn until(&self, ms: i64) -> Sleep {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        self.sleepers().insert((ms, number), ());
        Sleep { clock: self.clone(), key: (ms, number) }
    }
}

/// A wait; given up when it is dropped.
pub struct Sleep {
    clock: VirtualClock,
    key: (i64, u64),
}

impl Future for Sleep {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.clock.ms() >= self.key.0 {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clock.sleepers().remove(&self.key);
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        Instant::from_ms(self.ms())
    }
    async fn sleep(&self, wait: Duration) {
        let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 4);
        self.until(self.ms().saturating_add(wait)).await;
    }
}
