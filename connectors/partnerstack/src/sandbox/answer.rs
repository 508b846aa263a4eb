//! The vendor's envelope.

use concord_connector::sandbox::WireResponse;
use serde_json::{Value as Json, json};

/// One record.
pub(super) fn one(row: &Json) -> WireResponse {
    WireResponse::json(200, &json!({ "data": row, "message": "OK", "status": 200 }))
}

/// A page.
pub(super) fn page(rows: Vec<&Json>, has_more: bool) -> WireResponse {
    WireResponse::json(200, &json!({ "data": { "items": rows, "has_more": has_more }, "message": "OK", "status": 200 }))
}

/// A refusal.
pub(super) fn error(status: u16, message: &str) -> WireResponse {
    WireResponse::json(status, &json!({ "message": message, "status": status }))
}
