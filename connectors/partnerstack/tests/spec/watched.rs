//! The sandbox with somebody who compares what goes in and out with the specification.

use super::schema::Specification;
use concord_connector::{
    Instant,
    sandbox::{Act, Faults, Push, Sandbox, Subscriber, WireRequest, WireResponse},
};
use concord_partnerstack::sandbox::Programme;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// In the vendor's list of endpoints, and in no published schema (README, "What is not certain").
const ELSEWHERE: [(&str, &str); 2] = [("GET", "/customers/"), ("PATCH", "/customers/")];

pub(crate) struct Watched {
    inner: Programme,
    specification: Specification,
    pub(crate) mistakes: Vec<String>,
    pub(crate) compared: usize,
}

impl Watched {
    pub(crate) fn new(inner: Programme, specification: Specification) -> Self {
        Self { inner, specification, mistakes: Vec::new(), compared: 0 }
    }

    fn compare(&self, request: &WireRequest, answer: &WireResponse) -> Result<(), String> {
        let path = request.path().strip_prefix("/api/v2").ok_or("is not below the base path")?;
        if ELSEWHERE.iter().any(|(method, begin)| *method == request.method && path.starts_with(begin)) {
            return Ok(());
        }
        let operation = self.specification.operation(&request.method, path).ok_or("is not specified")?;
        for (name, _) in request.query() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            if !parameters.into_iter().any(|parameter| parameter["name"] == name.as_str()) {
                return Err(format!("has no parameter `{name}`"));
            }
        }
        if let Some(body) = request.json() {
            self.specification.body(operation.get("requestBody"), &body)?;
        }
        let status = answer.status.to_string();
        let said = operation["responses"].get(&status).ok_or_else(|| format!("answers no {status}"))?;
        let body: Json = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
        self.specification.body(Some(said), &body).map_err(|mistake| format!("{status}: {mistake}"))
    }
}

impl Sandbox for Watched {
    fn handle(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let answer = self.inner.handle(now, request);
        self.compared += 1;
        if let Err(mistake) = self.compare(request, &answer) {
            self.mistakes.push(format!("{} {}: {mistake}", request.method, request.target));
        }
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
    fn credentials(&self) -> BTreeMap<String, String> {
        self.inner.credentials()
    }
}
