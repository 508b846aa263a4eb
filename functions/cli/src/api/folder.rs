//! The folder itself: secrets, backups, the end.

use super::Call;
use crate::{
    app::{self, App},
    server::Problem,
};
use concord_hub::{embedded, ports::Secret};
use serde_json::{Value as Json, json};
use std::{path::PathBuf, sync::Arc};

pub(super) async fn keep(app: &App, name: &str, call: &Call) -> Result<Json, Problem> {
    let (part, value) = (call.text("part")?, call.text("value")?);
    if value.is_empty() {
        return Err(Problem::wrong("An empty secret is no secret."));
    }
    if name == "concord" {
        return Err(Problem::wrong("`concord` is Concord's own; name a connection."));
    }
    app::keep(&app.hub, name, part, Secret::new(value)).await?;
    Ok(json!({ "kept": format!("{name}/{part}") }))
}

pub(super) async fn backup(app: &Arc<App>, call: &Call) -> Result<Json, Problem> {
    app.folder()?;
    let file = PathBuf::from(call.text("file")?);
    if !file.is_absolute() {
        return Err(Problem::wrong("`file` has to be an absolute path on the machine of the hub."));
    }
    let (store, target) = (Arc::clone(&app.folder()?.store), file.clone());
    let written = tokio::task::spawn_blocking(move || embedded::backup(&store, &target)).await;
    written.map_err(|_| Problem::new(500, "The backup was aborted."))??;
    let bytes = std::fs::metadata(&file).map(|file| file.len()).unwrap_or_default();
    Ok(json!({ "file": file, "bytes": bytes }))
}

pub(super) fn stop(app: &App) -> Json {
    app.stop.send_replace(true);
    json!({ "stopping": true })
}
