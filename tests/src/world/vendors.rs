//! The vendors: sandboxes behind the hub's `Http` port, by the host name of their base URL.

use super::lock;
use async_trait::async_trait;
use concord_connector::{
    Instant,
    sandbox::{Sandbox, WireRequest},
};
use concord_hub::{
    ports::{Clock, Http, HttpError, HttpRequest, HttpResponse},
    testing::FakeClock,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// How long a vendor takes to answer.
const TAKES: Duration = Duration::from_millis(20);

/// Somebody who is told of changes: what it answers.
pub type Receiver = Box<dyn FnMut(&HttpRequest, Instant) -> Result<HttpResponse, HttpError> + Send>;

/// Sandboxes by connection name, and receivers of events by host. Clones share them.
#[derive(Clone)]
pub struct Vendors {
    sandboxes: Arc<Mutex<BTreeMap<String, Box<dyn Sandbox>>>>,
    receivers: Arc<Mutex<BTreeMap<String, Receiver>>>,
    ahead_ms: Arc<Mutex<BTreeMap<String, i64>>>,
    clock: FakeClock,
}

impl Vendors {
    pub(super) fn new(clock: FakeClock) -> Self {
        Self { sandboxes: Arc::default(), receivers: Arc::default(), ahead_ms: Arc::default(), clock }
    }
    /// Sets a vendor's own clock ahead of everybody's, or behind.
    pub fn set_ahead(&self, name: &str, ms: i64) {
        lock(&self.ahead_ms).insert(name.to_owned(), ms);
    }
    /// Now, by a vendor's own clock.
    pub fn now(&self, name: &str) -> Instant {
        let ahead = lock(&self.ahead_ms).get(name).copied().unwrap_or_default();
        Instant::from_ms(self.clock.now().ms() + ahead)
    }
    pub(super) fn add(&self, name: &str, sandbox: Box<dyn Sandbox>) {
        lock(&self.sandboxes).insert(name.to_owned(), sandbox);
    }
    /// Answers what is sent to a host.
    pub fn receive(&self, host: &str, receiver: Receiver) {
        lock(&self.receivers).insert(host.to_owned(), receiver);
    }
    /// Their names.
    pub fn names(&self) -> Vec<String> {
        lock(&self.sandboxes).keys().cloned().collect()
    }
    /// Looks at a vendor.
    pub fn with<T>(&self, name: &str, look: impl FnOnce(&mut dyn Sandbox) -> T) -> T {
        let mut sandboxes = lock(&self.sandboxes);
        look(sandboxes.get_mut(name).expect("a vendor of that name").as_mut())
    }
}

#[async_trait]
impl Http for Vendors {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let rest = request.url.split_once("://").map_or("", |(_, rest)| rest);
        let at = rest.find('/').unwrap_or(rest.len());
        let (host, target) = rest.split_at(at);
        if let Some(receiver) = lock(&self.receivers).get_mut(host) {
            self.clock.advance(TAKES);
            return receiver(&request, self.clock.now());
        }
        let wire = WireRequest {
            method: request.method.to_owned(),
            target: target.to_owned(),
            headers: request.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
            body: request.body,
        };
        self.clock.advance(TAKES);
        let now = self.now(host);
        let answer = self.with(host, |vendor| vendor.handle(now, &wire));
        self.clock.advance(TAKES);
        match answer.status {
            0 => Err(HttpError::Lost("the connection broke".into())),
            status => Ok(HttpResponse { status, headers: answer.headers, body: answer.body }),
        }
    }
}
