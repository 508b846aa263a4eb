//! Reads the change feed as Lambda reads a table's stream: in order, from where it stood, again when it failed.

use super::{Store, images::READER};
use crate::ports::{FeedEntry, Table};
use async_trait::async_trait;
use concord_connector::{Fault, Instant, Kind, Result, Retry};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// So many entries at once at most.
const BATCH: usize = 200;
/// An entry that fails so often for reasons of its own is buried.
const TRIES: u32 = 5;
/// Where a reader stands is written down this often: what it had read since is handed over once more after a restart.
const NOTED: Duration = Duration::from_millis(250);
/// The longest wait between two tries.
const LONGEST: Duration = Duration::from_secs(30);

/// What entries are handed to.
#[async_trait]
pub trait Fanout: Send + Sync {
    /// Works on entries, in order; all of them come again when it fails.
    async fn fanout(&self, entries: &[FeedEntry]) -> Result<()>;

    /// Keeps an entry that failed too often as a dead letter.
    async fn bury(&self, entry: &FeedEntry, reason: String);
}

/// Hands every entry to `fanout`, at least once, until `stop` turns true. `name` remembers where it stands.
pub async fn run(store: Arc<Store>, name: &str, fanout: Arc<dyn Fanout>, mut stop: watch::Receiver<bool>) {
    let name = format!("{READER}{name}");
    let mut fed = store.fed();
    let mut failures = 0;
    let mut cursor = None;
    let mut started = false;
    // Since when the place is another one than what was written down.
    let mut moved: Option<Instant> = None;
    while !*stop.borrow() {
        if let Some(since) = moved
            && store.clock().now() >= since.plus(NOTED)
        {
            moved = note(&store, &name, cursor.as_deref()).await.then_some(store.clock().now());
        }
        fed.mark_unchanged();
        let read = async {
            if !started {
                cursor = store.position(&name)?;
                started = true;
            }
            // After a failure one at a time: only the culprit holds the others up, and only until it is buried.
            store.changes(cursor.as_deref(), if failures == 0 { BATCH } else { 1 }).await
        };
        let done = match read.await {
            Ok(feed) if feed.entries.is_empty() => {
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => break,
                    changed = fed.changed() => if changed.is_err() { break },
                    () = store.clock().sleep(NOTED), if moved.is_some() => {}
                }
                continue;
            }
            Ok(feed) => match hand_over(&fanout, Arc::new(feed.entries), failures).await {
                Ok(()) => {
                    cursor = feed.cursor;
                    moved = moved.or_else(|| Some(store.clock().now()));
                    Ok(())
                }
                Err(fault) => Err(fault),
            },
            Err(fault) => Err(fault),
        };
        match done {
            Ok(()) => failures = 0,
            Err(fault) => {
                failures += 1;
                tracing::error!(failures, "The change feed could not be worked on: {fault}");
                let wait = (Duration::from_millis(100) * (1 << failures.min(10))).min(LONGEST);
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => break,
                    () = store.clock().sleep(wait) => {}
                }
            }
        }
    }
    if moved.is_some() {
        note(&store, &name, cursor.as_deref()).await;
    }
}

/// Writes down where a reader stands; true when that has to be tried again.
async fn note(store: &Store, name: &str, cursor: Option<&str>) -> bool {
    let noted = store.set_position(name, cursor.unwrap_or_default()).await;
    if let Err(fault) = &noted {
        tracing::error!("It could not be noted how far the change feed was read: {fault}");
    }
    noted.is_err()
}

/// Works on entries in a task of its own, so that a panic is a failure. An entry that fails too often is buried, unless
/// the failure is one that passes.
async fn hand_over(fanout: &Arc<dyn Fanout>, entries: Arc<Vec<FeedEntry>>, failures: u32) -> Result<()> {
    let work = {
        let (fanout, entries) = (fanout.clone(), entries.clone());
        tokio::spawn(async move { fanout.fanout(&entries).await })
    };
    let panicked = || Fault::new(Kind::Unexpected, "fanout", "The step panicked.");
    let fault = match work.await.unwrap_or_else(|_| Err(panicked())) {
        Err(fault) if failures + 1 >= TRIES && matches!(fault.retry, Retry::Never) => fault,
        done => return done,
    };
    let (fanout, reason) = (fanout.clone(), fault.to_string());
    let bury = tokio::spawn(async move {
        for entry in entries.iter() {
            fanout.bury(entry, reason.clone()).await;
        }
    });
    bury.await.map_err(|_| panicked())
}
