//! Error bodies.

use super::Reply;
use serde_json::{Value as Json, json};

/// One error in the list that every REST error is.
pub(super) fn one(status: u16, code: &str, message: &str) -> Reply {
    (status, json!([{ "message": message, "errorCode": code }]))
}

/// One error that names fields.
pub(super) fn fields(code: &str, message: &str, fields: &[&str]) -> Reply {
    (400, json!([{ "message": message, "errorCode": code, "fields": fields }]))
}

/// The record or resource does not exist.
pub(super) fn not_found() -> Reply {
    one(404, "NOT_FOUND", "The requested resource does not exist")
}

/// The record was deleted.
pub(super) fn deleted() -> Reply {
    (404, json!([{ "message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": [] }]))
}

/// The message of an error body.
pub(super) fn sentence(body: &Json) -> String {
    let text = |name: &str| body.pointer(name).and_then(Json::as_str).unwrap_or_default();
    format!("{}: {}", text("/0/errorCode"), text("/0/message"))
}
