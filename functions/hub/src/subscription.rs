//! Subscriptions: who is told of changes, over HTTPS, as CloudEvents that are signed by Standard Webhooks.
//!
//! Level-triggered as everything here: an event says what a record is *now*. What a subscriber missed is one event for
//! each record that changed meanwhile, never a backlog, and an older state never follows a newer one.

mod answer;
mod event;
mod lane;
mod schedule;
mod secret;
mod told;

pub(crate) use answer::Answer;
pub(crate) use event::{Composed, Found, compose, concerns, is_removed, ping};
pub use lane::{Disabled, Lane, Standing, Stop, disable, enable, lane, resend};
pub(crate) use lane::{Walk, change, stop};
pub use schedule::{LONGEST, SLOTS, TRIP};
pub(crate) use schedule::{slot, wait};
pub use secret::{GRACE, PREVIOUS, PREVIOUS_UNTIL, Rotated, SIGNING, SigningSecret, active, rotate};
pub use told::{Pending, Told};
pub(crate) use told::{keep, told};

use crate::{
    hub::Hub,
    message::{Event, Message, Why},
    ports::{Outgoing, QueueName, Secret},
};
use concord_connector::{Entity, Field, Instant, Result, SubscriptionName};
use std::collections::{BTreeMap, BTreeSet};

/// Who is told of what. Its URL is in no log: a path or query may hold a credential.
#[derive(Clone)]
pub struct Subscription {
    /// Its name.
    pub name: SubscriptionName,
    /// Where events go.
    pub url: String,
    /// Whether private and loopback addresses are allowed, and plain http.
    pub allow_private: bool,
    /// Which entities it is told of.
    pub entities: BTreeSet<Entity>,
    /// Which fields events have, where not all of an entity.
    pub fields: BTreeMap<Entity, BTreeSet<Field>>,
    /// Whether a new subscription begins with every record that there is.
    pub existing: bool,
    /// Secrets that come from the configuration, the newest first; from the vault when there is none.
    pub given_secrets: Vec<Secret>,
    /// Until when the given secrets after the first still sign.
    pub previous_until: Option<Instant>,
    /// What events call us by.
    pub source: String,
}

impl Subscription {
    /// Whether a field of an entity is in its events.
    pub fn shows(&self, entity: Entity, field: &Field) -> bool {
        self.fields.get(&entity).is_none_or(|fields| fields.contains(field))
    }
}

/// Orders an event. `again` tells a repeated order from the one that a queue drops as a duplicate.
pub(crate) fn order(event: Event, again: &str) -> Result<(QueueName, Outgoing)> {
    let body = Message::EventV1(event.clone()).encode()?;
    let outgoing = Outgoing {
        group: Some(format!("{}/{}", event.subscription, event.record)),
        dedupe: Some(format!("{}/{}@{}{again}", event.subscription, event.record, event.version)),
        ..Outgoing::new(body)
    };
    Ok((QueueName::Events(event.subscription), outgoing))
}

/// Looks again at an event that was given up.
pub(crate) async fn again(hub: &Hub, event: Event) -> Result<()> {
    let now = hub.now().ms();
    let (queue, outgoing) = order(Event { why: Why::Back, ..event }, &format!("@redriven-{now}"))?;
    hub.queue.send(&queue, vec![outgoing]).await
}
