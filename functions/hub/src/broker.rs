//! What a queue service knows about its messages: which are visible, which are in flight, which wait for their group.
//!
//! Pure: no I/O and no clock, so that the embedded queues and the in-memory ones of the tests obey the same laws. Time
//! is an argument; whoever holds a broker keeps messages durable.

mod lane;

use crate::ports::{QueueName, Received};
use async_trait::async_trait;
use concord_connector::{Instant, Result};
use lane::Lane;
use std::{collections::BTreeMap, time::Duration};

/// A repeated dedupe id is dropped for so long, as SQS does.
pub const DEDUPE: Duration = Duration::from_secs(300);
/// No message is delayed longer than this at sending, as in SQS.
pub const MAX_DELAY: Duration = Duration::from_secs(900);

/// The receiving side of queues: what a poller needs of them.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Up to `max` visible messages; each stays hidden for `visibility`, then it is received again. At once, also when
    /// there is none.
    async fn receive(&self, queue: &QueueName, max: usize, visibility: Duration) -> Result<Vec<Received>>;
    /// They are dealt with. Durable when it returns; ids that are gone are no error.
    async fn delete(&self, queue: &QueueName, ids: &[String]) -> Result<()>;
    /// Makes messages visible again after these waits; what was done with them has come to its end.
    async fn release(&self, queue: &QueueName, waits: &[(String, Duration)]) -> Result<()>;
    /// Hides messages for longer that were received and wait for their turn.
    async fn keep(&self, queue: &QueueName, waits: &[(String, Duration)]) -> Result<()> {
        self.release(queue, waits).await
    }
    /// The turn of messages that were kept has come.
    async fn begin(&self, _queue: &QueueName, _ids: &[String]) -> Result<()> {
        Ok(())
    }
    /// How often in a row a process ended while this message was in flight, where that is known.
    fn ended(&self, _queue: &QueueName, _id: &str) -> u32 {
        0
    }
    /// Returns when there may be something to receive.
    async fn wait(&self, queue: &QueueName);
    /// How full a queue is.
    fn depth(&self, queue: &QueueName) -> Depth;
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that may be received, or wait for their group.
    pub waiting: usize,
    /// Messages that are in flight, delayed or in back-off.
    pub hidden: usize,
    /// When the oldest message of all was sent.
    pub oldest: Option<Instant>,
}

/// A message that is in a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Names it; grows with the order of sending.
    pub id: u64,
    /// The text, when it is cheap to keep it here.
    pub body: Option<String>,
    /// Its group; in queues that are not first in, first out, whose it is: tenants take turns.
    pub group: Option<String>,
    /// When it was sent.
    pub sent: Instant,
    /// Not to be received before this.
    pub visible: Instant,
    /// How often it was received.
    pub receives: u32,
    /// How often in a row a process ended while it was in flight.
    pub ended: u32,
}

/// The state of all queues.
#[derive(Debug)]
pub struct Broker {
    lanes: BTreeMap<QueueName, Lane>,
    marks: BTreeMap<QueueName, Marks>,
    room: usize,
}

/// Dedupe ids of one queue, by id and by age.
#[derive(Debug, Default)]
struct Marks {
    by_id: BTreeMap<String, Instant>,
    by_age: BTreeMap<(Instant, String), ()>,
}

impl Broker {
    /// Without messages; keeps texts of messages until they take that many bytes, beyond which `take` gives none.
    pub fn new(room: usize) -> Self {
        Self { lanes: BTreeMap::new(), marks: BTreeMap::new(), room }
    }

    /// Remembers a dedupe id; `false` when it was sent within the last [`DEDUPE`], and the message is to be dropped.
    pub fn mark(&mut self, queue: &QueueName, dedupe: &str, now: Instant) -> bool {
        let marks = self.marks.entry(queue.clone()).or_default();
        while let Some(oldest) = marks.by_age.first_entry() {
            if oldest.key().0.plus(DEDUPE) > now {
                break;
            }
            let ((_, id), ()) = oldest.remove_entry();
            marks.by_id.remove(&id);
        }
        if marks.by_id.contains_key(dedupe) {
            return false;
        }
        marks.by_id.insert(dedupe.to_owned(), now);
        marks.by_age.insert((now, dedupe.to_owned()), ());
        true
    }

    /// Forgets a dedupe id: its message was not stored after all.
    pub fn unmark(&mut self, queue: &QueueName, dedupe: &str) {
        let Some(marks) = self.marks.get_mut(queue) else { return };
        if let Some(at) = marks.by_id.remove(dedupe) {
            marks.by_age.remove(&(at, dedupe.to_owned()));
        }
    }

    /// A message is in a queue now.
    pub fn accept(&mut self, queue: &QueueName, mut message: Message) {
        let size = message.body.as_ref().map_or(0, String::len);
        if size > self.room {
            message.body = None;
        } else {
            self.room -= size;
        }
        match self.lanes.get_mut(queue) {
            Some(lane) => lane.accept(message),
            None => self.lanes.entry(queue.clone()).or_insert_with(|| Lane::new(queue.is_fifo())).accept(message),
        }
    }

    /// Takes up to `max` visible messages, in turns of their tenants, oldest first; of one FIFO group at most one. Each counts as received once more.
    pub fn take(&mut self, queue: &QueueName, max: usize, now: Instant, visibility: Duration) -> Vec<Message> {
        self.lanes.get_mut(queue).map(|lane| lane.take(max, now, now.plus(visibility))).unwrap_or_default()
    }

    /// A message is dealt with; the next of its group becomes visible.
    pub fn delete(&mut self, queue: &QueueName, id: u64) {
        if let Some(message) = self.lanes.get_mut(queue).and_then(|lane| lane.delete(id)) {
            self.room = self.room.saturating_add(message.body.map_or(0, |body| body.len()));
        }
    }

    /// A message becomes visible at a time.
    pub fn release(&mut self, queue: &QueueName, id: u64, visible: Instant) {
        if let Some(lane) = self.lanes.get_mut(queue) {
            lane.release(id, visible);
        }
    }

    /// How often in a row a process ended while a message was in flight.
    pub fn ended(&self, queue: &QueueName, id: u64) -> u32 {
        self.lanes.get(queue).and_then(|lane| lane.get(id)).map_or(0, |message| message.ended)
    }

    /// How often a message was received.
    pub fn receives(&self, queue: &QueueName, id: u64) -> u32 {
        self.lanes.get(queue).and_then(|lane| lane.get(id)).map_or(0, |message| message.receives)
    }

    /// A message outlived what was done with it.
    pub fn outlived(&mut self, queue: &QueueName, id: u64) {
        if let Some(message) = self.lanes.get_mut(queue).and_then(|lane| lane.get_mut(id)) {
            message.ended = 0;
        }
    }

    /// When `take` may find something: `Some(now or earlier)` when it will at once, `None` when only a message that is
    /// yet to be sent can change that.
    pub fn due(&self, queue: &QueueName) -> Option<Instant> {
        self.lanes.get(queue)?.due()
    }

    /// How full a queue is.
    pub fn depth(&self, queue: &QueueName) -> Depth {
        self.lanes.get(queue).map(Lane::depth).unwrap_or_default()
    }

    /// The queues that ever had a message.
    pub fn queues(&self) -> impl Iterator<Item = &QueueName> {
        self.lanes.keys()
    }
}
