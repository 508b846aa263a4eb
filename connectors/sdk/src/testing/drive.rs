//! Drives a connector against a sandbox without sockets, as the hub's engine drives it over HTTP.

use crate::{
    Connector, Context, Fault, Instant, Kind, Manifest, Operation, Outcome, Request, Response, Result, Retry, Step,
    exchange::Account,
    manifest::Auth,
    sandbox::{Sandbox, WireRequest, WireResponse},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::collections::BTreeMap;

/// The most exchanges that one operation may take before the driver gives up.
pub const EXCHANGES: usize = 256;

/// Runs an operation to its end. `authorization` are the headers that [`authorize`] found.
///
/// # Errors
/// The connector's fault; `Unexpected` when the operation does not end.
pub fn drive(
    connector: &dyn Connector,
    cx: &Context,
    operation: &Operation,
    vendor: &mut dyn Sandbox,
    now: Instant,
    authorization: &[(String, String)],
) -> Result<Outcome> {
    let base = base_path(connector.manifest(), cx);
    exchange(connector, cx, operation, &mut |request| {
        let answer = vendor.handle(now, &wire(&base, request, authorization));
        Ok(response(&answer, now))
    })
}

/// Runs an operation over any way to send. Every response outside the accepted statuses ends it with the connector's fault.
///
/// # Errors
/// As [`drive`].
pub fn exchange(
    connector: &dyn Connector,
    cx: &Context,
    operation: &Operation,
    send: &mut dyn FnMut(&Request) -> Result<Response>,
) -> Result<Outcome> {
    let mut seen = Vec::new();
    for _ in 0..EXCHANGES {
        let request = match connector.next(cx, operation, &seen)? {
            Step::Done(outcome) => return Ok(outcome),
            Step::Send(request) => request,
        };
        let answer = send(&request)?;
        if answer.status == 0 {
            let kind = if request.writes { Kind::Unknown } else { Kind::Unavailable };
            return Err(Fault::new(kind, "exchange", "the connection broke before the answer"));
        }
        if !request.accept.contains(&answer.status) {
            return Err(connector.classify(&request, &answer));
        }
        seen.push(answer);
    }
    Err(Fault::new(Kind::Unexpected, "exchange", format!("no end after {EXCHANGES} exchanges")).retry(Retry::Never))
}

/// A connector's request as it goes over the wire. `base` is the path of the connection's base URL.
pub fn wire(base: &str, request: &Request, authorization: &[(String, String)]) -> WireRequest {
    // As a connection does that has a base URL of its own: further hosts are below it.
    let host = request.host.as_ref().map(|host| format!("/{host}")).unwrap_or_default();
    let mut target = format!("{base}{host}{}", request.path);
    if !request.query.is_empty() {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish();
        target = format!("{target}?{query}");
    }
    let mut headers: BTreeMap<String, String> =
        request.headers.iter().chain(authorization).map(|(n, v)| (n.to_ascii_lowercase(), v.clone())).collect();
    headers.entry("accept".into()).or_insert_with(|| "application/json".into());
    let (content_type, body) = request.body.encode();
    if let Some(content_type) = content_type {
        headers.entry("content-type".into()).or_insert_with(|| content_type.to_owned());
    }
    WireRequest { method: request.method.as_str().to_owned(), target, headers, body }
}

/// A vendor's answer as connectors see it.
pub fn response(answer: &WireResponse, started_at: Instant) -> Response {
    let headers = answer.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    Response::new(answer.status, headers, &answer.body, started_at)
}

/// The path part of a connection's base URL, without a slash at its end.
pub fn base_path(manifest: &Manifest, cx: &Context) -> String {
    path_of(&expand(&manifest.base_url, cx)).trim_end_matches('/').to_owned()
}

/// Takes what a description of the account found into the context, as a connection does when it is set up.
pub fn learn(cx: &mut Context, account: &Account) {
    if let Some(zone) = account.time_zone.as_deref().and_then(|name| jiff::tz::TimeZone::get(name).ok()) {
        cx.time_zone = zone;
    }
    cx.currency = account.currency.or(cx.currency);
    cx.vendor_fields.extend(account.fields.clone());
    cx.options.extend(account.facts.clone());
}

/// The headers under which a sandbox lets us in: the first of the manifest's ways for which it hands out the secrets,
/// ways without a token request first.
///
/// # Errors
/// `Unauthorized` when there is no such way, or the sandbox gives no token.
pub fn authorize(
    manifest: &Manifest,
    cx: &Context,
    vendor: &mut dyn Sandbox,
    now: Instant,
) -> Result<Vec<(String, String)>> {
    let secrets = vendor.credentials();
    let secret = |name: &str| secrets.get(name).cloned();
    let header = |name: &str, value: String| vec![(name.to_owned(), value)];
    for auth in manifest.auth.values() {
        match auth {
            Auth::None {} => return Ok(Vec::new()),
            Auth::Bearer {} => {
                if let Some(token) = secret("token") {
                    return Ok(header("authorization", format!("Bearer {token}")));
                }
            }
            Auth::Header { header: name, prefix } => {
                if let Some(token) = secret("token") {
                    return Ok(header(&name.to_ascii_lowercase(), format!("{prefix}{token}")));
                }
            }
            Auth::Basic {} => {
                if let (Some(user), Some(password)) = (secret("username"), secret("password")) {
                    let pair = STANDARD.encode(format!("{user}:{password}"));
                    return Ok(header("authorization", format!("Basic {pair}")));
                }
            }
            Auth::Oauth { .. }
            | Auth::ClientCredentials { .. }
            | Auth::RefreshToken { .. }
            | Auth::ServiceAccount { .. }
            | Auth::OwnRole { .. }
            | Auth::JwtBearer { .. } => {}
            Auth::Sigv4 { service, region } => {
                if let (Some(id), Some(_)) = (secret("access_key_id"), secret("secret_access_key")) {
                    // The engine signs; a sandbox looks for whose signature it is.
                    let day = now.rfc3339().get(..10).unwrap_or_default().replace('-', "");
                    let scope = format!("{id}/{day}/{region}/{service}/aws4_request");
                    let said = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
                    return Ok(header("authorization", said));
                }
            }
        }
    }
    for auth in manifest.auth.values() {
        let (url, grant, needed): (_, _, &[&str]) = match auth {
            Auth::ClientCredentials { token_url, .. } => {
                (token_url, "client_credentials", &["client_id", "client_secret"])
            }
            Auth::Oauth { token_url, .. } | Auth::RefreshToken { token_url } => {
                (token_url, "refresh_token", &["client_id", "client_secret", "refresh_token"])
            }
            Auth::ServiceAccount { token_url, scopes } => {
                let Some(email) = secret("client_email") else { continue };
                // The engine signs under the account's own key.
                let said = serde_json::json!({ "iss": email, "aud": token_url, "scope": scopes.join(" "),
                    "iat": now.seconds(), "exp": now.seconds() + 3_600 });
                let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                let pairs = [("grant_type", grant), ("assertion", &*super::token(&said))];
                match asked(vendor, cx, token_url, form(pairs.into_iter()), now) {
                    Some(token) => return Ok(header("authorization", format!("Bearer {token}"))),
                    None => continue,
                }
            }
            _ => continue,
        };
        let mut pairs = vec![("grant_type".to_owned(), grant.to_owned())];
        pairs.extend(needed.iter().filter_map(|name| Some(((*name).to_owned(), secret(name)?))));
        if pairs.len() <= needed.len() {
            continue;
        }
        let body = form(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        if let Some(token) = asked(vendor, cx, url, body, now) {
            return Ok(header("authorization", format!("Bearer {token}")));
        }
    }
    Err(Fault::new(Kind::Unauthorized, "authorize", "the sandbox gives no credential for any declared way"))
}

/// The token that a form gets.
fn asked(vendor: &mut dyn Sandbox, cx: &Context, url: &str, body: Vec<u8>, now: Instant) -> Option<String> {
    let request = WireRequest {
        method: "POST".into(),
        target: path_of(&expand(url, cx)),
        headers: [("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())].into(),
        body,
    };
    response(&vendor.handle(now, &request), now).text("/access_token").map(str::to_owned)
}

fn form<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes()
}

pub(crate) fn expand(template: &str, cx: &Context) -> String {
    cx.options.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// What follows scheme and host; a placeholder that nothing fills counts as part of the host.
pub(crate) fn path_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or_else(String::new, |at| rest[at..].to_owned())
}
