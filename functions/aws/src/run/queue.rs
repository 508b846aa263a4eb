//! Messages of queues: partial failures everywhere, a panic fails its own message, of a group what follows a failure waits,
//! and what the time does not suffice for goes back.

mod attempt;
mod record;
mod settle;

use super::TimeLeft;
use crate::{boot::Booted, queue::name};
use attempt::Attempt;
use concord_hub::{
    ports::{Disposition, QueueName},
    verdict::{self, RECEIVES, Verdict},
};
use lambda_runtime::Error;
use record::Message;
use serde_json::{Value as Json, json};
use settle::Settled;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// So many messages at once; between two such rounds the clock is looked at.
const ROUND: usize = 50;

/// Works on a batch. The answer names the messages that come again.
///
/// # Errors
/// When the event is no batch of messages: all of it comes again.
pub async fn work(booted: &Arc<Booted>, event: Json, time: TimeLeft) -> Result<Json, Error> {
    let mut settled = Settled::default();
    let mut queues: BTreeMap<QueueName, Vec<Message>> = BTreeMap::new();
    for message in record::messages(event)? {
        let message = match message.opened(&booted.hub).await {
            Ok(message) => message,
            Err((message, fault)) => {
                tracing::error!(reason = %fault, "The text of a message could not be fetched.");
                settled.fail(&message, None);
                continue;
            }
        };
        match name::parse(&message.source, &booted.names.queues, &message.received.body) {
            Some(queue) => queues.entry(queue).or_default().push(message),
            None => {
                tracing::error!(queue = message.source, "A message came from a queue that is not known.");
                settled.fail(&message, None);
            }
        }
    }
    for (queue, messages) in queues {
        for round in rounds(&queue, messages) {
            one_round(booted, &queue, round, time, &mut settled).await;
        }
    }
    settled.tell(booted).await;
    Ok(json!({ "batchItemFailures": settled.failures() }))
}

/// Messages that may be worked on at the same time. In queues that are first in, first out, each round has one of a group.
fn rounds(queue: &QueueName, messages: Vec<Message>) -> Vec<Vec<Message>> {
    let mut rounds: Vec<Vec<Message>> = Vec::new();
    let mut next: BTreeMap<String, usize> = BTreeMap::new();
    for message in messages {
        let group = message.received.group.clone().filter(|_| queue.is_fifo());
        let from = group.as_ref().and_then(|group| next.get(group)).copied().unwrap_or_default();
        let at = (from..).find(|at| rounds.get(*at).is_none_or(|round| round.len() < ROUND)).unwrap_or(from);
        if rounds.len() <= at {
            rounds.resize_with(at + 1, Vec::new);
        }
        if let Some(group) = group {
            next.insert(group, at + 1);
        }
        rounds[at].push(message);
    }
    rounds
}

async fn one_round(
    booted: &Arc<Booted>,
    queue: &QueueName,
    round: Vec<Message>,
    time: TimeLeft,
    settled: &mut Settled,
) {
    let (mut ready, waiting): (Vec<_>, Vec<_>) =
        round.into_iter().partition(|message| time.is_enough() && !settled.is_behind_a_failure(queue, message));
    // At once for whoever has the time; of a group none is received before its head, and all of it waits while one is hidden.
    for message in &waiting {
        settled.fail(message, Some(Duration::ZERO));
    }
    if ready.is_empty() {
        return;
    }
    let batch: Vec<_> = ready.iter().map(|message| message.received.clone()).collect();
    let attempt = Attempt { hub: &booted.hub, queue, time };
    let dispositions = match attempt.of(batch.clone()).await {
        Ok(dispositions) => dispositions,
        Err(reason) if batch.len() == 1 => vec![Disposition::Retry { after: None, reason }],
        // After a batch failed as a whole: each message alone, so that only the culprit fails.
        Err(_) => attempt.one_by_one(batch).await,
    };
    let unanswered = || Disposition::Retry { after: None, reason: "The step gave no answer for it.".into() };
    let mut dispositions = dispositions.into_iter();
    for message in ready.drain(..) {
        let disposition = dispositions.next().unwrap_or_else(unanswered);
        match verdict::of(disposition, message.received.receives, RECEIVES, &*booted.hub.entropy) {
            Verdict::Done => {}
            Verdict::Later(wait) => settled.fail(&message, Some(wait)),
            Verdict::Bury(reason) => {
                tracing::warn!(%queue, message = message.received.id, reason, "A message is put aside.");
                if !attempt.bury(&message.received, reason).await {
                    settled.fail(&message, None);
                }
            }
        }
    }
}

impl Settled {
    /// Whether an earlier message of the same group comes again: then this one waits behind it.
    fn is_behind_a_failure(&self, queue: &QueueName, message: &Message) -> bool {
        queue.is_fifo() && message.received.group.as_ref().is_some_and(|group| self.groups().contains(group))
    }

    fn groups(&self) -> BTreeSet<&String> {
        self.failed().filter_map(|message| message.received.group.as_ref()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use concord_hub::ports::Received;

    fn message(id: usize, group: &str) -> Message {
        let received =
            Received { id: id.to_string(), body: String::new(), receives: 1, group: Some(group.into()), trace: None };
        Message { received, receipt: String::new(), source: String::new(), claim: None }
    }

    fn ids(queue: &QueueName, groups: &[&str]) -> Vec<Vec<String>> {
        let messages = groups.iter().enumerate().map(|(id, group)| message(id, group)).collect();
        rounds(queue, messages)
            .into_iter()
            .map(|round| round.into_iter().map(|one| one.received.id).collect())
            .collect()
    }

    #[test]
    fn messages_of_a_group_are_worked_on_one_after_another() {
        let fifo = QueueName::Deliveries("crm".into());
        assert_eq!(ids(&fifo, &["a", "a", "b", "a", "b", "c"]), [vec!["0", "2", "5"], vec!["1", "4"], vec!["3"]]);
        assert_eq!(ids(&QueueName::Observations, &["a", "a", "b"]), [vec!["0", "1", "2"]]);
    }

    #[test]
    fn a_round_is_bounded_and_keeps_the_order_of_groups() {
        let standard = vec!["t"; ROUND + 1];
        assert_eq!(ids(&QueueName::Observations, &standard).iter().map(Vec::len).collect::<Vec<_>>(), [ROUND, 1]);
        let mut groups: Vec<String> = (0..ROUND).map(|n| n.to_string()).collect();
        groups.extend(["x".to_owned(), "x".to_owned()]);
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let rounds = ids(&QueueName::Deliveries("crm".into()), &groups);
        assert_eq!(rounds.iter().map(Vec::len).collect::<Vec<_>>(), [ROUND, 1, 1]);
    }
}
