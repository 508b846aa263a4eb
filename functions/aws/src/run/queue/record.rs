//! What an event source mapping hands over.

use crate::queue::CLAIM;
use concord_connector::{Fault, Kind};
use concord_hub::{hub::Hub, ports::Received};
use lambda_runtime::Error;
use serde_json::Value as Json;

/// A message with what is needed to settle it.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) received: Received,
    pub(super) receipt: String,
    /// The queue's ARN.
    pub(super) source: String,
    /// Where its text is, when it is not in the message.
    pub(super) claim: Option<String>,
}

impl Message {
    /// With its text, which may be kept elsewhere.
    pub(super) async fn opened(mut self, hub: &Hub) -> Result<Self, (Self, Fault)> {
        let Some(claim) = self.claim.take() else { return Ok(self) };
        let text = match hub.blobs.get(&claim).await {
            Ok(Some(bytes)) => String::from_utf8(bytes)
                .map_err(|_| Fault::new(Kind::Malformed, "queue.receive", "a message's text is no text")),
            Ok(None) => Err(Fault::new(Kind::NotFound, "queue.receive", "a message's text is gone from the bucket")),
            Err(fault) => Err(fault),
        };
        match text {
            Ok(text) => {
                self.received.body = text;
                Ok(self)
            }
            Err(fault) => Err((self, fault)),
        }
    }
}

/// The messages of an event. Whatever a message holds, its neighbours are read.
pub(super) fn messages(event: Json) -> Result<Vec<Message>, Error> {
    let Some(Json::Array(records)) = event.get("Records") else {
        return Err("the event is no batch of messages".into());
    };
    records.iter().map(|record| message(record).ok_or_else(|| "a record of the event is no message".into())).collect()
}

fn message(record: &Json) -> Option<Message> {
    let text = |pointer: &str| record.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
    Some(Message {
        received: Received {
            id: text("/messageId")?,
            body: text("/body").unwrap_or_default(),
            receives: text("/attributes/ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1),
            group: text("/attributes/MessageGroupId"),
            trace: text("/attributes/AWSTraceHeader"),
        },
        receipt: text("/receiptHandle").unwrap_or_default(),
        source: text("/eventSourceARN").unwrap_or_default(),
        claim: text(&format!("/messageAttributes/{CLAIM}/stringValue")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_is_read_with_its_attributes() {
        let event = json!({ "Records": [{
            "messageId": "m1", "receiptHandle": "h1", "body": "claims/1",
            "attributes": { "ApproximateReceiveCount": "3", "MessageGroupId": "r1@crm", "AWSTraceHeader": "Root=1" },
            "messageAttributes": { "claim": { "stringValue": "claims/1", "dataType": "String" } },
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:hub-deliveries-crm.fifo"
        }]});
        let read = messages(event).unwrap().remove(0);
        assert_eq!((read.received.receives, read.received.group.as_deref()), (3, Some("r1@crm")));
        assert_eq!((read.received.trace.as_deref(), read.claim.as_deref()), (Some("Root=1"), Some("claims/1")));
        assert!(messages(json!({})).is_err());
    }
}
