//! What is due to subscribers now.

use crate::{
    hub::Hub,
    keys,
    message::{Event, Why},
    ports::{Index, Outgoing, Query},
    record::place,
    subscription::{self, Lane, Standing, Subscription, order, told},
};
use concord_connector::{Entity, Instant, RecordId, Result};

/// Orders that one tick gives to one subscriber, so that a long outage ends gently.
const PAGE: usize = 500;
/// What was ordered and is due still is ordered again after this.
const AGAIN_MS: i64 = 10_000;

/// Orders what is due to subscribers; the trouble of one is not another's.
pub(crate) async fn tick(hub: &Hub) {
    for subscription in hub.settings().subscriptions.values() {
        if let Err(fault) = one(hub, subscription).await {
            tracing::warn!(subscription = %subscription.name, reason = %fault, "What is due to a subscriber could not be ordered.");
        }
    }
}

async fn one(hub: &Hub, subscription: &Subscription) -> Result<()> {
    let (lane, _) = subscription::lane(hub, &subscription.name).await?;
    if subscription.existing && !lane.begun {
        return begin(hub, subscription).await;
    }
    let now = hub.now();
    match lane.standing(now) {
        Standing::Disabled | Standing::Held(_) => Ok(()),
        Standing::Probe => pending(hub, subscription, Some(now), None, 1).await.map(drop),
        Standing::Open => {
            sweep(hub, subscription, &lane).await?;
            walk(hub, subscription, &lane).await?;
            let what = keys::events(&subscription.name);
            let next = pending(hub, subscription, Some(now), hub.due.place(&what), PAGE).await?;
            hub.due.set_place(&what, next);
            Ok(())
        }
    }
}

/// A new subscription that wants to know what there is already.
async fn begin(hub: &Hub, subscription: &Subscription) -> Result<()> {
    let Some(entity) = subscription.entities.first().copied() else { return Ok(()) };
    let began = hub.now();
    let walk = subscription::Walk { began, resent: false, entity, after: None };
    subscription::change(hub, &subscription.name, |lane| {
        lane.walk.get_or_insert(walk.clone());
        lane.begun = true;
        true
    })
    .await
    .map(drop)
}

/// After a trouble everything that waited is due at once, a page with every tick.
async fn sweep(hub: &Hub, subscription: &Subscription, lane: &Lane) -> Result<()> {
    let Some(sweep) = &lane.sweep else { return Ok(()) };
    let next = pending(hub, subscription, None, sweep.after.clone(), PAGE).await?;
    let began = sweep.began;
    subscription::change(hub, &subscription.name, |lane| {
        // Another trouble meanwhile ends in another sweep.
        let Some(sweep) = lane.sweep.as_mut().filter(|sweep| sweep.began == began) else { return false };
        match &next {
            Some(next) => sweep.after = Some(next.clone()),
            None => lane.sweep = None,
        }
        true
    })
    .await
    .map(drop)
}

/// Orders a page of events that wait, those until a time or all of them; where the next page goes on.
async fn pending(
    hub: &Hub,
    subscription: &Subscription,
    until: Option<Instant>,
    after: Option<String>,
    limit: usize,
) -> Result<Option<String>> {
    let query = Query {
        after,
        to: until.map(|until| format!("{}~", place(until))),
        ..Query::partition(Some(Index::Pending), keys::events(&subscription.name), limit)
    };
    let page = hub.table.query(query).await?;
    let now = hub.now().ms();
    let mut orders = Vec::with_capacity(page.keys.len());
    for (place, _) in &page.keys {
        let Some((_, record)) = place.split_once('#') else { continue };
        let record = RecordId::from(record);
        // The entity and the version are in the item; the index has keys only.
        let (told, _) = told(hub, &subscription.name, &record, Entity::Organization).await?;
        let Some(waits) = told.pending else { continue };
        let (why, again) = match until {
            Some(_) => (Why::Due, format!("@due-{}-{}", waits.next_at.ms(), now / AGAIN_MS)),
            None => (Why::Back, format!("@back-{}", now / AGAIN_MS)),
        };
        let version = waits.version;
        let event = Event { subscription: subscription.name.clone(), record, entity: told.entity, version, why };
        orders.push(order(event, &again)?.1);
    }
    send(hub, subscription, orders).await?;
    Ok(page.next)
}

/// Orders a page of records that the subscriber may not know.
async fn walk(hub: &Hub, subscription: &Subscription, lane: &Lane) -> Result<()> {
    let Some(walk) = lane.walk.clone() else { return Ok(()) };
    let query = Query { after: walk.after.clone(), ..Query::partition(Some(Index::List), walk.entity.name(), PAGE) };
    let page = hub.table.query(query).await?;
    let ids: Vec<RecordId> = page.keys.iter().filter_map(|(_, key)| keys::record_id(key)).collect();
    let mut orders = Vec::with_capacity(ids.len());
    for (record, _) in hub.records(&ids).await?.into_values() {
        let why = if walk.resent { Why::Resent } else { Why::Due };
        let (subscription, version) = (subscription.name.clone(), record.version);
        let event = Event { subscription, record: record.id, entity: record.entity, version, why };
        orders.push(order(event, &format!("@walk-{}", walk.began.ms()))?.1);
    }
    send(hub, subscription, orders).await?;
    let mut entities = subscription.entities.iter().skip_while(|entity| **entity != walk.entity).skip(1);
    let next = match page.next {
        Some(after) => Some((walk.entity, Some(after))),
        None => entities.next().map(|entity| (*entity, None)),
    };
    subscription::change(hub, &subscription.name, |lane| {
        let Some(mine) = lane.walk.as_mut().filter(|mine| mine.began == walk.began) else { return false };
        match &next {
            Some((entity, after)) => (mine.entity, mine.after) = (*entity, after.clone()),
            None => lane.walk = None,
        }
        true
    })
    .await
    .map(drop)
}

async fn send(hub: &Hub, subscription: &Subscription, orders: Vec<Outgoing>) -> Result<()> {
    if orders.is_empty() {
        return Ok(());
    }
    hub.queue.send(&crate::ports::QueueName::Events(subscription.name.clone()), orders).await
}
