//! Dead letters: listing them, and looking again at what they are about.

use super::MOST;
use crate::{
    dead_letter::DeadLetter,
    hub::Hub,
    keys,
    message::{Message, Observation},
    people::refusal,
    ports::{Condition, Index, Outgoing, Query, QueueName, TableChange},
    reviews::release,
    steps::{
        ingest::{self, Again},
        schedule,
    },
    store, subscription,
};
use concord_connector::{ConnectionName, Result, Signal, signal::Happened, snapshot::Presence};
use serde::Serialize;

/// A page of dead letters, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Letters {
    /// The letters.
    pub letters: Vec<DeadLetter>,
    /// Where the next page goes on; `None` at the end.
    pub next: Option<String>,
}

/// What came of looking again.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Redriven {
    /// Letters whose matter is being looked at again; they are gone.
    pub redriven: Vec<String>,
    /// Letters that stay, each with the reason.
    pub kept: Vec<(String, String)>,
}

/// Dead letters.
///
/// # Errors
/// The store's faults.
pub async fn dead_letters(hub: &Hub, after: Option<&str>, limit: usize) -> Result<Letters> {
    let query = Query {
        after: after.map(str::to_owned),
        ..Query::partition(Some(Index::DeadLetters), keys::ALL, limit.clamp(1, MOST))
    };
    let page = hub.table.query(query).await?;
    let names: Vec<_> = page.keys.into_iter().map(|(_, key)| key).collect();
    let items = if names.is_empty() { Vec::new() } else { hub.table.get(&names).await? };
    let letters = items.iter().flatten().map(store::parse).collect::<Result<_>>()?;
    Ok(Letters { letters, next: page.next })
}

/// Looks again at what a letter is about - at all of them, when none is named - as it is today: nothing of what the
/// letter holds is replayed. The letter goes once that is under way; should it fail again, another one comes.
///
/// # Errors
/// `Rejected` when there is no such letter; the store's and the queue's faults.
pub async fn redrive(hub: &Hub, id: Option<&str>) -> Result<Redriven> {
    let mut redriven = Redriven::default();
    if let Some(id) = id {
        let item = hub.item(keys::dead_letter(id)).await?;
        let item = item.ok_or_else(|| {
            refusal(format!("There is no dead letter `{id}`; `concord dlq list` shows those that are there."))
        })?;
        one(hub, store::parse(&item)?, &mut redriven).await?;
        return Ok(redriven);
    }
    let mut after = None;
    loop {
        let page = dead_letters(hub, after.as_deref(), MOST).await?;
        for letter in page.letters {
            one(hub, letter, &mut redriven).await?;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(redriven),
        }
    }
}

/// The same for all letters of one connection.
///
/// # Errors
/// The store's and the queue's faults.
pub async fn redrive_of(hub: &Hub, connection: &ConnectionName) -> Result<Redriven> {
    let mut redriven = Redriven::default();
    let mut after = None;
    loop {
        let page = dead_letters(hub, after.as_deref(), MOST).await?;
        for letter in page.letters.into_iter().filter(|letter| letter.connection.as_ref() == Some(connection)) {
            one(hub, letter, &mut redriven).await?;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(redriven),
        }
    }
}

async fn one(hub: &Hub, letter: DeadLetter, redriven: &mut Redriven) -> Result<()> {
    match look_again(hub, &letter).await? {
        // Under way before the letter goes: a crash between the two looks twice, never not at all.
        None => {
            hub.write_plain(vec![TableChange::Delete(keys::dead_letter(&letter.id), Condition::None)]).await?;
            redriven.redriven.push(letter.id);
        }
        Some(reason) => redriven.kept.push((letter.id, reason)),
    }
    Ok(())
}

/// The reason why it cannot be looked at, if it cannot.
async fn look_again(hub: &Hub, letter: &DeadLetter) -> Result<Option<String>> {
    let Some(message) = letter.message.as_deref().and_then(|body| Message::decode(body).ok()) else {
        return webhook_again(hub, letter).await;
    };
    let named = match &message {
        Message::SignalV1 { connection, .. }
        | Message::PollV1 { connection, .. }
        | Message::SweepV1 { connection }
        | Message::ResumeV1 { connection }
        | Message::OperationV1 { connection, .. }
        | Message::BusEventV1 { connection, .. }
        | Message::DeliveryV1 { connection, .. } => Some(connection),
        Message::ObservationV1(observation) => Some(&observation.connection),
        Message::RegroupV1 { .. } | Message::DeriveV1 { .. } | Message::EventV1(_) => None,
    };
    if let Message::EventV1(event) = &message
        && !hub.settings().subscriptions.contains_key(&event.subscription)
    {
        return Ok(Some(format!("the subscription `{}` is not in the configuration", event.subscription)));
    }
    if let Some(name) = named.filter(|name| !hub.settings().connections.contains_key(*name)) {
        return Ok(Some(format!("the connection `{name}` is not in the configuration")));
    }
    match message {
        Message::DeliveryV1 { record, connection, .. } => release(hub, &record, &connection).await?,
        Message::EventV1(event) => subscription::again(hub, event).await?,
        Message::RegroupV1 { .. } | Message::DeriveV1 { .. } => {
            hub.queue.send(&QueueName::Observations, vec![Outgoing::new(message.encode()?)]).await?
        }
        Message::PollV1 { connection, entity } => {
            send(hub, &connection, Message::PollV1 { connection: connection.clone(), entity }).await?
        }
        Message::SweepV1 { connection } => {
            send(hub, &connection, Message::SweepV1 { connection: connection.clone() }).await?
        }
        Message::OperationV1 { connection, record } => {
            send(hub, &connection, Message::OperationV1 { connection: connection.clone(), record }).await?
        }
        Message::ResumeV1 { connection } => {
            send(hub, &connection, Message::ResumeV1 { connection: connection.clone() }).await?
        }
        Message::BusEventV1 { connection, event } => {
            send(hub, &connection, Message::BusEventV1 { connection: connection.clone(), event }).await?
        }
        Message::SignalV1 { connection, mut signal, .. } => {
            signal.key = format!("redrive-{}", letter.id);
            send(
                hub,
                &connection,
                Message::SignalV1 { connection: connection.clone(), signal, received_at: hub.now() },
            )
            .await?;
        }
        Message::ObservationV1(observation) => {
            let signal = signal_of(&observation, &letter.id);
            let connection = observation.connection;
            send(
                hub,
                &connection,
                Message::SignalV1 { connection: connection.clone(), signal, received_at: hub.now() },
            )
            .await?;
        }
    }
    Ok(None)
}

/// A webhook that could not be read is read under today's connector. Where nothing proves any more that it was the
/// vendor's, everything is read instead that it may have been about.
async fn webhook_again(hub: &Hub, letter: &DeadLetter) -> Result<Option<String>> {
    let settings = hub.settings();
    let (Some(name), Some(blob)) = (&letter.connection, &letter.blob) else {
        return Ok(Some(
            "it names nothing that could be looked at again; the system's next poll brings what it was about".into(),
        ));
    };
    let Some(connection) = settings.connections.get(name) else {
        return Ok(Some(format!("the connection `{name}` is not in the configuration")));
    };
    match ingest::again(hub, connection, blob, letter.at).await? {
        Again::Enqueued => {}
        Again::Unreadable(fault) => return Ok(Some(format!("it still cannot be read: {}", fault.message()))),
        Again::Unproven => drop(schedule::backfill(hub, connection).await?),
    }
    hub.blobs.delete(blob).await?;
    Ok(None)
}

/// What the vendor said of a record's end cannot be read again: it is said again.
fn signal_of(observation: &Observation, letter: &str) -> Signal {
    let snapshot = &observation.snapshot;
    let at = snapshot.modified.unwrap_or(observation.read_at);
    let mut signal = Signal::changed(format!("redrive-{letter}"), snapshot.entity, snapshot.id.clone(), at);
    signal.happened = match &snapshot.presence {
        Presence::Live => Happened::Changed,
        Presence::Deleted => Happened::Deleted,
        Presence::MergedInto(winner) => Happened::MergedInto(winner.clone()),
    };
    signal
}

async fn send(hub: &Hub, connection: &ConnectionName, message: Message) -> Result<()> {
    let settings = hub.settings();
    let queue = QueueName::Signals(settings.connection(connection)?.connector.system().clone());
    hub.queue.send(&queue, vec![Outgoing::new(message.encode()?)]).await
}
