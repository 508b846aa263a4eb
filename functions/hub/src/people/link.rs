//! Whose an external record is.

use super::{Decision, Identity, Word, change, external, join, keep_home, record, refusal};
use crate::{
    events::Count,
    facet::{Facet, Link},
    hub::Hub,
    message::Message,
    ports::{Outgoing, QueueName},
};
use concord_connector::{ConnectionName, Entity, ExternalId, RecordId, Result, Signal};

/// Makes an external record part of a record. One that was never seen is read; one that belongs to another record brings
/// that record along.
///
/// # Errors
/// `Rejected` when the connection cannot have it or it is linked already; `NotFound`; the store's faults.
pub async fn link(hub: &Hub, id: &RecordId, connection: &ConnectionName, external_id: &ExternalId) -> Result<Decision> {
    link_by(hub, id, connection, external_id, &Word::default()).await
}

/// The same, with who says it and why.
///
/// # Errors
/// As [`link`].
pub async fn link_by(
    hub: &Hub,
    id: &RecordId,
    connection: &ConnectionName,
    external_id: &ExternalId,
    word: &Word,
) -> Result<Decision> {
    let (before, _) = record(hub, id).await?;
    let entity = before.entity;
    let link = Link { connection: connection.clone(), id: external_id.clone() };
    let settings = hub.settings();
    if !settings.connection(connection)?.maps(entity) {
        return Err(refusal(format!("{connection} has no {entity}.")));
    }
    if let Some(item) = hub.links(entity, std::slice::from_ref(&link)).await?.pop().flatten() {
        let (owner, _) = record(hub, &item.record).await?;
        if owner.id == before.id {
            return Err(refusal(format!("{link} is part of {} already.", before.id)));
        }
        return join::merge_by(hub, id, &owner.id, word).await;
    }
    // Before the commit: a signal too many costs one read, a signal too few would leave the facet empty.
    signal(hub, entity, &link).await?;
    let records = change(hub, id, |record, transaction| {
        transaction.new_link(entity, &link, &record.id, &record.id)?;
        let mut facet = Facet::unseen(link.clone(), record.id.clone());
        // A person says so, also where the record has another one at that connection.
        let pin = format!("link-{link}");
        facet.pins.join.insert(pin.clone());
        facet.pins.notes.extend(word.note(hub.now()).map(|note| (pin.clone(), note)));
        for other in record.facets.iter_mut().filter(|facet| facet.link.connection == *connection) {
            other.pins.join.insert(pin.clone());
        }
        record.facets.push(facet);
        record.facets.sort_by(|a, b| a.link.cmp(&b.link));
        record.creates.remove(connection);
        Ok(Some(Identity::LookAgain))
    })
    .await?;
    Ok(join::decision(&records, "It becomes part of the record", |ids| {
        format!("{link} is part of {ids} now and is being read.")
    }))
}

/// Takes an external record out of a record; it becomes a record of its own.
///
/// # Errors
/// `Rejected` when it is not part of the record, or is all that there is; `NotFound`; the store's faults.
pub async fn unlink(
    hub: &Hub,
    id: &RecordId,
    connection: &ConnectionName,
    external_id: &ExternalId,
) -> Result<Decision> {
    unlink_by(hub, id, connection, external_id, &Word::default()).await
}

/// The same, with who says it and why.
///
/// # Errors
/// As [`unlink`].
pub async fn unlink_by(
    hub: &Hub,
    id: &RecordId,
    connection: &ConnectionName,
    external_id: &ExternalId,
    word: &Word,
) -> Result<Decision> {
    let link = Link { connection: connection.clone(), id: external_id.clone() };
    let fresh = hub.new_record_id();
    let records = change(hub, id, |record, _| {
        if record.facet(&link).is_none() {
            let known: Vec<String> = external(record).map(|facet| facet.link.to_string()).collect();
            return Err(refusal(format!("{link} is no part of {}; it has {}.", record.id, known.join(", "))));
        }
        if external(record).count() < 2 {
            return Err(refusal(format!(
                "{link} is all that {} has in any system; there is nothing to part.",
                record.id
            )));
        }
        keep_home(record, &link);
        let (mut pins, mut homes) = (Default::default(), Vec::new());
        for facet in record.facets.iter_mut().filter(|facet| facet.link == link) {
            facet.home = fresh.clone();
            facet.pins.apart.remove(&fresh);
            pins = std::mem::take(&mut facet.pins.join);
        }
        for facet in record.facets.iter_mut().filter(|facet| facet.link != link) {
            facet.pins.apart.insert(fresh.clone());
            homes.push(facet.home.clone());
        }
        if let Some(facet) = record.facet_mut(&link) {
            facet.pins.apart.extend(homes);
        }
        // What the others were joined by stays; with keys that now join nobody, they need a pin of their own.
        drop(pins);
        let pin = format!("without-{fresh}");
        for facet in record.facets.iter_mut().filter(|facet| facet.link != link) {
            facet.pins.join.insert(pin.clone());
        }
        for facet in &mut record.facets {
            join::note_apart(&mut facet.pins, word, hub.now());
        }
        Ok(Some(Identity::LookAgain))
    })
    .await?;
    hub.tally.add(Count::Splits);
    Ok(join::decision(&records, "It becomes a record of its own", |_| {
        format!("{link} is a record of its own now: {fresh}.")
    }))
}

async fn signal(hub: &Hub, entity: Entity, link: &Link) -> Result<()> {
    let settings = hub.settings();
    let connection = settings.connection(&link.connection)?;
    let signal = Signal::changed(format!("linked-{}", hub.new_token()), entity, link.id.clone(), hub.now());
    let message = Message::SignalV1 { connection: link.connection.clone(), signal, received_at: hub.now() };
    let queue = QueueName::Signals(connection.connector.system().clone());
    hub.queue.send(&queue, vec![Outgoing::new(message.encode()?)]).await
}
