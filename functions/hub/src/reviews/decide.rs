//! Carrying out what a person chose.

use crate::{
    brake,
    facet::Link,
    hub::Hub,
    keys,
    people::{self, Identity, Word, external, keep_home, refusal},
    ports::{Condition, QueueName, TableChange},
    review::{Decided, Review, Subject},
    steps::{deliver, fanout},
    store, subscription,
};
use concord_connector::{
    ConnectionName, Entity, ExternalId, Fault, Field, Kind, RecordId, Result, Snapshot, SourceVersion,
    snapshot::Presence,
};
use std::collections::BTreeSet;

/// What becomes of the item.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Kept as decided: the same question is not asked again.
    Keep,
    /// Forgotten: should the same thing happen again, it is asked again.
    Forget,
}

/// Decides an item. The first of its choices is meant when none is named. A choice that was carried out already - by a
/// call whose answer was lost - does no harm twice.
///
/// # Errors
/// `NotFound` without such an item; `Rejected` when it was decided, or the choice or its value cannot be.
pub async fn decide(hub: &Hub, id: &str, choice: &str, value: Option<&str>) -> Result<Review> {
    decide_by(hub, id, choice, value, &Word::default()).await
}

/// The same, with who decides and why.
///
/// # Errors
/// As [`decide`].
pub async fn decide_by(hub: &Hub, id: &str, choice: &str, value: Option<&str>, word: &Word) -> Result<Review> {
    let none = || {
        Fault::new(
            Kind::NotFound,
            "reviews",
            format!("There is no review item `{id}`; `concord review list` shows those that are open."),
        )
    };
    let item = hub.item(keys::review(id)).await?.ok_or_else(none)?;
    let review: Review = store::parse(&item)?;
    if let Some(decided) = &review.decided {
        return Err(refusal(format!("`{id}` was decided already: {} at {}.", decided.choice, decided.at)));
    }
    if !review.choices.iter().any(|known| known == choice) {
        return Err(refusal(format!("`{choice}` is no choice here; choose {}.", review.choices.join(" or "))));
    }
    let then = carry_out(hub, &review.subject, choice, value, word).await?;
    let decided = Decided {
        choice: choice.to_owned(),
        value: value.map(str::to_owned),
        at: hub.now(),
        by: word.by.clone(),
        why: word.why.clone(),
    };
    let decided = Review { decided: Some(decided), ..review };
    // The commit takes a question back that no longer stands, or it was answered on the way.
    let Some(item) = hub.item(keys::review(id)).await? else { return Ok(decided) };
    let now: Review = store::parse(&item)?;
    match then {
        _ if now.decided.is_some() => {}
        Then::Keep => super::close(hub, &decided, item.rev).await?,
        Then::Forget => hub.write_plain(vec![TableChange::Delete(item.key, Condition::Rev(item.rev))]).await?,
    }
    Ok(decided)
}

async fn carry_out(hub: &Hub, subject: &Subject, choice: &str, value: Option<&str>, word: &Word) -> Result<Then> {
    match (subject, choice) {
        (Subject::AmbiguousKey { entity, claimants, .. }, choice) => {
            let records = owners(hub, *entity, claimants).await?;
            if choice == "merge" {
                merge_all(hub, &records, word).await?;
            } else {
                people::apart_by(hub, &records, word).await?;
            }
            Ok(Then::Keep)
        }
        (Subject::Undecided { record, field, .. }, _) => {
            let value =
                value.ok_or_else(|| refusal("Name the value that is to hold, as one of the claims or another one."))?;
            people::set_by(hub, record, field.as_str(), Some(value), word).await?;
            Ok(Then::Keep)
        }
        (Subject::ParkedField { record, link, field }, "resume") => {
            resume(hub, record, link, field).await?;
            Ok(Then::Forget)
        }
        (Subject::Deleted { record, .. }, "delete_everywhere") => {
            delete_everywhere(hub, record).await?;
            Ok(Then::Keep)
        }
        (Subject::Deleted { record, link }, "create_again") => {
            create_again(hub, record, link).await?;
            Ok(Then::Forget)
        }
        (Subject::SeveralFound { record, connection, found }, "adopt") => {
            let chosen = value.filter(|value| found.iter().any(|id| id == value));
            let chosen = chosen.ok_or_else(|| refusal(format!("Name the one that it is: {}.", found.join(" or "))))?;
            people::link_by(hub, record, connection, &ExternalId::from(chosen), word).await?;
            release(hub, record, connection).await?;
            Ok(Then::Forget)
        }
        (Subject::TakenElsewhere { record, link, owner }, "merge") => {
            merge_all(hub, &[record.clone(), owner.clone()], word).await?;
            release(hub, record, &link.connection).await?;
            Ok(Then::Forget)
        }
        (Subject::SeveralFound { record, connection, .. }, "create") => create_anyway(hub, record, connection).await,
        (Subject::TakenElsewhere { record, link, .. }, "create") => create_anyway(hub, record, &link.connection).await,
        (Subject::Refused { record, connection } | Subject::Waited { record, connection }, "retry") => {
            release(hub, record, connection).await?;
            Ok(Then::Forget)
        }
        (Subject::Drafted { record, .. }, "send") => {
            people::set_by(hub, record, "confirmed", Some("yes"), word).await?;
            Ok(Then::Keep)
        }
        (Subject::Stopped { subscription }, "enable") => {
            subscription::enable(hub, subscription).await?;
            Ok(Then::Forget)
        }
        (Subject::Wave { wave, .. }, choice) => {
            brake::decide(hub, wave, &subject.question(), choice == "approve").await?;
            Ok(Then::Keep)
        }
        // To leave, keep or dismiss is to change nothing.
        _ => Ok(Then::Keep),
    }
}

async fn owners(hub: &Hub, entity: Entity, claimants: &[Link]) -> Result<Vec<RecordId>> {
    let links = hub.links(entity, claimants).await?;
    let named: Vec<RecordId> = links.into_iter().flatten().map(|item| item.record).collect();
    let records = hub.records(&named).await?;
    let owners: BTreeSet<RecordId> = records.into_values().map(|(record, _)| record.id).collect();
    Ok(owners.into_iter().collect())
}

async fn merge_all(hub: &Hub, records: &[RecordId], word: &Word) -> Result<()> {
    let [first, others @ ..] = records else { return Ok(()) };
    for other in others {
        let ((a, _), (b, _)) = (people::record(hub, first).await?, people::record(hub, other).await?);
        if a.id != b.id {
            people::merge_by(hub, &a.id, &b.id, word).await?;
        }
    }
    Ok(())
}

/// Writes of the field begin again.
async fn resume(hub: &Hub, record: &RecordId, link: &Link, field: &Field) -> Result<()> {
    people::change(hub, record, |record, _| {
        let Some(facet) = record.facet_mut(link) else { return Ok(None) };
        facet.parked.remove(field);
        facet.reverts.remove(field);
        Ok(Some(Identity::Same))
    })
    .await?;
    Ok(())
}

/// A person's delete is the tombstone of Concord's own facet.
async fn delete_everywhere(hub: &Hub, id: &RecordId) -> Result<()> {
    people::change(hub, id, |record, transaction| {
        let link = people::own_facet(record, transaction)?;
        let (entity, now) = (record.entity, hub.now());
        let Some(facet) = record.facet_mut(&link) else { return Ok(None) };
        let mut tombstone = Snapshot::deleted(entity, link.id.clone(), now);
        tombstone.presence = Presence::Deleted;
        tombstone.version = SourceVersion(facet.source_version().0.saturating_add(1).max(tombstone.version.0));
        facet.observe(&tombstone, now);
        Ok(Some(Identity::Same))
    })
    .await?;
    Ok(())
}

/// The record forgets the deleted external record, so that it is missing there again.
async fn create_again(hub: &Hub, id: &RecordId, link: &Link) -> Result<()> {
    people::change(hub, id, |record, transaction| {
        match record.facet(link) {
            None => return Ok(None),
            Some(facet) if facet.is_live() => return Err(refusal(format!("{link} is there again."))),
            Some(_) => {}
        }
        if external(record).count() < 2 {
            return Err(refusal(format!("{link} was all that {} had; there is nothing to create it from.", record.id)));
        }
        keep_home(record, link);
        record.facets.retain(|facet| facet.link != *link);
        transaction.push(TableChange::Delete(keys::link(&link.connection, record.entity, &link.id), Condition::None));
        Ok(Some(Identity::LookAgain))
    })
    .await?;
    Ok(())
}

async fn create_anyway(hub: &Hub, record: &RecordId, connection: &ConnectionName) -> Result<Then> {
    deliver::insist(hub, record, connection).await?;
    release(hub, record, connection).await?;
    Ok(Then::Forget)
}

/// Deliveries of the record begin again, with a clean slate, and the next one is ordered.
///
/// # Errors
/// When the store or the queue fails.
pub async fn release(hub: &Hub, id: &RecordId, connection: &ConnectionName) -> Result<()> {
    hub.amend(id, |record, _| {
        record.outbox.remove(connection);
    })
    .await?;
    let settings = hub.settings();
    let (Some(known), Some((record, _))) = (settings.connections.get(connection), hub.record(id).await?) else {
        return Ok(());
    };
    let queue = QueueName::Deliveries(known.connector.system().clone());
    let order = fanout::order(&record.id, connection, record.version, &format!("@{}", hub.new_token()))?;
    hub.queue.send(&queue, vec![order]).await
}
