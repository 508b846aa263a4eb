//! Publish: tells subscribers what records are now.

mod attempt;
mod tick;

pub use attempt::{Ping, ping};
pub(crate) use tick::tick;

use super::again;
use crate::{
    dead_letter::DeadLetter,
    hub::Hub,
    message::{Event, Message},
    ports::{Disposition, QueueName, Received},
    subscription::{self, Lane, SigningSecret, Standing, Subscription},
};
use attempt::{Attempt, State};
use concord_connector::{Fault, Instant, Result, SubscriptionName};
use futures::{StreamExt, stream};
use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

/// Without a secret nothing is sent; it is looked for again after this.
const NO_SECRET: Duration = Duration::from_secs(60);

/// Tells subscribers of a batch of records. A subscriber in trouble is no failure of a message: what it has yet to be told
/// is kept with its time, and the scheduler orders it again.
pub async fn publish(hub: &Hub, batch: &[Received]) -> Vec<Disposition> {
    let mut dispositions = vec![Disposition::Done; batch.len()];
    let mut lanes: BTreeMap<SubscriptionName, Vec<(usize, Event)>> = BTreeMap::new();
    for (at, message) in batch.iter().enumerate() {
        match Message::decode(&message.body) {
            Ok(Message::EventV1(event)) => lanes.entry(event.subscription.clone()).or_default().push((at, event)),
            other => {
                let stray = || Fault::malformed("publish", "the message belongs in another queue");
                let fault = other.err().unwrap_or_else(stray);
                let queue = QueueName::Events("unknown".into());
                if let Err(fault) = DeadLetter::of_message(hub, &queue, &message.body, &fault).bury(hub).await {
                    dispositions[at] = again(&fault);
                }
            }
        }
    }
    let settings = hub.settings();
    for (name, events) in lanes {
        // Who is no longer in the configuration is told nothing.
        let Some(subscription) = settings.subscriptions.get(&name) else { continue };
        match tell(hub, subscription, &events).await {
            Ok(outcomes) => {
                for ((at, _), outcome) in events.iter().zip(outcomes) {
                    if let Err(fault) = outcome {
                        dispositions[*at] = again(&fault);
                    }
                }
            }
            Err(fault) => events.iter().for_each(|(at, _)| dispositions[*at] = again(&fault)),
        }
    }
    dispositions
}

/// Tells one subscriber, as far as it may be told anything now; the rest is kept until it may.
async fn tell(hub: &Hub, subscription: &Subscription, events: &[(usize, Event)]) -> Result<Vec<Result<()>>> {
    let (lane, _) = subscription::lane(hub, &subscription.name).await?;
    let now = hub.now();
    let standing = lane.standing(now);
    let secrets = match standing {
        Standing::Disabled | Standing::Held(_) => Vec::new(),
        Standing::Open | Standing::Probe => usable(hub, subscription, now).await?,
    };
    let mut state =
        State { stopped: secrets.is_empty().into(), troubled: lane.is_troubled().into(), ..State::default() };
    let mut outcomes = Vec::with_capacity(events.len());
    if standing == Standing::Probe && !secrets.is_empty() {
        // The first event that there is anything to tell of shows whether the subscriber is back.
        let claimed = subscription::change(hub, &subscription.name, |lane| lane.claim(now)).await?.is_some();
        for (_, event) in events.iter().take(if claimed { usize::MAX } else { 0 }) {
            outcomes
                .push(Attempt { hub, subscription, secrets: &secrets, state: &state, probe: true }.event(event).await);
            if state.sent.load(Ordering::Relaxed) {
                break;
            }
        }
        let (lane, _) = subscription::lane(hub, &subscription.name).await?;
        state.stopped = (lane.standing(hub.now()) != Standing::Open).into();
        if claimed && !state.sent.load(Ordering::Relaxed) {
            subscription::change(hub, &subscription.name, |lane| lane.give_back(now)).await?;
        }
    }
    let attempt = Attempt { hub, subscription, secrets: &secrets, state: &state, probe: false };
    // Collected first: a stream that maps with a closure makes a future of which nobody can tell that it is `Send`.
    let each: Vec<_> = events.iter().skip(outcomes.len()).map(|(_, event)| attempt.event(event)).collect();
    let rest: Vec<Result<()>> = stream::iter(each).buffered(super::PARALLEL).collect().await;
    outcomes.extend(rest);
    Ok(outcomes)
}

/// The secrets that sign; none when there is something wrong with them, which the lane then says.
async fn usable(hub: &Hub, subscription: &Subscription, now: Instant) -> Result<Vec<SigningSecret>> {
    let reason = match subscription::active(hub, subscription).await {
        Ok(secrets) if !secrets.is_empty() => return Ok(secrets),
        Ok(_) => format!("It has no signing secret; run `concord subscription rotate {}`.", subscription.name),
        Err(fault) if fault.kind == concord_connector::Kind::Rejected => fault.to_string(),
        Err(fault) => return Err(fault),
    };
    tracing::warn!(subscription = %subscription.name, reason, "A subscriber cannot be told anything.");
    let hold = |lane: &mut Lane| {
        lane.until = Some(now.plus(NO_SECRET));
        lane.reason = Some(reason.clone());
        true
    };
    subscription::change(hub, &subscription.name, hold).await?;
    Ok(Vec::new())
}
