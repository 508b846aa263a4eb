//! Calls as they went over the wire, noted while something else is tried: for holding them against a vendor's own models.

use super::{Start, Subject, drive};
use crate::{
    Entity, Response, Value,
    sandbox::{Act, Faults, Push, Sandbox, Subscriber, WireRequest, WireResponse},
    time::Instant,
};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What was asked and answered, in order. Clones share it.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<(WireRequest, WireResponse)>>>);

impl Calls {
    /// The same sandboxes, with every call of theirs noted.
    pub fn of(&self, start: Start) -> Start {
        let calls = self.clone();
        Arc::new(move |seed| Box::new(Recorder { inner: start(seed), calls: calls.clone() }))
    }

    /// What was noted, each call once, as recordings write them. Calls for tokens are not among them.
    pub fn exchanges(&self, subject: &Subject) -> Vec<Json> {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut exchanges: BTreeMap<String, Json> = BTreeMap::new();
        for (request, answer) in calls.iter() {
            if let Some(request) = told(subject, request) {
                let answer = drive::response(answer, Instant::EPOCH);
                let exchange =
                    json!({ "request": request, "response": { "status": answer.status, "body": answer.body } });
                // Of calls that are alike the last one that went well speaks.
                let known = exchanges.entry(request.to_string()).or_insert_with(|| exchange.clone());
                if answer.status == 200 {
                    *known = exchange;
                }
            }
        }
        exchanges.into_values().collect()
    }
}

/// A request as recordings write it; `None` where it is not to the API.
fn told(subject: &Subject, request: &WireRequest) -> Option<Json> {
    let manifest = subject.connector.manifest();
    let mut path = request.path().strip_prefix(&drive::base_path(manifest, &subject.context))?.to_owned();
    let host = manifest.hosts.keys().find(|host| path.starts_with(&format!("/{host}/"))).cloned();
    if let Some(host) = &host {
        path.replace_range(..=host.len(), "");
    }
    if path.ends_with("/token") {
        return None;
    }
    let ours = |name: &str| name.starts_with("x-") || ["if-match", "client-request-id"].contains(&name);
    let headers: Vec<_> =
        request.headers.iter().filter(|(name, _)| ours(name) && !name.starts_with("x-amz-date")).collect();
    // Requests are written in the forms in which answers are read.
    let body = Response::new(0, request.headers.clone(), &request.body, Instant::EPOCH).body;
    let body = if body.is_null() { json!("empty") } else { json!({ "json": body }) };
    Some(json!({
        "method": request.method, "host": host, "path": path, "query": request.query(), "headers": headers, "body": body,
    }))
}

struct Recorder {
    inner: Box<dyn Sandbox>,
    calls: Calls,
}

impl Sandbox for Recorder {
    fn handle(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let answer = self.inner.handle(now, request);
        let mut calls = self.calls.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push((request.clone(), answer.clone()));
        answer
    }
    fn act(&mut self, now: Instant, act: Act) -> Result<String, String> {
        self.inner.act(now, act)
    }
    fn pushes(&mut self, now: Instant) -> Vec<Push> {
        self.inner.pushes(now)
    }
    fn failed(&mut self, now: Instant, push: Push) {
        self.inner.failed(now, push);
    }
    fn next_push(&self) -> Option<Instant> {
        self.inner.next_push()
    }
    fn subscribe(&mut self, subscriber: Option<Subscriber>) {
        self.inner.subscribe(subscriber);
    }
    fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        self.inner.records()
    }
    fn faults(&mut self) -> &mut Faults {
        self.inner.faults()
    }
    fn served(&self) -> &BTreeMap<String, u64> {
        self.inner.served()
    }
    fn plausible(&self, entity: Entity, field: &str, n: u64) -> Option<Option<Value>> {
        self.inner.plausible(entity, field, n)
    }
    fn credentials(&self) -> BTreeMap<String, String> {
        self.inner.credentials()
    }
    fn options(&self) -> BTreeMap<String, String> {
        self.inner.options()
    }
    fn stir(&mut self, now: Instant) {
        self.inner.stir(now);
    }
}
