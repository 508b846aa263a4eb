//! Messages that come again, and when.

use super::record::Message;
use crate::{boot::Booted, fault};
use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, time::Duration};

/// Entries of one request at most.
const BATCH: usize = 10;

/// Messages that come again.
#[derive(Default)]
pub(super) struct Settled(Vec<(Message, Option<Duration>)>);

impl Settled {
    /// It comes again, after that long; `None` leaves it to the queue's own time-out.
    pub(super) fn fail(&mut self, message: &Message, after: Option<Duration>) {
        self.0.push((message.clone(), after));
    }

    /// The messages.
    pub(super) fn failed(&self) -> impl Iterator<Item = &Message> {
        self.0.iter().map(|(message, _)| message)
    }

    /// As the event source mapping wants to be told.
    pub(super) fn failures(&self) -> Vec<Json> {
        self.failed().map(|message| json!({ "itemIdentifier": message.received.id })).collect()
    }

    /// Tells the queues when messages come again. Where that fails they come after the queue's own time-out.
    pub(super) async fn tell(&self, booted: &Booted) {
        let mut queues: BTreeMap<String, Vec<(&Message, Duration)>> = BTreeMap::new();
        for (message, after) in &self.0 {
            if let Some(after) = after {
                queues.entry(url(&message.source, &booted.names.queues)).or_default().push((message, *after));
            }
        }
        for (url, waits) in queues {
            for chunk in waits.chunks(BATCH) {
                let entries: Result<Vec<_>, _> =
                    chunk.iter().enumerate().map(|(id, (message, wait))| entry(id, message, *wait)).collect();
                let Ok(entries) = entries else { continue };
                let request =
                    booted.clients.queue.change_message_visibility_batch().queue_url(&url).set_entries(Some(entries));
                if let Err(error) = request.send().await {
                    let fault = fault::of("queue.release", &error);
                    tracing::warn!(reason = %fault, "The wait of messages could not be set.");
                }
            }
        }
    }
}

fn entry(
    id: usize,
    message: &Message,
    wait: Duration,
) -> Result<ChangeMessageVisibilityBatchRequestEntry, aws_smithy_types::error::operation::BuildError> {
    ChangeMessageVisibilityBatchRequestEntry::builder()
        .id(id.to_string())
        .receipt_handle(&message.receipt)
        .visibility_timeout(i32::try_from(wait.as_secs()).unwrap_or(i32::MAX))
        .build()
}

/// The address of a queue by its ARN: its name below the prefix of its stack's.
fn url(arn: &str, prefix: &str) -> String {
    let name = arn.rsplit(':').next().unwrap_or(arn);
    let base = prefix.rsplit_once('/').map_or("", |(base, _)| base);
    format!("{base}/{name}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_address_follows_from_the_arn() {
        let url = super::url("arn:aws:sqs:eu-west-1:1:hub-signals-crm", "https://sqs.example.com/1/hub-");
        assert_eq!(url, "https://sqs.example.com/1/hub-signals-crm");
    }
}
