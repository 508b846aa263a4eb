//! The loops that drive the steps: queues, change feed, schedule.

mod loops;

pub use loops::Loops;

use crate::app::App;
use async_trait::async_trait;
use concord_connector::{Result, System};
use concord_hub::{
    embedded::{
        Store, SystemEntropy, feed,
        poller::{Handler, Mapping, Poller},
        ticker,
    },
    hub::Hub,
    ports::{Disposition, FeedEntry, QueueName, Received},
    steps::{self, fanout, reconfigure, schedule},
    verdict::RECEIVES,
};
use futures::future::BoxFuture;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// A message is hidden that long while it is worked on; a step is given up after half of it.
const VISIBILITY: Duration = Duration::from_secs(120);
/// The scheduler looks what is due this often.
const TICK: Duration = Duration::from_secs(1);
/// What has expired is forgotten this often.
const SWEEP: Duration = Duration::from_secs(600);

struct Steps(Arc<Hub>);

#[async_trait]
impl Handler for Steps {
    async fn handle(&self, queue: &QueueName, batch: Vec<Received>) -> Vec<Disposition> {
        steps::handle(&self.0, queue, &batch).await
    }

    async fn bury(&self, queue: &QueueName, message: Received, reason: String) {
        if let Err(fault) = steps::bury(&self.0, queue, &message, reason).await {
            // The poller takes a panic as "not buried": the message stays.
            panic!("a dead letter could not be kept: {fault}");
        }
    }
}

#[async_trait]
impl feed::Fanout for Steps {
    async fn fanout(&self, entries: &[FeedEntry]) -> Result<()> {
        fanout::fanout(&self.0, entries).await
    }

    async fn bury(&self, entry: &FeedEntry, reason: String) {
        tracing::error!(item = %entry.key.partition, reason, "A change could not be passed on; the scheduler will order its deliveries.");
        if let Err(fault) = steps::bury_change(&self.0, entry, &reason).await {
            // As above: it comes again.
            panic!("a dead letter could not be kept: {fault}");
        }
    }
}

/// Starts every loop; they end when the app is told to stop, with their work done.
///
/// # Errors
/// Where the truth is in a stack, whose functions do all that; when their threads do not start.
pub fn start(app: &Arc<App>) -> Result<Loops> {
    let (hub, store) = (&app.hub, &app.folder()?.store);
    let mut loops = Loops::new()?;
    let steps = Arc::new(Steps(Arc::clone(hub)));
    let poller = Poller::new(store.clone(), steps.clone(), Arc::new(SystemEntropy));
    let (mappings, stop) = (mappings(app, store), app.stop.subscribe());
    loops.spawn(async move { poller.run(mappings, stop).await });
    loops.spawn(feed::run(store.clone(), "fanout", steps, app.stop.subscribe()));
    let due = Arc::clone(hub);
    every(&mut loops, app, TICK, move || {
        let hub = Arc::clone(&due);
        Box::pin(async move {
            if let Err(fault) = schedule::tick(&hub).await {
                tracing::warn!(reason = %fault, "The scheduler could not do what was due.");
            }
        })
    });
    let swept = store.clone();
    every(&mut loops, app, SWEEP, move || {
        let store = Arc::clone(&swept);
        Box::pin(async move {
            if let Err(fault) = store.sweep().await {
                tracing::warn!(reason = %fault, "What has expired could not be forgotten.");
            }
        })
    });
    let (hub, mut stop) = (Arc::clone(hub), app.stop.subscribe());
    loops.spawn(async move {
        tokio::select! {
            done = reconfigure::run(&hub) => match done {
                Ok(0) => {}
                Ok(records) => tracing::info!(records, "Brought records to the configuration in force."),
                Err(fault) => tracing::error!(reason = %fault, "Records could not all be brought to the configuration; a restart goes on."),
            },
            _ = stop.wait_for(|stop| *stop) => {}
        }
    });
    Ok(loops)
}

fn every(loops: &mut Loops, app: &App, wait: Duration, tick: impl FnMut() -> BoxFuture<'static, ()> + Send + 'static) {
    loops.spawn(ticker::run(Arc::clone(&app.hub.clock), wait, app.stop.subscribe(), tick));
}

fn mappings(app: &App, store: &Store) -> Vec<Mapping> {
    let settings = app.hub.settings();
    let systems: BTreeSet<System> = settings.connections.values().map(|one| one.connector.system().clone()).collect();
    let mapping = |queue, batch_size, concurrency| Mapping {
        queue,
        batch_size,
        visibility: VISIBILITY,
        max_receives: RECEIVES,
        concurrency,
    };
    let mut mappings = vec![mapping(QueueName::Observations, 100, 4)];
    for system in systems {
        mappings.push(mapping(QueueName::Signals(system.clone()), 100, 4));
        mappings.push(mapping(QueueName::Deliveries(system), 50, 4));
    }
    // Also of subscriptions that are no more: what waits for them is dropped, and makes no message old.
    let left = store.status().queues.into_keys().filter(|queue| matches!(queue, QueueName::Events(_)));
    let lanes: BTreeSet<QueueName> =
        settings.subscriptions.keys().cloned().map(QueueName::Events).chain(left).collect();
    mappings.extend(lanes.into_iter().map(|lane| mapping(lane, 16, 2)));
    mappings
}
