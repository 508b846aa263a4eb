//! Questions that a person has to decide.

use super::{Call, shown};
use crate::{app::App, server::Problem};
use concord_hub::{brake, reviews};
use serde_json::{Value as Json, json};

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

/// Everything that a stopped wave holds, a page at a time.
pub(super) async fn plan(app: &App, id: &str, call: &Call) -> Result<Json, Problem> {
    let after = call.parameter("after").map(str::to_owned);
    let (changes, next) = brake::members(&app.hub, id, after, call.limit()?).await?;
    Ok(json!({ "review": id, "changes": shown(changes)?, "next": next }))
}
