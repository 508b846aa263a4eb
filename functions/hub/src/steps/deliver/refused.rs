//! A record that a system refuses: again later, less and less often, and in the end a person is asked.

use crate::{
    dead_letter::DeadLetter,
    events::Count,
    hub::Hub,
    ports::QueueName,
    review::{Review, Subject},
    settings::Connection,
};
use concord_connector::{Fault, RecordId, Result, exchange::Refused};
use std::time::Duration;

/// After this many refusals the delivery is given up until the record changes or a person decides.
const ATTEMPTS: u32 = 5;
/// What a vendor holds closed is looked at again not sooner, and at the latest after this.
const SOONEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(24 * 3600);
const FIRST: Duration = Duration::from_secs(15);

/// Notes that a delivery is not tried before a wait is over: an earlier create has no known outcome, and is searched for
/// once it could be found.
pub(super) async fn later(hub: &Hub, connection: &Connection, record: &RecordId, wait: Duration) -> Result<()> {
    let next = hub.now().plus(wait);
    hub.amend(record, |record, _| {
        record.outbox.entry(connection.name.clone()).or_default().next_at = Some(next);
    })
    .await
}

/// Notes that the vendor holds the record closed for now: what is wanted then goes when it opens.
pub(super) async fn closed(
    hub: &Hub,
    connection: &Connection,
    record: &RecordId,
    reason: String,
    wait: Duration,
) -> Result<()> {
    let next = hub.now().plus(wait.clamp(SOONEST, LONGEST));
    hub.amend(record, |record, _| {
        let outbox = record.outbox.entry(connection.name.clone()).or_default();
        outbox.next_at = Some(next);
        outbox.closed = Some(reason.clone());
    })
    .await
}

/// Notes a refusal.
pub(super) async fn refuse(hub: &Hub, connection: &Connection, record: &RecordId, refused: Refused) -> Result<()> {
    hub.tally.add(Count::Refusals);
    let now = hub.now();
    let final_word = refused.retry == concord_connector::Retry::Never;
    let mut given_up = false;
    let outbox = hub.record(record).await?.and_then(|(record, _)| record.outbox.get(&connection.name).cloned());
    let attempts = outbox.map_or(0, |outbox| outbox.attempts) + 1;
    if attempts >= ATTEMPTS || final_word && attempts >= 2 {
        given_up = true;
    }
    let sentence = format!("{} refuses {record}: {}", connection.name, refused.message);
    hub.amend(record, |record, reviews| {
        let outbox = record.outbox.entry(connection.name.clone()).or_default();
        outbox.attempts = attempts;
        outbox.fault = Some(refused.clone());
        outbox.next_at = Some(now.plus(FIRST.saturating_mul(1 << attempts.min(10))));
        outbox.parked = given_up;
        if given_up {
            let subject = Subject::Refused { record: record.id.clone(), connection: connection.name.clone() };
            reviews.push(Review::new(subject, sentence.clone(), &["retry", "dismiss"]));
        }
    })
    .await?;
    if !given_up {
        return Ok(());
    }
    let queue = QueueName::Deliveries(connection.connector.system().clone());
    let body = crate::steps::fanout::order(record, &connection.name, 0, "")?.body;
    let fault = Fault::new(refused.kind, "deliver", sentence);
    DeadLetter::of_message(hub, &queue, &body, &fault).bury(hub).await
}
