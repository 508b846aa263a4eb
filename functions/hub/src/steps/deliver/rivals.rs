//! Before a record is made at a connection: whoever claims one of its keys without being it, and is there already or about to
//! be made there.
//!
//! A key that two records of one system claim joins nobody until a person says whether they are one. Until then the second is
//! not made where the first is: the system's own search need not find it, for not every system keeps every key.

use super::create::Intent;
use crate::{facet::Link, hub::Hub, identity, keys, ports::ItemKey, record::Record, settings::Connection, store};
use concord_connector::{
    ExternalId, RecordId, Result,
    key::{Key, KeyKind},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// More claimants of a key are not looked at: it names nobody.
const MOST: usize = 40;
/// Whoever has put an intent and not sent it yet is about to look for rivals, too.
const SOON: Duration = Duration::from_secs(1);
/// One create is over, or given up, after a while.
const AFTER: Duration = Duration::from_secs(10);

/// What stands in the way of making a record.
pub(super) enum Rival {
    /// This one is there and could be it.
    There(ExternalId),
    /// One that could be it is being made; look again after this.
    Coming(Duration),
}

/// Looks for a rival of a record whose own intent is put, so that of two that look at once at least one sees the other.
pub(super) async fn rival(hub: &Hub, connection: &Connection, record: &Record) -> Result<Option<Rival>> {
    let others = claimants(hub, record).await?;
    for other in others.values() {
        if let Some(facet) = other.live_at(&connection.name).next() {
            return Ok(Some(Rival::There(facet.link.id.clone())));
        }
    }
    let open: Vec<&Record> = others.values().filter(|other| is_open(other, connection)).collect();
    if open.is_empty() {
        return Ok(None);
    }
    let names: Vec<ItemKey> = open.iter().map(|other| keys::intent(&other.id, &connection.name)).collect();
    let mut wait: Option<Duration> = None;
    for (other, item) in open.into_iter().zip(hub.table.get(&names).await?) {
        let intent: Option<Intent> = item.as_ref().map(store::parse).transpose()?;
        let one = match intent {
            // The smaller id goes first.
            _ if other.id < record.id => AFTER,
            Some(intent) if intent.sent_at.is_some() => AFTER,
            Some(_) => SOON,
            None => continue,
        };
        wait = wait.max(Some(one));
    }
    Ok(wait.map(Rival::Coming))
}

fn is_open(other: &Record, connection: &Connection) -> bool {
    other.creates.contains_key(&connection.name)
        && !other.outbox.get(&connection.name).is_some_and(|outbox| outbox.parked)
}

/// The records that claim a key of this one, and that nothing says is another thing.
async fn claimants(hub: &Hub, record: &Record) -> Result<BTreeMap<RecordId, Record>> {
    let own = claimed(record);
    let named: Vec<Key> = own.iter().filter(|key| key.kind != KeyKind::Pin).cloned().collect();
    let items = hub.key_items(record.entity, &named).await?;
    let links: BTreeSet<Link> = items.into_iter().flat_map(|(item, _)| item.claimants).collect();
    let links: Vec<Link> = links.into_iter().filter(|link| record.facet(link).is_none()).take(MOST).collect();
    let found = hub.links(record.entity, &links).await?;
    let ids: BTreeSet<RecordId> = found.into_iter().flatten().map(|item| item.record).collect();
    let ids: Vec<RecordId> = ids.into_iter().collect();
    let others = hub.records(&ids).await?.into_values().map(|(other, _)| other);
    Ok(others
        .filter(|other| other.id != record.id && !differs(record, &own, other))
        .map(|other| (other.id.clone(), other))
        .collect())
}

fn claimed(record: &Record) -> BTreeSet<Key> {
    record.facets.iter().flat_map(|facet| identity::keys(record.entity, facet)).collect()
}

/// Whether two records are known to be two: a person keeps them apart, or what the law names them by is not the same.
fn differs(record: &Record, own: &BTreeSet<Key>, other: &Record) -> bool {
    let kept_apart = |one: &Record, two: &Record| {
        let mut apart = one.facets.iter().flat_map(|facet| &facet.pins.apart);
        apart.any(|home| two.facets.iter().any(|facet| facet.home == *home))
    };
    let theirs = claimed(other);
    let strong =
        |keys: &BTreeSet<Key>, kind| keys.iter().filter(|key| key.kind == kind).cloned().collect::<BTreeSet<_>>();
    kept_apart(record, other)
        || kept_apart(other, record)
        || [KeyKind::TaxId, KeyKind::Lei].into_iter().any(|kind| {
            let (ours, theirs) = (strong(own, kind), strong(&theirs, kind));
            !ours.is_empty() && !theirs.is_empty() && ours.is_disjoint(&theirs)
        })
}
