//! The connection webhook: a token of the tenant, tried again for eight hours.

use super::{Cloud, MARKETPLACE};
use concord_connector::{
    Instant,
    sandbox::{Push, WireRequest},
    testing::token,
};
use serde_json::{Value as Json, json};
use std::time::Duration;

const APART: Duration = Duration::from_secs(60);
const TRIES: u32 = 480;

/// An event that is to be sent.
pub(super) struct Waiting {
    body: Vec<u8>,
    pub(super) due: Instant,
    tries: u32,
}

impl Cloud {
    /// Something happened to a subscription.
    pub(super) fn tell(&mut self, now: Instant, event: &str, id: &str, action: &str, status: &str, operation: &Json) {
        if self.subscriber.is_none() {
            return;
        }
        let row = self.subscriptions.get(id).cloned().unwrap_or_default();
        let activity = self.guid();
        let of = |name: &str| operation.get(name).cloned().unwrap_or_else(|| row[name].clone());
        let body = json!({ "id": event, "activityId": activity, "action": action, "publisherId": row["publisherId"],
            "offerId": row["offerId"], "planId": of("planId"), "quantity": of("quantity"), "subscriptionId": id,
            "timeStamp": now.rfc3339(), "status": status, "operationRequestSource": "Azure", "purchaseToken": null,
            "subscription": row });
        self.waiting.push(Waiting { body: body.to_string().into_bytes(), due: now, tries: 0 });
    }

    /// What is due.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Push> {
        let Some(subscriber) = self.subscriber.clone() else {
            self.waiting.clear();
            return Vec::new();
        };
        let (due, later): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|one| one.due <= now);
        self.waiting = later;
        if self.faults.lose_webhooks {
            return Vec::new();
        }
        let mut pushes: Vec<Push> = due.iter().map(|one| self.push(now, &subscriber.url, one)).collect();
        if self.faults.duplicate_webhooks {
            pushes = pushes.into_iter().flat_map(|push| [push.clone(), push]).collect();
        }
        if self.faults.reverse_webhooks {
            pushes.reverse();
        }
        pushes
    }

    fn push(&self, now: Instant, url: &str, one: &Waiting) -> Push {
        let claims = json!({ "iss": format!("https://sts.windows.net/{}/", self.tenant), "aud": self.app, "tid": self.tenant,
            "appid": MARKETPLACE, "iat": now.seconds(), "nbf": now.seconds(), "exp": now.seconds() + 3_600 });
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("authorization", format!("Bearer {}", token(&claims))),
            ("x-try", one.tries.to_string()),
        ];
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Push { request: WireRequest { method: "POST".into(), target: url.to_owned(), headers, body: one.body.clone() } }
    }

    /// Tries again later, with another token.
    pub(super) fn again(&mut self, now: Instant, push: Push) {
        let tries = push.request.headers.get("x-try").and_then(|text| text.parse().ok()).unwrap_or(0) + 1;
        if tries < TRIES {
            self.waiting.push(Waiting { body: push.request.body, due: now.plus(APART), tries });
        }
    }
}
