//! How a subscriber is doing, all its events together: a lane of its own, with a breaker of its own.

use super::schedule;
use crate::{
    commit::Transaction,
    hub::Hub,
    keys,
    ports::{Condition, Item, TableChange, TransactError},
    review::{Review, Subject},
    store,
};
use concord_connector::{Entity, Fault, Instant, Kind, Result, SubscriptionName};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How often a change begins again when somebody else was first.
const ATTEMPTS: usize = 16;
/// Who accepted nothing for so long is told nothing more until a person says so.
const PATIENCE: Duration = Duration::from_secs(5 * 24 * 3600);
/// Who probes has so long for it; then somebody else may.
const PROBE: Duration = Duration::from_secs(60);

/// How a subscriber is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Failures in a row, whatever the records.
    #[serde(default)]
    pub failures: u32,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Instant>,
    /// Nothing is sent before this; afterwards one event, as a probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
    /// What happened last, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Set while nothing is sent until a person says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Disabled>,
    /// Set while what waited for the subscriber is ordered again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sweep: Option<Sweep>,
    /// Set while records are ordered that the subscriber may not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) walk: Option<Walk>,
    /// Whether what there was already has been ordered, for a subscription that begins with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) begun: bool,
}

/// Why nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// Since when.
    pub at: Instant,
    /// Why.
    pub why: Stop,
}

/// Why a subscription stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The subscriber answered 410: it is not to be told any more.
    Gone,
    /// It accepted nothing for five days.
    Silent,
    /// A person wanted it.
    Person,
}

/// How far what waited was ordered again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sweep {
    pub(crate) began: Instant,
    pub(crate) after: Option<String>,
}

/// How far records were ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Walk {
    pub(crate) began: Instant,
    /// Also what the subscriber has already.
    pub(crate) resent: bool,
    pub(crate) entity: Entity,
    pub(crate) after: Option<String>,
}

/// Whether anything may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything.
    Open,
    /// Nothing, for so long.
    Held(Duration),
    /// One event, to see whether the subscriber is back.
    Probe,
    /// Nothing until a person says so.
    Disabled,
}

impl Lane {
    /// Whether anything may be sent.
    pub fn standing(&self, now: Instant) -> Standing {
        match (&self.disabled, self.until) {
            (Some(_), _) => Standing::Disabled,
            (None, None) => Standing::Open,
            (None, Some(until)) if until > now => Standing::Held(until.since(now)),
            (None, Some(_)) => Standing::Probe,
        }
    }

    /// Takes the only probe; others are held back meanwhile.
    pub(crate) fn claim(&mut self, now: Instant) -> bool {
        let mine = self.standing(now) == Standing::Probe;
        if mine {
            self.until = Some(now.plus(PROBE));
        }
        mine
    }

    /// A probe that had nothing to send leaves it to somebody else.
    pub(crate) fn give_back(&mut self, now: Instant) -> bool {
        let probing = self.disabled.is_none() && self.until.is_some();
        if probing {
            self.until = Some(now);
        }
        probing
    }

    /// Whether anything is wrong, or was.
    pub(crate) fn is_troubled(&self) -> bool {
        self.failures > 0 || self.until.is_some()
    }

    /// The same as if nothing had been wrong.
    fn untroubled(&self) -> Self {
        Self { walk: self.walk.clone(), begun: self.begun, ..Self::default() }
    }

    /// An event was accepted; whether that changes anything. One that left before the trouble says nothing, a probe does.
    pub(crate) fn accepted(&mut self, now: Instant, probe: bool) -> bool {
        let held = self.until.is_some_and(|until| until > now);
        if !self.is_troubled() || self.disabled.is_some() || held && !probe {
            return false;
        }
        let sweep = self.until.is_some().then_some(Sweep { began: now, after: None });
        *self = Self { sweep: sweep.or(self.sweep.take()), ..self.untroubled() };
        true
    }

    /// An event was not accepted. `holds` is set where the subscriber said so for all of them, with what it asked for.
    pub(crate) fn failed(&mut self, now: Instant, reason: &str, holds: Option<Option<Duration>>, lot: u8, probe: bool) {
        self.reason = Some(reason.to_owned());
        // What left before the trouble was known makes it no longer.
        if self.until.is_some_and(|until| until > now) && !probe {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let since = *self.since.get_or_insert(now);
        if holds.is_some() || self.failures >= schedule::TRIP || probe {
            let wait = schedule::wait(schedule::probe(self.failures), holds.flatten(), lot);
            self.until = Some(now.plus(wait));
        }
        if self.failures >= schedule::TRIP && now.since(since) >= PATIENCE {
            self.disabled.get_or_insert(Disabled { at: now, why: Stop::Silent });
        }
    }
}

/// How a subscriber is doing, with the revision of the item (0: there is none yet).
///
/// # Errors
/// The store's faults.
pub async fn lane(hub: &Hub, name: &SubscriptionName) -> Result<(Lane, u64)> {
    let item = hub.item(keys::lane(name)).await?;
    Ok((item.as_ref().map(store::parse).transpose()?.unwrap_or_default(), item.map_or(0, |item| item.rev)))
}

/// Changes a lane, from the start again when somebody else was first; `change` says whether there is anything to write.
pub(crate) async fn change(
    hub: &Hub,
    name: &SubscriptionName,
    mut change: impl FnMut(&mut Lane) -> bool + Send,
) -> Result<Option<Lane>> {
    for _ in 0..ATTEMPTS {
        let (mut lane, rev) = lane(hub, name).await?;
        if !change(&mut lane) {
            return Ok(None);
        }
        match hub.table.transact(vec![put(name, &lane, rev)?]).await {
            Ok(()) => return Ok(Some(lane)),
            Err(TransactError::Cancelled(_)) => {}
            Err(TransactError::Store(fault)) => return Err(fault),
        }
    }
    Err(Fault::new(Kind::Conflict, "subscription", "the subscription is being changed by too many at once"))
}

fn put(name: &SubscriptionName, lane: &Lane, rev: u64) -> Result<TableChange> {
    let condition = if rev == 0 { Condition::Absent } else { Condition::Rev(rev) };
    Ok(TableChange::Put(Item { rev: rev + 1, ..Item::new(keys::lane(name), store::body(lane)?) }, condition))
}

/// Stops a subscription and tells a person.
pub(crate) async fn stop(hub: &Hub, name: &SubscriptionName, why: Stop) -> Result<()> {
    let now = hub.now();
    change(hub, name, |lane| {
        let fresh = lane.disabled.is_none();
        lane.disabled.get_or_insert(Disabled { at: now, why });
        fresh
    })
    .await?;
    let because = match why {
        Stop::Gone => "the subscriber answered 410 Gone",
        Stop::Silent => "the subscriber has accepted nothing for five days",
        Stop::Person => return Ok(()),
    };
    tracing::warn!(subscription = %name, "A subscription was disabled: {because}.");
    let sentence = format!(
        "`{name}` is no longer told of changes: {because}. Enabled again, it gets one event for each record that changed since."
    );
    let mut transaction = Transaction::default();
    let review = Review::new(Subject::Stopped { subscription: name.clone() }, sentence, &["enable", "leave"]);
    hub.raise(&mut transaction, vec![review], now).await?;
    match hub.transact(transaction).await {
        Ok(()) | Err(crate::commit::Hindrance::Raced) => Ok(()),
        Err(crate::commit::Hindrance::Fault(fault)) => Err(fault),
    }
}

/// Tells a subscriber nothing more until it is enabled again.
///
/// # Errors
/// `Rejected` when there is none of the name; the store's faults.
pub async fn disable(hub: &Hub, name: &SubscriptionName) -> Result<()> {
    hub.settings().subscription(name)?;
    stop(hub, name, Stop::Person).await
}

/// Tells a subscriber again, beginning with what waited for it.
///
/// # Errors
/// `Rejected` when there is none of the name; the store's faults.
pub async fn enable(hub: &Hub, name: &SubscriptionName) -> Result<()> {
    hub.settings().subscription(name)?;
    let began = hub.now();
    change(hub, name, |lane| {
        *lane = Lane { sweep: Some(Sweep { began, after: None }), ..lane.untroubled() };
        true
    })
    .await?;
    let question = Subject::Stopped { subscription: name.clone() }.question();
    hub.write_plain(vec![TableChange::Delete(keys::review(&question), Condition::None)]).await
}

/// Tells a subscriber of every record as it is now, also what it was told already.
///
/// # Errors
/// `Rejected` when there is none of the name; the store's faults.
pub async fn resend(hub: &Hub, name: &SubscriptionName) -> Result<()> {
    let settings = hub.settings();
    let Some(entity) = settings.subscription(name)?.entities.first().copied() else { return Ok(()) };
    let began = hub.now();
    change(hub, name, |lane| {
        lane.walk = Some(Walk { began, resent: true, entity, after: None });
        true
    })
    .await
    .map(drop)
}
