//! Hands messages to the steps as Lambda's event source mappings do: in batches, with partial failures, back-off, a
//! bound on receives and dead letters; first in, first out within a group.

use crate::{
    broker::Inbox,
    ports::{Disposition, Entropy, QueueName, Received},
    verdict::{self, Verdict},
};
use async_trait::async_trait;
use futures::future::join_all;
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinSet};

/// A message that was in flight so often in a row when a process ended is worked on alone...
const SUSPICIOUS: u32 = 3;
/// ... and buried at this number. Somebody who ends processes is hardly ever so unlucky with one message; one that takes the
/// process down with it is every time.
const ENDS: u32 = 32;

/// How a queue is received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The queue.
    pub queue: QueueName,
    /// So many messages at once at most.
    pub batch_size: usize,
    /// How long a message is hidden while it is worked on. A batch is given up when half of it has passed.
    pub visibility: Duration,
    /// A message that fails so often is buried.
    pub max_receives: u32,
    /// So many batches at the same time at most.
    pub concurrency: usize,
}

/// What messages are handed to.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Works on a batch; one disposition for each message, in their order. Messages without one have failed.
    async fn handle(&self, queue: &QueueName, batch: Vec<Received>) -> Vec<Disposition>;

    /// Keeps a message that failed too often as a dead letter; it leaves its queue afterwards.
    async fn bury(&self, queue: &QueueName, message: Received, reason: String);
}

/// Receives, hands over, settles.
#[derive(Clone)]
pub struct Poller {
    inbox: Arc<dyn Inbox>,
    handler: Arc<dyn Handler>,
    entropy: Arc<dyn Entropy>,
}

impl Poller {
    /// A poller of an inbox.
    pub fn new(inbox: Arc<dyn Inbox>, handler: Arc<dyn Handler>, entropy: Arc<dyn Entropy>) -> Self {
        Self { inbox, handler, entropy }
    }

    /// Polls all queues until `stop` turns true (or nobody can turn it any more); then finishes what is in flight.
    pub async fn run(&self, mappings: Vec<Mapping>, stop: watch::Receiver<bool>) {
        join_all(mappings.into_iter().map(|mapping| self.poll(Arc::new(mapping), stop.clone()))).await;
    }

    async fn poll(&self, mapping: Arc<Mapping>, mut stop: watch::Receiver<bool>) {
        let mut workers = JoinSet::new();
        while !*stop.borrow() {
            while workers.try_join_next().is_some() {}
            if workers.len() >= mapping.concurrency.max(1) {
                workers.join_next().await;
                continue;
            }
            let received = self.inbox.receive(&mapping.queue, mapping.batch_size.max(1), mapping.visibility).await;
            let idle = match received {
                Ok(batch) if !batch.is_empty() => {
                    let (poller, mapping) = (self.clone(), mapping.clone());
                    workers.spawn(async move { poller.work(&mapping, batch).await });
                    continue;
                }
                Ok(_) => None,
                Err(fault) => {
                    tracing::error!(queue.name = %mapping.queue, "Could not receive from {}: {fault}", mapping.queue);
                    Some(Duration::from_secs(1))
                }
            };
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = async {
                    match idle {
                        Some(wait) => tokio::time::sleep(wait).await,
                        None => self.inbox.wait(&mapping.queue).await,
                    }
                } => {}
            }
        }
        while workers.join_next().await.is_some() {}
    }

    /// Works on a batch to its end: every message is deleted, released or buried.
    async fn work(&self, mapping: &Mapping, batch: Vec<Received>) {
        let mut verdicts = Vec::new();
        let (mut suspects, mut rest) = (Vec::new(), Vec::new());
        for message in batch {
            let ended = self.inbox.ended(&mapping.queue, &message.id);
            if message.receives > mapping.max_receives.max(1) {
                let reason = format!("It was received {} times and never answered.", message.receives);
                verdicts.push((message, Verdict::Bury(reason)));
            } else if ended >= ENDS {
                let reason = format!("The process ended {ended} times in a row while it was worked on.");
                verdicts.push((message, Verdict::Bury(reason)));
            } else if ended >= SUSPICIOUS {
                suspects.push(message);
            } else {
                rest.push(message);
            }
        }
        // What others left is settled before anything that may take the process down is begun.
        self.settle(mapping, verdicts).await;
        self.hide(mapping, &suspects).await;
        self.together(mapping, rest, &suspects).await;
        // Alone, so that one of them that does end the process is the only one it counts against.
        while !suspects.is_empty() {
            let suspect = suspects.remove(0);
            self.hide(mapping, &suspects).await;
            self.begin(mapping, &suspect).await;
            self.together(mapping, vec![suspect], &[]).await;
        }
    }

    /// Works on messages together, while others of their batch wait.
    async fn together(&self, mapping: &Mapping, batch: Vec<Received>, waiting: &[Received]) {
        let mut verdicts = Vec::new();
        if !batch.is_empty() {
            match self.attempt(mapping, batch.clone()).await {
                Ok(dispositions) => verdicts.extend(self.judge(mapping, batch, dispositions)),
                Err(reason) if batch.len() == 1 => {
                    verdicts.extend(self.judge(mapping, batch, vec![Disposition::Retry { after: None, reason }]));
                }
                Err(_) => verdicts.extend(self.one_by_one(mapping, batch, waiting).await),
            }
        }
        self.settle(mapping, verdicts).await;
    }

    /// After a batch failed as a whole: each message alone, so that only the culprit fails.
    async fn one_by_one(
        &self,
        mapping: &Mapping,
        batch: Vec<Received>,
        waiting: &[Received],
    ) -> Vec<(Received, Verdict)> {
        let mut verdicts = Vec::with_capacity(batch.len());
        for (at, message) in batch.iter().enumerate() {
            // They are in flight for longer than one batch: keep them hidden.
            self.hide(mapping, batch[at..].iter().chain(waiting)).await;
            self.begin(mapping, message).await;
            let dispositions = match self.attempt(mapping, vec![message.clone()]).await {
                Ok(dispositions) => dispositions,
                Err(reason) => vec![Disposition::Retry { after: None, reason }],
            };
            verdicts.extend(self.judge(mapping, vec![message.clone()], dispositions));
        }
        verdicts
    }

    async fn hide(&self, mapping: &Mapping, messages: impl IntoIterator<Item = &Received>) {
        let waits: Vec<_> = messages.into_iter().map(|message| (message.id.clone(), mapping.visibility)).collect();
        if !waits.is_empty()
            && let Err(fault) = self.inbox.keep(&mapping.queue, &waits).await
        {
            tracing::warn!(queue.name = %mapping.queue, "Could not keep messages hidden: {fault}");
        }
    }

    async fn begin(&self, mapping: &Mapping, message: &Received) {
        if let Err(fault) = self.inbox.begin(&mapping.queue, std::slice::from_ref(&message.id)).await {
            tracing::warn!(queue.name = %mapping.queue, "Could not note that a message is worked on: {fault}");
        }
    }

    /// Runs the handler in a task of its own, so that a panic or a hang fails its batch and nothing else.
    async fn attempt(&self, mapping: &Mapping, batch: Vec<Received>) -> Result<Vec<Disposition>, String> {
        let (handler, queue) = (self.handler.clone(), mapping.queue.clone());
        let mut task = tokio::spawn(async move { handler.handle(&queue, batch).await });
        let limit = mapping.visibility / 2;
        match tokio::time::timeout(limit, &mut task).await {
            Ok(Ok(dispositions)) => Ok(dispositions),
            // Not the panic's own words: they may quote the message.
            Ok(Err(_)) => Err("The step panicked.".into()),
            Err(_) => {
                task.abort();
                Err(format!("The step took longer than {limit:?}."))
            }
        }
    }

    fn judge(
        &self,
        mapping: &Mapping,
        batch: Vec<Received>,
        dispositions: Vec<Disposition>,
    ) -> Vec<(Received, Verdict)> {
        let unanswered = || Disposition::Retry { after: None, reason: "The step gave no answer for it.".into() };
        let dispositions = dispositions.into_iter().chain(std::iter::repeat_with(unanswered));
        let judged = batch.into_iter().zip(dispositions).map(|(message, disposition)| {
            let verdict = verdict::of(disposition, message.receives, mapping.max_receives, &*self.entropy);
            (message, verdict)
        });
        judged.collect()
    }

    async fn settle(&self, mapping: &Mapping, verdicts: Vec<(Received, Verdict)>) {
        let queue = &mapping.queue;
        let mut done = Vec::new();
        let mut later = Vec::new();
        for (message, verdict) in verdicts {
            match verdict {
                Verdict::Done => done.push(message.id),
                Verdict::Later(wait) => later.push((message.id, wait)),
                Verdict::Bury(reason) => {
                    let id = message.id.clone();
                    tracing::warn!(queue.name = %queue, message.id = %id, "Bury message {id} of {queue}: {reason}");
                    let (handler, queue, receives) = (self.handler.clone(), queue.clone(), message.receives);
                    match tokio::spawn(async move { handler.bury(&queue, message, reason).await }).await {
                        Ok(()) => done.push(id),
                        Err(_) => later.push((id, verdict::backoff(receives, &*self.entropy))),
                    }
                }
            }
        }
        // What cannot be settled comes again when its time is out.
        if !done.is_empty()
            && let Err(fault) = self.inbox.delete(queue, &done).await
        {
            tracing::error!(queue.name = %queue, "Could not delete messages of {queue}: {fault}");
        }
        if !later.is_empty()
            && let Err(fault) = self.inbox.release(queue, &later).await
        {
            tracing::error!(queue.name = %queue, "Could not release messages of {queue}: {fault}");
        }
    }
}
