//! History under another configuration.

use super::{Call, shown};
use crate::{
    app::{self, App},
    server::Problem,
};
use concord_connector::Instant;
use concord_hub::replay::{self, Window};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Records of one piece.
const PIECE: usize = 100;

/// A piece of a replay: of the window from `from` to `to`, under the configuration `config` or the one in force.
pub(super) async fn replay(app: &App, call: &Call) -> Result<Json, Problem> {
    let instant = |name: &str, otherwise: Instant| -> Result<Instant, Problem> {
        let Some(text) = call.optional(name)? else { return Ok(otherwise) };
        let wrong = || Problem::wrong(format!("`{name}` has to be an instant like 2026-03-31T14:00:00Z."));
        Instant::parse(text).ok_or_else(wrong)
    };
    let window = Window { from: instant("from", Instant::EPOCH)?, to: instant("to", app.hub.now())? };
    let in_force = app.hub.settings();
    let other = match call.optional("config")? {
        Some(text) => Arc::new(app::trial(&app.hub, text).await?),
        None => Arc::clone(&in_force),
    };
    let piece = replay::replay(&app.hub, window, &other, call.optional("after")?, PIECE).await?;
    Ok(json!({
        "from": window.from.rfc3339(),
        "to": window.to.rfc3339(),
        "blind_spots": replay::blind_spots(&in_force, &other),
        "piece": shown(piece)?,
    }))
}
