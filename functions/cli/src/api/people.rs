//! What people decide.

use super::{Call, records::resolve, shown};
use crate::{app::App, server::Problem};
use concord_connector::{ConnectionName, ExternalId, RecordId};
use concord_hub::{people, views};
use serde_json::Value as Json;

pub(super) async fn set(app: &App, named: &str, call: &Call) -> Result<Json, Problem> {
    let id = resolve(app, named).await?;
    let value = call.optional("value")?.filter(|value| !value.is_empty());
    let (field, word) = (call.text("field")?, call.word()?);
    let record = match call.body.get("withdraw") {
        Some(Json::Bool(true)) => people::withdraw(&app.hub, &id, field, &word).await?,
        _ => people::set_by(&app.hub, &id, field, value, &word).await?,
    };
    match views::record(&app.hub, &record.id).await? {
        Some(view) => shown(view),
        None => Err(Problem::missing(format!("There is no record `{id}` any more."))),
    }
}

pub(super) async fn merge(app: &App, call: &Call) -> Result<Json, Problem> {
    let (one, other) = (resolve(app, call.text("record")?).await?, resolve(app, call.text("other")?).await?);
    shown(people::merge_by(&app.hub, &one, &other, &call.word()?).await?)
}

pub(super) async fn unmerge(app: &App, call: &Call) -> Result<Json, Problem> {
    let id = resolve(app, call.text("record")?).await?;
    let home = match call.optional("part")? {
        Some(part) => Some(home(app, &id, part).await?),
        None => None,
    };
    shown(people::unmerge_by(&app.hub, &id, home.as_ref(), &call.word()?).await?)
}

/// The home of the part that an external record, or the home itself, names.
async fn home(app: &App, id: &RecordId, part: &str) -> Result<RecordId, Problem> {
    let Some((record, _)) = app.hub.record(id).await? else {
        return Err(Problem::missing(format!("There is no record `{id}`.")));
    };
    let facet = record.facets.iter().find(|facet| facet.link.to_string() == part || facet.home.as_str() == part);
    facet.map(|facet| facet.home.clone()).ok_or_else(|| {
        let links: Vec<String> = record.facets.iter().map(|facet| facet.link.to_string()).collect();
        Problem::wrong(format!("`{part}` is no part of {id}; it has {}.", links.join(", ")))
    })
}

pub(super) async fn link(app: &App, call: &Call) -> Result<Json, Problem> {
    let id = resolve(app, call.text("record")?).await?;
    let (connection, external) = external(call)?;
    shown(people::link_by(&app.hub, &id, &connection, &external, &call.word()?).await?)
}

pub(super) async fn unlink(app: &App, call: &Call) -> Result<Json, Problem> {
    let id = resolve(app, call.text("record")?).await?;
    let (connection, external) = external(call)?;
    shown(people::unlink_by(&app.hub, &id, &connection, &external, &call.word()?).await?)
}

fn external(call: &Call) -> Result<(ConnectionName, ExternalId), Problem> {
    let text = call.text("external")?;
    let (connection, id) = text
        .split_once('/')
        .filter(|(connection, id)| !connection.is_empty() && !id.is_empty())
        .ok_or_else(|| Problem::wrong(format!("`{text}` names no external record; write CONNECTION/ID.")))?;
    Ok((connection.into(), id.into()))
}
