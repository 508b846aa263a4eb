//! Queues. Sending is a port; receiving belongs to the runner.

use super::Item;
use crate::trace;
use async_trait::async_trait;
use concord_connector::{Fault, Instant, Kind, Result, SubscriptionName, System};
use std::{fmt, time::Duration};

/// Which queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueName {
    /// To the connector of a system: something may have changed there.
    Signals(System),
    /// To reconcile.
    Observations,
    /// To the connector of a system: make external records equal to their golden ones. First in, first out per group.
    Deliveries(System),
    /// To a subscriber: a lane of its own for each, so that a slow one is in nobody's way. First in, first out per record.
    Events(SubscriptionName),
}

impl QueueName {
    /// The queue of a name.
    pub fn parse(name: &str) -> Option<Self> {
        if name == "observations" {
            return Some(Self::Observations);
        }
        if let Some(system) = name.strip_prefix("signals.") {
            return Some(Self::Signals(system.into()));
        }
        if let Some(name) = name.strip_prefix("events.").and_then(|rest| rest.strip_suffix(".fifo")) {
            return Some(Self::Events(name.into()));
        }
        name.strip_prefix("deliveries.")?.strip_suffix(".fifo").map(|system| Self::Deliveries(system.into()))
    }
    /// Whether messages of one group are received one after another.
    pub fn is_fifo(&self) -> bool {
        matches!(self, Self::Deliveries(_) | Self::Events(_))
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signals(system) => write!(f, "signals.{system}"),
            Self::Observations => f.write_str("observations"),
            Self::Deliveries(system) => write!(f, "deliveries.{system}.fifo"),
            Self::Events(subscription) => write!(f, "events.{subscription}.fifo"),
        }
    }
}

/// A message to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The text.
    pub body: String,
    /// FIFO queues: messages of a group stay in order, and what follows the last `@` is the tenant. Others: the tenant.
    /// Tenants take turns, so that the backlog of one delays nobody else.
    pub group: Option<String>,
    /// FIFO queues: a message with an id that was sent within the last 5 minutes is dropped.
    pub dedupe: Option<String>,
    /// Not to be received before this has passed; at most 15 minutes. FIFO queues ignore it.
    pub delay: Duration,
    /// The trace that it belongs to; queues that know of traces pass it on.
    pub trace: Option<String>,
}

impl Outgoing {
    /// Without group and delay, of the trace that is worked under.
    pub fn new(body: String) -> Self {
        Self { body, trace: trace::current(), ..Self::default() }
    }
    /// The same, as one of a tenant's.
    #[must_use]
    pub fn of(self, tenant: &str) -> Self {
        Self { group: Some(tenant.to_owned()), ..self }
    }
}

/// A message that is sent once for as long as its mark lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// The message.
    pub message: Outgoing,
    /// The item that says that it was sent; `None` when it is sent in any case.
    pub mark: Option<Item>,
}

/// A message as a runner hands it to a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Names it within the batch.
    pub id: String,
    /// The text.
    pub body: String,
    /// How often it was received, this time included.
    pub receives: u32,
    /// Its group, in FIFO queues.
    pub group: Option<String>,
    /// The trace that it belongs to, where the queue knows of traces.
    pub trace: Option<String>,
}

/// What a step says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It is dealt with, for good.
    Done,
    /// Again, after that long (`None`: the queue's own back-off).
    Retry {
        /// The wait.
        after: Option<Duration>,
        /// A sentence.
        reason: String,
    },
}

/// Sends.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends all of them, or fails; durable when it returns. After a failure some may have been sent.
    async fn send(&self, queue: &QueueName, batch: Vec<Outgoing>) -> Result<()>;

    /// Whether queue and table are one store, and whoever receives is this very process: [`Queue::send_with`] and
    /// [`Queue::send_once`] can be asked, and a step may as well do the next one's work itself.
    fn is_one_with_table(&self) -> bool {
        false
    }

    /// Sends, and puts items without condition, all or nothing: one write to disk where two would be waited for. Only for
    /// stores that are queue and table at once.
    ///
    /// # Errors
    /// `Unexpected` where they are not.
    async fn send_with(&self, _queue: &QueueName, _batch: Vec<Outgoing>, _puts: Vec<Item>) -> Result<()> {
        Err(Fault::new(Kind::Unexpected, "queue.send_with", "this queue is not one with its table"))
    }

    /// Sends each message whose mark is not there, or has expired by `now`, and puts the marks of those: all of that or
    /// nothing, in one write to disk and without a read before it. Answers for each message whether it was sent. Only for
    /// stores that are queue and table at once.
    ///
    /// # Errors
    /// `Unexpected` where they are not.
    async fn send_once(&self, _queue: &QueueName, _batch: Vec<Marked>, _now: Instant) -> Result<Vec<bool>> {
        Err(Fault::new(Kind::Unexpected, "queue.send_once", "this queue is not one with its table"))
    }
}
