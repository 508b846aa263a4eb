//! Entries of requests: bounded in number and size, sent again one by one where SQS took only some.

use super::{BATCH, CLAIM, LARGEST, SqsQueue};
use crate::fault;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    SendMessageBatchRequestEntry,
};
use concord_connector::{Fault, Kind, Result};
use concord_hub::ports::{Outgoing, QueueName};
use sha2::{Digest, Sha256};
use std::{collections::BTreeSet, time::Duration};

/// No message is delayed longer than this at sending.
const MOST_DELAY: Duration = Duration::from_secs(900);
/// Names of groups and of messages are no longer than this.
const NAME: usize = 128;
/// How often what was not taken is sent again.
const TRIES: u64 = 4;

/// An entry before it has its place in a request.
pub(super) struct Entry {
    body: String,
    claim: Option<String>,
    group: Option<String>,
    dedupe: Option<String>,
    delay_s: Option<i32>,
    trace: Option<String>,
}

impl Entry {
    fn size(&self) -> usize {
        // Attributes count as well; they are short.
        self.body.len() + self.claim.as_ref().map_or(0, String::len) + 512
    }

    fn build(&self, id: usize) -> Result<SendMessageBatchRequestEntry> {
        let wrong = |_| Fault::new(Kind::Unexpected, "queue.send", "the message could not be made up");
        let text = |value: &str| {
            MessageAttributeValue::builder().data_type("String").string_value(value).build().map_err(wrong)
        };
        let mut entry = SendMessageBatchRequestEntry::builder()
            .id(id.to_string())
            .message_body(&self.body)
            .set_message_group_id(self.group.clone())
            .set_message_deduplication_id(self.dedupe.clone())
            .set_delay_seconds(self.delay_s);
        if let Some(claim) = &self.claim {
            entry = entry.message_attributes(CLAIM, text(claim)?);
        }
        if let Some(trace) = &self.trace {
            let value = MessageSystemAttributeValue::builder().data_type("String").string_value(trace).build();
            let value = value.map_err(wrong)?;
            entry = entry.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, value);
        }
        entry.build().map_err(wrong)
    }
}

/// Requests within SQS's bounds, in the order given.
pub(super) fn batches(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut batches: Vec<Vec<Entry>> = Vec::new();
    let mut room = 0;
    for entry in entries {
        let size = entry.size();
        match batches.last_mut().filter(|batch| batch.len() < BATCH && size <= room) {
            Some(batch) => batch.push(entry),
            None => {
                room = LARGEST + 4096;
                batches.push(vec![entry]);
            }
        }
        room = room.saturating_sub(size);
    }
    batches
}

impl SqsQueue {
    /// The entry of a message. What is too large goes to the bucket first.
    pub(super) async fn entry(&self, queue: &QueueName, message: Outgoing) -> Result<Entry> {
        let Outgoing { body, group, dedupe, delay, trace } = message;
        let fifo = queue.is_fifo();
        let (body, claim) = if body.len() > LARGEST {
            let name = format!("claims/{}", self.token());
            self.blobs.put(&name, body.into_bytes()).await?;
            (name.clone(), Some(name))
        } else {
            (body, None)
        };
        let delay_s = i32::try_from(delay.min(MOST_DELAY).as_secs()).ok().filter(|delay| *delay > 0 && !fifo);
        Ok(Entry {
            body,
            claim,
            group: group.map(named).or_else(|| fifo.then(|| "none".to_owned())),
            dedupe: fifo.then(|| dedupe.map_or_else(|| self.token(), named)),
            delay_s,
            trace,
        })
    }

    pub(super) async fn send_batch(&self, url: &str, batch: Vec<Entry>) -> Result<()> {
        let mut left: Vec<(usize, Entry)> = batch.into_iter().enumerate().collect();
        let mut code = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
            }
            let entries = left.iter().map(|(id, entry)| entry.build(*id)).collect::<Result<Vec<_>>>()?;
            let request = self.client.send_message_batch().queue_url(url).set_entries(Some(entries));
            let answer = request.send().await.map_err(|error| fault::of("queue.send", &error))?;
            if let Some(refused) = answer.failed().iter().find(|failed| failed.sender_fault()) {
                let sentence = "SQS refuses a message";
                return Err(Fault::new(Kind::Unexpected, "queue.send", sentence).with("code", refused.code()));
            }
            let failed: BTreeSet<&str> = answer.failed().iter().map(|failed| failed.id()).collect();
            if failed.is_empty() {
                return Ok(());
            }
            code = answer.failed().first().map(|failed| failed.code().to_owned()).unwrap_or_default();
            left.retain(|(id, _)| failed.contains(id.to_string().as_str()));
        }
        Err(Fault::new(Kind::Unavailable, "queue.send", "SQS is busy").with("code", code))
    }
}

/// A name as SQS allows it: what is longer, or has other letters, is told by its hash.
fn named(name: String) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic();
    if !name.is_empty() && name.len() <= NAME && name.bytes().all(plain) {
        return name;
    }
    hex::encode(Sha256::digest(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(size: usize) -> Entry {
        Entry { body: "x".repeat(size), claim: None, group: None, dedupe: None, delay_s: None, trace: None }
    }

    #[test]
    fn a_request_has_ten_messages_and_a_bounded_size() {
        let sizes = |sizes: &[usize]| -> Vec<usize> {
            batches(sizes.iter().map(|size| entry(*size)).collect()).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(&[1; 25]), [10, 10, 5]);
        assert_eq!(sizes(&[LARGEST, 1, LARGEST, LARGEST]), [2, 1, 1]);
        assert_eq!(sizes(&[100_000, 100_000, 100_000]), [2, 1]);
        assert!(sizes(&[]).is_empty());
    }

    #[test]
    fn a_name_that_sqs_does_not_take_is_told_by_its_hash() {
        assert_eq!(named("r1@crm@3".into()), "r1@crm@3");
        assert_eq!(named("a b".into()).len(), 64);
        assert_eq!(named("x".repeat(129)).len(), 64);
        assert_ne!(named("ä".into()), named("ö".into()));
    }
}
