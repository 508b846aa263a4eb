//! The metering service.

use super::{Cloud, routes::error, seed::METERS};
use concord_connector::{
    Instant,
    sandbox::{WireRequest, WireResponse},
};
use serde_json::{Value as Json, json};

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

impl Cloud {
    pub(super) fn metering(&mut self, now: Instant, request: &WireRequest, what: &str) -> WireResponse {
        let body = request.json().unwrap_or_default();
        match (request.method.as_str(), what) {
            ("POST", "usageEvent") => {
                let result = self.take(now, &body);
                match result["status"].as_str() {
                    Some("Accepted") => WireResponse::json(200, &result),
                    Some("Duplicate") => WireResponse::json(409, &result["error"]),
                    Some("ResourceNotAuthorized" | "ResourceNotActive" | "ResourceNotFound") => WireResponse::json(
                        403,
                        &json!({ "code": "Forbidden", "message": "Client is not authorized for this usage resource" }),
                    ),
                    _ => WireResponse::json(
                        400,
                        &json!({ "code": "BadArgument", "message": "One or more errors have occurred.", "details": [] }),
                    ),
                }
            }
            ("POST", "batchUsageEvent") => {
                let events = body["request"].as_array().cloned().unwrap_or_default();
                if !(1..=25).contains(&events.len()) {
                    let message = "The batch has to hold 1 to 25 usage events.";
                    return WireResponse::json(
                        400,
                        &json!({ "code": "BadArgument", "message": message, "details": [] }),
                    );
                }
                let results: Vec<Json> = events.iter().map(|event| self.take(now, event)).collect();
                WireResponse::json(200, &json!({ "count": results.len(), "result": results }))
            }
            ("GET", "usageEvents") => match request.parameter("usageStartDate") {
                Some(_) => WireResponse::json(200, &self.days()),
                None => error(400, "BadArgument", "usageStartDate is required."),
            },
            _ => WireResponse::empty(404),
        }
    }

    fn take(&mut self, now: Instant, event: &Json) -> Json {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let (resource, dimension, plan) = (text("resourceId"), text("dimension"), text("planId"));
        let started = Instant::parse(&text("effectiveStartTime"));
        let mut result = event.clone();
        result["messageTime"] = json!(now.rfc3339());
        let known = self.subscriptions.get(&resource);
        let quantity = event["quantity"].as_f64();
        let status = match (known, started, quantity) {
            (None, ..) => "ResourceNotFound",
            (Some(row), ..) if row["saasSubscriptionStatus"] != "Subscribed" => "ResourceNotActive",
            (Some(row), ..) if row["planId"] != plan => "BadArgument",
            _ if !METERS.contains(&dimension.as_str()) => "InvalidDimension",
            (_, _, None) => "InvalidQuantity",
            (_, _, Some(quantity)) if quantity <= 0.0 => "InvalidQuantity",
            (_, None, _) => "BadArgument",
            (_, Some(started), _) if started.ms() > now.ms() => "BadArgument",
            (_, Some(started), _) if started.ms() < now.ms() - DAY_MS => "Expired",
            _ => "Accepted",
        };
        result["status"] = json!(status);
        let Some(started) = started.filter(|_| status == "Accepted") else { return result };
        let key = (resource, dimension, started.ms().div_euclid(HOUR_MS) * HOUR_MS);
        if let Some(accepted) = self.usage.get(&key) {
            result["status"] = json!("Duplicate");
            result["error"] = json!({ "additionalInfo": { "acceptedMessage": accepted }, "code": "Conflict",
                "message": "This usage event already exist." });
            return result;
        }
        let id = self.guid();
        result["usageEventId"] = json!(id);
        self.usage.insert(key, result.clone());
        result
    }

    /// What was reported, by day.
    fn days(&self) -> Json {
        let row = |((resource, dimension, hour), event): (&(String, String, i64), &Json)| {
            let day = Instant::from_ms(hour.div_euclid(DAY_MS) * DAY_MS).rfc3339();
            json!({ "usageDate": day, "usageResourceId": resource, "dimension": dimension, "planId": event["planId"],
                "reconStatus": "Accepted", "submittedQuantity": event["quantity"], "processedQuantity": event["quantity"],
                "submittedCount": 1 })
        };
        self.usage.iter().map(row).collect()
    }
}
