//! Webhooks of a derived system: events as the manifest describes them, signed by its first scheme.

use super::Derived;
use crate::{
    Entity, Instant,
    codec::put,
    manifest::{Events, On},
    sandbox::{Push, WireRequest},
    testing::sign,
};
use serde_json::{Value as Json, json};
use std::time::Duration;

const TRIES: u32 = 3;
const APART: Duration = Duration::from_secs(60);

/// What happened to a record.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum What {
    Made,
    Changed,
    Gone,
}

/// A webhook that is to be sent.
pub(super) struct Waiting {
    body: Vec<u8>,
    due: Instant,
    tries: u32,
}

impl Derived {
    /// Tells of a record, if the manifest has an event for it.
    pub(super) fn tell(&mut self, now: Instant, object: &str, id: &str, what: What) {
        if self.subscriber.is_none() {
            return;
        }
        let Some(events) = &self.manifest.events else { return };
        let Some(row) = self.store.row(object, id).map(|row| row.json.clone()) else { return };
        let about = |on: &&On| self.manifest.entity.get(&on.entity).is_some_and(|mapping| mapping.object == object);
        let of_end = |on: &&On| on.deleted || on.deleted_if.is_some();
        let Some(on) = events.on.iter().filter(about).find(|on| of_end(on) == (what == What::Gone)) else { return };
        self.told += 1;
        let pointer = self.manifest.entity.get(&on.entity).map_or("/id", |mapping| mapping.id.as_str());
        let row_id = row.pointer(pointer).cloned().unwrap_or_default();
        let body = compose(events, on, (on.entity, pointer), &row, row_id, what, (self.told, now));
        self.waiting.push(Waiting { body: body.to_string().into_bytes(), due: now, tries: 0 });
    }

    pub(super) fn due(&mut self, now: Instant) -> Vec<Push> {
        let Some(subscriber) = &self.subscriber else {
            self.waiting.clear();
            return Vec::new();
        };
        let (due, later): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|one| one.due <= now);
        self.waiting = later;
        if self.faults.lose_webhooks {
            return Vec::new();
        }
        let push = |one: &Waiting| {
            let mut headers = vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("x-try".to_owned(), one.tries.to_string()),
            ];
            if let Some(scheme) = self.manifest.webhooks.first() {
                let proof = sign(scheme, &subscriber.secret, "POST", &subscriber.url, &one.body, now);
                headers.extend(proof.headers);
            }
            let headers = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
            let target = subscriber.url.clone();
            Push { request: WireRequest { method: "POST".into(), target, headers, body: one.body.clone() } }
        };
        let mut pushes: Vec<Push> = due.iter().map(push).collect();
        if self.faults.duplicate_webhooks {
            pushes = pushes.into_iter().flat_map(|push| [push.clone(), push]).collect();
        }
        if self.faults.reverse_webhooks {
            pushes.reverse();
        }
        pushes
    }

    /// Tries again later, not for ever.
    pub(super) fn again(&mut self, now: Instant, push: Push) {
        let tries = push.request.headers.get("x-try").and_then(|text| text.parse().ok()).unwrap_or(0) + 1;
        if tries < TRIES {
            self.waiting.push(Waiting { body: push.request.body, due: now.plus(APART), tries });
        }
    }
}

/// A body as the manifest describes it. What has no place there is left out, and the suite says what is missed.
fn compose(
    events: &Events,
    on: &On,
    (entity, pointer): (Entity, &str),
    row: &Json,
    id: Json,
    what: What,
    (number, now): (u64, Instant),
) -> Json {
    let mut event = match on.record.as_deref() {
        Some("") => row.clone(),
        _ => json!({}),
    };
    let mut set =
        |at: Option<&str>, value: Json| at.is_none_or(|at| at.is_empty() || put(&mut event, at, value).is_ok());
    let ending = match what {
        What::Made => "created",
        What::Changed => "updated",
        What::Gone => "deleted",
    };
    // The pattern as it stands, or what it begins with.
    let named = on.is.iter().find(|is| is.ends_with(ending)).or(on.is.first());
    let kind = named.map_or_else(
        || format!("{entity}.{ending}"),
        |is| is.strip_suffix('*').map_or_else(|| is.clone(), |begin| format!("{begin}{ending}")),
    );
    let mut good = set(on.record.as_deref(), row.clone());
    good &= set(events.kind.as_deref(), json!(kind));
    good &= set(on.id.as_deref().or(on.record.is_none().then_some(pointer)), id);
    good &= set(events.key.as_deref(), json!(format!("event-{number}")));
    good &= set(events.at.as_deref(), json!(now.rfc3339()));
    if let (What::Gone, Some(condition)) = (what, &on.deleted_if) {
        let said = condition.is.first().map_or("true", String::as_str);
        good &= set(Some(&condition.at), serde_json::from_str(said).unwrap_or_else(|_| json!(said)));
    }
    if !good {
        return Json::Null;
    }
    match &events.each {
        None => event,
        Some(each) => {
            let mut body = json!({});
            if put(&mut body, each, json!([event])).is_ok() { body } else { Json::Null }
        }
    }
}
