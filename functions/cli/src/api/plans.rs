//! Plans: making one, applying it, seeing how far it is.

use super::{Call, shown};
use crate::{
    app::{self, App},
    server::Problem,
};
use concord_connector::ConnectionName;
use concord_hub::plan::{self, Asked, Plan};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Makes a plan and keeps it.
pub(super) async fn make(app: &App, call: &Call) -> Result<Json, Problem> {
    let (connection, limit) = (call.parameter("connection").map(ConnectionName::from), limit(call)?);
    if let Some(name) = &connection {
        super::connections::connection(app, name.as_str())?;
    }
    let made = plan::make(&app.hub, &Asked { connection, limit, trial: None }).await?;
    plan::keep(&app.hub, &made).await?;
    shown(made)
}

/// What another configuration would bring. Applied it can be once that is in force.
pub(super) async fn trial(app: &App, call: &Call) -> Result<Json, Problem> {
    let trial = app::trial(&app.hub, call.text("config")?).await?;
    let connection = call.optional("connection")?.map(ConnectionName::from);
    let made = plan::make(&app.hub, &Asked { connection, limit: limit(call)?, trial: Some(Arc::new(trial)) }).await?;
    plan::keep(&app.hub, &made).await?;
    shown(made)
}

fn limit(call: &Call) -> Result<Option<usize>, Problem> {
    let Some(text) = call.parameter("limit") else { return Ok(None) };
    match text.parse() {
        Ok(limit) if (1..=plan::MOST).contains(&limit) => Ok(Some(limit)),
        _ => Err(Problem::wrong(format!("`limit` has to be a number between 1 and {}.", plan::MOST))),
    }
}

/// A plan that was made, and how far its writes are.
pub(super) async fn one(app: &App, id: &str) -> Result<Json, Problem> {
    let plan = kept(app, id).await?;
    let standing = plan::standing(&app.hub, &plan).await?;
    Ok(json!({ "plan": shown(plan)?, "standing": shown(standing)? }))
}

/// How far the writes of a plan are.
pub(super) async fn standing(app: &App, id: &str) -> Result<Json, Problem> {
    shown(plan::standing(&app.hub, &kept(app, id).await?).await?)
}

/// Makes a plan's writes their way.
pub(super) async fn apply(app: &App, call: &Call) -> Result<Json, Problem> {
    let plan: Plan = match call.body.get("plan") {
        Some(given) => serde_json::from_value(given.clone())
            .map_err(|error| Problem::wrong(format!("`plan` is no plan as `GET /api/plan` gives it: {error}.")))?,
        None => kept(app, call.text("id")?).await?,
    };
    let applied = plan::apply(&app.hub, &plan, &call.actor()?).await?;
    // Its standing can be asked for, wherever it was made.
    if plan::kept(&app.hub, &plan.id).await?.is_none() {
        plan::keep(&app.hub, &plan).await?;
    }
    shown(applied)
}

async fn kept(app: &App, id: &str) -> Result<Plan, Problem> {
    let none = || {
        Problem::missing(format!("There is no plan `{id}`; plans are kept for a week. `concord plan` makes a new one."))
    };
    plan::kept(&app.hub, id).await?.ok_or_else(none)
}
