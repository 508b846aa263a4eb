//! Sample webhooks: signed as the system would sign them, sent to our own hook over the network as the system would.

use super::Call;
use crate::{app::App, server::Problem, session::segment};
use concord_connector::{
    ConnectionName, Entity, ExternalId,
    sandbox::{About, Samples},
    testing::{Signature, sign},
    webhook::Scheme,
};
use concord_hub::{
    ports::{Index, Query, Secret},
    settings::Connection,
};
use serde_json::{Value as Json, json};
use std::{sync::Arc, time::Duration};

/// A hook that takes longer has not answered.
const PATIENCE: Duration = Duration::from_secs(30);
/// So many records are looked at for one that the connection knows.
const LOOKED_AT: usize = 100;

/// What can be sent, by connection.
pub(super) fn list(app: &App) -> Json {
    let settings = app.hub.settings();
    let connections: Vec<Json> = settings
        .connections
        .values()
        .map(|connection| {
            let system = connection.connector.system().as_str();
            let samples = concord_connectors::samples(system);
            let events = samples.map(|samples| names(connection, &samples)).unwrap_or_default();
            let schemes: Vec<&str> = connection.schemes.iter().map(|scheme| scheme.name.as_str()).collect();
            json!({ "connection": connection.name, "system": system, "schemes": schemes, "events": events })
        })
        .collect();
    json!({ "connections": connections })
}

/// The events of entities that the connection maps.
fn names(connection: &Connection, samples: &Samples) -> Vec<&'static str> {
    samples.events.iter().filter(|(_, entity)| connection.maps(*entity)).map(|(name, _)| *name).collect()
}

/// Sends one.
pub(super) async fn send(app: &Arc<App>, call: &Call) -> Result<Json, Problem> {
    let Some(url) = app.url.get() else {
        return Err(Problem::new(
            409,
            "No Concord runs on this folder, so there is no hook. Start it with `concord up`.",
        ));
    };
    let connection = connection(app, call.text("system")?, call.optional("connection")?)?;
    let Some(scheme) = connection.schemes.first() else {
        let sentence = format!(
            "`{}` takes no webhooks; it is polled. `concord trigger --list` shows what can be sent.",
            connection.name
        );
        return Err(Problem::new(409, sentence));
    };
    let event = call.optional("event")?.unwrap_or_default();
    let (body, id) = match call.optional("body")? {
        Some(body) => (body.as_bytes().to_vec(), None),
        None => body(app, &connection, scheme, event, call.optional("id")?).await?,
    };
    let settings = app.hub.settings();
    let path = format!("/hooks/{}", connection.name);
    let now = app.hub.now();
    // What vendors sign is the address that they were told.
    let signed_by = |secret: &str| sign(scheme, secret, "POST", &format!("{}{path}", settings.public_url), &body, now);
    let signed = match secret(app, &connection).await {
        Ok(secret) => signed_by(secret.expose()),
        // A scheme that proves nothing needs none.
        Err(problem) => Some(signed_by("")).filter(|signed| *signed == Signature::default()).ok_or(problem)?,
    };
    let target = match &signed.path_secret {
        Some(secret) => format!("{url}{path}/{}", segment(secret)),
        None => format!("{url}{path}"),
    };
    let unreachable = |_| Problem::new(502, "Our own hook did not answer.");
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().map_err(unreachable)?;
    let mut request = client.post(target).header("content-type", kind(&body)).body(body);
    for (name, value) in signed.headers {
        request = request.header(name, value);
    }
    let status = request.send().await.map_err(unreachable)?.status();
    Ok(json!({
        "connection": connection.name,
        "event": event,
        "id": id,
        "scheme": scheme.name,
        "hook": format!("{}{path}", settings.public_url),
        "status": status.as_u16(),
        "accepted": status.is_success(),
    }))
}

fn kind(body: &[u8]) -> &'static str {
    if body.trim_ascii_start().starts_with(b"<") { "text/xml; charset=utf-8" } else { "application/json" }
}

/// The connection of a name, or the only one of a system.
fn connection(app: &App, system: &str, name: Option<&str>) -> Result<Connection, Problem> {
    let settings = app.hub.settings();
    let listed = |names: Vec<&ConnectionName>| {
        let names: Vec<&str> = names.into_iter().map(ConnectionName::as_str).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    if let Some(name) = name {
        return settings.connections.get(name).cloned().ok_or_else(|| {
            Problem::missing(format!(
                "There is no connection `{name}`; there is {}.",
                listed(settings.connections.keys().collect())
            ))
        });
    }
    let of_system = settings.connections.values().filter(|one| one.connector.system().as_str() == system);
    match of_system.collect::<Vec<_>>().as_slice() {
        [one] => Ok(Connection::clone(one)),
        // The name of a connection is as good.
        [] => settings.connections.get(system).cloned().ok_or_else(|| {
            Problem::missing(format!(
                "No connection is of the system `{system}`; there is {}.",
                listed(settings.connections.keys().collect())
            ))
        }),
        several => Err(Problem::wrong(format!(
            "Several connections are of {system}: name one with --connection, such as {}.",
            listed(several.iter().map(|one| &one.name).collect())
        ))),
    }
}

/// The newest secret with which the connection's webhooks are signed.
async fn secret(app: &App, connection: &Connection) -> Result<Secret, Problem> {
    let kept = app.hub.vault.read(connection.name.as_str()).await?;
    let webhook = connection.webhook_secrets(&kept).first().map(|secret| Secret::clone(secret));
    webhook.or_else(|| kept.parts.get("client_secret").cloned()).ok_or_else(|| {
        Problem::new(409, format!("`{0}` has no webhook secret; run `concord vault set {0}/webhook`.", connection.name))
    })
}

async fn body(
    app: &App,
    connection: &Connection,
    scheme: &Scheme,
    event: &str,
    id: Option<&str>,
) -> Result<(Vec<u8>, Option<ExternalId>), Problem> {
    let system = connection.connector.system();
    let Some(samples) = concord_connectors::samples(system.as_str()) else {
        return Err(Problem::wrong(format!("There is no sample of {system}; give the body of one with --body FILE.")));
    };
    let found = samples.events.iter().find(|(name, _)| *name == event);
    let Some((_, entity)) = found.filter(|(_, entity)| connection.maps(*entity)) else {
        let known = names(connection, &samples).join(", ");
        return Err(Problem::wrong(format!("`{event}` is no event of {}; there is {known}.", connection.name)));
    };
    let id = match id {
        Some(id) => ExternalId::from(id),
        // The system's own word is believed: nobody is deleted by chance.
        None if event.ends_with(".deleted") => {
            return Err(Problem::wrong("A delete is believed; name the record that it is about with --id."));
        }
        None => known(app, &connection.name, *entity).await?.ok_or_else(|| {
            Problem::wrong(format!(
                "{} has no {entity} that is known here; name one with --id, as the system writes it.",
                connection.name
            ))
        })?,
    };
    let chance = app.hub.entropy.bytes();
    let serial = chance.iter().take(6).fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    let about = About {
        id: id.as_str(),
        options: &connection.context.options,
        scheme: &scheme.name,
        now: app.hub.now(),
        serial,
    };
    match (samples.body)(event, &about) {
        Some(body) => Ok((body, Some(id))),
        None => Err(Problem::wrong(format!("`{id}` is no id as {system} writes them."))),
    }
}

/// A record of the entity that the connection has: a sample about it leads to a read that finds something.
async fn known(app: &App, connection: &ConnectionName, entity: Entity) -> Result<Option<ExternalId>, Problem> {
    let query = Query::partition(Some(Index::List), entity.name(), LOOKED_AT);
    let page = app.hub.table.query(query).await?;
    let ids: Vec<_> = page.keys.iter().filter_map(|(_, key)| concord_hub::keys::record_id(key)).collect();
    let records = app.hub.records(&ids).await?;
    Ok(records.values().find_map(|(record, _)| record.live_at(connection).next().map(|facet| facet.link.id.clone())))
}
