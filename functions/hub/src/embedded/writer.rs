//! The one writer: a thread that takes every change that waits, makes them in one database transaction, and answers all
//! callers after that one commit is on disk.

use super::{
    cache::Cache,
    flights::Flights,
    folder::{connect, database_fault},
    group::Group,
    images,
    log::Log,
    messages,
    operation::{Operation, Outcome},
    tail::Tail,
};
use crate::{
    broker::Broker,
    ports::{Clock, Outgoing, QueueName, TransactError},
};
use concord_connector::{Fault, Kind, Result};
use rusqlite::{Connection, TransactionBehavior, params};
use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};
use tokio::sync::{mpsc, watch};

/// So many operations share a commit at most: a bound for how long the first waits for the last.
const GROUP: usize = 512;
/// So many may wait; then callers wait to be let in.
const WAITING: usize = 4096;

/// The way to the thread. Dropping it lets the thread finish what waits, and waits for that.
pub(super) struct Writer {
    operations: Option<mpsc::Sender<Operation>>,
    thread: Option<JoinHandle<()>>,
    tail: Arc<Tail>,
}

impl Writer {
    pub(super) fn start(
        path: &Path,
        cache: Arc<Cache>,
        broker: Arc<Mutex<Broker>>,
        clock: Arc<dyn Clock>,
        fed: watch::Sender<u64>,
    ) -> Result<Self> {
        let failed = |error| database_fault("store.open", error);
        let connection = connect(path).map_err(failed)?;
        // Somebody else copies the log into the database, while we go on.
        connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(failed)?;
        connection.pragma_update(None, "cache_size", -8_000).map_err(failed)?;
        let last = |sql| connection.query_row(sql, [], |row| row.get::<_, Option<u64>>(0));
        let message = last("SELECT max(id) FROM messages").map_err(failed)?.unwrap_or_default();
        let image = last("SELECT max(seq) FROM images").map_err(failed)?.unwrap_or_default();
        fed.send_replace(image);
        let (operations, waiting) = mpsc::channel(WAITING);
        let log = Log::start(path)?;
        let tail = Arc::new(Tail::new(image));
        let desk = Desk {
            connection,
            cache,
            tail: tail.clone(),
            broker,
            clock,
            fed,
            message,
            image,
            marked: Vec::new(),
            flights: Flights::default(),
            durable: true,
            log,
        };
        let thread =
            std::thread::Builder::new().name("concord-writer".into()).spawn(move || desk.serve(waiting)).map_err(
                |error| Fault::new(Kind::Unexpected, "store.open", "No thread could be started.").caused_by(error),
            )?;
        Ok(Self { operations: Some(operations), thread: Some(thread), tail })
    }

    /// The end of the change feed.
    pub(super) fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Hands an operation over.
    pub(super) async fn post(&self, operation: Operation) -> Result<()> {
        let gone = || Fault::new(Kind::Unavailable, "store.write", "The store is closing.");
        self.operations.as_ref().ok_or_else(gone)?.send(operation).await.map_err(|_| gone())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.operations.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened.
            drop(thread.join());
        }
    }
}

/// What the thread owns.
struct Desk {
    connection: Connection,
    cache: Arc<Cache>,
    tail: Arc<Tail>,
    broker: Arc<Mutex<Broker>>,
    clock: Arc<dyn Clock>,
    fed: watch::Sender<u64>,
    /// The last message's id.
    message: u64,
    /// The last image's place in the feed.
    image: u64,
    /// Dedupe ids remembered for the transaction at hand.
    marked: Vec<(QueueName, String)>,
    /// What is being worked on.
    flights: Flights,
    /// Whether commits wait for the disk now.
    durable: bool,
    log: Log,
}

impl Desk {
    fn serve(mut self, mut waiting: mpsc::Receiver<Operation>) {
        let mut operations = Vec::with_capacity(GROUP);
        while waiting.blocking_recv_many(&mut operations, GROUP) > 0 {
            self.group(&mut operations);
            self.log.written(&self.connection);
        }
    }

    /// Makes a group of operations; when that fails, each alone, so that one cannot spoil its neighbours.
    fn group(&mut self, operations: &mut Vec<Operation>) {
        match self.attempt(operations) {
            Ok(outcomes) => {
                for (operation, outcome) in operations.drain(..).zip(outcomes) {
                    self.answer(operation, outcome);
                }
                self.fed.send_if_modified(|fed| std::mem::replace(fed, self.image) != self.image);
            }
            Err(error) if operations.len() == 1 => {
                let fault = database_fault("store.write", error);
                tracing::error!("{fault}");
                operations.drain(..).for_each(|operation| operation.fail(fault.message()));
            }
            Err(_) => {
                for operation in std::mem::take(operations) {
                    self.group(&mut vec![operation]);
                }
            }
        }
    }

    fn attempt(&mut self, operations: &[Operation]) -> rusqlite::Result<Vec<Outcome>> {
        let made = self.make(operations);
        let marked = std::mem::take(&mut self.marked);
        if made.is_err() {
            let mut broker = self.broker.lock().unwrap_or_else(PoisonError::into_inner);
            marked.iter().for_each(|(queue, dedupe)| broker.unmark(queue, dedupe));
        }
        made
    }

    fn make(&mut self, operations: &[Operation]) -> rusqlite::Result<Vec<Outcome>> {
        let now = self.clock.now();
        let durable = !operations.iter().all(Operation::may_be_lost);
        if durable != self.durable {
            self.connection.pragma_update(None, "synchronous", if durable { "FULL" } else { "NORMAL" })?;
            self.durable = durable;
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut group = Group {
            connection: &transaction,
            cache: &self.cache,
            now,
            image: self.image,
            written: HashMap::new(),
            fed: Vec::new(),
        };
        let mut pruned = None;
        let mut outcomes = Vec::with_capacity(operations.len());
        for operation in operations {
            outcomes.push(match operation {
                Operation::Transact { changes, .. } => {
                    group.transact(changes)?.map_or(Outcome::Done, Outcome::Cancelled)
                }
                Operation::Send { queue, batch, puts, .. } => {
                    group.transact(puts)?;
                    let fresh: Vec<&Outgoing> = {
                        let mut broker = self.broker.lock().unwrap_or_else(PoisonError::into_inner);
                        let marked = &mut self.marked;
                        let mut is_fresh = |outgoing: &&Outgoing| {
                            let Some(dedupe) = outgoing.dedupe.as_ref().filter(|_| queue.is_fifo()) else {
                                return true;
                            };
                            let fresh = broker.mark(queue, dedupe, now);
                            if fresh {
                                marked.push((queue.clone(), dedupe.clone()));
                            }
                            fresh
                        };
                        batch.iter().filter(|outgoing| is_fresh(outgoing)).collect()
                    };
                    Outcome::Sent(messages::insert(&transaction, queue, &fresh, now, &mut self.message)?)
                }
                Operation::SendOnce { queue, batch, now: by, .. } => {
                    let sent = group.mark(batch, *by)?;
                    let fresh = batch.iter().zip(&sent).filter(|(_, sent)| **sent).map(|(one, _)| &one.message);
                    let fresh: Vec<&Outgoing> = fresh.collect();
                    let messages = messages::insert(&transaction, queue, &fresh, now, &mut self.message)?;
                    Outcome::SentOnce(messages, sent)
                }
                Operation::Begun { turns } => {
                    turns.iter().for_each(|(id, receives)| self.flights.begin(*id, *receives));
                    Outcome::Done
                }
                Operation::Delete { ids, .. } => {
                    ids.iter().for_each(|id| self.flights.end(*id));
                    messages::delete(&transaction, ids)?;
                    Outcome::Done
                }
                Operation::Release { queue, visible, outlived, .. } => {
                    visible.iter().for_each(|(id, _)| self.flights.end(*id));
                    // Until when one is hidden that nobody works on is known to the running process only.
                    if *outlived {
                        let outlived: Vec<_> = {
                            let broker = self.broker.lock().unwrap_or_else(PoisonError::into_inner);
                            visible.iter().map(|(id, at)| (*id, *at, broker.receives(queue, *id))).collect()
                        };
                        messages::release(&transaction, &outlived)?;
                    }
                    Outcome::Done
                }
                Operation::Position { name, value, .. } => {
                    transaction
                        .prepare_cached("INSERT OR REPLACE INTO positions (name, value) VALUES (?1, ?2)")?
                        .execute(params![name, value])?;
                    Outcome::Done
                }
                Operation::Sweep { .. } => {
                    let expired = group.sweep()?;
                    let (count, last) = images::prune(&transaction, now)?;
                    pruned = last.or(pruned);
                    Outcome::Swept(expired + count)
                }
            });
        }
        // An operation that is made again after a failure does the same to them again.
        self.flights.write(&transaction)?;
        let Group { image, written, fed, .. } = group;
        // Between these two, the database is asked for what this commit changes.
        self.cache.doubt(written);
        let committed = transaction.commit();
        self.cache.settle(committed.is_ok());
        committed?;
        self.flights.written();
        self.image = image;
        self.tail.append(fed);
        if let Some(pruned) = pruned {
            self.tail.forget(pruned);
        }
        Ok(outcomes)
    }

    /// Tells everybody what is on disk now. A caller that does not listen any more has its change made all the same.
    fn answer(&self, operation: Operation, outcome: Outcome) {
        let broker = || self.broker.lock().unwrap_or_else(PoisonError::into_inner);
        match (operation, outcome) {
            (Operation::Transact { answer, .. }, Outcome::Cancelled(cancelled)) => {
                drop(answer.send(Err(TransactError::Cancelled(cancelled))));
            }
            (Operation::Transact { answer, .. }, _) => drop(answer.send(Ok(()))),
            (Operation::Send { queue, wake, answer, .. }, Outcome::Sent(sent)) => {
                {
                    let mut broker = broker();
                    sent.into_iter().for_each(|message| broker.accept(&queue, message));
                }
                wake.notify_one();
                drop(answer.send(Ok(())));
            }
            (Operation::SendOnce { queue, wake, answer, .. }, Outcome::SentOnce(messages, sent)) => {
                {
                    let mut broker = broker();
                    messages.into_iter().for_each(|message| broker.accept(&queue, message));
                }
                wake.notify_one();
                drop(answer.send(Ok(sent)));
            }
            (Operation::SendOnce { answer, .. }, _) => drop(answer.send(Ok(Vec::new()))),
            (Operation::Delete { queue, ids, wake, answer }, _) => {
                {
                    let mut broker = broker();
                    ids.into_iter().for_each(|id| broker.delete(&queue, id));
                }
                wake.notify_one();
                drop(answer.send(Ok(())));
            }
            (Operation::Release { queue, visible, outlived, wake, answer }, _) => {
                {
                    let mut broker = broker();
                    for (id, visible) in visible {
                        broker.release(&queue, id, visible);
                        if outlived {
                            broker.outlived(&queue, id);
                        }
                    }
                }
                wake.notify_one();
                drop(answer.send(Ok(())));
            }
            (Operation::Send { answer, .. } | Operation::Position { answer, .. }, _) => drop(answer.send(Ok(()))),
            (Operation::Sweep { answer }, Outcome::Swept(count)) => drop(answer.send(Ok(count))),
            (Operation::Sweep { answer }, _) => drop(answer.send(Ok(0))),
            (Operation::Begun { .. }, _) => {}
        }
    }
}
