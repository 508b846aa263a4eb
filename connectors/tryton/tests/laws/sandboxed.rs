//! The sandbox as a world of the scenario.

use super::scenario::World;
use concord_connector::{
    Instant,
    sandbox::{Act, Sandbox, WireRequest, WireResponse},
};
use concord_tryton::sandbox::{PASSWORD, Server, USERNAME};
use serde_json::json;
use std::collections::BTreeMap;

/// The sandbox as a world.
pub(crate) struct Sandboxed {
    server: Server,
    now: Instant,
}

impl Sandboxed {
    pub(crate) fn new() -> Self {
        Self { server: Server::new(), now: Instant::from_ms(1_767_225_600_000) }
    }
}

impl World for Sandboxed {
    fn send(&mut self, request: &WireRequest) -> WireResponse {
        self.server.handle(self.now, request)
    }
    fn now(&mut self) -> Instant {
        self.now = self.now.plus(std::time::Duration::from_secs(2));
        self.now
    }
    fn user(&self) -> (String, String) {
        (USERNAME.into(), PASSWORD.into())
    }
    fn pay(&mut self, invoice: &str, _party: &str, amount: &str) {
        let amount = json!({ "__class__": "Decimal", "decimal": amount });
        let fields = json!({ "__action__": "pay", "amount": amount });
        let act = Act::Update { object: "account.invoice".into(), id: invoice.into(), fields };
        let now = self.now();
        self.server.act(now, act).expect("it is paid");
    }
    fn merge(&mut self, winner: &str, loser: &str) {
        let act = Act::Merge { object: "party.party".into(), winner: winner.into(), loser: loser.into() };
        let now = self.now();
        self.server.act(now, act).expect("they are merged");
    }
    fn options(&self) -> BTreeMap<String, String> {
        [("tax", "1"), ("payment_term", "1"), ("product", "1")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }
}
