//! A stateful stand-in for a Tryton 8.2 server: parties, sales and invoices over JSON-RPC and REST.
//!
//! Written from recordings of a real server and checked against them; it knows nothing of the connector. What the real
//! one refuses is refused with the same words: unknown fields, wrong VAT numbers, stale stamps, edits of what is closed.

mod act;
mod amount;
mod domain;
mod http;
mod rest;
mod rpc;
mod schema;
mod seed;
mod store;
mod vat;
mod workflow;

use concord_connector::{
    Instant,
    sandbox::{Act, Faults, Push, Sandbox, Subscriber, Trouble, WireRequest, WireResponse},
};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use store::Store;

/// The login of the sandbox's user.
pub const USERNAME: &str = "concord";
/// The password of the sandbox's user.
pub const PASSWORD: &str = "sandbox-password";
/// The user application key for REST.
pub const KEY: &str = "sandbox-application-key";
/// The name of the sandbox's database.
pub const DATABASE: &str = "tryton";

/// One Tryton server with one database.
pub struct Server {
    store: Store,
    faults: Faults,
    served: BTreeMap<String, u64>,
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Server {
    /// A company in US dollars with a chart, a tax of 10 %, a product, a payment term of 30 days and some countries.
    pub fn new() -> Self {
        Self { store: seed::store(), faults: Faults::default(), served: BTreeMap::new() }
    }

    fn answer(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        self.store.begin(now);
        let path = request.path().to_owned();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            ["rpc"] => rpc::root(request),
            [DATABASE, "rpc"] => rpc::handle(&mut self.store, request),
            [DATABASE, "rest", "model", rest @ ..] => rest::handle(&mut self.store, request, rest),
            _ => http::page(404),
        }
    }
}

impl Sandbox for Server {
    fn handle(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        *self.served.entry(http::route(request)).or_default() += 1;
        let trouble = self.faults.take(request);
        let response = match trouble.and_then(Faults::answer) {
            Some(response) => response,
            None => {
                let response = self.answer(now, request);
                match trouble {
                    Some(Trouble::LoseAnswer) => WireResponse::empty(0),
                    _ => response,
                }
            }
        };
        response.dated(now)
    }

    fn act(&mut self, now: Instant, act: Act) -> Result<String, String> {
        self.store.begin(now);
        act::act(&mut self.store, act)
    }

    /// Tryton sends nothing by itself.
    fn pushes(&mut self, _now: Instant) -> Vec<Push> {
        Vec::new()
    }

    fn failed(&mut self, _now: Instant, _push: Push) {}

    fn subscribe(&mut self, _subscriber: Option<Subscriber>) {}

    fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        act::records(&self.store)
    }

    fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    fn served(&self) -> &BTreeMap<String, u64> {
        &self.served
    }

    fn credentials(&self) -> BTreeMap<String, String> {
        let named = [("username", USERNAME), ("password", PASSWORD)];
        named.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}
