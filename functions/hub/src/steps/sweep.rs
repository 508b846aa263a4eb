//! Sweep: everything that a connection has is listed once more and compared with what is here.
//!
//! One and the same work is the first reading of a connection, a backfill that somebody asks for, and the completeness
//! sweep that comes by itself: a *fenced enumeration*. What is missing here, or differs, is taken in. What is here, was
//! read before the enumeration began and is not listed any more is read by id; a delete is observed only when that read
//! confirms it, and when the brake lets it pass.
//!
//! A page at a time, the checkpoint kept after the page is safe, so that a killed hub goes on where it was. Below live
//! traffic: a message of its own tenant, one at a time in a process, half of its time left to others while they need it.

mod absent;
mod compare;
mod list;
mod scratch;
mod state;

pub use state::{Part, Phase, Sweep};

use crate::{
    hub::Hub,
    keys,
    message::Message,
    ports::{Condition, Item, Outgoing, QueueName, TableChange, TransactError},
    settings::Connection,
    store,
};
use concord_connector::{ConnectionName, Entity, Kind, Result};
use std::time::Duration;

/// A message works for so long; then it queues again, behind whatever came meanwhile.
const SLICE: Duration = Duration::from_secs(2);
/// While another sweep has its turn.
const LATER: Duration = Duration::from_secs(1);
/// While somebody holds what is to be read.
const LOCKED: Duration = Duration::from_secs(30);
/// After a page the sweep pauses for as long as the page took, at most that long, while there is live traffic.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Begins a sweep of a connection, or says how the one stands that is under way. With `again` one that is under way is
/// followed by another: what it listed already may have changed unheard.
///
/// # Errors
/// When the store or the queue fails.
pub async fn begin(hub: &Hub, connection: &Connection, again: bool) -> Result<Sweep> {
    loop {
        let (before, rev) = load(hub, &connection.name).await?;
        let (sweep, begins) = match before {
            Some(sweep) if sweep.finished_at.is_none() && (sweep.again || !again) => return Ok(sweep),
            Some(sweep) if sweep.finished_at.is_none() => (Sweep { again, ..sweep }, false),
            before => (Sweep::begin(connection, before.as_ref(), hub.now()), true),
        };
        if keep(hub, &connection.name, &sweep, rev).await?.is_some() {
            // Kept first: a message that comes before its sweep finds nothing to do, and the sweep would stand still until
            // the scheduler finds it.
            if begins {
                ask(hub, connection, Duration::ZERO).await?;
            }
            return Ok(sweep);
        }
    }
}

/// Begins the first reading of a connection, unless there was or is a sweep.
pub(super) async fn start(hub: &Hub, connection: &Connection) -> Result<()> {
    match load(hub, &connection.name).await?.0 {
        None => begin(hub, connection, false).await.map(drop),
        // An entity that was mapped since has no place yet.
        Some(sweep) if sweep.finished_at.is_some() => begin(hub, connection, false).await.map(drop),
        Some(_) => Ok(()),
    }
}

/// How the last sweep of a connection stands.
///
/// # Errors
/// When the store fails.
pub async fn state(hub: &Hub, connection: &ConnectionName) -> Result<Option<Sweep>> {
    Ok(load(hub, connection).await?.0)
}

/// Orders a sweep to go on.
pub(super) async fn ask(hub: &Hub, connection: &Connection, delay: Duration) -> Result<()> {
    let message = Message::SweepV1 { connection: connection.name.clone() };
    let queue = QueueName::Signals(connection.connector.system().clone());
    // A tenant of its own: signals of all connections come between its pages.
    let tenant = format!("sweep of {}", connection.name);
    hub.queue.send(&queue, vec![Outgoing { delay, ..Outgoing::new(message.encode()?).of(&tenant) }]).await
}

/// Works on a sweep for a while.
pub(super) async fn run(hub: &Hub, name: &ConnectionName) -> Result<()> {
    let settings = hub.settings();
    let Some(connection) = settings.connections.get(name) else { return Ok(()) };
    let Ok(_turn) = hub.bulk.try_lock() else { return ask(hub, connection, LATER).await };
    let (Some(mut sweep), mut rev) = load(hub, name).await? else { return Ok(()) };
    let began = hub.now();
    let mut seen = None;
    while sweep.finished_at.is_none() {
        // The scheduler orders a sweep that stands still to go on, once the connection works.
        if hub.leave_to_send(connection).await?.is_some() {
            return Ok(());
        }
        let (page_began, live) = (hub.now(), hub.tally.live());
        match page(hub, connection, &mut sweep, &mut seen).await {
            Ok(()) => {}
            Err(fault) if fault.is_of_connection() => {
                return hub.trouble(connection, &fault).await.map(drop);
            }
            // Somebody holds a record there: no use to hurry, and no failure of the sweep.
            Err(fault) if fault.kind == Kind::Conflict => return ask(hub, connection, LOCKED).await,
            Err(fault) => return Err(fault),
        }
        hub.close_breaker(connection).await?;
        sweep.moved_at = hub.now();
        match keep(hub, name, &sweep, rev).await? {
            Some(kept) => rev = kept,
            // Another worker is at it, or another sweep was wanted meanwhile: the next message goes on from there.
            None => return ask(hub, connection, LATER).await,
        }
        let took = hub.now().since(page_began);
        if hub.tally.live() != live {
            hub.clock.sleep(took.min(LONGEST_PAUSE)).await;
        }
        if hub.now().since(began) >= SLICE && sweep.finished_at.is_none() {
            return ask(hub, connection, Duration::ZERO).await;
        }
    }
    tracing::info!(connection = %name, listed = sweep.listed(), taken_in = sweep.taken_in(), "A sweep is through.");
    if sweep.again {
        begin(hub, connection, false).await?;
    }
    Ok(())
}

/// The next page of the first entity that is not through.
async fn page(hub: &Hub, connection: &Connection, sweep: &mut Sweep, seen: &mut Option<Seen>) -> Result<()> {
    let first = sweep.first;
    let next = sweep.entities.iter_mut().find(|(_, part)| part.phase != Phase::Done);
    let Some((entity, part)) = next else {
        sweep.finished_at = Some(hub.now());
        return Ok(());
    };
    let entity = *entity;
    if !connection.maps(entity) {
        part.phase = Phase::Done;
        return Ok(());
    }
    let place = Place { hub, connection, entity, first };
    match part.phase.clone() {
        Phase::List => list::page(&place, part).await,
        Phase::Absent { after } => {
            let hashes = match seen {
                Some((of, hashes)) if *of == entity => hashes,
                _ => &mut seen.insert((entity, scratch::hashes(&place, part.seen_pages).await?)).1,
            };
            absent::look(&place, part, hashes, after).await
        }
        Phase::Read { at } => absent::read(&place, part, at).await,
        Phase::Take { at } => absent::take(&place, part, at).await,
        Phase::Done => Ok(()),
    }
}

/// What a sweep works at.
struct Place<'a> {
    hub: &'a Hub,
    connection: &'a Connection,
    entity: Entity,
    /// Whether it is the first reading of the connection.
    first: bool,
}

/// Hashes of the ids that an enumeration listed, sorted.
type Seen = (Entity, Vec<u64>);

async fn load(hub: &Hub, name: &ConnectionName) -> Result<(Option<Sweep>, u64)> {
    let item = hub.item(keys::sweep(name)).await?;
    let rev = item.as_ref().map_or(0, |item| item.rev);
    Ok((item.as_ref().map(store::parse).transpose()?, rev))
}

/// Keeps a checkpoint; the new revision of its item, or `None` when somebody else was first.
async fn keep(hub: &Hub, name: &ConnectionName, sweep: &Sweep, rev: u64) -> Result<Option<u64>> {
    let condition = if rev == 0 { Condition::Absent } else { Condition::Rev(rev) };
    let item = Item { rev: rev + 1, ..Item::new(keys::sweep(name), store::body(sweep)?) };
    match hub.table.transact(vec![TableChange::Put(item, condition)]).await {
        Ok(()) => Ok(Some(rev + 1)),
        Err(TransactError::Cancelled(_)) => Ok(None),
        Err(TransactError::Store(fault)) => Err(fault),
    }
}
