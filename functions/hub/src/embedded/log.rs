//! The write-ahead log's way into the database: a thread of its own copies while the writer goes on writing.

use super::folder::{connect, database_fault};
use concord_connector::{Fault, Kind, Result};
use rusqlite::Connection;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Between two rounds of copying. A round ends with what it copied on disk, and a commit that comes meanwhile waits for that:
/// many short ones keep the slowest answer short, and take no more of the processor than few long ones (BENCHMARKS.md).
const ROUND: Duration = Duration::from_millis(50);
/// A log of that many pages (of 4 KiB) is begun anew. Only the writer can do that, when the copying has caught up.
const LONG: u64 = 24_000;

/// The log, as its writer handles it. Dropping it ends the copying.
pub(super) struct Log {
    /// Says that something was written; room for one word, more is not needed.
    written: Option<SyncSender<()>>,
    /// Dropped to end the copying between two rounds.
    stop: Option<SyncSender<()>>,
    /// Pages in the log when it was looked at last.
    pages: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    /// Starts the copying.
    ///
    /// # Errors
    /// When the database cannot be opened once more, or no thread started.
    pub(super) fn start(path: &Path) -> Result<Self> {
        let connection = connect(path).map_err(|error| database_fault("store.open", error))?;
        let (written, told) = sync_channel(1);
        let (stop, stopped) = sync_channel(0);
        let pages = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&pages);
        let copy = move || copy(&connection, &told, &stopped, &seen);
        let thread = std::thread::Builder::new().name("concord-log".into()).spawn(copy).map_err(|error| {
            Fault::new(Kind::Unexpected, "store.open", "No thread could be started.").caused_by(error)
        })?;
        Ok(Self { written: Some(written), stop: Some(stop), pages, thread: Some(thread) })
    }

    /// After a commit: wakes the copying, and begins a log anew that has become long.
    pub(super) fn written(&self, connection: &Connection) {
        if let Some(written) = &self.written {
            // A word that is waiting says it already.
            let _waiting = written.try_send(());
        }
        if self.pages.load(Ordering::Relaxed) > LONG {
            self.pages.store(0, Ordering::Relaxed);
            // Nearly everything is copied by now, and the rest goes quickly. With nothing left in it, and nobody reading from
            // it, the next commit begins the log anew; a reader that stands in the way is not waited for.
            if let Err(error) = checkpoint(connection) {
                tracing::warn!(%error, "The write-ahead log could not be begun anew; it grows until it can.");
            }
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        drop((self.written.take(), self.stop.take()));
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened.
            drop(thread.join());
        }
    }
}

fn copy(connection: &Connection, told: &Receiver<()>, stopped: &Receiver<()>, pages: &AtomicU64) {
    while told.recv().is_ok() {
        match checkpoint(connection) {
            Ok(logged) => pages.store(logged, Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "The write-ahead log could not be copied into the database yet."),
        }
        if stopped.recv_timeout(ROUND) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// Copies, and answers how many pages the log has.
fn checkpoint(connection: &Connection) -> rusqlite::Result<u64> {
    let logged: i64 = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))?;
    Ok(u64::try_from(logged).unwrap_or(0))
}
