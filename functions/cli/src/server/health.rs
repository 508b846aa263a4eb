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

/// How far behind each connection is, and whether it is in trouble; the reason is for `concord status`.
async fn connections(app: &App) -> Json_ {
    let views = match concord_hub::views::connections(&app.hub).await {
        Ok(views) => views,
        Err(fault) => {
            tracing::warn!(reason = %fault, "How connections are doing cannot be read.");
            return Json_::Null;
        }
    };
    let each = views.into_iter().map(|view| {
        let state = view.trouble.as_ref().map(|trouble| trouble.state);
        (view.name.to_string(), json!({ "minutes_behind": view.minutes_behind, "trouble": state }))
    });
    Json_::Object(each.collect())
}

/// Says how it is.
pub(super) async fn health(State(app): State<Arc<App>>, Query(asked): Query<Asked>) -> (StatusCode, Json<Json_>) {
    if asked.ready.as_deref().is_none_or(|ready| ready == "0") {
        return (StatusCode::OK, Json(json!({ "status": "ok" })));
    }
    let oldest = app.oldest_message_s();
    let probed = match app.folder() {
        Ok(folder) => folder.store.probe().await,
        Err(fault) => Err(fault),
    };
    match probed {
        Ok(()) => {
            let connections = connections(&app).await;
            let body = json!({ "status": "ready", "oldest_message_s": oldest, "connections": connections });
            (StatusCode::OK, Json(body))
        }
        Err(fault) => {
            tracing::error!(reason = %fault, "The store is not writable.");
            let body =
                json!({ "status": "unavailable", "reason": "the store is not writable", "oldest_message_s": oldest });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body))
        }
    }
}
