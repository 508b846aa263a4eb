//! What the writer can be asked to do.

use crate::{
    broker::Message,
    ports::{Cancelled, Marked, Outgoing, QueueName, TableChange, TransactError},
};
use concord_connector::{Fault, Instant, Kind, Result};
use std::sync::Arc;
use tokio::sync::{Notify, oneshot};

type Answer<T> = oneshot::Sender<Result<T>>;

/// One operation; all or nothing.
pub(super) enum Operation {
    Transact {
        changes: Vec<TableChange>,
        answer: oneshot::Sender<std::result::Result<(), TransactError>>,
    },
    Send {
        queue: QueueName,
        batch: Vec<Outgoing>,
        /// Items that are put with it, without conditions.
        puts: Vec<TableChange>,
        wake: Arc<Notify>,
        answer: Answer<()>,
    },
    /// Sends what was not sent before; answers what that was.
    SendOnce {
        queue: QueueName,
        batch: Vec<Marked>,
        /// The time by which a mark has expired.
        now: Instant,
        wake: Arc<Notify>,
        answer: Answer<Vec<bool>>,
    },
    /// Messages are worked on from now on, each for the so manieth time.
    Begun {
        turns: Vec<(u64, u32)>,
    },
    Delete {
        queue: QueueName,
        ids: Vec<u64>,
        wake: Arc<Notify>,
        answer: Answer<()>,
    },
    Release {
        queue: QueueName,
        visible: Vec<(u64, Instant)>,
        /// Whether the process outlived what was done with them.
        outlived: bool,
        wake: Arc<Notify>,
        answer: Answer<()>,
    },
    Position {
        name: String,
        value: String,
        answer: Answer<()>,
    },
    /// Forgets some of what has expired; answers how much.
    Sweep {
        answer: Answer<usize>,
    },
}

/// What an operation did, known before the commit and told after it.
pub(super) enum Outcome {
    Done,
    Cancelled(Cancelled),
    Sent(Vec<Message>),
    SentOnce(Vec<Message>, Vec<bool>),
    Swept(usize),
}

impl Operation {
    /// Whether it may be lost with the machine's power, as long as it survives the process: somebody is told of all else
    /// that it will last. Nothing that must last is ever on disk without what was before it.
    pub(super) fn may_be_lost(&self) -> bool {
        match self {
            // A message in flight that the power took down does not count as one that ended the process; entries of the
            // feed are handed over again.
            Self::Begun { .. } | Self::Release { outlived: false, .. } | Self::Position { .. } => true,
            Self::Transact { .. }
            | Self::Send { .. }
            | Self::SendOnce { .. }
            | Self::Delete { .. }
            | Self::Release { .. }
            | Self::Sweep { .. } => false,
        }
    }

    /// Nothing was made of it.
    pub(super) fn fail(self, sentence: &str) {
        let fault = || Fault::new(Kind::Unavailable, "store.write", sentence);
        match self {
            Self::Transact { answer, .. } => drop(answer.send(Err(TransactError::Store(fault())))),
            Self::Send { answer, .. }
            | Self::Delete { answer, .. }
            | Self::Release { answer, .. }
            | Self::Position { answer, .. } => drop(answer.send(Err(fault()))),
            Self::SendOnce { answer, .. } => drop(answer.send(Err(fault()))),
            Self::Sweep { answer } => drop(answer.send(Err(fault()))),
            Self::Begun { .. } => {}
        }
    }
}
