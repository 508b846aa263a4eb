//! A vendor whose time passes faster: its minutes of work are over in seconds of a test or a demonstration.

use super::{Act, Faults, Push, Sandbox, Subscriber, WireRequest, WireResponse};
use crate::{Entity, Value, time::Instant};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Such a vendor.
pub struct Hurried {
    inner: Box<dyn Sandbox>,
    since: Instant,
    times: i64,
}

impl Hurried {
    /// A sandbox for which, from an instant on, time passes so many times as fast.
    pub fn new(inner: Box<dyn Sandbox>, since: Instant, times: i64) -> Self {
        Self { inner, since, times }
    }

    fn at(&self, now: Instant) -> Instant {
        Instant::from_ms(self.since.ms() + (now.ms() - self.since.ms()) * self.times)
    }
}

impl Sandbox for Hurried {
    fn handle(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        self.inner.handle(self.at(now), request)
    }
    fn act(&mut self, now: Instant, act: Act) -> Result<String, String> {
        self.inner.act(self.at(now), act)
    }
    fn pushes(&mut self, now: Instant) -> Vec<Push> {
        self.inner.pushes(self.at(now))
    }
    fn failed(&mut self, now: Instant, push: Push) {
        self.inner.failed(self.at(now), push);
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
}
