//! Calls something every so often, as a schedule does.

use crate::ports::Clock;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Calls `tick` at once and then `every` so often after it returned, until `stop` turns true. A tick is never cut short,
/// and one that panics does not end the schedule.
pub async fn run<F, T>(clock: Arc<dyn Clock>, every: Duration, mut stop: watch::Receiver<bool>, mut tick: T)
where
    T: FnMut() -> F,
    F: Future<Output = ()> + Send + 'static,
{
    while !*stop.borrow() {
        if let Err(error) = tokio::spawn(tick()).await {
            tracing::error!(panicked = error.is_panic(), "A scheduled tick failed; the next one comes as planned.");
        }
        tokio::select! {
            () = clock.sleep(every) => {}
            // Also when nobody can ask for a stop any more.
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
}
