//! References of an observation: from external ids to records. What was never seen gets a placeholder.

use crate::{
    commit::Transaction,
    facet::{Facet, Link},
    hub::Hub,
    message::Message,
    ports::{Outgoing, QueueName},
    record::Record,
};
use concord_connector::{
    ConnectionName, Entity, ExternalId, Field, RecordId, Reference, Result, Signal, Snapshot, Target, Value,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

/// The snapshot with every reference leading to a record: to the home of the external record, which stays right through
/// merges and unmerges.
pub(in crate::steps) async fn normalise(
    hub: &Hub,
    connection: &ConnectionName,
    snapshot: &Snapshot,
    transaction: &mut Transaction,
) -> Result<Snapshot> {
    let mut named: BTreeSet<(Entity, ExternalId)> = BTreeSet::new();
    for reference in snapshot.fields.values().flatten().flat_map(|value| value.references()) {
        // A record that refers to itself says nothing.
        if let Target::External(id) = &reference.to
            && (reference.entity, id) != (snapshot.entity, &snapshot.id)
        {
            named.insert((reference.entity, id.clone()));
        }
    }
    if snapshot.fields.values().flatten().all(|value| value.references().is_empty()) {
        return Ok(snapshot.clone());
    }
    let mut homes: BTreeMap<(Entity, ExternalId), RecordId> = BTreeMap::new();
    for (entity, id) in named {
        let link = Link { connection: connection.clone(), id: id.clone() };
        let home = placeholder(hub, entity, &link, transaction).await?;
        homes.insert((entity, id), home);
    }
    let mut normal = snapshot.clone();
    for value in normal.fields.values_mut() {
        let Some(held) = value else { continue };
        let mapped = held.map_references::<Infallible>(&mut |reference| {
            let Target::External(id) = &reference.to else { return Ok(Some(reference.clone())) };
            let home = homes.get(&(reference.entity, id.clone()));
            Ok(home.map(|home| Reference { to: Target::Record(home.clone()), ..reference.clone() }))
        });
        *value = mapped.unwrap_or_else(|never| match never {});
    }
    Ok(normal)
}

/// The references of a snapshot that are empty because what they led to was deleted there: a system that deletes a record lets
/// go of it everywhere, and nobody has said that its people have no company. When it is back under another id, they lead to
/// it again. Where it goes everywhere, it is gone.
pub(super) async fn let_go(hub: &Hub, facet: &Facet, snapshot: &Snapshot) -> Result<BTreeSet<Field>> {
    let mut led: Vec<(Field, RecordId)> = Vec::new();
    for (field, _) in snapshot.fields.iter().filter(|(_, value)| value.is_none()) {
        let held = facet.view().held(field).and_then(Option::as_ref).and_then(Value::as_reference);
        if let Some(id) = held.and_then(Reference::record_id) {
            led.push((field.clone(), id.clone()));
        }
    }
    let mut gone = BTreeSet::new();
    if led.is_empty() {
        return Ok(gone);
    }
    let ids: Vec<RecordId> = led.iter().map(|(_, id)| id.clone()).collect();
    let records = hub.records(&ids).await?;
    for (field, id) in led {
        let Some((to, _)) = records.get(&id) else { continue };
        let here: Vec<&Facet> = to.facets.iter().filter(|one| one.link.connection == facet.link.connection).collect();
        // The one that was referred to, and not another that is the same by now.
        let same: Vec<&Facet> = here.iter().filter(|one| one.home == id).copied().collect();
        let led_to = if same.is_empty() { here } else { same };
        if to.removal.is_none() && !led_to.is_empty() && led_to.iter().all(|one| !one.is_live()) {
            gone.insert(field);
        }
    }
    Ok(gone)
}

/// The home of an external record; a placeholder, its link and a signal when it was never seen.
pub(super) async fn placeholder(
    hub: &Hub,
    entity: Entity,
    link: &Link,
    transaction: &mut Transaction,
) -> Result<RecordId> {
    if let Some(item) = hub.links(entity, std::slice::from_ref(link)).await?.pop().flatten() {
        return Ok(item.home);
    }
    let id = hub.new_record_id();
    let mut record = Record::new(id.clone(), entity);
    record.facets.push(Facet::unseen(link.clone(), id.clone()));
    transaction.put_record(&record, 0);
    transaction.new_link(entity, link, &id, &id)?;
    // Sent before the commit: a signal too many costs one read, a signal too few would lose the record.
    let settings = hub.settings();
    let connection = settings.connection(&link.connection)?;
    let signal = Signal::changed(format!("placeholder-{link}"), entity, link.id.clone(), hub.now());
    let message = Message::SignalV1 { connection: link.connection.clone(), signal, received_at: hub.now() };
    let queue = QueueName::Signals(connection.connector.system().clone());
    hub.queue.send(&queue, vec![Outgoing::new(message.encode()?)]).await?;
    Ok(id)
}
