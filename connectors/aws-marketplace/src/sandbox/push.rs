//! Events on their way to the hub: the bus sends each one alone, best effort, in no order that anybody promised.

use super::store::Store;
use concord_connector::{
    Instant,
    sandbox::{Faults, Push, Subscriber, WireRequest},
};
use std::time::Duration;

/// When an event that was not taken comes again.
pub(super) const RETRY: Duration = Duration::from_secs(60);

pub(super) fn pushes(store: &mut Store, faults: &Faults, to: Option<&Subscriber>, now: Instant) -> Vec<Push> {
    let (due, later) = std::mem::take(&mut store.events).into_iter().partition(|(at, _)| *at <= now);
    store.events = later;
    let (again, later): (Vec<_>, Vec<_>) = std::mem::take(&mut store.again).into_iter().partition(|(at, _)| *at <= now);
    store.again = later;
    let mut due: Vec<(Instant, serde_json::Value)> = due;
    due.sort_by_key(|(at, _)| *at);
    let mut pushes: Vec<Push> = again.into_iter().map(|(_, push)| push).collect();
    let Some(to) = to.filter(|_| !faults.lose_webhooks) else { return Vec::new() };
    for (_, event) in due {
        let headers = [("content-type", "application/json"), ("x-concord-key", to.secret.as_str())];
        let request = WireRequest {
            method: "POST".into(),
            target: to.url.clone(),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: event.to_string().into_bytes(),
        };
        pushes.push(Push { request });
    }
    if faults.duplicate_webhooks {
        pushes = pushes.into_iter().flat_map(|push| [push.clone(), push]).collect();
    }
    if faults.reverse_webhooks {
        pushes.reverse();
    }
    pushes
}
