//! Golden records.

use super::{Call, shown};
use crate::{app::App, server::Problem};
use concord_connector::{ConnectionName, Entity, ExternalId, RecordId};
use concord_hub::{explain, facet::Link, views};
use serde_json::{Value as Json, json};

/// The entity of a name.
fn entity(name: &str) -> Result<Entity, Problem> {
    Entity::parse(name).ok_or_else(|| {
        let known: Vec<&str> = Entity::ALL.iter().map(|entity| entity.name()).collect();
        Problem::missing(format!("`{name}` is no entity; there are {}.", known.join(", ")))
    })
}

pub(super) async fn list(app: &App, name: &str, call: &Call) -> Result<Json, Problem> {
    shown(views::records(&app.hub, entity(name)?, call.parameter("after"), call.limit()?).await?)
}

pub(super) async fn one(app: &App, name: &str, id: &str, call: &Call) -> Result<Json, Problem> {
    let entity = entity(name)?;
    let id = RecordId::from(id);
    let missing = || Problem::missing(format!("There is no {entity} `{id}`."));
    let record = views::record(&app.hub, &id).await?.filter(|record| record.entity == entity).ok_or_else(missing)?;
    let mut json = shown(record)?;
    if call.flag("explain") {
        let explanation = explain::explain(&app.hub, &id).await?.ok_or_else(missing)?;
        let text = explanation.text(call.parameter("field"));
        json["explain"] = shown(explanation)?;
        json["explain"]["text"] = text.into();
    }
    Ok(json)
}

/// The record that is meant by an id, by `CONNECTION/ENTITY/ID`, or by `CONNECTION/ID`.
pub(super) async fn find(app: &App, call: &Call) -> Result<Json, Problem> {
    let named = call.parameter("record").ok_or_else(|| Problem::wrong("The query lacks `record`."))?;
    let id = resolve(app, named).await?;
    let missing = || Problem::missing(format!("There is no record `{named}`."));
    let (record, _) = app.hub.record(&id).await?.ok_or_else(missing)?;
    Ok(json!({ "id": record.id, "entity": record.entity }))
}

/// The id of the record that a text names.
pub(super) async fn resolve(app: &App, named: &str) -> Result<RecordId, Problem> {
    let Some((connection, rest)) = named.split_once('/') else { return Ok(RecordId::from(named)) };
    let (entities, id) = match rest.split_once('/').and_then(|(name, id)| Some((Entity::parse(name)?, id))) {
        Some((entity, id)) => (vec![entity], id),
        None => (Entity::ALL.to_vec(), rest),
    };
    let link = Link { connection: ConnectionName::from(connection), id: ExternalId::from(id) };
    let mut found = Vec::new();
    for entity in entities {
        let item = app.hub.links(entity, std::slice::from_ref(&link)).await?.pop().flatten();
        found.extend(item.map(|item| (entity, item.record)));
    }
    match found.as_slice() {
        [(_, record)] => Ok(record.clone()),
        [] => Err(Problem::missing(format!(
            "No record has `{named}`; it was not read yet, or there is no such connection."
        ))),
        several => {
            let entities: Vec<&str> = several.iter().map(|(entity, _)| entity.name()).collect();
            Err(Problem::new(
                409,
                format!("`{named}` names several records ({}); write {connection}/ENTITY/{id}.", entities.join(", ")),
            ))
        }
    }
}
