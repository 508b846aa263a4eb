//! Table and queues in one database.

use super::{
    Folder,
    cache::{Cache, Held},
    flights,
    folder::{connect, database_fault},
    images, items, messages,
    operation::Operation,
    readers::Readers,
    writer::Writer,
};
use crate::{
    broker::{Broker, Depth, Inbox},
    ports::{
        Clock, Condition, Feed, Item, ItemKey, Marked, Outgoing, Packing, Page, Query, Queue, QueueName, Received,
        Table, TableChange, TransactError,
    },
};
use async_trait::async_trait;
use concord_connector::{Fault, Instant, Kind, Result};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, oneshot, watch};

/// Texts of waiting messages take that much memory at most; beyond it they are read from disk when they are received.
const ROOM: usize = 32 << 20;
/// A transaction has so many changes at most: what DynamoDB allows.
const CHANGES: usize = 100;

/// Table, queues and change feed. Every write is on disk when it returns.
pub struct Store {
    // Dropped in this order: the writer finishes its work while the folder is still locked.
    writer: Writer,
    readers: Readers,
    cache: Arc<Cache>,
    broker: Arc<Mutex<Broker>>,
    wakes: Mutex<BTreeMap<QueueName, Arc<Notify>>>,
    fed: watch::Receiver<u64>,
    clock: Arc<dyn Clock>,
    folder: Arc<Folder>,
}

/// How the store is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The queues that have or had messages since the start.
    pub queues: BTreeMap<QueueName, Depth>,
}

impl Store {
    /// Opens the store of a folder. Messages that were in flight when the process ended are visible at once.
    pub fn open(folder: Arc<Folder>, clock: Arc<dyn Clock>) -> Result<Self> {
        let path = folder.database();
        let readers = Readers::new(path.clone());
        let now = clock.now();
        connect(&path)
            .and_then(|mut connection| flights::take_back(&mut connection))
            .map_err(|error| database_fault("store.open", error))?;
        let broker = readers.read("store.open", |connection| {
            let mut broker = Broker::new(ROOM);
            messages::left(connection, now, |left| {
                if let Some(dedupe) = &left.dedupe {
                    broker.mark(&left.queue, dedupe, left.message.sent);
                }
                broker.accept(&left.queue, left.message);
            })?;
            Ok(broker)
        })?;
        let broker = Arc::new(Mutex::new(broker));
        let (feeding, fed) = watch::channel(0);
        let cache = Arc::new(Cache::new());
        let writer = Writer::start(&path, cache.clone(), broker.clone(), clock.clone(), feeding)?;
        Ok(Self { writer, readers, cache, broker, wakes: Mutex::default(), fed, clock, folder })
    }

    async fn hide(&self, queue: &QueueName, waits: &[(String, Duration)], outlived: bool) -> Result<()> {
        let now = self.clock.now();
        let visible = waits.iter().filter_map(|(id, wait)| Some((id.parse().ok()?, now.plus(*wait)))).collect();
        let (queue, wake) = (queue.clone(), self.wake(queue));
        self.ask(|answer| Operation::Release { queue, visible, outlived, wake, answer }).await
    }

    /// Forgets what has expired: items, and entries of the change feed older than seven days that were read. Returns
    /// how many.
    pub async fn sweep(&self) -> Result<usize> {
        /// A sweep goes on with the next tick rather than hold up the writer for long.
        const ROUNDS: usize = 200;
        let mut total = 0;
        for _ in 0..ROUNDS {
            let swept = self.ask(|answer| Operation::Sweep { answer }).await?;
            if swept == 0 {
                break;
            }
            total += swept;
        }
        Ok(total)
    }

    /// How full the queues are.
    pub fn status(&self) -> Status {
        let broker = self.broker();
        Status { queues: broker.queues().map(|queue| (queue.clone(), broker.depth(queue))).collect() }
    }

    /// Writes something of no consequence: fails when the store is not writable.
    pub async fn probe(&self) -> Result<()> {
        self.set_position("probe", &self.clock.now().ms().to_string()).await
    }

    /// Where a named reader stands.
    pub(super) fn position(&self, name: &str) -> Result<Option<String>> {
        self.readers.read("store.position", |connection| images::text_position(connection, name))
    }

    /// Remembers where a named reader stands.
    pub(super) async fn set_position(&self, name: &str, value: &str) -> Result<()> {
        self.ask(|answer| Operation::Position { name: name.to_owned(), value: value.to_owned(), answer }).await
    }

    /// Grows with every entry of the change feed.
    pub(super) fn fed(&self) -> watch::Receiver<u64> {
        self.fed.clone()
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    async fn ask<T>(&self, operation: impl FnOnce(oneshot::Sender<Result<T>>) -> Operation) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.writer.post(operation(answer)).await?;
        answered.await.map_err(|_| stopped())?
    }

    /// Items in one snapshot of the database.
    fn read(&self, keys: &[ItemKey]) -> Result<Vec<Held>> {
        if let [key] = keys {
            return self.readers.read_one("table.get", |connection| Ok(vec![items::get(connection, key)?]));
        }
        self.readers.read("table.get", |connection| keys.iter().map(|key| items::get(connection, key)).collect())
    }

    fn broker(&self) -> MutexGuard<'_, Broker> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, queue: &QueueName) -> Arc<Notify> {
        let mut wakes = self.wakes.lock().unwrap_or_else(PoisonError::into_inner);
        match wakes.get(queue) {
            Some(wake) => wake.clone(),
            None => wakes.entry(queue.clone()).or_default().clone(),
        }
    }
}

fn stopped() -> Fault {
    Fault::new(Kind::Unknown, "store.write", "The store stopped before it answered; the change may have been made.")
}

#[async_trait]
impl Table for Store {
    async fn get(&self, keys: &[ItemKey]) -> Result<Vec<Option<Item>>> {
        let found = match self.cache.look(keys) {
            Ok(held) => held,
            Err(since) => {
                let found = self.read(keys)?;
                self.cache.learn(since, keys, &found);
                found
            }
        };
        Ok(found.into_iter().map(|held| held.map(|standing| standing.item.clone())).collect())
    }

    fn packing(&self) -> Packing {
        Packing::Quick
    }

    async fn query(&self, query: Query) -> Result<Page> {
        self.readers.read_one("table.query", |connection| items::query(connection, &query))
    }

    async fn transact(&self, changes: Vec<TableChange>) -> std::result::Result<(), TransactError> {
        if changes.is_empty() {
            return Ok(());
        }
        let distinct: BTreeSet<_> = changes.iter().map(TableChange::key).collect();
        if distinct.len() != changes.len() || changes.len() > CHANGES {
            let sentence = format!("A transaction has at most {CHANGES} changes, each of another item.");
            return Err(TransactError::Store(Fault::malformed("table.transact", sentence)));
        }
        let (answer, answered) = oneshot::channel();
        self.writer.post(Operation::Transact { changes, answer }).await.map_err(TransactError::Store)?;
        answered.await.map_err(|_| TransactError::Store(stopped()))?
    }

    async fn changes(&self, after: Option<&str>, limit: usize) -> Result<Feed> {
        let position = after.and_then(|after| after.parse().ok());
        if let Some(entries) = position.and_then(|position| self.writer.tail().after(position, limit.max(1))) {
            let cursor = entries.last().map(|entry| entry.cursor.clone()).or_else(|| after.map(str::to_owned));
            return Ok(Feed { entries, cursor });
        }
        self.readers.read("table.changes", |connection| images::changes(connection, after, limit))
    }
}

#[async_trait]
impl Queue for Store {
    async fn send(&self, queue: &QueueName, batch: Vec<Outgoing>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.send_with(queue, batch, Vec::new()).await
    }

    fn is_one_with_table(&self) -> bool {
        true
    }

    async fn send_with(&self, queue: &QueueName, batch: Vec<Outgoing>, puts: Vec<Item>) -> Result<()> {
        let (queue, wake) = (queue.clone(), self.wake(queue));
        let puts = puts.into_iter().map(|item| TableChange::Put(item, Condition::None)).collect();
        self.ask(|answer| Operation::Send { queue, batch, puts, wake, answer }).await
    }

    async fn send_once(&self, queue: &QueueName, batch: Vec<Marked>, now: Instant) -> Result<Vec<bool>> {
        if queue.is_fifo() {
            // Two reasons to drop one message would be one too many.
            return Err(Fault::malformed("queue.send_once", "First-in, first-out queues have dedupe ids instead."));
        }
        let (queue, wake) = (queue.clone(), self.wake(queue));
        self.ask(|answer| Operation::SendOnce { queue, batch, now, wake, answer }).await
    }
}

#[async_trait]
impl Inbox for Store {
    async fn receive(&self, queue: &QueueName, max: usize, visibility: Duration) -> Result<Vec<Received>> {
        let taken = self.broker().take(queue, max, self.clock.now(), visibility);
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        let turns = taken.iter().map(|message| (message.id, message.receives)).collect();
        self.writer.post(Operation::Begun { turns }).await?;
        let mut received = Vec::with_capacity(taken.len());
        for message in taken {
            let body = match message.body {
                Some(body) => Some(body),
                None => self.readers.read("queue.receive", |connection| messages::body(connection, message.id))?,
            };
            received.extend(body.map(|body| Received {
                id: message.id.to_string(),
                body,
                receives: message.receives,
                group: message.group,
                trace: None,
            }));
        }
        Ok(received)
    }

    async fn delete(&self, queue: &QueueName, ids: &[String]) -> Result<()> {
        let ids: Vec<u64> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let (queue, wake) = (queue.clone(), self.wake(queue));
        self.ask(|answer| Operation::Delete { queue, ids, wake, answer }).await
    }

    async fn release(&self, queue: &QueueName, waits: &[(String, Duration)]) -> Result<()> {
        self.hide(queue, waits, true).await
    }

    async fn keep(&self, queue: &QueueName, waits: &[(String, Duration)]) -> Result<()> {
        self.hide(queue, waits, false).await
    }

    async fn begin(&self, queue: &QueueName, ids: &[String]) -> Result<()> {
        let turns = {
            let broker = self.broker();
            let ids = ids.iter().filter_map(|id| id.parse().ok());
            ids.map(|id| (id, broker.receives(queue, id))).collect()
        };
        self.writer.post(Operation::Begun { turns }).await
    }

    fn ended(&self, queue: &QueueName, id: &str) -> u32 {
        id.parse().map_or(0, |id| self.broker().ended(queue, id))
    }

    async fn wait(&self, queue: &QueueName) {
        let due = self.broker().due(queue);
        let now = self.clock.now();
        if due.is_some_and(|due| due <= now) {
            return;
        }
        let wake = self.wake(queue);
        match due {
            None => wake.notified().await,
            Some(due) => tokio::select! {
                () = wake.notified() => {}
                () = self.clock.sleep(due.since(now)) => {}
            },
        }
    }

    fn depth(&self, queue: &QueueName) -> Depth {
        self.broker().depth(queue)
    }
}
