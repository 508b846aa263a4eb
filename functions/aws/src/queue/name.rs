//! Names of queues. SQS knows no dots but that of `.fifo`, and has one queue for all subscribers: their messages take turns
//! by record.

use concord_connector::System;
use concord_hub::{message::Message, ports::QueueName};

/// The name of a queue within its stack.
pub fn of(queue: &QueueName) -> String {
    match queue {
        QueueName::Signals(system) => format!("signals-{system}"),
        QueueName::Observations => "observations".into(),
        QueueName::Deliveries(system) => format!("deliveries-{system}.fifo"),
        QueueName::Events(_) => "events.fifo".into(),
    }
}

/// What the queue with this address or ARN is to the steps; a subscriber's is told by the message.
pub fn parse(address: &str, prefix: &str, body: &str) -> Option<QueueName> {
    let stack = last(prefix);
    let name = last(address).strip_prefix(stack)?;
    if name == "observations" {
        return Some(QueueName::Observations);
    }
    if name == "events.fifo" {
        return match Message::decode(body) {
            Ok(Message::EventV1(event)) => Some(QueueName::Events(event.subscription)),
            _ => Some(QueueName::Events("".into())),
        };
    }
    if let Some(system) = name.strip_prefix("signals-") {
        return Some(QueueName::Signals(System::from(system)));
    }
    let system = name.strip_prefix("deliveries-")?.strip_suffix(".fifo")?;
    Some(QueueName::Deliveries(System::from(system)))
}

/// What follows the last separator of an address or an ARN.
fn last(address: &str) -> &str {
    address.rsplit(['/', ':']).next().unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_known_by_its_arn() {
        let prefix = "https://sqs.eu-west-1.amazonaws.com/123456789012/hub-";
        let queues = [
            QueueName::Observations,
            QueueName::Signals("aws-marketplace".into()),
            QueueName::Deliveries("hubspot".into()),
        ];
        for queue in queues {
            let arn = format!("arn:aws:sqs:eu-west-1:123456789012:hub-{}", of(&queue));
            assert_eq!(parse(&arn, prefix, ""), Some(queue.clone()));
            assert_eq!(parse(&format!("{prefix}{}", of(&queue)), prefix, ""), Some(queue));
        }
        assert_eq!(parse("arn:aws:sqs:eu-west-1:123456789012:other-observations", prefix, ""), None);
        assert_eq!(parse("arn:aws:sqs:eu-west-1:123456789012:hub-strange", prefix, ""), None);
    }

    #[test]
    fn a_subscriber_is_known_by_the_message() {
        let event = r#"{"event_v1":{"subscription":"bi","record":"r1","entity":"order","version":3,"why":"due"}}"#;
        assert_eq!(parse("hub-events.fifo", "hub-", event), Some(QueueName::Events("bi".into())));
        assert!(matches!(parse("hub-events.fifo", "hub-", "{"), Some(QueueName::Events(_))));
    }
}
