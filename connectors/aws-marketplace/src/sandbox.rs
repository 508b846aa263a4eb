//! A stateful stand-in for AWS Marketplace as a seller meets it: the Catalog, Agreement, Entitlement and Metering APIs and
//! the account's event bus.
//!
//! Written from the services' published models; it knows nothing of the connector. Change sets take minutes, lock what they
//! change, fail late and as a whole; an agreement has its licence a minute after it was accepted.

mod act;
mod agreements;
mod apply;
mod catalog;
mod metering;
mod plausible;
mod push;
mod release;
mod seed;
mod sets;
mod store;
mod wire;

use concord_connector::{
    Entity, Instant, Value,
    sandbox::{Act, Faults, Push, Sandbox, Subscriber, Trouble, WireRequest, WireResponse},
    testing::sns,
};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use store::Store;

pub use seed::{BUYER, PRODUCT, RESELLER};

/// The access key id that the sandbox knows.
pub const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
/// Its secret; the sandbox looks for whose signature it is, and leaves its proof to the tests of the signer.
pub const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// The topic of the product's notifications.
pub const TOPIC: &str = "arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-1abcexampl2abcexampl3abcd";

/// One seller's account.
pub struct Seller {
    store: Store,
    faults: Faults,
    served: BTreeMap<String, u64>,
    subscriber: Option<Subscriber>,
}

impl Seller {
    /// An account with one public product, its public offer, and a buyer who has subscribed to it.
    pub fn new(seed: u64) -> Self {
        Self { store: seed::store(seed), faults: Faults::default(), served: BTreeMap::new(), subscriber: None }
    }

    /// The next change set to end fails on AWS's side, not on ours.
    pub fn break_next_change_set(&mut self) {
        self.store.breaks = true;
    }

    fn answer(&mut self, request: &WireRequest) -> WireResponse {
        // SNS shows its certificate to everybody, and confirms a subscription to whoever has its token.
        if request.path() == sns::CERTIFICATE_PATH {
            return WireResponse { body: sns::CERTIFICATE.into(), ..WireResponse::empty(200) };
        }
        if request.parameter("Action").as_deref() == Some("ConfirmSubscription") {
            return WireResponse::empty(200);
        }
        let known = request.headers.get("authorization").is_some_and(|said| {
            said.starts_with("AWS4-HMAC-SHA256 ") && said.contains(&format!("Credential={ACCESS_KEY_ID}/"))
        });
        if !known {
            let sentence = "The security token included in the request is invalid.";
            return wire::refused(403, "UnrecognizedClientException", sentence);
        }
        let path = request.path();
        if let Some(operation) = path.strip_prefix("/agreement/service/AWSMPCommerceService_v20200301/operation/") {
            return agreements::handle(&self.store, operation, request);
        }
        if path == "/entitlement/service/AWSMPEntitlementService/operation/GetEntitlements" {
            return agreements::entitlements(&self.store, request);
        }
        if path == "/metering/" {
            return metering::handle(&mut self.store, request);
        }
        catalog::handle(&mut self.store, request)
    }
}

impl Sandbox for Seller {
    fn handle(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        self.store.begin(now);
        let target = request.headers.get("x-amz-target").map(|target| format!(" {target}")).unwrap_or_default();
        *self.served.entry(format!("{} {}{target}", request.method, request.path())).or_default() += 1;
        let trouble = self.faults.take(request);
        let response = match trouble.and_then(Faults::answer) {
            Some(response) => response,
            None => {
                let response = self.answer(request);
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

    fn pushes(&mut self, now: Instant) -> Vec<Push> {
        self.store.begin(now);
        push::pushes(&mut self.store, &self.faults, self.subscriber.as_ref(), now)
    }

    fn failed(&mut self, now: Instant, push: Push) {
        self.store.again.push((now.plus(push::RETRY), push));
    }

    fn next_push(&self) -> Option<Instant> {
        self.store.again.iter().map(|(at, _)| *at).chain(self.store.events.iter().map(|(at, _)| *at)).min()
    }

    fn subscribe(&mut self, subscriber: Option<Subscriber>) {
        self.subscriber = subscriber;
    }

    fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        self.store.records()
    }

    fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    fn served(&self) -> &BTreeMap<String, u64> {
        &self.served
    }

    fn plausible(&self, entity: Entity, field: &str, n: u64) -> Option<Option<Value>> {
        plausible::value(&self.store, entity, field, n)
    }

    fn credentials(&self) -> BTreeMap<String, String> {
        let named = [("access_key_id", ACCESS_KEY_ID), ("secret_access_key", SECRET_ACCESS_KEY)];
        named.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn options(&self) -> BTreeMap<String, String> {
        [("topics".to_owned(), TOPIC.to_owned())].into()
    }
}
