//! Credentials into headers: static ones from the vault, tokens refreshed once for all who wait.

mod signed;

use super::address::{address, base_of, fill};
use crate::{
    hub::Hub,
    keys, lease,
    ports::{HttpRequest, HttpResponse, Secret, Secrets},
    settings::Connection,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord_connector::{
    Fault, Instant, Kind, Response, Result,
    manifest::{Auth, Host},
    sigv4::Signer,
};
use serde_json::Value as Json;
use signed::signed;
use std::{fmt, sync::Arc, time::Duration};

/// A token is renewed when it has less than this left.
const MARGIN: Duration = Duration::from_secs(60);
/// What an access token is taken to live when the vendor does not say.
const UNSAID_LIFE: Duration = Duration::from_secs(20 * 60);
/// How often, and after what wait, a worker whose refresh token was refused looks whether another one used it just before.
const RACE_LOOKS: u32 = 5;
const RACE_WAIT: Duration = Duration::from_millis(200);
/// Who renews a token has that long; after it another worker may.
const LEASE: Duration = Duration::from_secs(30);
/// Looks, [`RACE_WAIT`] apart, before a worker gives up waiting for another.
const LEASE_LOOKS: u32 = 200;
/// How long the keys of the hub's own role are used before it is asked for them again.
const ROLE_LOOKED: Duration = Duration::from_secs(240);
/// The life of a signed assertion.
const ASSERTION_LIFE: Duration = Duration::from_secs(180);

/// What authorizes a request.
#[derive(Clone)]
pub struct Token {
    pub(crate) headers: Vec<(String, String)>,
    signer: Option<Arc<Signer>>,
    pub(crate) base_url: Option<String>,
    expires_at: Instant,
    serial: u64,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What a token endpoint answered.
pub struct TokenAnswer {
    /// The access token.
    pub access_token: Secret,
    /// The refresh token, when a new one came with it.
    pub refresh_token: Option<Secret>,
    /// When the access token ends.
    pub expires_at: Instant,
    /// Where to send requests from now on, when the vendor says.
    pub instance_url: Option<String>,
    /// The scopes that were granted, when the vendor says.
    pub scopes: Option<String>,
}

impl Hub {
    /// The token of a connection; another one than `refused`, which the vendor just refused.
    pub(crate) async fn token(
        &self,
        connection: &Connection,
        host: Option<&str>,
        refused: Option<&Token>,
    ) -> Result<Token> {
        let host = host.and_then(|host| connection.connector.manifest().hosts.get_key_value(host));
        let auth = connection.connector.manifest().auth.get(&connection.auth).ok_or_else(|| {
            Fault::new(
                Kind::Unauthorized,
                "auth",
                format!("`{}` is no way to authorize at this system", connection.auth),
            )
        })?;
        // Hosts that ask for nothing of their own share a token.
        let own = host.filter(|(_, host)| host.scopes.is_some() || host.service.is_some());
        let named = own.map_or_else(|| connection.name.to_string(), |(host, _)| format!("{}/{host}", connection.name));
        let own = own.map(|(_, host)| host);
        // One at a time: whoever waits behind a refresh uses its result.
        let slot = Arc::clone(self.tokens.lock().await.entry(named).or_default());
        let mut slot = slot.lock().await;
        if let Some(token) = slot.as_ref()
            && token.expires_at > self.now().plus(MARGIN)
            && refused.is_none_or(|refused| refused.serial != token.serial)
        {
            return Ok(token.clone());
        }
        let mut token = self.authorize(connection, auth, own, refused.is_some()).await?;
        token.serial = slot.as_ref().map_or(1, |before| before.serial + 1);
        *slot = Some(token.clone());
        Ok(token)
    }

    async fn authorize(&self, connection: &Connection, auth: &Auth, host: Option<&Host>, fresh: bool) -> Result<Token> {
        let secrets = self.vault.read(connection.name.as_str()).await?;
        let part = |name: &str| secret(connection, &secrets, name);
        match auth {
            Auth::None {} => Ok(lasting(Vec::new())),
            Auth::Bearer {} => Ok(lasting(vec![bearer(&part("token")?)])),
            Auth::Header { header, prefix } => {
                Ok(lasting(vec![(header.clone(), format!("{prefix}{}", part("token")?.expose()))]))
            }
            Auth::Basic {} => {
                let pair = format!("{}:{}", part("username")?.expose(), part("password")?.expose());
                Ok(lasting(vec![("authorization".into(), format!("Basic {}", STANDARD.encode(pair)))]))
            }
            Auth::Oauth { token_url, .. } | Auth::RefreshToken { token_url } if self.table.is_shared() => {
                self.refresh_leased(connection, token_url, secrets, fresh).await
            }
            Auth::Oauth { token_url, .. } | Auth::RefreshToken { token_url } => {
                self.refresh(connection, token_url, secrets, fresh).await
            }
            Auth::ClientCredentials { token_url, scopes, parameters } => {
                let mut form = vec![
                    ("grant_type", "client_credentials".to_owned()),
                    ("client_id", part("client_id")?.expose().to_owned()),
                    ("client_secret", part("client_secret")?.expose().to_owned()),
                ];
                let scopes = host.and_then(|host| host.scopes.as_ref()).unwrap_or(scopes);
                if !scopes.is_empty() {
                    form.push(("scope", scopes.join(" ")));
                }
                form.extend(parameters.iter().map(|(name, value)| (name.as_str(), fill(connection, value))));
                Ok(usable(self.ask(connection, token_url, &form).await?))
            }
            Auth::Sigv4 { service, region } => signed(service, region, host, part),
            Auth::OwnRole { service, region } => {
                let own = self.vault.own_role().await?.ok_or_else(|| {
                    let sentence = "this hub does not run on AWS and has no role there; choose another `auth`";
                    Fault::new(Kind::Unauthorized, "auth", sentence).with("connection", &connection.name)
                })?;
                let token = signed(service, region, host, |name| secret(connection, &own, name))?;
                // A role's keys change: they are looked up again before these end.
                Ok(Token { expires_at: self.now().plus(MARGIN + ROLE_LOOKED), ..token })
            }
            Auth::ServiceAccount { token_url, scopes } => {
                let scopes = host.and_then(|host| host.scopes.as_ref()).unwrap_or(scopes);
                let now = self.now();
                let claims = serde_json::json!({
                    "iss": part("client_email")?.expose(), "scope": scopes.join(" "), "aud": fill(connection, token_url),
                    "iat": now.seconds(), "exp": now.plus(ASSERTION_LIFE).seconds(),
                });
                self.assert(connection, token_url, part("private_key")?.expose(), &claims).await
            }
            Auth::JwtBearer { token_url, audience } => {
                let claims = serde_json::json!({
                    "iss": part("client_id")?.expose(),
                    "sub": part("username")?.expose(),
                    "aud": fill(connection, audience),
                    "exp": self.now().plus(ASSERTION_LIFE).seconds(),
                });
                self.assert(connection, token_url, part("private_key")?.expose(), &claims).await
            }
        }
    }

    /// A token for an assertion that our own key signs (RFC 7523).
    async fn assert(&self, connection: &Connection, token_url: &str, key: &str, claims: &Json) -> Result<Token> {
        let assertion = sign(key, claims)?;
        let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()), ("assertion", assertion)];
        Ok(usable(self.ask(connection, token_url, &form).await?))
    }

    /// One worker refreshes at a time: a vendor may take a refresh token that comes twice for a stolen one. Who waited takes
    /// what the other got.
    async fn refresh_leased(
        &self,
        connection: &Connection,
        token_url: &str,
        secrets: Secrets,
        fresh: bool,
    ) -> Result<Token> {
        if let Some(token) = kept(&secrets).filter(|token| !fresh && token.expires_at > self.now().plus(MARGIN)) {
            return Ok(token);
        }
        for _ in 0..LEASE_LOOKS {
            let taken = lease::take(&*self.table, keys::lease(&connection.name), self.now(), LEASE).await?;
            let theirs = self.vault.read(connection.name.as_str()).await?;
            let newer = theirs.generation != secrets.generation;
            let got = kept(&theirs).filter(|token| newer && token.expires_at > self.now().plus(MARGIN));
            let token = match (got, &taken) {
                (Some(token), _) => Ok(token),
                (None, Some(_)) => self.refresh(connection, token_url, theirs, fresh).await,
                (None, None) => {
                    self.clock.sleep(RACE_WAIT).await;
                    continue;
                }
            };
            if let Some(lease) = taken {
                lease::give_back(&*self.table, lease).await;
            }
            return token;
        }
        Err(Fault::new(Kind::Unavailable, "auth", "another worker has been renewing the token for too long")
            .with("connection", &connection.name))
    }

    /// A rotated refresh token is written back before the new access token is used.
    async fn refresh(
        &self,
        connection: &Connection,
        token_url: &str,
        mut secrets: Secrets,
        fresh: bool,
    ) -> Result<Token> {
        if let Some(token) = kept(&secrets).filter(|token| !fresh && token.expires_at > self.now().plus(MARGIN)) {
            return Ok(token);
        }
        let form = [
            ("grant_type", "refresh_token".to_owned()),
            ("client_id", secret(connection, &secrets, "client_id")?.expose().to_owned()),
            ("client_secret", secret(connection, &secrets, "client_secret")?.expose().to_owned()),
            ("refresh_token", secret(connection, &secrets, "refresh_token")?.expose().to_owned()),
        ];
        let answer = match self.ask(connection, token_url, &form).await {
            Ok(answer) => answer,
            Err(fault) => {
                // A token that is good once was used by another worker a moment ago: what that one got counts, as soon as
                // it is written.
                for _ in 0..RACE_LOOKS {
                    let theirs = self.vault.read(connection.name.as_str()).await?;
                    if fault.kind != Kind::Unauthorized || theirs.generation != secrets.generation {
                        return kept(&theirs).filter(|_| fault.kind == Kind::Unauthorized).ok_or(fault);
                    }
                    self.clock.sleep(RACE_WAIT).await;
                }
                return Err(fault);
            }
        };
        secrets.parts.insert("access_token".into(), answer.access_token.clone());
        secrets.parts.insert("expires_at".into(), Secret::new(answer.expires_at.rfc3339()));
        if let Some(refresh_token) = &answer.refresh_token {
            secrets.parts.insert("refresh_token".into(), refresh_token.clone());
        }
        if self.vault.write(connection.name.as_str(), secrets).await? {
            return Ok(usable(answer));
        }
        // Another worker refreshed first: its token is the one that counts.
        let theirs = self.vault.read(connection.name.as_str()).await?;
        Ok(kept(&theirs).unwrap_or_else(|| usable(answer)))
    }

    async fn ask(&self, connection: &Connection, token_url: &str, form: &[(&str, String)]) -> Result<TokenAnswer> {
        exchange_code(self, connection, token_url, form).await
    }
}

/// Posts a form to a token endpoint. A path is taken from the connection's base URL, `{name}` from its options.
///
/// # Errors
/// `Unauthorized`, final, when the grant is refused; `Unavailable` when the endpoint is.
pub async fn exchange_code(
    hub: &Hub,
    connection: &Connection,
    token_url: &str,
    form: &[(&str, String)],
) -> Result<TokenAnswer> {
    let url = address(connection, token_url);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into_bytes();
    let request = HttpRequest {
        method: "POST",
        url,
        headers: vec![
            ("content-type".into(), "application/x-www-form-urlencoded".into()),
            ("accept".into(), "application/json".into()),
        ],
        body,
        timeout: super::TIMEOUT,
        allow_private: connection.allow_private,
        keep: None,
    };
    let started_at = hub.now();
    let answer: HttpResponse = hub.http.send(request).await.map_err(|_| {
        Fault::new(Kind::Unavailable, "auth", "the token endpoint cannot be reached")
            .with("connection", &connection.name)
    })?;
    let response = super::respond(answer, started_at);
    read_answer(connection, &response, hub.now())
}

fn read_answer(connection: &Connection, response: &Response, now: Instant) -> Result<TokenAnswer> {
    let fault = |kind, sentence: &str| {
        let code = response.text("/error").filter(|code| code.len() < 64).unwrap_or("none");
        Fault::new(kind, "auth", sentence)
            .with("connection", &connection.name)
            .with("status", response.status)
            .with("code", code)
    };
    match (response.status, response.text("/access_token")) {
        (200, Some(access)) => {
            // A base URL that the admin set is meant: nothing is sent elsewhere.
            let instance = response.text("/instance_url").filter(|_| connection.base_url == base_of(connection));
            let life = response.at("/expires_in").and_then(|n| n.as_u64().or_else(|| n.as_str()?.parse().ok()));
            Ok(TokenAnswer {
                access_token: Secret::new(access),
                refresh_token: response.text("/refresh_token").map(Secret::new),
                expires_at: now.plus(life.map_or(UNSAID_LIFE, Duration::from_secs)),
                instance_url: instance.filter(|url| url.starts_with("https://")).map(str::to_owned),
                scopes: response.text("/scope").map(str::to_owned),
            })
        }
        (400 | 401 | 403, _) => {
            let fault = fault(
                Kind::Unauthorized,
                "the vendor refuses the credential; run `concord connect` for this connection",
            );
            Err(fault.retry(concord_connector::Retry::Never))
        }
        _ => Err(fault(Kind::Unavailable, "the token endpoint gave no token")),
    }
}

/// The access token that is kept.
fn kept(secrets: &Secrets) -> Option<Token> {
    let expires_at = Instant::parse(secrets.parts.get("expires_at")?.expose())?;
    let access = secrets.parts.get("access_token")?;
    Some(Token { headers: vec![bearer(access)], signer: None, base_url: None, expires_at, serial: 0 })
}

fn usable(answer: TokenAnswer) -> Token {
    Token {
        headers: vec![bearer(&answer.access_token)],
        signer: None,
        base_url: answer.instance_url,
        expires_at: answer.expires_at,
        serial: 0,
    }
}

fn bearer(token: &Secret) -> (String, String) {
    ("authorization".into(), format!("Bearer {}", token.expose()))
}

/// A part of a connection's secret: given by the configuration, else from the vault.
/// What is sent with every request and never ends.
fn lasting(headers: Vec<(String, String)>) -> Token {
    Token { headers, signer: None, base_url: None, expires_at: Instant::MAX, serial: 0 }
}

pub(crate) fn secret(connection: &Connection, secrets: &Secrets, name: &str) -> Result<Secret> {
    let given = connection.given_secrets.get(name).and_then(|given| given.first());
    given.or_else(|| secrets.parts.get(name)).cloned().ok_or_else(|| {
        Fault::new(
            Kind::Unauthorized,
            "auth",
            format!("the secret `{name}` is missing; run `concord connect {}`", connection.name),
        )
        .retry(concord_connector::Retry::Never)
    })
}

#[cfg(feature = "net")]
fn sign(key: &str, claims: &serde_json::Value) -> Result<String> {
    crate::net::assertion(key, claims)
}

#[cfg(not(feature = "net"))]
fn sign(_key: &str, _claims: &serde_json::Value) -> Result<String> {
    Err(Fault::new(Kind::Unauthorized, "auth", "this build cannot sign assertions"))
}
