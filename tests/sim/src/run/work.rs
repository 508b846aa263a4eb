//! What a runner does with a batch of messages.

use super::tasks::{After, Done, RECEIVES};
use concord_connector::{Fault, Kind};
use concord_hub::{
    dead_letter::DeadLetter,
    hub::Hub,
    ports::{Disposition, QueueName, Received},
    steps,
};
use std::time::Duration;

/// What a runner does with a batch.
pub(super) async fn work(hub: &Hub, queue: QueueName, batch: Vec<Received>, spread: i64) -> Done {
    let (spent, batch): (Vec<_>, Vec<_>) = batch.into_iter().partition(|message| message.receives > RECEIVES);
    let mut after = Vec::new();
    for message in spent {
        let reason = format!("It was received {} times and never answered.", message.receives);
        after.push((message.id.clone(), bury(hub, &queue, &message, reason).await));
    }
    if batch.is_empty() {
        return Done::Batch(queue, after);
    }
    let dispositions = match &queue {
        QueueName::Signals(_) => steps::translate::translate(hub, &batch).await,
        QueueName::Observations => steps::reconcile::reconcile(hub, &batch).await,
        QueueName::Deliveries(_) => steps::deliver::deliver(hub, &batch).await,
        // Nobody subscribes here.
        QueueName::Events(_) => batch.iter().map(|_| Disposition::Done).collect(),
    };
    for (message, disposition) in batch.iter().zip(dispositions) {
        let what = match disposition {
            Disposition::Done => After::Delete,
            Disposition::Retry { reason, .. } if message.receives >= RECEIVES => {
                bury(hub, &queue, message, reason).await
            }
            Disposition::Retry { after: Some(wait), .. } => After::Release(wait),
            Disposition::Retry { after: None, .. } => {
                let least = 1000_i64 << message.receives.saturating_sub(1).min(9);
                After::Release(Duration::from_millis(u64::try_from(least + least * spread / 255).unwrap_or(1000)))
            }
        };
        after.push((message.id.clone(), what));
    }
    Done::Batch(queue, after)
}

async fn bury(hub: &Hub, queue: &QueueName, message: &Received, reason: String) -> After {
    let fault = Fault::new(Kind::Unexpected, "queue", reason);
    match DeadLetter::of_message(hub, queue, &message.body, &fault).bury(hub).await {
        Ok(()) => After::Delete,
        Err(_) => After::Release(Duration::from_secs(60)),
    }
}

/// A message in a few words.
pub(super) fn short(body: &str) -> String {
    body.chars().take(400).collect()
}
