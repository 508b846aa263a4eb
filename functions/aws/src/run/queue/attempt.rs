//! A step at work, in a task of its own: a panic fails what it worked on and nothing else.

use super::TimeLeft;
use concord_hub::{
    hub::Hub,
    ports::{Disposition, QueueName, Received},
    steps, trace,
};
use std::sync::Arc;

pub(super) struct Attempt<'a> {
    pub(super) hub: &'a Arc<Hub>,
    pub(super) queue: &'a QueueName,
    pub(super) time: TimeLeft,
}

impl Attempt<'_> {
    /// What the step says of a batch, or why it says nothing.
    pub(super) async fn of(&self, batch: Vec<Received>) -> Result<Vec<Disposition>, String> {
        let (hub, queue) = (Arc::clone(self.hub), self.queue.clone());
        let mut task = tokio::spawn(async move { steps::handle(&hub, &queue, &batch).await });
        match tokio::time::timeout(self.time.left(), &mut task).await {
            Ok(Ok(dispositions)) => Ok(dispositions),
            // Not the panic's own words: they may quote the message.
            Ok(Err(_)) => Err("The step panicked.".into()),
            Err(_) => {
                task.abort();
                Err("The step took longer than the function may.".into())
            }
        }
    }

    /// Each message alone, for as long as the time suffices.
    pub(super) async fn one_by_one(&self, batch: Vec<Received>) -> Vec<Disposition> {
        let mut dispositions = Vec::with_capacity(batch.len());
        for message in batch {
            let retry = |reason| Disposition::Retry { after: None, reason };
            let disposition = if self.time.is_enough() {
                match self.of(vec![message]).await {
                    Ok(mut one) => one.pop().unwrap_or_else(|| retry("The step gave no answer for it.".into())),
                    Err(reason) => retry(reason),
                }
            } else {
                retry("The time did not suffice for it.".into())
            };
            dispositions.push(disposition);
        }
        dispositions
    }

    /// Keeps a message as a dead letter; false when that failed, too.
    pub(super) async fn bury(&self, message: &Received, reason: String) -> bool {
        let (hub, queue, message) = (Arc::clone(self.hub), self.queue.clone(), message.clone());
        let trace = message.trace.clone();
        let bury = async move { steps::bury(&hub, &queue, &message, reason).await };
        match tokio::spawn(trace::under(trace, bury)).await {
            Ok(Ok(())) => true,
            Ok(Err(fault)) => {
                tracing::error!(reason = %fault, "A dead letter could not be kept; the message stays.");
                false
            }
            Err(_) => false,
        }
    }
}
