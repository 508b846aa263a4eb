//! Receipts: the vendor's answer to a delivery becomes part of the facet.

use super::{create, plan::Job};
use crate::{
    commit::{ATTEMPTS, Changed, Hindrance, Transaction},
    events::Count,
    facet::{Facet, Link},
    hub::Hub,
    keys,
    ports::{Condition, TableChange},
    record::{Outbox, Record},
    settings::Connection,
    steps::reconcile,
};
use concord_connector::{Fault, Field, Instant, Kind, Result, Snapshot, Value, exchange::Change};
use std::{borrow::Cow, collections::BTreeMap};

/// Golden values and their stamps, as they were sent.
type Sent = BTreeMap<Field, (Option<Value>, Instant)>;

/// Commits the receipt of a write, which took that time.
pub(super) async fn receipt(
    hub: &Hub,
    connection: &Connection,
    job: &Job,
    after: Snapshot,
    created: bool,
    took: (Instant, Instant),
) -> Result<()> {
    for first in std::iter::once(true).chain([false; ATTEMPTS]) {
        match attempt(hub, connection, job, &after, took, first).await {
            Ok(()) => {
                hub.tally.add(Count::Deliveries);
                if created {
                    hub.tally.add(Count::Creates);
                }
                return Ok(());
            }
            Err(Hindrance::Raced) => {}
            Err(Hindrance::Fault(fault)) => return Err(fault),
        }
    }
    Err(Fault::new(Kind::Conflict, "deliver", "the record is being changed by too many at once"))
}

async fn attempt(
    hub: &Hub,
    connection: &Connection,
    job: &Job,
    after: &Snapshot,
    took: (Instant, Instant),
    first: bool,
) -> std::result::Result<(), Hindrance> {
    let settings = hub.settings();
    let mut transaction = Transaction::default();
    let link = Link { connection: connection.name.clone(), id: after.id.clone() };
    let (mut record, rev, fresh) = match as_planned(job, &link).filter(|_| first) {
        Some((record, rev)) => (record, rev, false),
        None => {
            let linked = hub.links(job.entity, std::slice::from_ref(&link)).await?.pop().flatten();
            // An echo may have come first and brought the new external record with it.
            let holder = linked.as_ref().map_or(&job.record, |linked| &linked.record);
            let Some((record, rev)) = hub.record(holder).await? else { return Ok(()) };
            (record, rev, linked.is_none())
        }
    };
    if job.creates() {
        transaction.push(TableChange::Delete(keys::intent(&job.record, &connection.name), Condition::None));
    }
    let mut after = reconcile::normalise(hub, &connection.name, after, &mut transaction).await?;
    if fresh {
        let home = record.id.clone();
        transaction.new_link(job.entity, &link, &record.id, &home)?;
        record.facets.push(Facet::unseen(link.clone(), home));
    }
    let elsewhere = job.creates() && !belongs(&record, job);
    let sent = sent(&record, job, &mut after);
    // It moved to another record between the two reads.
    let Some(facet) = record.facet_mut(&link) else { return Err(Hindrance::Raced) };
    match &job.write.change {
        Change::Archive { .. } | Change::Delete { .. } => facet.removed(took.1),
        _ => {
            if !left_out!(IgnoreReceipt) || fresh {
                facet.receive(&sent, &after, took);
            }
            if job.waits {
                facet.acknowledge_fields(job.version, job.golden.keys());
            } else {
                facet.acknowledge(job.version);
            }
        }
    }
    if elsewhere {
        // It became a record of its own meanwhile; we made it, so it is ours.
        facet.pins.join.insert(create::pin(&job.record));
    }
    record.creates.remove(&connection.name);
    done(hub, connection, &mut record, job.incomplete);
    let waits_for_identity = record.regroup;
    let changed = Changed { record, rev, observed: None, identity: fresh || elsewhere || waits_for_identity };
    hub.commit(&settings, changed, transaction).await?;
    if elsewhere {
        create::claim(hub, &job.record).await?;
    }
    Ok(())
}

/// The record as the delivery had read it: most often nobody has changed it since, and the commit finds out.
fn as_planned(job: &Job, link: &Link) -> Option<(Record, u64)> {
    let (record, rev) = &job.read;
    record.facet(link).map(|_| (record.clone(), *rev))
}

/// What the receipt covers: what was sent, and not what is golden by now.
fn sent<'a>(record: &Record, job: &'a Job, after: &mut Snapshot) -> Cow<'a, Sent> {
    if left_out!(AcknowledgeAll) {
        after.fields.retain(|field, _| !job.golden.contains_key(field));
        let golden = job.golden.keys().filter_map(|field| Some((field, record.golden.get(field)?)));
        return Cow::Owned(golden.map(|(field, cell)| (field.clone(), (cell.value.clone(), cell.stamp()))).collect());
    }
    Cow::Borrowed(&job.golden)
}

fn belongs(record: &Record, job: &Job) -> bool {
    record.id == job.record || record.facets.iter().any(|facet| facet.home == job.record)
}

/// Nothing differs any more: the wants are covered without a write.
pub(super) async fn nothing(
    hub: &Hub,
    connection: &Connection,
    record: &Record,
    link: &Link,
    incomplete: bool,
) -> Result<()> {
    let version = record.version;
    hub.amend(&record.id, |record, _| {
        if let Some(facet) = record.facet_mut(link) {
            facet.acknowledge(version);
        }
        record.prune_approvals();
        done(hub, connection, record, incomplete);
    })
    .await
}

/// What a delivery leaves behind when it succeeded. What was left out keeps being waited for.
fn done(hub: &Hub, connection: &Connection, record: &mut Record, incomplete: bool) {
    if let Some(before) =
        record.outbox.remove(&connection.name).filter(|before| incomplete && !before.waiting_on.is_empty())
    {
        let Outbox { waiting_on, waiting_since, .. } = before;
        record.outbox.insert(connection.name.clone(), Outbox { waiting_on, waiting_since, ..Outbox::default() });
    }
    if record.pending().is_empty()
        && let Some(at) = record.signalled_at.take()
    {
        hub.tally.delay(u64::try_from(hub.now().since(at).as_millis()).unwrap_or(u64::MAX));
    }
}
