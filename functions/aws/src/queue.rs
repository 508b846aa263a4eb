//! Queues on SQS: sending in batches, large texts by claim check, one trace from webhook to delivery.

pub mod name;
mod send;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use concord_connector::Result;
use concord_hub::ports::{Blobs, Entropy, Outgoing, Queue, QueueName};
use futures::future::try_join_all;
use std::sync::Arc;

/// A text of more bytes is kept elsewhere, and the message says where.
pub const LARGEST: usize = 240 * 1024;
/// The attribute that says where a text is kept.
pub const CLAIM: &str = "claim";
/// Messages of one request at most.
const BATCH: usize = 10;

/// The queues of a stack.
pub struct SqsQueue {
    client: Client,
    /// What addresses begin with.
    prefix: String,
    blobs: Arc<dyn Blobs>,
    entropy: Arc<dyn Entropy>,
}

impl SqsQueue {
    /// The queues whose addresses begin with a prefix.
    pub fn new(client: Client, prefix: impl Into<String>, blobs: Arc<dyn Blobs>, entropy: Arc<dyn Entropy>) -> Self {
        Self { client, prefix: prefix.into(), blobs, entropy }
    }

    /// The address of a queue.
    pub fn url(&self, queue: &QueueName) -> String {
        format!("{}{}", self.prefix, name::of(queue))
    }

    /// A text that nobody else has.
    fn token(&self) -> String {
        hex::encode(self.entropy.bytes())
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, queue: &QueueName, batch: Vec<Outgoing>) -> Result<()> {
        let mut entries = Vec::with_capacity(batch.len());
        for message in batch {
            entries.push(self.entry(queue, message).await?);
        }
        let url = self.url(queue);
        let requests = send::batches(entries);
        if queue.is_fifo() {
            // One after another: messages of a group arrive in the order in which they were given.
            for request in requests {
                self.send_batch(&url, request).await?;
            }
            return Ok(());
        }
        try_join_all(requests.into_iter().map(|request| self.send_batch(&url, request))).await.map(drop)
    }
}
