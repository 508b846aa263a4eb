//! Queues in memory, with the same broker as the embedded ones.

use super::{MemoryTable, lock};
use crate::{
    broker::{Broker, Depth, Inbox, MAX_DELAY, Message},
    ports::{Clock, Condition, Item, Marked, Outgoing, Queue, QueueName, Received, TableChange},
};
use async_trait::async_trait;
use concord_connector::{Fault, Instant, Kind, Result};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::Notify;

/// Queues in memory. What was sent is also recorded, in order.
#[derive(Clone)]
pub struct MemoryQueue {
    state: Arc<Mutex<State>>,
    wake: Arc<Notify>,
    clock: Arc<dyn Clock>,
    table: Option<MemoryTable>,
}

struct State {
    broker: Broker,
    last: u64,
    sent: Vec<(QueueName, Outgoing)>,
}

impl MemoryQueue {
    /// Empty queues.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let state = State { broker: Broker::new(usize::MAX), last: 0, sent: Vec::new() };
        Self { state: Arc::new(Mutex::new(state)), wake: Arc::default(), clock, table: None }
    }

    /// The same queues, as one store with a table.
    #[must_use]
    pub fn one_with(self, table: &MemoryTable) -> Self {
        Self { table: Some(table.clone()), ..self }
    }

    fn table(&self) -> Result<&MemoryTable> {
        let apart = || Fault::new(Kind::Unexpected, "queue", "this queue is not one with its table");
        self.table.as_ref().ok_or_else(apart)
    }

    /// Takes the record of what was sent since it was last taken; repeats that were dropped are not in it. The messages
    /// stay in their queues.
    pub fn take_sent(&self) -> Vec<(QueueName, Outgoing)> {
        std::mem::take(&mut lock(&self.state).sent)
    }

    /// The queues that ever had a message, in order.
    pub fn queues(&self) -> Vec<QueueName> {
        lock(&self.state).broker.queues().cloned().collect()
    }

    /// When a queue next has something to receive: the past when it has now, `None` when it is empty.
    pub fn due(&self, queue: &QueueName) -> Option<Instant> {
        lock(&self.state).broker.due(queue)
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, queue: &QueueName, batch: Vec<Outgoing>) -> Result<()> {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        let fifo = queue.is_fifo();
        for outgoing in batch {
            if fifo && outgoing.dedupe.as_ref().is_some_and(|dedupe| !state.broker.mark(queue, dedupe, now)) {
                continue;
            }
            state.last += 1;
            let message = Message {
                id: state.last,
                body: Some(outgoing.body.clone()),
                group: outgoing.group.clone(),
                sent: now,
                visible: if fifo { now } else { now.plus(outgoing.delay.min(MAX_DELAY)) },
                receives: 0,
                ended: 0,
            };
            state.broker.accept(queue, message);
            state.sent.push((queue.clone(), outgoing));
        }
        drop(state);
        self.wake.notify_waiters();
        Ok(())
    }

    fn is_one_with_table(&self) -> bool {
        self.table.is_some()
    }

    async fn send_with(&self, queue: &QueueName, batch: Vec<Outgoing>, puts: Vec<Item>) -> Result<()> {
        let table = self.table()?;
        for item in puts {
            table.make(TableChange::Put(item, Condition::None));
        }
        self.send(queue, batch).await
    }

    async fn send_once(&self, queue: &QueueName, batch: Vec<Marked>, now: Instant) -> Result<Vec<bool>> {
        let table = self.table()?;
        let fresh = |mark: Option<Item>| {
            mark.is_none_or(|mark| table.make(TableChange::Put(mark, Condition::AbsentOrExpired(now))))
        };
        let (sent, messages): (Vec<bool>, Vec<Outgoing>) =
            batch.into_iter().map(|one| (fresh(one.mark), one.message)).unzip();
        let messages = messages.into_iter().zip(&sent).filter(|(_, sent)| **sent).map(|(message, _)| message);
        self.send(queue, messages.collect()).await?;
        Ok(sent)
    }
}

#[async_trait]
impl Inbox for MemoryQueue {
    async fn receive(&self, queue: &QueueName, max: usize, visibility: Duration) -> Result<Vec<Received>> {
        let taken = lock(&self.state).broker.take(queue, max, self.clock.now(), visibility);
        let received = taken.into_iter().map(|message| Received {
            id: message.id.to_string(),
            body: message.body.unwrap_or_default(),
            receives: message.receives,
            group: message.group,
            trace: None,
        });
        Ok(received.collect())
    }

    async fn delete(&self, queue: &QueueName, ids: &[String]) -> Result<()> {
        let mut state = lock(&self.state);
        ids.iter().filter_map(|id| id.parse().ok()).for_each(|id| state.broker.delete(queue, id));
        drop(state);
        self.wake.notify_waiters();
        Ok(())
    }

    async fn release(&self, queue: &QueueName, waits: &[(String, Duration)]) -> Result<()> {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        for (id, wait) in waits {
            if let Ok(id) = id.parse() {
                state.broker.release(queue, id, now.plus(*wait));
            }
        }
        drop(state);
        self.wake.notify_waiters();
        Ok(())
    }

    async fn wait(&self, queue: &QueueName) {
        // Listening starts before looking, so that what is sent in between wakes us.
        let woken = self.wake.notified();
        let due = lock(&self.state).broker.due(queue);
        match due {
            None => woken.await,
            Some(due) => {
                let wait = due.since(self.clock.now());
                if !wait.is_zero() {
                    tokio::select! { () = woken => {}, () = self.clock.sleep(wait) => {} }
                }
            }
        }
    }

    fn depth(&self, queue: &QueueName) -> Depth {
        lock(&self.state).broker.depth(queue)
    }
}
