//! Requests that are signed one by one, by AWS's Signature Version 4.

use super::{Token, lasting};
use crate::ports::Secret;
use concord_connector::{
    Fault, Instant, Kind, Result,
    manifest::Host,
    sigv4::{Signable, Signer},
};
use std::sync::Arc;

impl Token {
    /// What authorizes this very request.
    pub(in crate::engine) fn headers(
        &self,
        method: &str,
        url: &str,
        headers: &[(String, String)],
        body: &[u8],
        now: Instant,
    ) -> Result<Vec<(String, String)>> {
        let Some(signer) = &self.signer else { return Ok(self.headers.clone()) };
        let url = url::Url::parse(url)
            .map_err(|_| Fault::new(Kind::Unexpected, "auth", "the address of a request is none"))?;
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let covered: Vec<_> =
            headers.iter().filter(|(name, _)| name == "content-type" || name.starts_with("x-amz")).cloned().collect();
        let query = url.query().unwrap_or_default();
        let request = Signable { method, host: &host, path: url.path(), query, headers: &covered, body };
        Ok(signer.sign(&request, now))
    }
}

/// What signs every request to a host, by Signature Version 4.
pub(super) fn signed(
    service: &str,
    region: &str,
    host: Option<&Host>,
    part: impl Fn(&str) -> Result<Secret>,
) -> Result<Token> {
    let signer = Signer {
        access_key_id: part("access_key_id")?.expose().to_owned(),
        secret_access_key: part("secret_access_key")?.expose().to_owned(),
        session_token: part("session_token").ok().map(|token| token.expose().to_owned()),
        region: region.to_owned(),
        service: host.and_then(|host| host.service.as_deref()).unwrap_or(service).to_owned(),
    };
    Ok(Token { signer: Some(Arc::new(signer)), ..lasting(Vec::new()) })
}
