//! Webhooks: events in batches of up to 100, signed with v3 and, beside it, v1. Written from the vendor's description of
//! the signatures; the connector's side of them is another piece of code.

use super::{Portal, object::Object, store::Source};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord_connector::{
    sandbox::{Push, Subscriber, WireRequest},
    time::Instant,
};
use hmac::{Hmac, Mac};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, time::Duration};

const BATCH: usize = 100;
/// After ten attempts HubSpot gives an event up.
const ATTEMPTS: u64 = 10;
/// The first wait before another attempt; each further one is twice as long.
const FIRST_RETRY: Duration = Duration::from_secs(2);

/// What happened, in the members that its kind of event has.
pub(super) struct Event {
    what: &'static str,
    members: Json,
}

impl Event {
    pub(super) fn life(what: &'static str, id: u64) -> Self {
        Self { what, members: json!({ "objectId": id }) }
    }
    pub(super) fn property(id: u64, name: &str, value: &str) -> Self {
        let members = json!({ "objectId": id, "propertyName": name, "propertyValue": value });
        Self { what: "propertyChange", members }
    }
    pub(super) fn with(what: &'static str, id: u64, mut members: Json) -> Self {
        members["objectId"] = json!(id);
        Self { what, members }
    }
    pub(super) fn association(from: (&Object, u64), to: (&Object, u64), removed: bool) -> Self {
        let word = |object: &Object| object.word.unwrap_or(object.name).to_uppercase();
        let members = json!({
            "associationType": format!("{}_TO_{}", word(from.0), word(to.0)),
            "fromObjectId": from.1,
            "toObjectId": to.1,
            "fromObjectTypeId": from.0.type_id,
            "toObjectTypeId": to.0.type_id,
            "associationRemoved": removed,
            "isPrimaryAssociation": false,
        });
        Self { what: "associationChange", members }
    }
}

impl Portal {
    /// Queues an event. Contacts, companies and deals have subscription types of their own; the rest are `object.*`.
    pub(super) fn event(&mut self, now: Instant, source: Source, object: &Object, event: Event) {
        if self.subscriber.is_none() {
            return;
        }
        self.next_event += 1;
        let mut json = event.members;
        let word = object.word.unwrap_or("object");
        for (name, value) in [
            ("eventId", json!(self.next_event)),
            ("subscriptionId", json!(7001)),
            ("portalId", json!(self.portal_id)),
            ("appId", json!(super::APP.parse::<u64>().unwrap_or_default())),
            ("occurredAt", json!(now.ms())),
            ("subscriptionType", json!(format!("{word}.{}", event.what))),
            ("attemptNumber", json!(0)),
            ("changeSource", json!(source.kind())),
            ("sourceId", json!(source.id())),
        ] {
            json[name] = value;
        }
        if object.word.is_none() && event.what != "associationChange" {
            json["objectTypeId"] = json!(object.type_id);
        }
        self.events.push(json);
    }

    /// The webhooks that are due.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Push> {
        let Some(subscriber) = self.subscriber.clone() else { return Vec::new() };
        let mut bodies: Vec<Json> = Vec::new();
        self.retries.retain(|(at, body)| {
            let due = *at <= now;
            bodies.extend(due.then(|| body.clone()));
            !due
        });
        bodies.extend(self.events.chunks(BATCH).map(|events| json!(events)));
        self.events.clear();
        if self.faults.lose_webhooks {
            return Vec::new();
        }
        let mut pushes: Vec<Push> = bodies.iter().map(|body| sign(&subscriber, now, body.to_string())).collect();
        if self.faults.duplicate_webhooks {
            pushes = pushes.into_iter().flat_map(|push| [push.clone(), push]).collect();
        }
        if self.faults.reverse_webhooks {
            pushes.reverse();
        }
        pushes
    }

    /// An event that was not taken comes again, with its attempt counted.
    pub(super) fn again(&mut self, now: Instant, push: &Push) {
        let Ok(Json::Array(mut events)) = serde_json::from_slice(&push.request.body) else { return };
        let mut attempt = 0;
        for event in &mut events {
            attempt = event["attemptNumber"].as_u64().unwrap_or_default() + 1;
            event["attemptNumber"] = json!(attempt);
        }
        if attempt < ATTEMPTS {
            let wait = FIRST_RETRY * (1 << attempt.min(15));
            self.retries.push((now.plus(wait), Json::Array(events)));
        }
    }
}

fn sign(subscriber: &Subscriber, now: Instant, body: String) -> Push {
    let stamp = now.ms().to_string();
    let mut headers = BTreeMap::from([
        ("content-type".to_owned(), "application/json".to_owned()),
        ("user-agent".to_owned(), "HubSpot Connect 2.0 (sandbox)".to_owned()),
        ("x-hubspot-signature-version".to_owned(), "v1".to_owned()),
        ("x-hubspot-request-timestamp".to_owned(), stamp.clone()),
    ]);
    let mut v1 = Sha256::new();
    v1.update(subscriber.secret.as_bytes());
    v1.update(body.as_bytes());
    headers.insert("x-hubspot-signature".to_owned(), hex::encode(v1.finalize()));
    if let Ok(mut v3) = Hmac::<Sha256>::new_from_slice(subscriber.secret.as_bytes()) {
        for part in ["POST", &signed_uri(&subscriber.url), &body, &stamp] {
            v3.update(part.as_bytes());
        }
        headers.insert("x-hubspot-signature-v3".to_owned(), STANDARD.encode(v3.finalize().into_bytes()));
    }
    let request =
        WireRequest { method: "POST".into(), target: subscriber.url.clone(), headers, body: body.into_bytes() };
    Push { request }
}

/// The URL as it is signed: twelve escapes are undone, no others.
fn signed_uri(url: &str) -> String {
    let escapes = [
        ("%3A", ":"),
        ("%2F", "/"),
        ("%3F", "?"),
        ("%40", "@"),
        ("%21", "!"),
        ("%24", "$"),
        ("%27", "'"),
        ("%28", "("),
        ("%29", ")"),
        ("%2A", "*"),
        ("%2C", ","),
        ("%3B", ";"),
    ];
    escapes
        .iter()
        .fold(url.to_owned(), |url, (escape, plain)| url.replace(escape, plain).replace(&escape.to_lowercase(), plain))
}
