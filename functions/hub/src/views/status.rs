//! The whole hub at a glance.

use super::{
    ConnectionView, Preview, SubscriptionView,
    connections::{connections, count},
    preview, subscriptions,
};
use crate::{hub::Hub, keys, ports::Index, settings::Mode};
use concord_connector::{ConnectionName, Entity, Result};
use serde::Serialize;
use std::collections::BTreeMap;

/// How the hub is doing.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The configuration in force.
    pub revision: u64,
    /// What vendors call us by.
    pub public_url: String,
    /// Records by entity; `None` for more than can be counted.
    pub records: BTreeMap<Entity, Option<usize>>,
    /// The connections.
    pub connections: Vec<ConnectionView>,
    /// What `sync` would do at connections that only observe.
    pub would: BTreeMap<ConnectionName, Preview>,
    /// Who is told of changes, and how they are doing.
    pub subscriptions: Vec<SubscriptionView>,
    /// Open review items.
    pub reviews: Option<usize>,
    /// Dead letters.
    pub dead_letters: Option<usize>,
    /// What happened since the start, by name.
    pub counts: BTreeMap<&'static str, u64>,
    /// Conflicts that were decided, by rule.
    pub conflicts_by_rule: BTreeMap<&'static str, u64>,
    /// The 50th and 99th percentile of the time from webhook to delivery, in milliseconds.
    pub delay_ms: Option<(u64, u64)>,
}

/// Looks at everything.
///
/// # Errors
/// The store's faults.
pub async fn status(hub: &Hub) -> Result<Status> {
    let settings = hub.settings();
    let mut records = BTreeMap::new();
    for entity in Entity::ALL {
        records.insert(entity, count(hub, Index::List, entity.name()).await?);
    }
    let mut would = BTreeMap::new();
    for connection in settings.connections.values().filter(|connection| connection.mode == Mode::Observe) {
        would.insert(connection.name.clone(), preview(hub, &connection.name).await?);
    }
    Ok(Status {
        revision: settings.revision,
        public_url: settings.public_url.clone(),
        records,
        connections: connections(hub).await?,
        would,
        subscriptions: subscriptions(hub).await?,
        reviews: count(hub, Index::Reviews, keys::ALL).await?,
        dead_letters: count(hub, Index::DeadLetters, keys::ALL).await?,
        counts: hub.tally.counts(),
        conflicts_by_rule: hub.tally.rules(),
        delay_ms: hub.tally.delays(),
    })
}
