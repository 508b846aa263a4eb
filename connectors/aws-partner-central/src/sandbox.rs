//! A stateful stand-in for AWS Partner Central: the Selling API with its review, its invitations and the account's event
//! bus.
//!
//! Written from the service's published model and its field list; it knows nothing of the connector. A new opportunity is
//! shown seconds later, a submission takes a task, and AWS's review closes an opportunity until somebody decides.

mod act;
mod invite;
mod plausible;
mod rules;
mod store;
mod task;

use concord_connector::{
    Entity, Instant, Value,
    sandbox::{Act, Faults, Push, Sandbox, Subscriber, Trouble, WireRequest, WireResponse},
};
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, time::Duration};
use store::Store;

/// The access key id that the sandbox knows.
pub const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
/// Its secret; the sandbox looks for whose signature it is, and leaves its proof to the tests of the signer.
pub const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// When an event that was not taken comes again.
const RETRY: Duration = Duration::from_secs(60);

/// One partner's account.
pub struct Partner {
    store: Store,
    faults: Faults,
    served: BTreeMap<String, u64>,
    subscriber: Option<Subscriber>,
}

impl Partner {
    /// An account without opportunities.
    pub fn new(seed: u64) -> Self {
        Self { store: Store::new(seed), faults: Faults::default(), served: BTreeMap::new(), subscriber: None }
    }

    /// The next submission fails with this reason.
    pub fn fail_next_task(&mut self, reason: &str) {
        self.store.fails = Some(reason.to_owned());
    }

    fn answer(&mut self, request: &WireRequest) -> WireResponse {
        let known = request.headers.get("authorization").is_some_and(|said| {
            said.starts_with("AWS4-HMAC-SHA256 ") && said.contains(&format!("Credential={ACCESS_KEY_ID}/"))
        });
        if !known {
            let sentence = "The security token included in the request is invalid.";
            return refused("UnrecognizedClientException", sentence);
        }
        let typed = request.headers.get("content-type").is_some_and(|named| named == "application/x-amz-json-1.0");
        let Some(body) = request.json().filter(|body| typed && body.is_object()) else {
            return refused("SerializationException", "the body is no JSON 1.0");
        };
        if !matches!(body["Catalog"].as_str(), Some("AWS" | "Sandbox")) {
            return invalid(&[("catalog", "INVALID_ENUM_VALUE", "the catalog is AWS or Sandbox")]);
        }
        let target = request.headers.get("x-amz-target").map(String::as_str).unwrap_or_default();
        let Some(operation) = target.strip_prefix("AWSPartnerCentralSelling.") else {
            return refused("UnknownOperationException", "no such operation");
        };
        let store = &mut self.store;
        match operation {
            "CreateOpportunity" => store.create(&body),
            "UpdateOpportunity" => store.update(&body),
            "GetOpportunity" => store.get(&body),
            "ListOpportunities" => store.list(&body),
            "AssociateOpportunity" => store.associate(&body),
            "GetAwsOpportunitySummary" => store.summary(&body),
            "StartEngagementFromOpportunityTask" => task::submit(store, &body),
            "StartEngagementByAcceptingInvitationTask" => task::accept(store, &body),
            "ListEngagementByAcceptingInvitationTasks" => task::accepted(store, &body),
            "GetEngagementInvitation" => invite::get(store, &body),
            "ListEngagementInvitations" => invite::list(store),
            "RejectEngagementInvitation" => invite::reject(store, &body),
            _ => refused("UnknownOperationException", "no such operation"),
        }
    }
}

/// An error of a JSON service.
fn refused(name: &str, message: &str) -> WireResponse {
    let named = format!("com.amazonaws.partnercentralselling#{name}");
    typed(WireResponse::json(400, &json!({ "__type": named, "Message": message })))
}

/// What is wrong, field by field.
fn invalid(errors: &[(&str, &str, &str)]) -> WireResponse {
    let list: Vec<Json> = errors
        .iter()
        .map(|(field, code, message)| json!({ "FieldName": field, "Code": code, "Message": message }))
        .collect();
    typed(WireResponse::json(
        400,
        &json!({
            "__type": "com.amazonaws.partnercentralselling#ValidationException",
            "Message": "The request is not valid.",
            "Reason": "BUSINESS_VALIDATION_FAILED",
            "ErrorList": list,
        }),
    ))
}

/// An answer of a JSON service.
fn good(body: &Json) -> WireResponse {
    typed(WireResponse::json(200, body))
}

fn typed(response: WireResponse) -> WireResponse {
    response.header("content-type", "application/x-amz-json-1.0")
}

impl Sandbox for Partner {
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
        let store = &mut self.store;
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut store.events).into_iter().partition(|(at, _)| *at <= now);
        store.events = later;
        let (again, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut store.again).into_iter().partition(|(at, _)| *at <= now);
        store.again = later;
        let Some(to) = self.subscriber.as_ref().filter(|_| !self.faults.lose_webhooks) else { return Vec::new() };
        let mut pushes: Vec<Push> = again.into_iter().map(|(_, push)| push).collect();
        pushes.extend(due.into_iter().map(|(_, event)| pushed(to, &event)));
        if self.faults.duplicate_webhooks {
            pushes = pushes.into_iter().flat_map(|push| [push.clone(), push]).collect();
        }
        if self.faults.reverse_webhooks {
            pushes.reverse();
        }
        pushes
    }

    fn failed(&mut self, now: Instant, push: Push) {
        self.store.again.push((now.plus(RETRY), push));
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

    fn plausible(&self, _entity: Entity, field: &str, n: u64) -> Option<Option<Value>> {
        plausible::value(field, n)
    }

    fn credentials(&self) -> BTreeMap<String, String> {
        let named = [("access_key_id", ACCESS_KEY_ID), ("secret_access_key", SECRET_ACCESS_KEY)];
        named.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

fn pushed(to: &Subscriber, event: &Json) -> Push {
    let headers = [("content-type", "application/json"), ("x-concord-key", to.secret.as_str())];
    Push {
        request: WireRequest {
            method: "POST".into(),
            target: to.url.clone(),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: event.to_string().into_bytes(),
        },
    }
}
