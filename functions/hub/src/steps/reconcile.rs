//! Reconcile: an observation becomes part of a golden record.

mod references;

pub(super) use references::normalise;

use super::deliver::create;
use crate::{
    brake::{self, Direction, Wave},
    commit::{ATTEMPTS, Changed, Hindrance, Transaction},
    dead_letter::DeadLetter,
    events::Count,
    facet::{Applied, Facet, Link, Want, hash},
    hub::Hub,
    identity, keys,
    message::{Message, Observation},
    ports::{Condition, Disposition, Outgoing, QueueName, Received, TableChange},
    record::Record,
    settings::{Connection, Settings},
    settle, trace,
};
use concord_connector::{
    Fault, Field, Instant, Kind, RecordId, Result, Retry, Signal, Snapshot, key::Key, signal::Edit, snapshot::Presence,
};
use futures::{StreamExt, stream};

/// Takes observations in. Those of one external record are taken one after another.
pub async fn reconcile(hub: &Hub, batch: &[Received]) -> Vec<Disposition> {
    // Collected first: a stream that maps with a closure makes a future of which nobody can tell that it is `Send`.
    let each: Vec<_> = batch.iter().map(|message| trace::under(message.trace.clone(), one(hub, message))).collect();
    stream::iter(each).buffered(super::PARALLEL).collect().await
}

async fn one(hub: &Hub, message: &Received) -> Disposition {
    let outcome = match Message::decode(&message.body) {
        Ok(Message::ObservationV1(observation)) => observe(hub, &observation).await,
        Ok(Message::RegroupV1 { record }) => regroup(hub, &record).await,
        Ok(Message::DeriveV1 { rule, record }) => crate::derive::derive(hub, &rule, &record).await,
        Ok(_) => Err(Fault::malformed("reconcile", "the message belongs in another queue")),
        Err(fault) => Err(fault),
    };
    match outcome {
        Ok(()) => Disposition::Done,
        // What cannot be taken in never can: out of the way, with its reason.
        Err(fault) if fault.retry == Retry::Never => {
            match DeadLetter::of_message(hub, &QueueName::Observations, &message.body, &fault).bury(hub).await {
                Ok(()) => Disposition::Done,
                Err(fault) => super::again(&fault),
            }
        }
        Err(fault) => super::again(&fault),
    }
}

/// Takes one observation in.
///
/// # Errors
/// `Malformed` or `Rejected` when it can never be taken in; otherwise try again.
pub async fn observe(hub: &Hub, observation: &Observation) -> Result<()> {
    observe_through(hub, observation, Gate::Braked).await
}

/// Takes one observation in that a person has let pass.
pub(crate) async fn take_in_approved(hub: &Hub, observation: &Observation) -> Result<()> {
    observe_through(hub, observation, Gate::Open).await
}

/// Takes observations in without a queue between: the caller waits until all of them are safe. Those that never can be
/// taken in go aside, with their reason.
pub(super) async fn take_in(hub: &Hub, observations: &[Observation]) -> Result<()> {
    let each: Vec<_> = observations.iter().map(|observation| observe(hub, observation)).collect();
    let outcomes: Vec<Result<()>> = stream::iter(each).buffered(super::PARALLEL).collect().await;
    for (observation, outcome) in observations.iter().zip(outcomes) {
        match outcome {
            Ok(()) => {}
            Err(fault) if fault.retry == Retry::Never => {
                let body = Message::ObservationV1(Box::new(observation.clone())).encode()?;
                DeadLetter::of_message(hub, &QueueName::Observations, &body, &fault).bury(hub).await?;
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

/// Takes in what can be taken in at once; returns the rest, for the queue and its patience.
pub(super) async fn take_in_now(hub: &Hub, observations: Vec<Observation>) -> Vec<Observation> {
    let each: Vec<_> = observations.iter().map(|observation| observe(hub, observation)).collect();
    let outcomes: Vec<Result<()>> = stream::iter(each).buffered(super::PARALLEL).collect().await;
    observations.into_iter().zip(outcomes).filter(|(_, outcome)| outcome.is_err()).map(|(rest, _)| rest).collect()
}

/// Whether the brake is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    Braked,
    Open,
}

async fn observe_through(hub: &Hub, observation: &Observation, gate: Gate) -> Result<()> {
    hub.tally.add(Count::Observations);
    for _ in 0..ATTEMPTS {
        let settings = hub.settings();
        let connection = settings.connection(&observation.connection)?;
        match attempt(hub, &settings, connection, observation, gate).await {
            Ok(()) => return Ok(()),
            Err(Hindrance::Raced) => {}
            Err(Hindrance::Fault(fault)) => return Err(fault),
        }
    }
    Err(Fault::new(Kind::Unavailable, "reconcile", "the record is being changed by too many at once"))
}

async fn attempt(
    hub: &Hub,
    settings: &Settings,
    connection: &Connection,
    observation: &Observation,
    gate: Gate,
) -> std::result::Result<(), Hindrance> {
    let entity = observation.snapshot.entity;
    let link = Link { connection: observation.connection.clone(), id: observation.snapshot.id.clone() };
    let mut transaction = Transaction::default();
    let mut snapshot =
        references::normalise(hub, &observation.connection, &observation.snapshot, &mut transaction).await?;
    let linked = hub.links(entity, std::slice::from_ref(&link)).await?.pop().flatten();
    let (mut record, rev, new_link) = match &linked {
        Some(item) => {
            let (record, rev) = hub.record(&item.record).await?.ok_or_else(|| dangling(&item.record))?;
            (record, rev, false)
        }
        None => {
            if snapshot.presence == Presence::Deleted {
                return Ok(());
            }
            let (record, rev) = adopt(hub, connection, &link, &snapshot, &mut transaction).await?;
            (record, rev, true)
        }
    };
    let made_for = match &linked {
        Some(_) => made_for(hub, &link, &record, &snapshot).await?,
        None => None,
    };
    if let Presence::MergedInto(winner) = &snapshot.presence {
        let winner = Link { connection: link.connection.clone(), id: winner.clone() };
        references::placeholder(hub, entity, &winner, &mut transaction).await?;
    }
    let mut ours = observation.ours.clone();
    if let Some(facet) = record.facet(&link) {
        let gone = references::let_go(hub, facet, &snapshot).await?;
        ours.extend(gone.into_iter().map(|field| (field, Instant::EPOCH)));
    }
    let made_by_us = made_for.is_some() || snapshot.marker.as_ref() == Some(&record.id);
    // It moved to another record between the two reads.
    let Some(facet) = record.facet_mut(&link) else { return Err(Hindrance::Raced) };
    if !observation.from_history && facet.is_stale(&snapshot, observation.read_at) {
        hub.tally.add(Count::StaleReads);
        return Ok(signal_again(hub, connection, observation).await?);
    }
    let before = (identity::keys(entity, facet), facet.is_live());
    let unseen = facet.is_unseen();
    // What our create found there already was not made by it, and is as it was.
    if unseen && !made_by_us && snapshot.marker.as_ref() != Some(&facet.home) {
        facet.wants.iter_mut().for_each(|want| want.sent = false);
    }
    if let Some((owner, want)) = &made_for {
        facet.pins.join.insert(create::pin(owner));
        want.iter().for_each(|want| facet.want(want.clone()));
        transaction.push(TableChange::Delete(keys::intent(owner, &connection.name), Condition::None));
    }
    // A merge at the vendor joins both for good: the loser's key names the winner.
    if let Presence::MergedInto(winner) = &snapshot.presence {
        snapshot.keys = facet.keys.clone();
        let named = Key::external(link.connection.as_str(), winner.as_str());
        if !facet.keys.contains(&named) {
            facet.keys.push(named);
        }
    }
    if observation.looked {
        snapshot.version = facet.version_of_look(&snapshot, observation.read_at);
    }
    let applied = facet.observe_knowing(&snapshot, observation.read_at, &ours);
    let after = (identity::keys(entity, facet), facet.is_live());
    match applied {
        Applied::Nothing if !new_link && before == after => {
            hub.tally.add(Count::EchoesSuppressed);
            return Ok(());
        }
        Applied::TooOld => return Ok(()),
        _ => {}
    }
    let kind = brake::observed(facet, before.1, unseen).filter(|_| applied == Applied::Changed && gate == Gate::Braked);
    if let Some(kind) = kind
        && stopped(hub, connection, observation, kind).await?
    {
        return Ok(());
    }
    if let Some(at) = observation.signalled_at.filter(|_| applied == Applied::Changed) {
        record.signalled_at = Some(record.signalled_at.map_or(at, |earlier| earlier.min(at)));
    }
    if applied == Applied::Bare && before == after && !new_link {
        transaction.put_record(&record, rev);
        return hub.transact(transaction).await;
    }
    let changed = Changed { record, rev, observed: Some(link), identity: new_link || before != after };
    hub.commit(settings, changed, transaction).await?;
    if let Some((owner, _)) = &made_for {
        create::claim(hub, owner).await?;
    }
    Ok(())
}

/// Whether a change is part of a wave that is out of proportion; it is kept then, or was refused by a person before.
async fn stopped(hub: &Hub, connection: &Connection, observation: &Observation, kind: brake::Kind) -> Result<bool> {
    let wave = Wave { connection, direction: Direction::From, kind };
    if wave.limit().is_none() {
        return Ok(false);
    }
    let snapshot = &observation.snapshot;
    let member = format!("{}/{}", snapshot.entity, snapshot.id);
    let passes = brake::passes(hub, &wave.name(), std::slice::from_ref(&member)).await?;
    if passes.refuses(snapshot.entity, snapshot.id.as_str(), snapshot.version) {
        return Ok(true);
    }
    if hub.brake_ask(wave, &[hash(&member)]).await? == brake::Answer::Go {
        return Ok(false);
    }
    let emptied = snapshot.fields.iter().filter(|(_, value)| value.is_none()).map(|(field, _)| field.as_str());
    let change = match kind {
        brake::Kind::Deletes => "deleted there".to_owned(),
        brake::Kind::Clears => format!("empty there: {}", emptied.collect::<Vec<_>>().join(", ")),
        _ => "changed there".to_owned(),
    };
    let what = brake::What::Observed(Box::new(observation.clone()));
    let held = brake::Held { wave: wave.name(), at: hub.now(), change, what, decided: None };
    brake::hold(hub, vec![held]).await?;
    Ok(true)
}

/// The record that an external record was made for, when it was only referred to before it was first read: its marker
/// says so. With it comes what the create wrote, so that it is not taken for somebody's edit.
async fn made_for(
    hub: &Hub,
    link: &Link,
    holder: &Record,
    snapshot: &Snapshot,
) -> Result<Option<(RecordId, Option<Want>)>> {
    let unseen = holder.facet(link).is_some_and(Facet::is_unseen);
    let Some(marker) = snapshot.marker.as_ref().filter(|_| unseen) else { return Ok(None) };
    let Some((owner, _)) = hub.record(marker).await? else { return Ok(None) };
    let free = owner.live_at(&link.connection).next().is_none();
    if owner.id == holder.id || owner.entity != holder.entity || !free {
        return Ok(None);
    }
    Ok(Some((marker.clone(), create::sent(hub, &owner, &link.connection).await?)))
}

/// The record for an external record that is new to us: the one that its marker names, when we were about to create it
/// there, else a record of its own. Identity decides later whether that joins another.
async fn adopt(
    hub: &Hub,
    connection: &Connection,
    link: &Link,
    snapshot: &concord_connector::Snapshot,
    transaction: &mut Transaction,
) -> std::result::Result<(Record, u64), Hindrance> {
    let entity = snapshot.entity;
    if let Some(marker) = &snapshot.marker
        && let Some((mut record, rev)) = hub.record(marker).await?
        && record.entity == entity
        && record.live_at(&connection.name).next().is_none()
    {
        let mut facet = Facet::unseen(link.clone(), marker.clone());
        if let Some(want) = create::sent(hub, &record, &connection.name).await? {
            facet.want(want);
        }
        if record.creates.contains_key(&connection.name) {
            facet.want(settle::wanted(&record, connection, hub.now()));
        }
        transaction.push(TableChange::Delete(keys::intent(&record.id, &connection.name), Condition::None));
        transaction.new_link(entity, link, &record.id, marker)?;
        record.facets.push(facet);
        return Ok((record, rev));
    }
    let id = hub.new_record_id();
    transaction.new_link(entity, link, &id, &id)?;
    let mut record = Record::new(id.clone(), entity);
    record.facets.push(Facet::unseen(link.clone(), id));
    Ok((record, 0))
}

/// The same, look again: what was read is older than our own last write there.
async fn signal_again(hub: &Hub, connection: &Connection, observation: &Observation) -> Result<()> {
    let snapshot = &observation.snapshot;
    let mut signal =
        Signal::changed(format!("again-{}", hub.new_token()), snapshot.entity, snapshot.id.clone(), hub.now());
    signal.edits = edits(connection, snapshot);
    let message = Message::SignalV1 {
        connection: connection.name.clone(),
        signal,
        // Not when the first signal came: a read since then is what was stale.
        received_at: hub.now(),
    };
    let queue = QueueName::Signals(connection.connector.system().clone());
    hub.queue.send(&queue, vec![Outgoing::new(message.encode()?)]).await
}

/// The exact times that are known of fields, as an event would have told them: the next read shows no such times.
fn edits(connection: &Connection, snapshot: &Snapshot) -> Vec<Edit> {
    let Ok(mapping) = connection.context.mapping(snapshot.entity) else { return Vec::new() };
    let edit = |(field, at): (&Field, &Instant)| {
        let rule = mapping.rule(field.as_str())?;
        let value = snapshot.fields.get(field)?;
        let mut row = serde_json::json!({});
        let codec = rule.effective(snapshot.entity).ok()?;
        codec.encode(&connection.context, value.as_ref(), &rule.vendor, &mut row).ok()?;
        Some(Edit { pointer: rule.vendor.clone(), value: row.pointer(&rule.vendor)?.clone(), at: *at })
    };
    snapshot.field_times.iter().filter_map(edit).collect()
}

fn dangling(record: &RecordId) -> Fault {
    Fault::new(Kind::Unexpected, "reconcile", "a link leads to a record that is not there").with("record", record)
}

/// Looks at a record's identity again.
///
/// # Errors
/// When the store fails.
pub async fn regroup(hub: &Hub, id: &RecordId) -> Result<()> {
    for _ in 0..ATTEMPTS {
        let settings = hub.settings();
        let Some((record, rev)) = hub.record(id).await? else { return Ok(()) };
        let changed = Changed { record, rev, observed: None, identity: true };
        match hub.commit(&settings, changed, Transaction::default()).await {
            Ok(_) => return Ok(()),
            Err(Hindrance::Raced) => {}
            Err(Hindrance::Fault(fault)) => return Err(fault),
        }
    }
    Err(Fault::new(Kind::Unavailable, "reconcile", "the record is being changed by too many at once"))
}
