//! The steps: each takes a batch from its queue and says of each message what became of it.

pub mod deliver;
pub mod fanout;
pub mod ingest;
mod operate;
pub mod publish;
pub mod reconcile;
pub mod reconfigure;
mod resume;
pub mod schedule;
pub mod sweep;
pub mod translate;

use crate::{
    dead_letter::DeadLetter,
    hub::Hub,
    ports::{Disposition, FeedEntry, QueueName, Received},
};
use concord_connector::{Fault, Kind, Result, Retry};

/// Messages of a batch that are worked on at the same time.
pub(crate) const PARALLEL: usize = 32;

/// What becomes of a message whose step failed: again, after what the fault suggests. The queue's own limit of receives
/// ends that, in a dead letter.
pub(crate) fn again(fault: &Fault) -> Disposition {
    let after = match fault.retry {
        Retry::After(after) => after,
        _ => None,
    };
    Disposition::Retry { after, reason: fault.to_string() }
}

/// Works on a batch of a queue; one disposition for each message, in their order.
pub async fn handle(hub: &Hub, queue: &QueueName, batch: &[Received]) -> Vec<Disposition> {
    match queue {
        QueueName::Signals(_) => translate::translate(hub, batch).await,
        QueueName::Observations => reconcile::reconcile(hub, batch).await,
        QueueName::Deliveries(_) => deliver::deliver(hub, batch).await,
        QueueName::Events(_) => publish::publish(hub, batch).await,
    }
}

/// Keeps a message that failed for the last time as a dead letter.
///
/// # Errors
/// When the letter could not be kept: the message has to stay where it is.
pub async fn bury(hub: &Hub, queue: &QueueName, message: &Received, reason: String) -> Result<()> {
    let fault = Fault::new(Kind::Unexpected, "queue", reason);
    DeadLetter::of_message(hub, queue, &message.body, &fault).bury(hub).await
}

/// Keeps a change of the feed that cannot be passed on as a dead letter, which names the record: what it owes is ordered by
/// the scheduler, and looked at again by whoever redrives the letter.
///
/// # Errors
/// When the letter could not be kept: the change has to be passed on again.
pub async fn bury_change(hub: &Hub, entry: &FeedEntry, reason: &str) -> Result<()> {
    DeadLetter::of_change(hub, entry, reason)?.bury(hub).await
}
