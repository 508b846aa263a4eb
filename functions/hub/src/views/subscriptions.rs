//! How subscribers are doing.

use super::{When, connections::count};
use crate::{
    hub::Hub,
    keys,
    ports::{Index, Query},
    subscription::{self, Standing, Stop, Subscription},
};
use concord_connector::{Entity, Field, Instant, Result, SubscriptionName};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A subscription.
#[derive(Clone, Debug, Serialize)]
pub struct SubscriptionView {
    /// Its name.
    pub name: SubscriptionName,
    /// Where events go: scheme and host only, the rest may be a credential.
    pub host: String,
    /// What it is told of.
    pub entities: BTreeSet<Entity>,
    /// Which fields, where not all.
    pub fields: BTreeMap<Entity, BTreeSet<Field>>,
    /// `fine`, `in trouble`, `disabled` or `no secret`.
    pub state: &'static str,
    /// Why it was disabled.
    pub disabled: Option<Stop>,
    /// What happened last, when it is not fine.
    pub reason: Option<String>,
    /// Since when it is not.
    pub since: Option<When>,
    /// Nothing is sent before this.
    pub until: Option<When>,
    /// Failures in a row.
    pub failures: u32,
    /// Records of which it has yet to be told; `None` for more than can be counted.
    pub pending: Option<usize>,
    /// When the oldest of them is tried next.
    pub next_at: Option<When>,
    /// The keys that sign, by id, the newest first.
    pub keys: Vec<String>,
}

/// Every subscription.
///
/// # Errors
/// The store's faults.
pub async fn subscriptions(hub: &Hub) -> Result<Vec<SubscriptionView>> {
    let settings = hub.settings();
    let mut views = Vec::with_capacity(settings.subscriptions.len());
    for subscription in settings.subscriptions.values() {
        views.push(view(hub, subscription).await?);
    }
    Ok(views)
}

/// One of them.
///
/// # Errors
/// `Rejected` when there is none of the name; the store's faults.
pub async fn subscription(hub: &Hub, name: &SubscriptionName) -> Result<SubscriptionView> {
    view(hub, hub.settings().subscription(name)?).await
}

async fn view(hub: &Hub, of: &Subscription) -> Result<SubscriptionView> {
    let (lane, _) = subscription::lane(hub, &of.name).await?;
    let keys: Vec<String> =
        subscription::active(hub, of).await.unwrap_or_default().iter().map(|secret| secret.key_id()).collect();
    let events = keys::events(&of.name);
    let first = hub.table.query(Query::partition(Some(Index::Pending), events.clone(), 1)).await?;
    let next_at = first.keys.first().and_then(|(place, _)| place.split('#').next()?.parse().ok()).map(Instant::from_ms);
    Ok(SubscriptionView {
        name: of.name.clone(),
        host: host(&of.url),
        entities: of.entities.clone(),
        fields: of.fields.clone(),
        state: match lane.standing(hub.now()) {
            Standing::Disabled => "disabled",
            _ if keys.is_empty() => "no secret",
            Standing::Open if lane.failures == 0 => "fine",
            _ => "in trouble",
        },
        since: lane.disabled.as_ref().map(|disabled| disabled.at).or(lane.since).map(When),
        disabled: lane.disabled.map(|disabled| disabled.why),
        reason: lane.reason,
        until: lane.until.map(When),
        failures: lane.failures,
        pending: count(hub, Index::Pending, &events).await?,
        next_at: next_at.map(When),
        keys,
    })
}

fn host(url: &str) -> String {
    url::Url::parse(url).map_or_else(|_| "-".into(), |url| url.origin().ascii_serialization())
}
