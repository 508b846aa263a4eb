//! The match report of a connection.

use super::{Call, shown};
use crate::{app::App, server::Problem};
use concord_connector::{ConnectionName, Entity};
use concord_hub::matches::{self, Asked, Choice};
use serde_json::Value as Json;

/// Lines of a piece when nobody says how many.
const PIECE: usize = 500;
const LARGEST: usize = 5_000;

pub(super) async fn report(app: &App, name: &str, call: &Call) -> Result<Json, Problem> {
    let entity = match call.parameter("entity") {
        Some(name) => Some(Entity::parse(name).ok_or_else(|| Problem::wrong(format!("`{name}` is no entity.")))?),
        None => None,
    };
    let limit = match call.parameter("limit").map(str::parse) {
        None => PIECE,
        Some(Ok(limit)) if (1..=LARGEST).contains(&limit) => limit,
        Some(_) => return Err(Problem::wrong(format!("`limit` has to be a number between 1 and {LARGEST}."))),
    };
    let asked = Asked { entity, open: call.flag("open"), after: call.parameter("after").map(str::to_owned), limit };
    shown(matches::report(&app.hub, &known(app, name)?, &asked).await?)
}

pub(super) async fn decide(app: &App, name: &str, call: &Call) -> Result<Json, Problem> {
    let wrong = || Problem::wrong("`decisions` has to be a list of objects with `id` and `choice`.");
    let list = call.body.get("decisions").and_then(Json::as_array).ok_or_else(wrong)?;
    let text = |one: &Json, member: &str| one[member].as_str().map(str::to_owned).ok_or_else(wrong);
    let choices: Result<Vec<Choice>, Problem> =
        list.iter().map(|one| Ok(Choice { id: text(one, "id")?, choice: text(one, "choice")? })).collect();
    shown(matches::decide(&app.hub, &known(app, name)?, &choices?).await?)
}

fn known(app: &App, name: &str) -> Result<ConnectionName, Problem> {
    let settings = app.hub.settings();
    let found = settings.connections.get_key_value(name).map(|(name, _)| name.clone());
    found.ok_or_else(|| Problem::missing(format!("There is no connection `{name}` in the configuration in force.")))
}
