//! Questions that a person has to decide.

use super::{Call, shown};
use crate::{app::App, server::Problem};
use concord_hub::reviews;
use serde_json::Value as Json;

pub(super) async fn list(app: &App, call: &Call) -> Result<Json, Problem> {
    shown(reviews::list(&app.hub, call.parameter("after"), call.limit()?).await?)
}

pub(super) async fn one(app: &App, id: &str) -> Result<Json, Problem> {
    match reviews::show(&app.hub, id).await? {
        Some(review) => shown(review),
        None => Err(Problem::missing(format!("There is no review item `{id}`."))),
    }
}

pub(super) async fn decide(app: &App, id: &str, call: &Call) -> Result<Json, Problem> {
    let (choice, value) = (call.text("choice")?, call.optional("value")?);
    shown(reviews::decide_by(&app.hub, id, choice, value, &call.word()?).await?)
}
