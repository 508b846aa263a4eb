//! Dead letters: what cannot be dealt with, kept with a sentence that says why and where to look.

use crate::{
    hub::Hub,
    keys,
    message::Message,
    ports::{Condition, FeedEntry, Index, IndexEntry, Item, QueueName, TableChange, TransactError},
    store,
};
use concord_connector::{ConnectionName, Fault, Instant, Result};
use serde::{Deserialize, Serialize};

/// A dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its id.
    pub id: String,
    /// When it was put aside.
    pub at: Instant,
    /// From which queue (or `ingest`).
    pub queue: String,
    /// Of which connection, when known.
    pub connection: Option<ConnectionName>,
    /// Which external record, when known: `organization/42`.
    pub subject: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// The message, when it can be looked at again.
    pub message: Option<String>,
    /// Where a payload that is no message is kept.
    pub blob: Option<String>,
}

/// A letter says where to look again, which needs no values: they may be personal, and are old.
fn without_values(mut message: Message) -> Message {
    match &mut message {
        Message::SignalV1 { signal, .. } => signal.edits.clear(),
        Message::ObservationV1(observation) => {
            observation.snapshot.fields.clear();
            observation.snapshot.field_times.clear();
            observation.snapshot.keys.clear();
        }
        Message::DeliveryV1 { .. }
        | Message::RegroupV1 { .. }
        | Message::DeriveV1 { .. }
        | Message::PollV1 { .. }
        | Message::SweepV1 { .. }
        | Message::ResumeV1 { .. }
        | Message::OperationV1 { .. }
        | Message::BusEventV1 { .. }
        | Message::EventV1(_) => {}
    }
    message
}

impl DeadLetter {
    /// Of a message of a queue.
    pub fn of_message(hub: &Hub, queue: &QueueName, body: &str, fault: &Fault) -> Self {
        let message = Message::decode(body).ok();
        let (connection, subject) = match &message {
            Some(Message::SignalV1 { connection, signal, .. }) => {
                (Some(connection.clone()), Some(format!("{}/{}", signal.entity, signal.id)))
            }
            Some(Message::ObservationV1(observation)) => {
                let snapshot = &observation.snapshot;
                (Some(observation.connection.clone()), Some(format!("{}/{}", snapshot.entity, snapshot.id)))
            }
            Some(Message::DeliveryV1 { connection, record, .. } | Message::OperationV1 { connection, record }) => {
                (Some(connection.clone()), Some(record.to_string()))
            }
            Some(Message::PollV1 { connection, entity }) => (Some(connection.clone()), Some(entity.to_string())),
            Some(Message::BusEventV1 { connection, .. }) => (Some(connection.clone()), None),
            Some(Message::SweepV1 { connection } | Message::ResumeV1 { connection }) => {
                (Some(connection.clone()), None)
            }
            Some(Message::RegroupV1 { record } | Message::DeriveV1 { record, .. }) => (None, Some(record.to_string())),
            Some(Message::EventV1(event)) => (None, Some(format!("{}/{}", event.entity, event.record))),
            None => (None, None),
        };
        // A poll or an event that fails for good fails the same way every time: one letter.
        let id = match &message {
            Some(Message::EventV1(event)) => crate::facet::hash(&(&event.subscription, &subject)).hex(),
            Some(
                Message::PollV1 { .. }
                | Message::SweepV1 { .. }
                | Message::ResumeV1 { .. }
                | Message::OperationV1 { .. },
            ) => crate::facet::hash(&(&connection, &subject, fault.message())).hex(),
            _ => hub.new_token(),
        };
        Self {
            id,
            at: hub.now(),
            queue: queue.to_string(),
            connection,
            subject,
            reason: fault.to_string(),
            message: Some(
                message.and_then(|message| without_values(message).encode().ok()).unwrap_or_else(|| body.into()),
            ),
            blob: None,
        }
    }

    /// Of a change of the feed: one letter for each record.
    ///
    /// # Errors
    /// Never for changes of records.
    pub fn of_change(hub: &Hub, entry: &FeedEntry, reason: &str) -> Result<Self> {
        let record = keys::record_id(&entry.key);
        let message = record.clone().map(|record| Message::RegroupV1 { record }.encode()).transpose()?;
        Ok(Self {
            id: crate::facet::hash(&("changes", &entry.key.partition)).hex(),
            at: hub.now(),
            queue: "changes".into(),
            connection: None,
            subject: record.map(|record| record.to_string()),
            reason: reason.to_owned(),
            message,
            blob: None,
        })
    }

    /// Keeps it. One that is there already is the same trouble found again: it is not counted and not told a second time.
    ///
    /// # Errors
    /// When the store fails: the message has to stay where it is.
    pub async fn bury(self, hub: &Hub) -> Result<()> {
        let mut item = Item::new(keys::dead_letter(&self.id), store::body(&self)?);
        let sort = format!("{}#{}", crate::record::place(self.at), self.id);
        item.index.push(IndexEntry { index: Index::DeadLetters, partition: keys::ALL.into(), sort });
        match hub.table.transact(vec![TableChange::Put(item, Condition::Absent)]).await {
            Ok(()) => {
                hub.tally.add(crate::events::Count::DeadLetters);
                tracing::warn!(queue = %self.queue, dead_letter = %self.id, reason = %self.reason, "Put a message aside as a dead letter.");
                Ok(())
            }
            Err(TransactError::Cancelled(_)) => Ok(()),
            Err(TransactError::Store(fault)) => Err(fault),
        }
    }
}
