//! How HubSpot says no.

use concord_connector::sandbox::WireResponse;
use serde_json::{Value as Json, json};

/// A refusal: a status and a body.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) category: &'static str,
    pub(super) message: String,
    /// Members of `context`, each an array of texts.
    pub(super) context: Json,
}

impl Refusal {
    pub(super) fn new(status: u16, category: &'static str, message: impl Into<String>) -> Self {
        Self { status, category, message: message.into(), context: json!({}) }
    }
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "VALIDATION_ERROR", message)
    }
    /// What is wrong with a property, in the form in which the vendor lists such things.
    pub(super) fn property(name: &str, error: &str, message: impl AsRef<str>) -> Self {
        let detail = json!([{ "isValid": false, "message": message.as_ref(), "error": error, "name": name }]);
        Self::invalid(format!("Property values were not valid: {detail}"))
    }
    pub(super) fn not_found(id: &str) -> Self {
        let mut refusal =
            Self::new(404, "OBJECT_NOT_FOUND", "Could not get some objects, they may be deleted or not exist.");
        refusal.context = json!({ "ids": [id] });
        refusal
    }
    pub(super) fn body(&self) -> Json {
        json!({
            "status": "error",
            "message": self.message,
            "correlationId": "00000000-0000-4000-8000-000000000000",
            "category": self.category,
            "context": self.context,
            "errors": [],
            "links": {},
        })
    }
    pub(super) fn response(&self) -> WireResponse {
        WireResponse::json(self.status, &self.body())
    }
    /// As a row of a 207, with the trace id of its input.
    pub(super) fn row(&self, trace: Option<&str>) -> Json {
        let mut body = self.body();
        if let Some(body) = body.as_object_mut() {
            body.remove("correlationId");
        }
        if let Some(trace) = trace {
            body["context"]["objectWriteTraceId"] = json!([trace]);
        }
        body
    }
}

/// What a part of the portal answers.
pub(super) type Answer<T> = Result<T, Refusal>;
