//! SQS over a queue in memory.

use super::StandIn;
use concord_aws::queue::{CLAIM, name};
use concord_hub::{
    broker::Inbox,
    ports::{Outgoing, Queue, QueueName},
};
use serde_json::{Value as Json, json};
use std::time::Duration;

pub(super) async fn answer(held: &StandIn, operation: &str, request: &Json) -> Result<Json, &'static str> {
    let queue = name::parse(request["QueueUrl"].as_str().unwrap(), "hub-", "").expect("a queue of the stack");
    match operation {
        "SendMessageBatch" => send(held, &queue, request).await,
        "ReceiveMessage" => {
            let seconds = |name: &str| Duration::from_secs(request[name].as_u64().unwrap());
            let most = request["MaxNumberOfMessages"].as_u64().unwrap();
            assert!((1..=10).contains(&most), "the service refuses such a number");
            let received = held.queue.receive(&queue, most as usize, seconds("VisibilityTimeout")).await.unwrap();
            let messages: Vec<Json> = received
                .iter()
                .map(|one| {
                    let mut attributes = json!({ "ApproximateReceiveCount": one.receives.to_string() });
                    if let Some(group) = &one.group {
                        attributes["MessageGroupId"] = group.as_str().into();
                    }
                    if let Some(trace) = held.traces.lock().unwrap().get(&one.body) {
                        attributes["AWSTraceHeader"] = trace.clone();
                    }
                    json!({ "MessageId": one.id, "ReceiptHandle": one.id, "Body": one.body, "Attributes": attributes })
                })
                .collect();
            Ok(json!({ "Messages": messages }))
        }
        "DeleteMessageBatch" => {
            let ids: Vec<String> =
                entries(request).iter().map(|entry| entry["ReceiptHandle"].as_str().unwrap().to_owned()).collect();
            held.queue.delete(&queue, &ids).await.unwrap();
            Ok(done(request))
        }
        "ChangeMessageVisibilityBatch" => {
            let wait = |entry: &Json| {
                let seconds = entry["VisibilityTimeout"].as_u64().unwrap();
                (entry["ReceiptHandle"].as_str().unwrap().to_owned(), Duration::from_secs(seconds))
            };
            let waits: Vec<_> = entries(request).iter().map(wait).collect();
            held.queue.release(&queue, &waits).await.unwrap();
            Ok(done(request))
        }
        other => panic!("nothing stands in for {other}"),
    }
}

/// What the service refuses is refused here.
async fn send(held: &StandIn, queue: &QueueName, request: &Json) -> Result<Json, &'static str> {
    let entries = entries(request);
    assert!((1..=10).contains(&entries.len()), "a batch has one to ten entries");
    let size: usize = entries.iter().map(|entry| entry["MessageBody"].as_str().unwrap().len()).sum();
    assert!(size <= 256 * 1024, "a batch is too large");
    let mut batch = Vec::new();
    for entry in &entries {
        let text = |name: &str| entry[name].as_str().map(str::to_owned);
        let delay = entry["DelaySeconds"].as_u64().unwrap_or_default();
        assert!(delay <= 900 && (delay == 0 || !queue.is_fifo()), "a delay is too long, or of a queue that has none");
        let (group, dedupe) = (text("MessageGroupId"), text("MessageDeduplicationId"));
        assert!(!queue.is_fifo() || (group.is_some() && dedupe.is_some()), "a queue wants group and id");
        for name in group.iter().chain(&dedupe) {
            assert!(!name.is_empty() && name.len() <= 128, "a name is too long");
        }
        held.attributes.lock().unwrap().push(json!({
            "group": group,
            "trace": entry["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"],
            "claim": entry["MessageAttributes"][CLAIM]["StringValue"],
        }));
        let body = text("MessageBody").unwrap();
        let trace = entry["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"].clone();
        if !trace.is_null() {
            held.traces.lock().unwrap().insert(body.clone(), trace);
        }
        assert!(!body.is_empty(), "a body is empty");
        batch.push(Outgoing { body, group, dedupe, delay: Duration::from_secs(delay), trace: None });
    }
    held.queue.send(queue, batch).await.unwrap();
    Ok(done(request))
}

fn entries(request: &Json) -> Vec<Json> {
    request["Entries"].as_array().unwrap().clone()
}

fn done(request: &Json) -> Json {
    let done: Vec<Json> = entries(request)
        .iter()
        .map(|entry| json!({ "Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": "" }))
        .collect();
    json!({ "Successful": done, "Failed": [] })
}
