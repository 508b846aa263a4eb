//! One event to one subscriber.

use crate::{
    dead_letter::DeadLetter,
    events::Count,
    hub::Hub,
    keys,
    message::{Event, Message, Why},
    ports::{HttpRequest, QueueName},
    record::{self, Stored},
    subscription::{self, Answer, Composed, Found, Lane, Pending, SigningSecret, Stop, Subscription, Told},
    tap,
};
use concord_connector::{Fault, Instant, Kind, RecordId, Result};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// A subscriber has so long to answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Of its answer so many bytes are read: only the status counts.
const KEEP: usize = 16 << 10;

/// What is needed to tell a subscriber of events.
pub(super) struct Attempt<'a> {
    pub(super) hub: &'a Hub,
    pub(super) subscription: &'a Subscription,
    pub(super) secrets: &'a [SigningSecret],
    pub(super) state: &'a State,
    /// Whether this one shows if the subscriber is back.
    pub(super) probe: bool,
}

/// What events of a batch know of each other.
#[derive(Default)]
pub(super) struct State {
    /// Nothing may be sent: what there is to tell is kept.
    pub(super) stopped: AtomicBool,
    /// The lane has to hear of a success.
    pub(super) troubled: AtomicBool,
    /// Something was sent.
    pub(super) sent: AtomicBool,
}

impl Attempt<'_> {
    /// Tells of one record what there is to tell now. An error is trouble of our own: the message comes again.
    pub(super) async fn event(&self, event: &Event) -> Result<()> {
        let (hub, name) = (self.hub, &self.subscription.name);
        let now = hub.now();
        let (told, rev) = subscription::told(hub, name, &event.record, event.entity).await?;
        // A version that is not new waits for its time.
        let waits = told
            .pending
            .as_ref()
            .is_some_and(|pending| event.version <= pending.version && (pending.spent || pending.next_at > now));
        if waits && event.why == Why::Due {
            return Ok(());
        }
        let Some(found) = found(hub, &event.record).await? else { return Ok(()) };
        let composed = subscription::compose(self.subscription, &event.record, &told, event.version, &found, event.why);
        let Some(composed) = composed else {
            return match told.pending {
                Some(_) => subscription::keep(hub, name, &event.record, &Told { pending: None, ..told }, rev).await,
                None => Ok(()),
            };
        };
        if self.state.stopped.load(Ordering::Relaxed) {
            return self.park(event, told, rev, composed.version, now).await;
        }
        self.state.sent.store(true, Ordering::Relaxed);
        let answer = send(hub, self.subscription, self.secrets, &composed.id, composed.body.clone()).await;
        self.settle(event, told, rev, composed, answer).await
    }

    /// Keeps what cannot be told now, due as soon as it can.
    async fn park(&self, event: &Event, told: Told, rev: u64, version: u64, now: Instant) -> Result<()> {
        let again = event.why == Why::Resent || told.pending.as_ref().is_none_or(|p| p.version < version || p.spent);
        if !again {
            return Ok(());
        }
        let pending = Pending { version, since: now, attempts: 0, next_at: now, reason: None, spent: false };
        // What is to be told once more is forgotten to have been told.
        let told = if event.why == Why::Resent { Told::nothing(told.entity) } else { told };
        let told = Told { pending: Some(pending), ..told };
        subscription::keep(self.hub, &self.subscription.name, &event.record, &told, rev).await
    }

    async fn settle(&self, event: &Event, told: Told, rev: u64, composed: Composed, answer: Answer) -> Result<()> {
        let (hub, name) = (self.hub, &self.subscription.name);
        let now = hub.now();
        let (what, reason) = match &answer {
            Answer::Accepted => ("accepted", None),
            Answer::Gone => ("gone", None),
            Answer::Failed { sentence, .. } => ("failed", Some(sentence.as_str())),
        };
        tap::told(hub, name, (event.entity, &event.record, composed.version), &composed.changed, what, reason);
        match answer {
            Answer::Accepted => {
                hub.tally.add(Count::Events);
                subscription::keep(hub, name, &event.record, &composed.told, rev).await?;
                if self.state.troubled.load(Ordering::Relaxed) {
                    subscription::change(hub, name, |lane| lane.accepted(now, self.probe)).await?;
                }
                Ok(())
            }
            Answer::Gone => {
                self.state.stopped.store(true, Ordering::Relaxed);
                self.park(event, told, rev, composed.version, now).await?;
                subscription::stop(hub, name, Stop::Gone).await
            }
            Answer::Failed { sentence, holds } => {
                hub.tally.add(Count::EventFailures);
                self.state.troubled.store(true, Ordering::Relaxed);
                let lot = hub.entropy.bytes()[0];
                let lane = subscription::change(hub, name, |lane| {
                    lane.failed(now, &sentence, holds, lot, self.probe);
                    true
                })
                .await?
                .unwrap_or_default();
                if lane.until.is_some() {
                    self.state.stopped.store(true, Ordering::Relaxed);
                }
                tracing::info!(subscription = %name, record.id = %event.record, reason = sentence, "A subscriber did not take an event.");
                self.failed(event, told, rev, composed.version, sentence, holds.flatten(), &lane).await?;
                match lane.disabled {
                    Some(disabled) => subscription::stop(hub, name, disabled.why).await,
                    None => Ok(()),
                }
            }
        }
    }

    /// When it is tried again; given up when its attempts are spent while the subscriber took others.
    #[expect(clippy::too_many_arguments, reason = "all of it is what is known after an attempt")]
    async fn failed(
        &self,
        event: &Event,
        told: Told,
        rev: u64,
        version: u64,
        sentence: String,
        asked: Option<Duration>,
        lane: &Lane,
    ) -> Result<()> {
        let now = self.hub.now();
        let before = told.pending.as_ref().filter(|pending| pending.version == version && pending.attempts > 0);
        let since = before.map_or(now, |pending| pending.since);
        let attempts = before.map_or(0, |pending| pending.attempts) + 1;
        let took_others = lane.since.is_none_or(|trouble| trouble > since);
        let slot = subscription::slot(attempts);
        let spent = slot.is_none() && took_others;
        let slot = slot.unwrap_or(subscription::SLOTS[subscription::SLOTS.len() - 1]);
        let next_at = now.plus(subscription::wait(slot, asked, self.hub.entropy.bytes()[0]));
        if spent {
            let reason = format!("{sentence} It was tried {attempts} times since {since}.");
            let fault = Fault::new(Kind::Rejected, "publish", reason).with("subscription", &self.subscription.name);
            let queue = QueueName::Events(self.subscription.name.clone());
            let message = Message::EventV1(event.clone()).encode()?;
            DeadLetter::of_message(self.hub, &queue, &message, &fault).bury(self.hub).await?;
        }
        let reason = Some(sentence);
        // What was ordered once more is still to be told once more when its time comes.
        let told = if event.why == Why::Resent { Told::nothing(told.entity) } else { told };
        let told = Told { pending: Some(Pending { version, since, attempts, next_at, reason, spent }), ..told };
        subscription::keep(self.hub, &self.subscription.name, &event.record, &told, rev).await
    }
}

async fn found(hub: &Hub, id: &RecordId) -> Result<Option<Found>> {
    let Some(item) = hub.item(keys::record(id)).await? else { return Ok(None) };
    Ok(Some(match record::decode(&item)? {
        Stored::Record(record) => Found::Record(record),
        Stored::Redirect(to) => Found::Merged(to),
    }))
}

/// Signs and sends. The headers are these and no others: nothing of what came in goes out.
async fn send(hub: &Hub, subscription: &Subscription, secrets: &[SigningSecret], id: &str, body: Vec<u8>) -> Answer {
    let timestamp_s = hub.now().ms().div_euclid(1000);
    let all = |of: &dyn Fn(&SigningSecret) -> String| secrets.iter().map(of).collect::<Vec<_>>().join(" ");
    let headers = vec![
        ("content-type".into(), "application/cloudevents+json; charset=utf-8".into()),
        ("webhook-id".into(), id.to_owned()),
        ("webhook-timestamp".into(), timestamp_s.to_string()),
        ("webhook-signature".into(), all(&|secret| secret.sign(id, timestamp_s, &body))),
        ("concord-key-ids".into(), all(&SigningSecret::key_id)),
    ];
    let request = HttpRequest {
        method: "POST",
        url: subscription.url.clone(),
        headers,
        body,
        timeout: TIMEOUT,
        allow_private: subscription.allow_private,
        keep: Some(KEEP),
    };
    Answer::of(hub.http.send(request).await, hub.now())
}

/// What became of a test event.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Ping {
    /// Its id.
    pub id: String,
    /// Whether the subscriber accepted it.
    pub accepted: bool,
    /// What happened when it did not.
    pub reason: Option<String>,
}

/// Sends a test event, whatever the subscription's state; it changes nothing.
///
/// # Errors
/// `Rejected` without such a subscription or without a secret; the vault's faults.
pub async fn ping(hub: &Hub, name: &concord_connector::SubscriptionName) -> Result<Ping> {
    let settings = hub.settings();
    let subscription = settings.subscription(name)?;
    let secrets = subscription::active(hub, subscription).await?;
    if secrets.is_empty() {
        let sentence = format!("it has no signing secret; run `concord subscription rotate {name}`");
        return Err(Fault::new(Kind::Rejected, "publish", sentence));
    }
    let (id, body) = subscription::ping(subscription, &hub.new_token(), hub.now());
    let answer = send(hub, subscription, &secrets, &id, body).await;
    let reason = match answer {
        Answer::Accepted => None,
        Answer::Gone => Some("The subscriber answered 410: it wants no more events.".to_owned()),
        Answer::Failed { sentence, .. } => Some(sentence),
    };
    Ok(Ping { id, accepted: reason.is_none(), reason })
}
