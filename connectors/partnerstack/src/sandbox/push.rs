//! Webhooks: unsigned, to the address that was registered. How often the vendor tries again is not documented; here it is
//! three times, a minute apart.

use super::{Programme, event};
use concord_connector::{
    Instant,
    sandbox::{Push, WireRequest},
};
use serde_json::Value as Json;
use std::time::Duration;

const TRIES: u32 = 3;
const APART: Duration = Duration::from_secs(60);

/// A webhook that is to be sent.
pub(super) struct Waiting {
    body: Vec<u8>,
    due: Instant,
    tries: u32,
}

impl Programme {
    /// Something happened to a record.
    pub(super) fn tell(&mut self, now: Instant, object: &str, key: &str, what: &str) {
        if self.subscriber.is_none() || matches!(object, "groups" | "transactions") {
            return;
        }
        let name = format!("{}_{what}", object.trim_end_matches('s'));
        let gone = serde_json::json!({ "key": key });
        let number = self.served.values().sum::<u64>() + self.waiting.len() as u64;
        let row: &Json = self.store.find(object, key).unwrap_or(&gone);
        let body = event(&name, row, number).to_string().into_bytes();
        self.waiting.push(Waiting { body, due: now, tries: 0 });
    }
}

/// What is due.
pub(super) fn due(programme: &mut Programme, now: Instant) -> Vec<Push> {
    let Some(subscriber) = &programme.subscriber else {
        programme.waiting.clear();
        return Vec::new();
    };
    let (due, later): (Vec<_>, Vec<_>) = programme.waiting.drain(..).partition(|one| one.due <= now);
    programme.waiting = later;
    if programme.faults.lose_webhooks {
        return Vec::new();
    }
    let push = |one: &Waiting| {
        let headers = [("content-type", "application/json".to_owned()), ("x-try", one.tries.to_string())];
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let target = subscriber.url.clone();
        Push { request: WireRequest { method: "POST".into(), target, headers, body: one.body.clone() } }
    };
    let mut pushes: Vec<Push> = due.iter().map(push).collect();
    if programme.faults.duplicate_webhooks {
        pushes = pushes.into_iter().flat_map(|push| [push.clone(), push]).collect();
    }
    if programme.faults.reverse_webhooks {
        pushes.reverse();
    }
    pushes
}

/// Tries again later, not for ever.
pub(super) fn again(programme: &mut Programme, now: Instant, push: Push) {
    let tries = push.request.headers.get("x-try").and_then(|text| text.parse().ok()).unwrap_or(0) + 1;
    if tries < TRIES {
        programme.waiting.push(Waiting { body: push.request.body, due: now.plus(APART), tries });
    }
}
