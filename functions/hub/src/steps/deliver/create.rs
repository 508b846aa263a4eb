//! Creating an external record exactly once: intent, search, write, receipt.

use super::{
    plan::Job,
    rivals::{self, Rival},
};
use crate::{
    commit::{ATTEMPTS, Changed, Hindrance, Transaction},
    events::Count,
    facet::{Facet, Link, Want},
    hub::Hub,
    identity, keys,
    message::Message,
    ports::{Condition, Item, Outgoing, QueueName, TableChange, TransactError},
    record::Record,
    review::{Review, Subject},
    settings::Connection,
    settle, store,
};
use concord_connector::{
    ConnectionName, ExternalId, Fault, Instant, Kind, Operation, Outcome, RecordId, Result, Signal,
    exchange::Refused,
    key::{Key, KeyKind},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};

/// How much longer than the vendor's search lag to wait before searching again.
const MARGIN: Duration = Duration::from_secs(2);

/// That a record is to be created at a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// Fixed before the first send.
    pub(crate) idempotency: String,
    /// When a create was last sent without a known outcome.
    pub(crate) sent_at: Option<Instant>,
    /// A person wants it made although others were found.
    #[serde(default)]
    pub(crate) insisted: bool,
    /// What the create that was sent will show there: our own values, should they be read before they are acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sent: Option<Want>,
}

/// The pin that joins what a create made with the record that it was made for.
pub(in crate::steps) fn pin(record: &RecordId) -> String {
    format!("created-{record}")
}

/// What an open create of a record sent, if one was sent.
pub(in crate::steps) async fn sent(hub: &Hub, record: &Record, connection: &ConnectionName) -> Result<Option<Want>> {
    let item = hub.item(keys::intent(&record.id, connection)).await?;
    let intent: Option<Intent> = item.as_ref().map(store::parse).transpose()?;
    Ok(intent.and_then(|intent| intent.sent))
}

/// How a create goes on.
pub(super) enum Begun {
    /// Nothing is there: write it, under this idempotency key.
    Write(String),
    /// It was adopted, or left to a person.
    Settled,
    /// Not before this has passed.
    Later(Duration),
    /// The vendor is in trouble as a whole; trouble of our own store is an error instead.
    Trouble(Fault),
}

/// Puts the intent, searches, and says how to go on. After this returns `Write` the intent says that a create was
/// sent; every attempt of it bears the intent's key.
pub(super) async fn begin(hub: &Hub, connection: &Connection, job: &Job) -> Result<Begun> {
    let key = keys::intent(&job.record, &connection.name);
    let (record, rev) = &job.read;
    let stored = hub.item(key.clone()).await?;
    let (intent, at) = match &stored {
        Some(item) => (store::parse::<Intent>(item)?, item.rev),
        // It is about to become one with another record, whose creates are open: were it made as well, there would be two.
        // The commit that joins them, or finds that they differ, orders what is still to be made.
        None if record.regroup => return Ok(Begun::Settled),
        None => {
            let intent = Intent { idempotency: hub.new_token(), sent_at: None, insisted: false, sent: None };
            let put = TableChange::Put(Item::new(key.clone(), store::body(&intent)?), Condition::Absent);
            // Nobody moves the record to another while a create is open: the two conditions exclude each other.
            let check = TableChange::Check(keys::record(&record.id), Condition::Rev(*rev));
            match hub.table.transact(vec![put, check]).await {
                Ok(()) => (intent, 1),
                Err(TransactError::Cancelled(_)) => return Ok(Begun::Later(Duration::from_millis(100))),
                Err(TransactError::Store(fault)) => return Err(fault),
            }
        }
    };
    if let Some(sent_at) = intent.sent_at.filter(|_| !left_out!(ForgetIntent)) {
        let lag = Duration::from_secs(connection.connector.manifest().capabilities.search_lag_s) + MARGIN;
        let waited = hub.now().since(sent_at);
        if waited < lag {
            return Ok(Begun::Later(lag - waited));
        }
    }
    if intent.sent_at.is_none() && !intent.insisted && !left_out!(SkipSearch) {
        match rivals::rival(hub, connection, record).await? {
            None => {}
            Some(Rival::There(id)) => {
                adopt(hub, connection, job, &id).await?;
                return Ok(Begun::Settled);
            }
            // Identity may be waiting for open creates; this one is not begun.
            Some(Rival::Coming(wait)) => {
                hub.table.transact(vec![TableChange::Delete(key, Condition::Rev(at))]).await.or_else(raced)?;
                return Ok(Begun::Later(wait));
            }
        }
    }
    let forgets = intent.sent_at.is_some() && left_out!(ForgetIntent);
    let blind = forgets || left_out!(SkipSearch);
    let insisted = intent.insisted && intent.sent_at.is_none();
    let found = match find(hub, connection, record, insisted).await {
        _ if blind => Vec::new(),
        Err(fault) if fault.is_of_connection() => return Ok(Begun::Trouble(fault)),
        found => found?,
    };
    match found.as_slice() {
        [] => {}
        [one] => {
            adopt(hub, connection, job, one).await?;
            return Ok(Begun::Settled);
        }
        several => {
            park(hub, connection, record, several).await?;
            hub.write_plain(vec![TableChange::Delete(key, Condition::None)]).await?;
            return Ok(Begun::Settled);
        }
    }
    let idempotency = intent.idempotency.clone();
    let mut images = Want { sent: true, ..settle::wanted(record, connection, hub.now()) };
    images.fields.retain(|field, _| job.golden.contains_key(field));
    let sent = Intent { sent_at: Some(hub.now()), sent: Some(images), ..intent };
    let item = Item { rev: at + 1, ..Item::new(key, store::body(&sent)?) };
    match hub.table.transact(vec![TableChange::Put(item, Condition::Rev(at))]).await {
        Ok(()) => Ok(Begun::Write(idempotency)),
        // Another worker is at it.
        Err(TransactError::Cancelled(_)) => Ok(Begun::Later(Duration::from_secs(1))),
        Err(TransactError::Store(fault)) => Err(fault),
    }
}

/// Somebody else has the intent by now.
fn raced(error: TransactError) -> Result<()> {
    match error {
        TransactError::Cancelled(_) => Ok(()),
        TransactError::Store(fault) => Err(fault),
    }
}

/// Looks for the record by marker and by every key that its people gave it, unless a person insists on a new one.
async fn find(hub: &Hub, connection: &Connection, record: &Record, insisted: bool) -> Result<Vec<ExternalId>> {
    if insisted {
        return Ok(Vec::new());
    }
    let keys: BTreeSet<Key> = record.facets.iter().flat_map(|facet| identity::keys(record.entity, facet)).collect();
    let keys = keys.into_iter().filter(|key| key.kind != KeyKind::Pin).collect();
    let ran = hub.run(connection, &Operation::Find { entity: record.entity, record: record.id.clone(), keys }).await?;
    match ran.outcome {
        Outcome::Found(found) => {
            let distinct: BTreeSet<ExternalId> = found.into_iter().collect();
            Ok(distinct.into_iter().collect())
        }
        _ => Err(Fault::new(Kind::Unexpected, "deliver", "the connector did not answer a search with ids")),
    }
}

/// A person wants the record made at a connection although others there could be it: the next delivery does not search.
pub(crate) async fn insist(hub: &Hub, id: &RecordId, connection: &ConnectionName) -> Result<()> {
    let Some((record, rev)) = hub.record(id).await? else { return Ok(()) };
    let intent = Intent { idempotency: hub.new_token(), sent_at: None, insisted: true, sent: None };
    let put =
        TableChange::Put(Item::new(keys::intent(&record.id, connection), store::body(&intent)?), Condition::Absent);
    hub.write_plain(vec![put, TableChange::Check(keys::record(&record.id), Condition::Rev(rev))]).await
}

async fn park(hub: &Hub, connection: &Connection, record: &Record, found: &[ExternalId]) -> Result<()> {
    let ids: Vec<String> = found.iter().map(ToString::to_string).collect();
    let sentence = format!(
        "{} could be any of {} at {}; none was created. Choose one with `concord link`, or create it.",
        record.id,
        ids.join(", "),
        connection.name
    );
    hub.amend(&record.id, |record, reviews| {
        record.outbox.entry(connection.name.clone()).or_default().parked = true;
        let subject = Subject::SeveralFound {
            record: record.id.clone(),
            connection: connection.name.clone(),
            found: ids.clone(),
        };
        reviews.push(Review::new(subject, sentence.clone(), &["adopt", "create", "dismiss"]));
    })
    .await
}

/// What was found there is this record: it gets the facet, and a signal to read it.
pub(super) async fn adopt(hub: &Hub, connection: &Connection, job: &Job, id: &ExternalId) -> Result<()> {
    let link = Link { connection: connection.name.clone(), id: id.clone() };
    for _ in 0..ATTEMPTS {
        let settings = hub.settings();
        let Some((mut record, rev)) = hub.record(&job.record).await? else { return Ok(()) };
        let mut transaction = Transaction::default();
        transaction.push(TableChange::Delete(keys::intent(&job.record, &connection.name), Condition::None));
        let linked = hub.links(job.entity, std::slice::from_ref(&link)).await?.pop().flatten();
        if let Some(linked) = linked {
            let owner = hub.record(&linked.record).await?.map(|(owner, _)| owner.id);
            if owner.as_ref() != Some(&record.id) {
                return taken(hub, connection, &record, &link, owner.unwrap_or(linked.record)).await;
            }
        } else {
            let home = record.id.clone();
            transaction.new_link(job.entity, &link, &record.id, &home)?;
            let mut facet = Facet::unseen(link.clone(), home);
            // Found after a create without a known outcome: what it shows of that create is our own.
            if let Some(want) = sent(hub, &record, &connection.name).await? {
                facet.want(want);
            }
            record.facets.push(facet);
        }
        let changed = Changed { record, rev, observed: None, identity: true };
        match hub.commit(&settings, changed, transaction).await {
            Ok(_) => {
                hub.tally.add(Count::Adopted);
                let signal = Signal::changed(format!("adopted-{}", hub.new_token()), job.entity, id.clone(), hub.now());
                let message = Message::SignalV1 { connection: connection.name.clone(), signal, received_at: hub.now() };
                let queue = QueueName::Signals(connection.connector.system().clone());
                return hub.queue.send(&queue, vec![Outgoing::new(message.encode()?)]).await;
            }
            Err(Hindrance::Raced) => {}
            Err(Hindrance::Fault(fault)) => return Err(fault),
        }
    }
    Err(Fault::new(Kind::Conflict, "deliver", "the record is being changed by too many at once"))
}

/// What was found belongs to another golden record. With the create closed, identity may join the two; if it does not, a
/// person decides.
async fn taken(hub: &Hub, connection: &Connection, record: &Record, link: &Link, owner: RecordId) -> Result<()> {
    hub.write_plain(vec![TableChange::Delete(keys::intent(&record.id, &connection.name), Condition::None)]).await?;
    claim(hub, &record.id).await?;
    // Joined, or to be joined as soon as other creates are closed: nobody has to decide anything.
    let settled = hub.record(&record.id).await?.is_some_and(|(now, _)| now.facet(link).is_some() || now.regroup);
    if settled {
        return Ok(());
    }
    let sentence = format!(
        "{link} could be {}, and belongs to {owner}; nothing was created. Merge them, or say that they differ.",
        record.id
    );
    hub.amend(&record.id, |record, reviews| {
        record.outbox.entry(connection.name.clone()).or_default().parked = true;
        let subject = Subject::TakenElsewhere { record: record.id.clone(), link: link.clone(), owner: owner.clone() };
        reviews.push(Review::new(subject, sentence.clone(), &["merge", "create", "dismiss"]));
    })
    .await
}

/// Joins what a create made with the record that it was made for, and looks at identity again.
pub(in crate::steps) async fn claim(hub: &Hub, record: &RecordId) -> Result<()> {
    hub.amend(record, |found, _| {
        let pin = pin(record);
        for facet in found.facets.iter_mut().filter(|facet| facet.home == *record).take(1) {
            facet.pins.join.insert(pin.clone());
        }
    })
    .await?;
    crate::steps::reconcile::regroup(hub, record).await
}

/// A create that is no longer called for, and was never begun, is closed. One that was begun stays until it is found or
/// made: its outcome is unknown.
pub(super) async fn withdraw(hub: &Hub, connection: &Connection, record: &Record, rev: u64) -> Result<()> {
    let mut closed = record.clone();
    closed.creates.remove(&connection.name);
    closed.outbox.remove(&connection.name);
    closed.prune_approvals();
    let mut transaction = Transaction::default();
    let intent = keys::intent(&record.id, &connection.name);
    transaction.push(TableChange::Check(intent, Condition::Absent));
    transaction.put_record(&closed, rev);
    match hub.transact(transaction).await {
        Ok(()) | Err(Hindrance::Raced) => Ok(()),
        Err(Hindrance::Fault(fault)) => Err(fault),
    }
}

/// A create that was refused for certain leaves no intent behind; one whose outcome is unknown does.
pub(super) async fn undo(hub: &Hub, connection: &Connection, job: &Job, refused: &Refused) -> Result<()> {
    if !job.creates() || super::unknown(refused) {
        return Ok(());
    }
    hub.write_plain(vec![TableChange::Delete(keys::intent(&job.record, &connection.name), Condition::None)]).await
}
