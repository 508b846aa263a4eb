//! The token endpoint: client credentials and JWT bearer.

use super::{Org, Reply};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use concord_connector::{Instant, sandbox::WireRequest};
use serde_json::{Value as Json, json};

/// The consumer key of the external client app.
pub(super) const CLIENT: &str = "3MVG9.example.consumer.key";
/// Its secret.
pub(super) const SECRET: &str = "example-consumer-secret";
/// The user that the app runs as.
pub(super) const USER: &str = "integration@example.com";

/// Issues a token. There is no lifetime in the answer: a session lasts until the org ends it.
pub(super) fn token(org: &mut Org, now: Instant, request: &WireRequest) -> Reply {
    let form = request.form();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let granted = match field("grant_type") {
        "client_credentials" if field("client_id") != CLIENT => Err(("invalid_client_id", "client identifier invalid")),
        "client_credentials" if field("client_secret") != SECRET => {
            Err(("invalid_client", "invalid client credentials"))
        }
        "client_credentials" => Ok(()),
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => assertion(now, field("assertion")),
        _ => Err(("unsupported_grant_type", "grant type not supported")),
    };
    if let Err((error, description)) = granted {
        return (400, json!({ "error": error, "error_description": description }));
    }
    org.issued += 1;
    let token = format!("00D{:012x}!EXAMPLE{:06}", org.seed, org.issued);
    org.tokens.insert(token.clone());
    let answer = json!({
        "access_token": token,
        "instance_url": "https://sandbox.my.salesforce.example.com",
        "id": format!("https://login.salesforce.example.com/id/{}/005000000000001AAA", org.store.organization()),
        "issued_at": now.ms().to_string(),
        "signature": "EXAMPLE",
        "token_type": "Bearer",
        "scope": "api",
    });
    (200, answer)
}

/// A well-formed assertion of the known client for the known user that has not expired. The signature is not checked: the
/// org has no copy of the admin's certificate.
fn assertion(now: Instant, text: &str) -> Result<(), (&'static str, &'static str)> {
    let bad = ("invalid_grant", "invalid assertion");
    let parts: Vec<&str> = text.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return Err(bad) };
    let json = |part: &str| -> Option<Json> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok() };
    let (Some(header), Some(claims)) = (json(header), json(claims)) else { return Err(bad) };
    let text = |name: &str| claims.get(name).and_then(Json::as_str).unwrap_or_default();
    if header.get("alg").and_then(Json::as_str) != Some("RS256") || signature.is_empty() {
        return Err(bad);
    }
    if text("iss") != CLIENT {
        return Err(("invalid_client_id", "client identifier invalid"));
    }
    if text("sub") != USER {
        return Err(("invalid_grant", "user hasn't approved this consumer"));
    }
    if !matches!(text("aud"), "https://login.salesforce.com" | "https://test.salesforce.com") {
        return Err(("invalid_grant", "audience is invalid"));
    }
    match claims.get("exp").and_then(Json::as_i64) {
        // Five minutes ahead is the furthest that the vendor takes.
        Some(exp) if exp > now.seconds() && exp <= now.seconds() + 300 => Ok(()),
        _ => Err(("invalid_grant", "expired authorization code")),
    }
}
