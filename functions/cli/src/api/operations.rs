//! What vendors work on, what would be sent to them, and making records of a person's own.

use super::{Call, records::resolve, shown};
use crate::{app::App, server::Problem};
use concord_connector::{ConnectionName, Entity, Value};
use concord_hub::{
    people,
    preview::{self, Running},
    settings::Mode,
};
use serde_json::{Value as Json, json};

/// Operations, of one connection or all; those that have ended too, with `all=1`.
pub(super) async fn list(app: &App, call: &Call) -> Result<Json, Problem> {
    let only = call.parameter("connection").map(ConnectionName::from);
    let record = match call.parameter("record") {
        Some(named) => Some(resolve(app, named).await?),
        None => None,
    };
    if let Some(name) = &only {
        super::connections::connection(app, name.as_str())?;
    }
    let mut operations = Vec::new();
    for name in app.hub.settings().connections.keys().filter(|name| only.as_ref().is_none_or(|only| only == *name)) {
        for one in app.hub.operations(name).await? {
            let wanted = record.as_ref().is_none_or(|record| *record == one.record);
            if wanted && (one.state.is_open() || call.flag("all")) {
                operations.push(Running::from(&one));
            }
        }
    }
    Ok(json!({ "operations": shown(operations)? }))
}

/// What would be sent for a record; with `requests=1` as the exact requests.
pub(super) async fn preview(app: &App, named: &str, call: &Call) -> Result<Json, Problem> {
    let id = resolve(app, named).await?;
    let previews = preview::preview(&app.hub, &id, call.flag("requests")).await?;
    Ok(json!({ "record": id, "connections": shown(previews)? }))
}

/// Orders the deliveries of a record now, whatever they waited for.
pub(super) async fn push(app: &App, named: &str, call: &Call) -> Result<Json, Problem> {
    let id = resolve(app, named).await?;
    // To send a draft is to confirm it.
    let record = app.hub.record(&id).await?.map(|(record, _)| record);
    if record.is_some_and(|record| record.value("confirmed").and_then(Value::as_str) == Some("no")) {
        people::set_by(&app.hub, &id, "confirmed", Some("yes"), &call.word()?).await?;
    }
    let previews = preview::preview(&app.hub, &id, false).await?;
    let settings = app.hub.settings();
    let (mut ordered, mut observed) = (Vec::new(), Vec::new());
    for one in previews.iter().filter(|one| one.write.is_some() && one.mistakes.is_empty()) {
        match settings.connections.get(&one.connection).map(|connection| connection.mode) {
            Some(Mode::Sync) => {
                concord_hub::reviews::release(&app.hub, &id, &one.connection).await?;
                ordered.push(one.connection.clone());
            }
            _ => observed.push(one.connection.clone()),
        }
    }
    Ok(json!({ "record": id, "ordered": ordered, "observed": observed, "connections": shown(&previews)? }))
}

/// Makes a record of what a person says.
pub(super) async fn make(app: &App, entity: &str, call: &Call) -> Result<Json, Problem> {
    let Some(entity) = Entity::parse(entity) else {
        return Err(Problem::missing(format!("There is no entity `{entity}`.")));
    };
    let record = people::make(&app.hub, entity, said(call)?, &call.word()?).await?;
    Ok(json!({ "id": record.id }))
}

/// Sets several fields at once.
pub(super) async fn set_all(app: &App, named: &str, call: &Call) -> Result<Json, Problem> {
    let id = resolve(app, named).await?;
    let record = people::set_all(&app.hub, &id, said(call)?, &call.word()?).await?;
    Ok(json!({ "id": record.id }))
}

fn said(call: &Call) -> Result<&people::Said, Problem> {
    call.body
        .get("fields")
        .and_then(Json::as_object)
        .ok_or_else(|| Problem::wrong("The body lacks `fields`, an object."))
}
