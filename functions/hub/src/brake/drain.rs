//! Carrying out what a person decided about a wave: a page with every tick.

use super::{
    Held, WaveName,
    held::{self, What},
    ledger,
};
use crate::{
    hub::Hub,
    keys,
    ports::{Condition, Item, ItemKey, QueueName, TableChange},
    steps::{fanout, reconcile},
    store,
};
use concord_connector::{ConnectionName, Kind as FaultKind, Result, Retry, exchange::Refused};
use std::time::Duration;

/// Members that are dealt with at once.
const PAGE: usize = 90;
/// The plan of a stopped wave is brought up to date this often.
const SHOWN_EVERY: Duration = Duration::from_secs(5);

/// A person has decided a wave.
pub(crate) async fn decide(hub: &Hub, name: &WaveName, review: &str, approved: bool) -> Result<()> {
    let until = held::remembered(hub.now(), name.direction);
    ledger::amend(hub, name, |ledger| {
        if ledger.stopped.as_deref() == Some(review) {
            ledger.stopped = None;
            // Counting begins anew: what was approved is not held against what comes next.
            ledger.seen.clear();
            ledger.beyond = 0;
            ledger.since = concord_connector::Instant::EPOCH;
            ledger.deciding.push((review.to_owned(), approved));
            ledger.decided.push((review.to_owned(), until));
        }
    })
    .await
}

/// Deals with the next page of every decided wave of a connection, and refreshes the plans of those that are stopped.
pub(crate) async fn drain(hub: &Hub, connection: &ConnectionName) -> Result<()> {
    let names: Vec<WaveName> = ledger::every(connection).collect();
    let keys: Vec<ItemKey> = names.iter().map(keys::brake).collect();
    let items = hub.table.get(&keys).await?;
    for (name, item) in names.iter().zip(items) {
        let Some(item) = item else { continue };
        let ledger: ledger::Ledger = store::parse(&item)?;
        if let Some(review) = &ledger.stopped
            && hub.due.every(review, connection, hub.now(), SHOWN_EVERY)
        {
            ledger::refresh(hub, name, review).await?;
        }
        for (review, approved) in &ledger.deciding {
            if page(hub, name, review, *approved).await? {
                ledger::amend(hub, name, |ledger| ledger.deciding.retain(|(known, _)| known != review)).await?;
            }
        }
        let now = hub.now();
        if ledger.decided.iter().any(|(_, until)| *until <= now) {
            ledger::amend(hub, name, |ledger| ledger.decided.retain(|(_, until)| *until > now)).await?;
        }
    }
    Ok(())
}

/// Deals with members that nobody dealt with yet; true when there are none left.
async fn page(hub: &Hub, name: &WaveName, review: &str, approved: bool) -> Result<bool> {
    let place = format!("drain {review}");
    let page = hub.table.query(held::query(review, hub.due.place(&place), PAGE)).await?;
    let names: Vec<ItemKey> = page.keys.iter().map(|(_, key)| key.clone()).collect();
    let items = if names.is_empty() { Vec::new() } else { hub.table.get(&names).await? };
    for item in items.into_iter().flatten() {
        let held: Held = store::parse(&item)?;
        if held.decided.is_none() {
            one(hub, name, &item, held, approved).await?;
        }
    }
    hub.due.set_place(&place, page.next.clone());
    Ok(page.next.is_none())
}

/// Deals with one member. What was decided is kept first: a crash repeats the rest.
async fn one(hub: &Hub, name: &WaveName, item: &Item, held: Held, approved: bool) -> Result<()> {
    let decided = Held { decided: Some(approved), ..held.clone() };
    let until = held::remembered(hub.now(), name.direction);
    let kept = Item { rev: item.rev + 1, expires: Some(until), ..Item::new(item.key.clone(), store::body(&decided)?) };
    let keep = TableChange::Put(kept, Condition::None);
    match (held.what, approved) {
        (What::Observed(observation), true) => {
            reconcile::take_in_approved(hub, &observation).await?;
            hub.write_plain(vec![TableChange::Delete(item.key.clone(), Condition::None)]).await
        }
        (What::Observed(_), false) => hub.write_plain(vec![keep]).await,
        (What::Written { record, .. }, true) => {
            hub.write_plain(vec![keep]).await?;
            let settings = hub.settings();
            let Some(connection) = settings.connections.get(&name.connection) else { return Ok(()) };
            hub.amend(&record, |record, _| {
                if let Some(outbox) = record.outbox.get_mut(&name.connection) {
                    outbox.next_at = None;
                }
            })
            .await?;
            let queue = QueueName::Deliveries(connection.connector.system().clone());
            let again = format!("@approved-{}", hub.now().ms() / 1000);
            hub.queue.send(&queue, vec![fanout::order(&record, &name.connection, 0, &again)?]).await
        }
        (What::Written { record, .. }, false) => {
            hub.amend(&record, |record, _| {
                let outbox = record.outbox.entry(name.connection.clone()).or_default();
                outbox.parked = true;
                outbox.next_at = None;
                outbox.fault = Some(Refused {
                    kind: FaultKind::Rejected,
                    retry: Retry::Never,
                    message: "a person rejected the wave of changes that this write was part of".into(),
                });
            })
            .await?;
            hub.write_plain(vec![keep]).await
        }
    }
}
