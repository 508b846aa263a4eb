//! Fanout: from the change feed to history, deliveries, and whoever waits for a record.

use crate::{
    derive,
    history::Entry,
    hub::Hub,
    keys,
    known::Known,
    message::{Event, Message, Why},
    ports::{Condition, FeedEntry, Index, Item, Outgoing, Query, QueueName, TableChange},
    record::Record,
    referrers,
    settings::Settings,
    subscription::{self, Subscription},
    tap, trace,
};
use concord_connector::{ConnectionName, Entity, RecordId, Result};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Waiters that one page wakes.
const WAITERS: usize = 100;

/// Deals with a piece of the change feed. Everything is by key or by dedupe id: doing it twice does it once.
///
/// # Errors
/// When a port fails: the same piece has to be dealt with again.
pub async fn fanout(hub: &Hub, entries: &[FeedEntry]) -> Result<()> {
    let settings = hub.settings();
    let mut passed = Passed::default();
    for entry in entries {
        trace::under(entry.trace.clone(), pass_on(hub, &settings, entry, &mut passed)).await?;
    }
    let Passed { history, deliveries, woken } = passed;
    let history: Vec<TableChange> = history.into_values().collect();
    // All at once: they share a write to disk, and all of them come again when one fails.
    let notes = history.chunks(90).map(|chunk| hub.write_plain(chunk.to_vec()));
    let orders = deliveries.iter().map(|(queue, batch)| hub.queue.send(queue, batch.clone()));
    let (notes, orders, woken) =
        futures::join!(futures::future::try_join_all(notes), futures::future::try_join_all(orders), async {
            if woken.is_empty() { Ok(()) } else { hub.queue.send(&QueueName::Observations, woken).await }
        });
    notes.map(drop).and(orders.map(drop)).and(woken)
}

/// What follows a piece of the feed.
#[derive(Default)]
struct Passed {
    /// By key: a feed may bring an entry twice, and a transaction holds each item once.
    history: BTreeMap<(RecordId, u64), TableChange>,
    deliveries: BTreeMap<QueueName, Vec<Outgoing>>,
    woken: Vec<Outgoing>,
}

async fn pass_on(hub: &Hub, settings: &Settings, entry: &FeedEntry, passed: &mut Passed) -> Result<()> {
    let Passed { history, deliveries, woken } = passed;
    let old = read(hub, entry.old.as_ref())?;
    let old = old.as_deref();
    let new = read(hub, entry.new.as_ref())?;
    if let Some(old) = old.filter(|_| entry.new.is_some()) {
        for id in referrers::astray(hub, old, new.as_deref()).await? {
            woken.push(Outgoing::new(Message::RegroupV1 { record: id }.encode()?));
        }
    }
    let Some(new) = new else {
        for (queue, event) in merged(settings, entry, old)? {
            deliveries.entry(queue).or_default().push(event);
        }
        return Ok(());
    };
    let new = &*new;
    for (queue, event) in events(settings, old, new)? {
        deliveries.entry(queue).or_default().push(event);
    }
    let fresh = old.is_none_or(|old| old.version < new.version);
    // Also of one that left a rule: what it became follows it.
    for rule in if fresh { derive::rules(settings, new.entity) } else { Vec::new() } {
        woken.push(derive::order(rule, &new.id)?);
    }
    if let Some(image) = entry.new.as_ref().filter(|_| fresh) {
        let past = Entry::of(old, new);
        tap::committed(hub, new, past.changed.keys());
        history.insert((new.id.clone(), new.version), TableChange::Put(past.item(image)?, Condition::None));
    }
    for connection in due(settings, old, new) {
        let Some(ready) = settings.connections.get(&connection) else { continue };
        let queue = QueueName::Deliveries(ready.connector.system().clone());
        // A create that waited for identity is ordered anew, under the version under which it was ordered before.
        let again = if settled(old, new) { "@settled" } else { "" };
        deliveries.entry(queue).or_default().push(order(&new.id, &connection, new.version, again)?);
    }
    for connection in arrived(old, new) {
        let Some(ready) = settings.connections.get(&connection) else { continue };
        let queue = QueueName::Deliveries(ready.connector.system().clone());
        for waiter in waiters(hub, new, &connection).await? {
            let again = format!("@after-{}", new.id);
            deliveries.entry(queue.clone()).or_default().push(order(&waiter, &connection, 0, &again)?);
            // What it could not say before may be a new want.
            woken.push(Outgoing::new(Message::RegroupV1 { record: waiter }.encode()?));
        }
    }
    Ok(())
}

/// The message that orders a delivery. `again` tells a repeated order from the one that a queue drops as a duplicate.
pub(crate) fn order(record: &RecordId, connection: &ConnectionName, version: u64, again: &str) -> Result<Outgoing> {
    let message = Message::DeliveryV1 { record: record.clone(), connection: connection.clone(), version };
    Ok(Outgoing {
        group: Some(format!("{record}@{connection}")),
        dedupe: Some(format!("{record}@{connection}@{version}{again}")),
        ..Outgoing::new(message.encode()?)
    })
}

/// Subscribers that a version is to be told to.
fn events(settings: &Settings, old: Option<&Record>, new: &Record) -> Result<Vec<(QueueName, Outgoing)>> {
    let concerned = settings.subscriptions.values().filter(|one| subscription::concerns(one, old, new));
    // That the last system lost it makes no new version: a queue would take it for the event before.
    let again = match old {
        Some(old) if old.version == new.version => {
            if subscription::is_removed(new) {
                "@removed"
            } else {
                "@live"
            }
        }
        _ => "",
    };
    concerned.map(|one| tell(one, new.id.clone(), new.entity, new.version, again)).collect()
}

/// Subscribers that may know a record that became part of another one.
fn merged(settings: &Settings, entry: &FeedEntry, old: Option<&Record>) -> Result<Vec<(QueueName, Outgoing)>> {
    let (Some(old), Some(_)) = (old, &entry.new) else { return Ok(Vec::new()) };
    let concerned = settings.subscriptions.values().filter(|one| one.entities.contains(&old.entity));
    concerned.map(|one| tell(one, old.id.clone(), old.entity, old.version + 1, "")).collect()
}

fn tell(
    to: &Subscription,
    record: RecordId,
    entity: Entity,
    version: u64,
    again: &str,
) -> Result<(QueueName, Outgoing)> {
    subscription::order(Event { subscription: to.name.clone(), record, entity, version, why: Why::Due }, again)
}

fn read(hub: &Hub, item: Option<&Item>) -> Result<Option<Arc<Record>>> {
    Ok(match item.map(|item| hub.known.decode(item)).transpose()? {
        Some(Known::Record(record)) => Some(record),
        _ => None,
    })
}

/// Whether the record's identity waited for a create, and does no longer.
fn settled(old: Option<&Record>, new: &Record) -> bool {
    old.is_some_and(|old| old.regroup && !new.regroup)
}

/// Connections with open work that this version brought.
fn due(settings: &Settings, old: Option<&Record>, new: &Record) -> BTreeSet<ConnectionName> {
    let fresh = old.is_none_or(|old| old.version < new.version) || settled(old, new);
    let pending = new.pending();
    pending.into_keys().filter(|connection| fresh && settings.connections.contains_key(*connection)).cloned().collect()
}

/// Connections at which the record can be referred to now and could not before. Under the names of records that it was
/// joined with it could be referred to nowhere.
fn arrived(old: Option<&Record>, new: &Record) -> BTreeSet<ConnectionName> {
    let there = |record: &Record| -> BTreeSet<ConnectionName> {
        record.facets.iter().filter(|facet| facet.is_live()).map(|facet| facet.link.connection.clone()).collect()
    };
    let joined = |old: &Record| new.facets.iter().any(|one| old.facets.iter().all(|known| known.home != one.home));
    let before = old.filter(|old| !joined(old)).map(there).unwrap_or_default();
    there(new).difference(&before).cloned().collect()
}

async fn waiters(hub: &Hub, record: &Record, connection: &ConnectionName) -> Result<Vec<RecordId>> {
    let mut woken = Vec::new();
    let mut asked: BTreeSet<&RecordId> = record.facets.iter().map(|facet| &facet.home).collect();
    asked.insert(&record.id);
    for id in asked {
        let mut query = Query::partition(Some(Index::Waiting), id.to_string(), WAITERS);
        loop {
            let page = hub.table.query(query.clone()).await?;
            let here = page.keys.iter().filter(|(place, _)| place.ends_with(&format!("#{connection}")));
            woken.extend(here.filter_map(|(_, key)| keys::record_id(key)));
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
    }
    Ok(woken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facet::{Facet, Link};

    fn record(facets: &[(&str, &str)]) -> Record {
        let mut record = Record::new(RecordId::from("a".to_owned()), Entity::Organization);
        for (connection, home) in facets {
            let link = Link { connection: (*connection).into(), id: "1".into() };
            record.facets.push(Facet::unseen(link, RecordId::from((*home).to_owned())));
        }
        record
    }

    #[test]
    fn who_waits_for_a_record_is_woken_when_it_is_joined_with_one_that_is_there() {
        let crm = BTreeSet::from([ConnectionName::from("crm")]);
        let before = record(&[("crm", "a")]);
        assert_eq!(arrived(None, &before), crm);
        assert!(arrived(Some(&before), &before).is_empty());
        let joined = record(&[("crm", "a"), ("portal", "b")]);
        assert!(arrived(Some(&before), &joined).is_superset(&crm), "what waits for `b` can name it at `crm` now");
    }
}
