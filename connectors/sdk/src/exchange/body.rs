//! What a request carries, and how it is written.

use super::cbor;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A request body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// JSON.
    Json(Json),
    /// JSON, under a content type of the vendor's own: `application/x-amz-json-1.0`.
    JsonAs(String, Json),
    /// Concise Binary Object Representation (RFC 8949) of a JSON value, as Smithy's RPC v2 protocol has it.
    Cbor(Json),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
}

impl Body {
    /// The content type, unless there is nothing, and the bytes.
    pub fn encode(&self) -> (Option<&str>, Vec<u8>) {
        match self {
            Self::Empty => (None, Vec::new()),
            Self::Json(json) => (Some("application/json"), json.to_string().into_bytes()),
            Self::JsonAs(content_type, json) => (Some(content_type), json.to_string().into_bytes()),
            Self::Cbor(json) => (Some(cbor::TYPE), cbor::encode(json)),
            Self::Form(pairs) => {
                let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
                (Some("application/x-www-form-urlencoded"), form.into_bytes())
            }
        }
    }
}
