//! `/healthz`: is it there, and with `?ready=1` whether it can store what it is told.

use crate::app::App;
use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value as Json_, json};
use std::sync::Arc;

/// What is asked.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    ready: Option<String>,
}

/// Says how it is.
pub(super) async fn health(State(app): State<Arc<App>>, Query(asked): Query<Asked>) -> (StatusCode, Json<Json_>) {
    if asked.ready.as_deref().is_none_or(|ready| ready == "0") {
        return (StatusCode::OK, Json(json!({ "status": "ok" })));
    }
    let oldest = app.oldest_message_s();
    match app.embedded.store.probe().await {
        Ok(()) => (StatusCode::OK, Json(json!({ "status": "ready", "oldest_message_s": oldest }))),
        Err(fault) => {
            tracing::error!(reason = %fault, "The store is not writable.");
            let body =
                json!({ "status": "unavailable", "reason": "the store is not writable", "oldest_message_s": oldest });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body))
        }
    }
}
