//! A seller's account at a cloud marketplace: it takes minutes, and tells of itself on the account's event bus.

use axum::{Router, body::Bytes, extract::State, routing::post};
use concord::sandbox_server::SandboxServer;
use concord_connector::{
    Instant,
    sandbox::{Act, Hurried, Subscriber},
};
use concord_hub::{ports::Clock as _, system::SystemClock};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::net::TcpListener;

/// Connection, system and kind of credentials.
pub(crate) const SELLER: (&str, &str, &str) = ("aws-seller", "aws-marketplace", "access_key");
/// How much faster its minutes pass.
const HURRY: i64 = 30;

type Events = Arc<Mutex<Vec<Json>>>;

pub(crate) struct Seller {
    vendor: SandboxServer,
    events: Events,
}

impl Seller {
    pub(crate) async fn start() -> Self {
        let sandbox = concord_connectors::sandbox(SELLER.1, 9).expect("a sandbox");
        let vendor = SandboxServer::start(Box::new(Hurried::new(sandbox, SystemClock.now(), HURRY))).await;
        let vendor = vendor.expect("a free port");
        let events = Events::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let router = Router::new().route("/", post(tell)).with_state(Arc::clone(&events));
        tokio::spawn(async move { axum::serve(listener, router).await });
        vendor.lock().subscribe(Some(Subscriber { url, secret: String::new() }));
        Self { vendor, events }
    }

    /// Its connection, and the rule by which deals that are won become offers there.
    pub(crate) fn configuration(&self) -> String {
        let (name, system, auth) = SELLER;
        let url = &self.vendor.url;
        format!(
            r#"
[connections.{name}]
system = "{system}"
mode = "sync"
auth = "{auth}"
base_url = "{url}"
allow_private = true
poll_every_s = 3600
currency = "USD"
time_zone = "UTC"
scope = {{ private_offer = "all" }}

[offers.aws]
when = {{ stage = ["won"] }}
cloud = "aws"
accept_within_days = 30
[offers.aws.defaults]
kind = "new"
product = "prod-sandboxexampl"
buyers = ["222233334444"]
pricing = "contract"
grants = ["BasicService 100"]
duration = "P12M"
eula = "standard"
"#
        )
    }

    pub(crate) fn credentials(&self) -> BTreeMap<String, String> {
        self.vendor.lock().credentials()
    }

    /// What it told since it was asked last.
    pub(crate) fn events(&self) -> Vec<Json> {
        mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The offers of a name.
    pub(crate) fn offers(&self, name: &str) -> Vec<Json> {
        let records = self.vendor.lock().records();
        let offers = records.get("Offer").into_iter().flat_map(|all| all.values());
        offers.filter(|offer| offer["Name"] == name).cloned().collect()
    }

    /// A buyer accepts an offer.
    pub(crate) fn accept(&self, offer: &Json) -> String {
        let act = Act::Create { object: "Agreement".into(), fields: json!({ "OfferId": offer["Id"] }) };
        self.vendor.lock().act(now(), act).expect("an offer that can be accepted")
    }
}

async fn tell(State(events): State<Events>, body: Bytes) {
    let event = serde_json::from_slice(&body).expect("an event");
    events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
}

fn now() -> Instant {
    SystemClock.now()
}
