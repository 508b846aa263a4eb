//! The change feed and the deliveries.

use super::{Call, shown};
use crate::{app::App, server::Problem};
use concord_hub::views::{self, State};
use serde_json::{Value as Json, json};

/// What happened to records after a cursor.
pub(super) async fn changes(app: &App, call: &Call) -> Result<Json, Problem> {
    shown(views::changes(&app.hub, call.parameter("after"), call.limit()?).await?)
}

/// Deliveries that are not acknowledged: of one state, or all of them.
pub(super) async fn deliveries(app: &App, call: &Call) -> Result<Json, Problem> {
    let state = match call.parameter("state") {
        None => None,
        Some(name) => Some(State::parse(name).ok_or_else(|| {
            Problem::wrong(format!("`{name}` is no state; a delivery is pending, waiting, failed or parked."))
        })?),
    };
    let deliveries = views::deliveries(&app.hub, state, call.limit()?).await?;
    Ok(json!({ "deliveries": shown(deliveries)? }))
}
