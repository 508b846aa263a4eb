//! Which request is answered by what.

use super::Cloud;
use concord_connector::{
    Instant,
    sandbox::{WireRequest, WireResponse},
};
use serde_json::json;

/// A refusal in the vendor's envelope.
pub(super) fn error(status: u16, code: &str, message: &str) -> WireResponse {
    WireResponse::json(status, &json!({ "error": { "code": code, "message": message, "details": [] } }))
}

impl Cloud {
    pub(super) fn route(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let path = request.path().to_owned();
        let path = path.strip_prefix("/api/").map_or(path.as_str(), |rest| rest).trim_matches('/');
        let mut parts: Vec<&str> = path.split('/').collect();
        let graph = parts.first() == Some(&"graph");
        if graph {
            parts.remove(0);
        }
        let shown: Vec<&str> = parts.iter().map(|part| if part.len() == 36 { "{}" } else { *part }).collect();
        let host = if graph { "graph/" } else { "" };
        *self.served.entry(format!("{} /{host}{}", request.method, shown.join("/"))).or_default() += 1;
        if let Some(refused) = self.refused(now, request, graph) {
            return refused;
        }
        if graph {
            if request.parameter("$version").is_none() {
                return error(400, "badRequest", "The query parameter '$version' is required.");
            }
            return self.ingestion(now, request, &parts);
        }
        if request.parameter("api-version").as_deref() != Some("2018-08-31") {
            return error(400, "BadRequest", "The api-version is missing or not supported.");
        }
        match parts.as_slice() {
            ["saas", "subscriptions", rest @ ..] => self.fulfillment(now, request, rest),
            ["usageEvent" | "batchUsageEvent" | "usageEvents"] => self.metering(now, request, parts[0]),
            _ => WireResponse::empty(404),
        }
    }
}
