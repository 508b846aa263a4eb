//! SaaS fulfillment version 2.

use super::{
    Cloud,
    routes::error,
    seed::{PLANS, subscription},
};
use concord_connector::{
    Instant,
    sandbox::{WireRequest, WireResponse},
};
use serde_json::{Value as Json, json};
use std::time::Duration;

const PAGE: usize = 10;
/// What a seller changes takes this long; what a buyer changes is taken for granted after that long.
const CHANGE: Duration = Duration::from_secs(30);
const GRANTED: Duration = Duration::from_secs(10);
const BASE: &str = "https://marketplaceapi.microsoft.com/api/saas/subscriptions";

/// A change of a subscription.
pub(super) struct Operation {
    pub(super) json: Json,
    due: Option<Instant>,
    fails: bool,
}

impl Operation {
    fn is_open(&self) -> bool {
        self.json["status"] == "InProgress"
    }
}

impl Cloud {
    pub(super) fn fulfillment(&mut self, now: Instant, request: &WireRequest, rest: &[&str]) -> WireResponse {
        match (request.method.as_str(), rest) {
            ("GET", [] | [""]) => self.page(request),
            ("POST", ["resolve"]) => self.resolve(request),
            (_, [id, ..]) if !self.subscriptions.contains_key(*id) => WireResponse::empty(404),
            ("GET", [id]) => WireResponse::json(200, &self.subscriptions[*id]),
            ("POST", [id, "activate"]) => self.activate(now, request, id),
            ("PATCH", [id]) => self.patch(now, request, id),
            ("DELETE", [id]) => match self.subscriptions[*id]["saasSubscriptionStatus"].as_str() {
                Some("Unsubscribed") => error(400, "BadRequest", "The subscription has ended."),
                _ => self.begin(now, id, "Unsubscribe", json!({}), Some(CHANGE)),
            },
            ("GET", [_, "listAvailablePlans"]) => {
                let plans: Vec<Json> = PLANS
                    .iter()
                    .map(|(plan, _)| json!({ "planId": plan, "displayName": plan, "isPrivate": false }))
                    .collect();
                WireResponse::json(200, &json!({ "plans": plans }))
            }
            ("GET", [id, "operations"]) => {
                let open = self.operations.iter().filter(|one| one.is_open() && one.json["subscriptionId"] == **id);
                let open: Vec<Json> = open.map(|one| one.json.clone()).collect();
                WireResponse::json(200, &json!({ "operations": open }))
            }
            ("GET", [_, "operations", name]) => match self.operations.iter().find(|one| one.json["id"] == **name) {
                Some(operation) => WireResponse::json(200, &operation.json),
                None => WireResponse::empty(404),
            },
            ("PATCH", [_, "operations", name]) => self.decide(now, request, name),
            _ => WireResponse::empty(404),
        }
    }

    fn page(&self, request: &WireRequest) -> WireResponse {
        let from: usize = request.parameter("continuationToken").and_then(|text| text.parse().ok()).unwrap_or(0);
        let rows: Vec<&Json> = self.subscriptions.values().skip(from).take(PAGE).collect();
        let mut body = json!({ "subscriptions": rows });
        if from + PAGE < self.subscriptions.len() {
            body["@nextLink"] = json!(format!("{BASE}/?continuationToken={}&api-version=2018-08-31", from + PAGE));
        }
        WireResponse::json(200, &body)
    }

    fn resolve(&self, request: &WireRequest) -> WireResponse {
        let token = request.headers.get("x-ms-marketplace-token").map(String::as_str).unwrap_or_default();
        let found = token.strip_prefix("purchase-").and_then(|id| self.subscriptions.get(id));
        match found {
            Some(row) => WireResponse::json(
                200,
                &json!({ "id": row["id"], "subscriptionName": row["name"], "offerId": row["offerId"],
                    "planId": row["planId"], "quantity": row["quantity"], "subscription": row }),
            ),
            None => WireResponse::json(
                400,
                &json!({ "error": { "code": "BadRequest", "message": "The token is not valid." } }),
            ),
        }
    }

    /// A buyer purchases.
    pub(super) fn purchase(&mut self, fields: &Json) -> String {
        let id = self.guid();
        let mut row = subscription(&id, &self.tenant, self.serial);
        for (name, value) in fields.as_object().into_iter().flatten() {
            row[name] = value.clone();
        }
        self.subscriptions.insert(id.clone(), row);
        id
    }

    fn activate(&mut self, now: Instant, request: &WireRequest, id: &str) -> WireResponse {
        let body = request.json().unwrap_or_default();
        let row = &self.subscriptions[id];
        if row["saasSubscriptionStatus"] != "PendingFulfillmentStart" {
            return error(400, "BadRequest", "The subscription is not waiting for its activation.");
        }
        if body["planId"] != row["planId"] {
            return error(400, "BadRequest", "The planId is not the one that was purchased.");
        }
        self.activated(now, id);
        WireResponse::empty(200)
    }

    pub(super) fn activated(&mut self, now: Instant, id: &str) {
        let Some(row) = self.subscriptions.get_mut(id) else { return };
        row["saasSubscriptionStatus"] = json!("Subscribed");
        row["term"]["startDate"] = json!(now.rfc3339());
        row["term"]["endDate"] = json!(now.plus(Duration::from_secs(365 * 86_400)).rfc3339());
        let event = self.guid();
        self.tell(now, &event, id, "Subscribe", "Succeeded", &json!({}));
    }

    fn patch(&mut self, now: Instant, request: &WireRequest, id: &str) -> WireResponse {
        let body = request.json().unwrap_or_default();
        let row = &self.subscriptions[id];
        if row["saasSubscriptionStatus"] != "Subscribed" {
            return error(400, "BadRequest", "The subscription is not active.");
        }
        if self.operations.iter().any(|one| one.is_open() && one.json["subscriptionId"] == id) {
            return error(400, "BadRequest", "Another operation of the subscription is in progress.");
        }
        match (body.get("planId"), body.get("quantity")) {
            (Some(plan), None) if *plan == row["planId"] => error(400, "BadRequest", "The plan is the same."),
            (Some(plan), None) => self.begin(now, id, "ChangePlan", json!({ "planId": plan }), Some(CHANGE)),
            (None, Some(seats)) if *seats == row["quantity"] => error(400, "BadRequest", "The quantity is the same."),
            (None, Some(seats)) => self.begin(now, id, "ChangeQuantity", json!({ "quantity": seats }), Some(CHANGE)),
            _ => error(400, "BadRequest", "Either planId or quantity is needed, not both."),
        }
    }

    /// Begins a change.
    fn begin(&mut self, now: Instant, id: &str, action: &str, change: Json, after: Option<Duration>) -> WireResponse {
        let name = self.opened(now, id, action, change, after);
        let address = format!("{BASE}/{id}/operations/{name}?api-version=2018-08-31");
        WireResponse::empty(202).header("operation-location", address).header("retry-after", "10")
    }

    fn opened(&mut self, now: Instant, id: &str, action: &str, change: Json, after: Option<Duration>) -> String {
        let name = self.guid();
        let activity = self.guid();
        let row = &self.subscriptions[id];
        let mut json = json!({ "id": name, "activityId": activity, "subscriptionId": id, "offerId": row["offerId"],
            "publisherId": row["publisherId"], "planId": row["planId"], "quantity": row["quantity"], "action": action,
            "timeStamp": now.rfc3339(), "status": "InProgress" });
        for (member, value) in change.as_object().into_iter().flatten() {
            json[member] = value.clone();
        }
        // What cannot be is found out late.
        let plan = json["planId"].as_str().unwrap_or_default();
        let fails =
            !PLANS.iter().any(|(known, _)| *known == plan) || json["quantity"].as_u64().is_some_and(|n| n > 1_000);
        self.operations.push(Operation { json, due: after.map(|wait| now.plus(wait)), fails });
        name
    }

    fn decide(&mut self, now: Instant, request: &WireRequest, name: &str) -> WireResponse {
        let status = request.json().and_then(|body| body["status"].as_str().map(str::to_owned));
        let Some(at) = self.operations.iter().position(|one| one.json["id"] == name) else {
            return WireResponse::empty(404);
        };
        if !self.operations[at].is_open() {
            return WireResponse::json(
                409,
                &json!({ "error": { "code": "Conflict", "message": "The operation was decided." } }),
            );
        }
        match status.as_deref() {
            Some("Success") => self.end(now, at, true),
            Some("Failure") => self.end(now, at, false),
            _ => return error(400, "BadRequest", "The status is Success or Failure."),
        }
        WireResponse::empty(200)
    }

    fn end(&mut self, now: Instant, at: usize, good: bool) {
        let operation = &mut self.operations[at];
        operation.due = None;
        operation.json["status"] = json!(if good { "Succeeded" } else { "Failed" });
        let json = operation.json.clone();
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let (id, action) = (text("subscriptionId"), text("action"));
        if good && let Some(row) = self.subscriptions.get_mut(&id) {
            match action.as_str() {
                "ChangePlan" => row["planId"] = json["planId"].clone(),
                "ChangeQuantity" => row["quantity"] = json["quantity"].clone(),
                "Reinstate" => row["saasSubscriptionStatus"] = json!("Subscribed"),
                _ => row["saasSubscriptionStatus"] = json!("Unsubscribed"),
            }
        }
        let status = if good { "Succeeded" } else { "Failed" };
        self.tell(now, &text("id"), &id, &action, status, &json);
    }

    /// What a customer does in the portal, or Microsoft for them.
    pub(super) fn customer(&mut self, now: Instant, id: &str, fields: &Json) -> Result<String, String> {
        let row = self.subscriptions.get_mut(id).ok_or("there is no such subscription")?;
        let action = match (fields["action"].as_str(), fields.get("planId"), fields.get("quantity")) {
            (Some(action), ..) => action.to_owned(),
            (None, Some(_), _) => "ChangePlan".to_owned(),
            (None, None, Some(_)) => "ChangeQuantity".to_owned(),
            _ => {
                for (name, value) in fields.as_object().into_iter().flatten() {
                    row[name] = value.clone();
                }
                return Ok(id.to_owned());
            }
        };
        match action.as_str() {
            "Suspend" => row["saasSubscriptionStatus"] = json!("Suspended"),
            "Unsubscribe" => row["saasSubscriptionStatus"] = json!("Unsubscribed"),
            "Renew" => row["term"]["endDate"] = json!(now.plus(Duration::from_secs(730 * 86_400)).rfc3339()),
            _ => {
                let wait = if action == "Reinstate" { None } else { Some(GRANTED) };
                let name = self.opened(now, id, &action, fields.clone(), wait);
                let json = self.operations.last().map(|one| one.json.clone()).unwrap_or_default();
                self.tell(now, &name, id, &action, "InProgress", &json);
                return Ok(id.to_owned());
            }
        }
        let event = self.guid();
        self.tell(now, &event, id, &action, "Succeeded", &json!({}));
        Ok(id.to_owned())
    }

    /// Lets time pass.
    pub(super) fn advance(&mut self, now: Instant) {
        while let Some(at) = self.operations.iter().position(|one| one.due.is_some_and(|due| due <= now)) {
            let good = !self.operations[at].fails;
            self.end(now, at, good);
        }
        self.work(now);
    }
}
