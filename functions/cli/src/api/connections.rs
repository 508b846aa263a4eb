//! Connections: how they are doing, what they would change, how they get their credentials.

use super::{Call, shown};
use crate::{
    app::{self, App},
    server::Problem,
};
use concord_connector::{ConnectionName, manifest::Auth};
use concord_hub::{engine, ports::Secret, settings::Connection, steps::schedule, views};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The connection of a name.
pub(super) fn connection(app: &App, name: &str) -> Result<Connection, Problem> {
    let settings = app.hub.settings();
    settings.connections.get(name).cloned().ok_or_else(|| {
        let known: Vec<&str> = settings.connections.keys().map(ConnectionName::as_str).collect();
        Problem::missing(format!(
            "There is no connection `{name}` in the configuration in force; it has {}. After a change of concord.toml restart `concord up`.",
            if known.is_empty() { "none".to_owned() } else { known.join(", ") }
        ))
    })
}

pub(super) async fn list(app: &App) -> Result<Json, Problem> {
    let mut connections = shown(views::connections(&app.hub).await?)?;
    complete(app, &mut connections).await?;
    Ok(json!({ "connections": connections }))
}

/// Everything that `concord status` says.
pub(super) async fn status(app: &App) -> Result<Json, Problem> {
    let mut status = shown(views::status(&app.hub).await?)?;
    complete(app, &mut status["connections"]).await?;
    let depths = app.depths().await?;
    let queues = depths.queues.into_iter();
    let queues = queues.map(|(queue, (waiting, hidden))| (queue, json!({ "waiting": waiting, "hidden": hidden })));
    status["queues"] = Json::Object(queues.collect::<Map<String, Json>>());
    status["oldest_message_s"] = depths.oldest_message_s.into();
    Ok(status)
}

/// Adds what only the machine that runs the hub knows: the address of the hook, and which secrets are missing.
async fn complete(app: &App, connections: &mut Json) -> Result<(), Problem> {
    let settings = app.hub.settings();
    for view in connections.as_array_mut().into_iter().flatten() {
        let Some(connection) = view["name"].as_str().and_then(|name| settings.connections.get(name)) else { continue };
        let manifest = connection.connector.manifest();
        let secrets = app.hub.vault.read(connection.name.as_str()).await?;
        let needs = manifest.auth.get(&connection.auth).map(Auth::secrets).unwrap_or_default();
        let has = |part: &str| secrets.parts.contains_key(part) || connection.given_secrets.contains_key(part);
        view["missing_secrets"] = needs.iter().copied().filter(|part| !has(part)).collect::<Vec<&str>>().into();
        view["title"] = manifest.title.as_str().into();
        view["hook"] = format!("{}/hooks/{}", settings.public_url, connection.name).into();
        view["entities"] = json!(connection.context.mappings.keys().collect::<Vec<_>>());
        let polled = connection.context.mappings.keys().filter(|entity| manifest.polls(**entity));
        view["polled"] = json!(polled.collect::<Vec<_>>());
    }
    Ok(())
}

pub(super) async fn backfill(app: &App, name: &str) -> Result<Json, Problem> {
    let connection = connection(app, name)?;
    let started_at = schedule::backfill(&app.hub, &connection).await?.started_at;
    Ok(
        json!({ "connection": name, "started_at": started_at.rfc3339(), "entities": connection.context.mappings.keys().collect::<Vec<_>>() }),
    )
}

/// One test read. Says also what vendors are to be told.
pub(super) async fn describe(app: &App, name: &str) -> Result<Json, Problem> {
    let connection = connection(app, name)?;
    let account = schedule::describe(&app.hub, &connection).await?;
    Ok(json!({
        "connection": name,
        "title": connection.connector.manifest().title,
        "mode": connection.mode,
        "time_zone": account.time_zone,
        "currency": account.currency,
        "hook": format!("{}/hooks/{name}", app.hub.settings().public_url),
        "push": connection.connector.manifest().capabilities.push,
        "webhooks": connection.schemes.iter().map(|scheme| json!({
            "scheme": scheme.name,
            "secret_path": scheme.is_hint() && !scheme.is_landing(),
            "landing": scheme.is_landing().then(|| format!("{}/hooks/{name}/landing", app.hub.settings().public_url)),
        })).collect::<Vec<_>>(),
    }))
}

/// Which secrets a connection wants, and how it gets them.
pub(super) async fn wanted(app: &App, name: &str) -> Result<Json, Problem> {
    let connection = connection(app, name)?;
    let manifest = connection.connector.manifest();
    let auth = manifest.auth.get(&connection.auth).ok_or_else(|| {
        Problem::new(409, format!("`{}` does not say how to authorize at {}.", connection.name, manifest.title))
    })?;
    let kept = app.hub.vault.read(name).await?;
    let has = |part: &str| kept.parts.contains_key(part) || connection.given_secrets.contains_key(part);
    let mut parts: Vec<Json> =
        auth.secrets().iter().map(|part| json!({ "part": part, "kept": has(part), "required": true })).collect();
    if !connection.schemes.is_empty() {
        let kept = kept.parts.keys().any(|part| part.starts_with("webhook"))
            || connection.given_secrets.contains_key("webhook");
        parts.push(json!({ "part": "webhook", "kept": kept, "required": false }));
    }
    Ok(
        json!({ "connection": name, "title": manifest.title, "consent": matches!(auth, Auth::Oauth { .. }), "parts": parts }),
    )
}

/// Where a person consents, with what has to come back.
pub(super) async fn consent(app: &App, name: &str, call: &Call) -> Result<Json, Problem> {
    let connection = connection(app, name)?;
    let (authorize_url, _, scopes, pkce) = oauth(&connection)?;
    let client = part(app, &connection, "client_id").await?;
    let (state, verifier) = (app.hub.new_token(), format!("{}{}", app.hub.new_token(), app.hub.new_token()));
    let filled = fill(&connection, authorize_url);
    let mut url =
        url::Url::parse(&filled).map_err(|_| Problem::new(500, "The consent address of the system is wrong."))?;
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("response_type", "code");
        query.append_pair("client_id", client.expose());
        query.append_pair("redirect_uri", call.text("redirect_uri")?);
        query.append_pair("scope", &scopes.join(" "));
        query.append_pair("state", &state);
        if pkce {
            query.append_pair("code_challenge", &challenge(&verifier));
            query.append_pair("code_challenge_method", "S256");
        }
    }
    Ok(json!({ "url": url.as_str(), "state": state, "verifier": pkce.then_some(verifier) }))
}

/// A code becomes tokens, which are kept.
pub(super) async fn code(app: &App, name: &str, call: &Call) -> Result<Json, Problem> {
    let connection = connection(app, name)?;
    let (_, token_url, scopes, _) = oauth(&connection)?;
    let (client, secret) = (part(app, &connection, "client_id").await?, part(app, &connection, "client_secret").await?);
    let mut form = vec![
        ("grant_type", "authorization_code".to_owned()),
        ("client_id", client.expose().to_owned()),
        ("client_secret", secret.expose().to_owned()),
        ("redirect_uri", call.text("redirect_uri")?.to_owned()),
        ("code", call.text("code")?.to_owned()),
    ];
    if let Some(verifier) = call.optional("verifier")? {
        form.push(("code_verifier", verifier.to_owned()));
    }
    let answer = engine::exchange_code(&app.hub, &connection, token_url, &form).await?;
    let mut parts = BTreeMap::from([
        ("access_token".to_owned(), answer.access_token),
        ("expires_at".to_owned(), Secret::new(answer.expires_at.rfc3339())),
    ]);
    match answer.refresh_token {
        Some(token) => drop(parts.insert("refresh_token".to_owned(), token)),
        None => {
            return Err(Problem::new(
                502,
                "The vendor gave no refresh token; let the app ask for offline access and consent again.",
            ));
        }
    }
    app::keep_all(&app.hub, name, parts).await?;
    let granted: Option<BTreeSet<&str>> = answer.scopes.as_deref().map(|text| text.split([' ', ',']).collect());
    let missing: Vec<&String> =
        granted.map_or(Vec::new(), |granted| scopes.iter().filter(|scope| !granted.contains(scope.as_str())).collect());
    Ok(json!({ "connection": name, "missing_scopes": missing }))
}

fn oauth(connection: &Connection) -> Result<(&str, &str, &[String], bool), Problem> {
    match connection.connector.manifest().auth.get(&connection.auth) {
        Some(Auth::Oauth { authorize_url, token_url, scopes, pkce }) => Ok((authorize_url, token_url, scopes, *pkce)),
        _ => Err(Problem::new(409, format!("`{}` is authorized without a person's consent.", connection.name))),
    }
}

async fn part(app: &App, connection: &Connection, part: &str) -> Result<Secret, Problem> {
    if let Some(given) = connection.given_secrets.get(part).and_then(|given| given.first()) {
        return Ok(given.clone());
    }
    let kept = app.hub.vault.read(connection.name.as_str()).await?;
    let missing = || Problem::new(409, format!("The secret `{part}` of `{}` is missing.", connection.name));
    kept.parts.get(part).cloned().ok_or_else(missing)
}

fn fill(connection: &Connection, template: &str) -> String {
    connection
        .context
        .options
        .iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// The challenge of a PKCE verifier (RFC 7636, `S256`).
fn challenge(verifier: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use sha2::Digest as _;
    URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(verifier))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(super::challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
