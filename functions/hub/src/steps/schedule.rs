//! The scheduler: what is due now. Called every second in embedded mode.

use super::{fanout::order, operate, resume, sweep, translate};
use crate::{
    brake,
    commit::{ATTEMPTS, Hindrance, Transaction},
    derive,
    hub::Hub,
    keys,
    message::Message,
    ports::{Index, Item, Outgoing, Query, QueueName},
    record::{OVERDUE, Record},
    review::{Review, Subject},
    settings::Connection,
    store,
};
use concord_connector::{ConnectionName, Entity, Instant, Operation, Outcome, RecordId, Result, exchange::Account};
use std::time::Duration;

/// A delivery waits at most that long for another record.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// Orders of one page, so that a long outage ends gently.
pub(super) const SWEEP: usize = 200;
/// Whether a sweep is due is looked at this often.
const LOOKED_EVERY: Duration = Duration::from_secs(10);
/// A sweep that did not get on for so long lost its message, or waited for the end of a trouble.
const STANDS_STILL: Duration = Duration::from_secs(60);
/// The first page of a sweep is there sooner than this.
const BEGINS: Duration = Duration::from_secs(10);
/// Where events bring everything, a poll checks this often that they do.
const CHECKED_EVERY: Duration = Duration::from_secs(900);

/// Does what is due. `elapsed` since the last poll of a connection is kept in memory: a restart polls at once.
///
/// # Errors
/// When the store or the queue fails; call again.
pub async fn tick(hub: &Hub) -> Result<()> {
    super::publish::tick(hub).await;
    let settings = hub.settings();
    let now = hub.now();
    for connection in settings.connections.values() {
        brake::drain(hub, &connection.name).await?;
        if hub.held_back(connection).await?.is_some() {
            continue;
        }
        operate::due(hub, connection).await?;
        for entity in due(hub, connection, now).await? {
            translate::ask(hub, connection, entity).await?;
        }
        if hub.due.every("complete", &connection.name, now, LOOKED_EVERY) {
            complete(hub, connection, now).await?;
        }
        if resume::tick(hub, connection).await? {
            // A round would order again what has just been ordered.
        } else if hub.due.every("sweep", &connection.name, now, Duration::from_secs(10)) {
            round(hub, connection, now.minus(OVERDUE), SWEEP).await?;
        }
    }
    if hub.due.every("regroup", &ConnectionName::from(crate::settings::CONCORD), now, Duration::from_secs(10)) {
        regroup(hub).await?;
        derive::due(hub).await?;
    }
    Ok(())
}

/// The entities whose next poll is due. When the last one was is kept in the table, so that a restart changes nothing.
/// Where events bring everything, and no poll is needed for that, one comes all the same now and then: it finds what an
/// event that was lost did not say.
async fn due(hub: &Hub, connection: &Connection, now: Instant) -> Result<Vec<Entity>> {
    let manifest = connection.connector.manifest();
    let often = Duration::from_secs(connection.poll_every_s.max(1));
    let mut due = Vec::new();
    for entity in connection.context.mappings.keys().copied() {
        let every = if manifest.polls(entity) { often } else { often.max(CHECKED_EVERY) };
        if !hub.due.knows(entity.name(), &connection.name)
            && let Some(item) = hub.item(keys::cursor(&connection.name, "poll", entity)).await?
            && let Some(last) = store::parse::<translate::Position>(&item)?.complete_at
        {
            hub.due.remember(entity.name(), &connection.name, last);
        }
        if hub.due.every(entity.name(), &connection.name, now, every) {
            due.push(entity);
        }
    }
    Ok(due)
}

/// Begins a completeness sweep when one is due, and goes on with one whose message got lost.
async fn complete(hub: &Hub, connection: &Connection, now: Instant) -> Result<()> {
    let every = Duration::from_secs(connection.sweep_every_s);
    match sweep::state(hub, &connection.name).await? {
        Some(sweep) => match sweep.finished_at {
            Some(last) if !every.is_zero() && now.since(last) >= every => {
                sweep::begin(hub, connection, false).await.map(drop)
            }
            None if now.since(sweep.moved_at) > patience(&sweep)
                && hub.due.every("sweep goes on", &connection.name, now, STANDS_STILL) =>
            {
                sweep::ask(hub, connection, Duration::ZERO).await
            }
            _ => Ok(()),
        },
        // The first poll begins the first reading.
        None => Ok(()),
    }
}

/// One that has not even begun may have been kept by a process that ended before it was ordered.
fn patience(sweep: &sweep::Sweep) -> Duration {
    if sweep.moved_at == sweep.started_at { BEGINS } else { STANDS_STILL }
}

/// The next page of a round through everything that is overdue, so that what stays pending for long hides nothing.
pub(super) async fn round(hub: &Hub, connection: &Connection, until: Instant, most: usize) -> Result<()> {
    let what = connection.name.as_str();
    let next = sweep(hub, connection, until, hub.due.place(what), most).await?;
    hub.due.set_place(what, next);
    Ok(())
}

/// Orders again a page of what is pending since before `until` and not in back-off; where the next page goes on.
pub(super) async fn sweep(
    hub: &Hub,
    connection: &Connection,
    until: Instant,
    after: Option<String>,
    most: usize,
) -> Result<Option<String>> {
    let query = Query {
        after,
        to: Some(format!("{}~", crate::record::place(until))),
        ..Query::partition(Some(Index::Pending), connection.name.as_str(), most)
    };
    let page = hub.table.query(query).await?;
    if page.keys.is_empty() || left_out!(NeverSweep) {
        return Ok(None);
    }
    let ids: Vec<RecordId> = page.keys.iter().filter_map(|(_, key)| keys::record_id(key)).collect();
    let queue = QueueName::Deliveries(connection.connector.system().clone());
    let mut orders = Vec::new();
    for (record, _) in hub.records(&ids).await?.into_values() {
        let waits = record.outbox.get(&connection.name).and_then(|outbox| outbox.waiting_since);
        if waits.is_some_and(|since| hub.now().since(since) > PATIENCE) {
            give_up(hub, &record.id, &connection.name).await?;
            continue;
        }
        let again = format!("@{}", hub.now().ms() / 1000);
        orders.push(order(&record.id, &connection.name, record.version, &again)?);
    }
    hub.queue.send(&queue, orders).await?;
    Ok(page.next)
}

async fn give_up(hub: &Hub, id: &RecordId, connection: &ConnectionName) -> Result<()> {
    hub.amend(id, |record, reviews| {
        let outbox = record.outbox.entry(connection.clone()).or_default();
        outbox.parked = true;
        let sentence = format!(
            "The delivery of {id} to {connection} waited a day for records that it refers to; they never arrived there."
        );
        let subject = Subject::Waited { record: id.clone(), connection: connection.clone() };
        reviews.push(Review::new(subject, sentence, &["retry", "dismiss"]));
    })
    .await
}

/// Looks again at identities that waited for a create.
async fn regroup(hub: &Hub) -> Result<()> {
    let query = Query { after: hub.due.place("regroup"), ..Query::partition(Some(Index::Pending), "regroup", SWEEP) };
    let page = hub.table.query(query).await?;
    hub.due.set_place("regroup", page.next.clone());
    let mut messages = Vec::new();
    for record in page.keys.iter().filter_map(|(_, key)| keys::record_id(key)) {
        messages.push(Outgoing::new(Message::RegroupV1 { record }.encode()?));
    }
    if messages.is_empty() { Ok(()) } else { hub.queue.send(&QueueName::Observations, messages).await }
}

/// Reads everything at a connection once more, beginning now; one that is under way goes on.
///
/// # Errors
/// When the store or the queue fails.
pub async fn backfill(hub: &Hub, connection: &Connection) -> Result<sweep::Sweep> {
    sweep::begin(hub, connection, false).await
}

/// Reads what the account says of itself and keeps it.
///
/// # Errors
/// The vendor's.
pub async fn describe(hub: &Hub, connection: &Connection) -> Result<Account> {
    let ran = hub.run(connection, &Operation::Describe).await?;
    let Outcome::Account(account) = ran.outcome else { return Ok(Account::default()) };
    hub.put_plain(Item::new(keys::account(&connection.name), store::body(&account)?)).await?;
    Ok(account)
}

/// What was kept of an account.
///
/// # Errors
/// When the store fails.
pub async fn described(hub: &Hub, connection: &ConnectionName) -> Result<Option<Account>> {
    hub.item(keys::account(connection)).await?.as_ref().map(store::parse).transpose()
}

impl Hub {
    /// Changes how a record's deliveries stand, and nothing else: no new version.
    pub(crate) async fn amend(&self, id: &RecordId, change: impl Fn(&mut Record, &mut Vec<Review>)) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let Some((mut record, rev)) = self.record(id).await? else { return Ok(()) };
            let before = record.clone();
            let mut reviews = Vec::new();
            change(&mut record, &mut reviews);
            if record == before && reviews.is_empty() {
                return Ok(());
            }
            let mut transaction = Transaction::default();
            transaction.put_record(&record, rev);
            self.raise(&mut transaction, reviews, self.now()).await?;
            match self.transact(transaction).await {
                Ok(()) => return Ok(()),
                Err(Hindrance::Raced) => {}
                Err(Hindrance::Fault(fault)) => return Err(fault),
            }
        }
        Err(concord_connector::Fault::new(
            concord_connector::Kind::Conflict,
            "commit",
            "the record is being changed by too many at once",
        ))
    }
}
