//! How connections are doing.

use super::{When, deliveries::oldest};
use crate::{
    hub::Hub,
    keys,
    ports::{Index, Query},
    settings::{Connection, Mode},
    steps::{
        sweep::{self, Part, Phase, Sweep},
        translate::Position,
    },
    store,
};
use concord_connector::{ConnectionName, Entity, Result, System};
use serde::Serialize;
use std::collections::BTreeMap;

/// The most that is counted one by one.
const COUNTED: usize = 10_000;

/// A connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConnectionView {
    /// Its name.
    pub name: ConnectionName,
    /// Its system.
    pub system: System,
    /// Whether the engine may write there.
    pub mode: Mode,
    /// Set while nothing is sent there.
    pub trouble: Option<Trouble>,
    /// Records with work to do there; `None` for more than can be counted.
    pub pending: Option<usize>,
    /// Since when the oldest of them is pending.
    pub oldest_pending: Option<When>,
    /// Records whose deliveries wait for a person.
    pub parked: Option<usize>,
    /// How far it was read, by entity.
    pub reading: BTreeMap<Entity, Reading>,
    /// Everything that the system lists as changed before this moment is safely here; `None` while the first reading goes
    /// on.
    pub through: Option<When>,
    /// How many whole minutes ago that moment is.
    pub minutes_behind: Option<u64>,
    /// The last completeness sweep, or the one that is under way.
    pub sweep: Option<SweepView>,
}

/// A completeness sweep; the first reading and a backfill are one as well.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepView {
    /// When it began.
    pub started_at: When,
    /// When it was through; `None` while it is under way.
    pub finished_at: Option<When>,
    /// Whether it is the first reading of the connection.
    pub first: bool,
    /// What it found, by entity.
    pub entities: BTreeMap<Entity, SweepPart>,
}

/// What a sweep found of an entity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepPart {
    /// `list`, `compare`, `read`, `take` or `done`.
    pub phase: &'static str,
    /// When its list was complete.
    pub complete_at: Option<When>,
    /// Records that the system listed.
    pub listed: u64,
    /// Records that were known here.
    pub known: u64,
    /// Records that were taken in because they were missing here.
    pub missing: u64,
    /// Records that were taken in because they differed.
    pub differing: u64,
    /// Of both, those that should have arrived before.
    pub gaps: u64,
    /// Records that were known and not listed.
    pub absent: u64,
    /// Of these, deleted ones.
    pub deleted: u64,
    /// Of these, ones of which the system says nothing. They are not taken for deleted.
    pub not_visible: u64,
    /// Records that could not be understood.
    pub unreadable: u64,
    /// Whether the deletes wait for a person.
    pub braked: bool,
}

/// An open breaker.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trouble {
    /// Since when.
    pub since: When,
    /// Until when nothing is sent.
    pub until: When,
    /// Why, in a sentence.
    pub reason: String,
    /// `open`: nothing is sent; `probing`: one request tries; `catching_up`: it works again, and what waited is on its way.
    pub state: &'static str,
    /// Troubles in a row.
    pub failures: u32,
}

/// How far an entity was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reading {
    /// Everything that changed before this was read; `None` while the first reading goes on.
    pub complete_at: Option<When>,
    /// Everything that was listed as changed before this moment is here.
    pub through: Option<When>,
    /// The connector's own cursor.
    pub cursor: String,
}

/// Every connection.
///
/// # Errors
/// The store's faults.
pub async fn connections(hub: &Hub) -> Result<Vec<ConnectionView>> {
    let settings = hub.settings();
    let mut views = Vec::with_capacity(settings.connections.len());
    for connection in settings.connections.values() {
        views.push(view(hub, connection).await?);
    }
    Ok(views)
}

async fn view(hub: &Hub, connection: &Connection) -> Result<ConnectionView> {
    let trouble = hub.breaker_shown(connection).await?.map(|(breaker, catching_up)| Trouble {
        since: When(breaker.since),
        until: When(breaker.until),
        state: match () {
            () if catching_up => "catching_up",
            () if breaker.probing => "probing",
            () => "open",
        },
        failures: breaker.failures,
        reason: breaker.reason,
    });
    let reading = reading(hub, connection).await?;
    let all = reading.len() == connection.context.mappings.len();
    let through = reading.values().map(|read| read.through.map(|when| when.0)).min().flatten().filter(|_| all);
    Ok(ConnectionView {
        name: connection.name.clone(),
        system: connection.connector.system().clone(),
        mode: connection.mode,
        trouble,
        pending: count(hub, Index::Pending, connection.name.as_str()).await?,
        oldest_pending: oldest(hub, &connection.name).await?.map(When),
        parked: count(hub, Index::Pending, &format!("parked#{}", connection.name)).await?,
        reading,
        through: through.map(When),
        minutes_behind: through.map(|at| hub.now().since(at).as_secs() / 60),
        sweep: sweep::state(hub, &connection.name).await?.map(|sweep| swept(&sweep)),
    })
}

fn swept(sweep: &Sweep) -> SweepView {
    let part = |part: &Part| SweepPart {
        phase: match part.phase {
            Phase::List => "list",
            Phase::Absent { .. } => "compare",
            Phase::Read { .. } => "read",
            Phase::Take { .. } => "take",
            Phase::Done => "done",
        },
        complete_at: part.complete_at.map(When),
        listed: part.listed,
        known: part.known,
        missing: part.missing,
        differing: part.differing,
        gaps: part.gaps,
        absent: part.absent,
        deleted: part.deleted,
        not_visible: part.not_visible,
        unreadable: part.unreadable,
        braked: part.braked,
    };
    SweepView {
        started_at: When(sweep.started_at),
        finished_at: sweep.finished_at.map(When),
        first: sweep.first,
        entities: sweep.entities.iter().map(|(entity, one)| (*entity, part(one))).collect(),
    }
}

/// How many items an index partition has; `None` for more than can be counted.
pub(super) async fn count(hub: &Hub, index: Index, partition: &str) -> Result<Option<usize>> {
    let page = hub.table.query(Query::partition(Some(index), partition, COUNTED)).await?;
    Ok(page.next.is_none().then_some(page.keys.len()))
}

async fn reading(hub: &Hub, connection: &Connection) -> Result<BTreeMap<Entity, Reading>> {
    let entities: Vec<Entity> = connection.context.mappings.keys().copied().collect();
    let names: Vec<_> = entities.iter().map(|entity| keys::cursor(&connection.name, "poll", *entity)).collect();
    let items = if names.is_empty() { Vec::new() } else { hub.table.get(&names).await? };
    let mut reading = BTreeMap::new();
    for (entity, item) in entities.into_iter().zip(items) {
        let Some(item) = item else { continue };
        let position: Position = store::parse(&item)?;
        let read = Reading {
            complete_at: position.complete_at.map(When),
            through: position.through.or(position.complete_at).map(When),
            cursor: position.cursor.to_string(),
        };
        reading.insert(entity, read);
    }
    Ok(reading)
}
