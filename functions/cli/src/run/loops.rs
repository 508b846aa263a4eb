//! The threads that the steps work on, apart from those that answer: a step computes for a while, and whoever shares a thread
//! with it waits that long, however little it wants. Webhooks are answered, and deliveries go out, in a fraction of the time
//! that they took on shared threads (BENCHMARKS.md).

use concord_connector::{Fault, Kind, Result};
use std::future::Future;
use tokio::{runtime::Runtime, task::JoinSet};

/// The loops that drive the steps.
pub struct Loops {
    all: JoinSet<()>,
    /// `None` once dropped: a runtime must not wait for its threads where others wait for it.
    runtime: Option<Runtime>,
}

impl Loops {
    pub(super) fn new() -> Result<Self> {
        let failed =
            |error| Fault::new(Kind::Unexpected, "run", "The threads for the steps did not start.").caused_by(error);
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.enable_all().thread_name("concord-steps").build();
        Ok(Self { all: JoinSet::new(), runtime: Some(runtime.map_err(failed)?) })
    }

    pub(super) fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            self.all.spawn_on(work, runtime.handle());
        }
    }

    /// Waits until all of them have ended, as they do when the app is told to stop.
    pub async fn ended(&mut self) {
        while self.all.join_next().await.is_some() {}
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
