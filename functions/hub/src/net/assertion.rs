//! Signed assertions: what a token endpoint takes for a client's own key (RFC 7523, JWT bearer).

use concord_connector::{Fault, Kind, Result};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;

/// Claims, signed with RS256 by an RSA private key in PEM. Neither the key nor the claims show in errors.
pub fn assertion(key: &str, claims: &Value) -> Result<String> {
    let key = EncodingKey::from_rsa_pem(key.as_bytes()).map_err(|_| {
        let sentence = "The private key is not an RSA key in PEM (-----BEGIN PRIVATE KEY-----).";
        Fault::new(Kind::Unauthorized, "net.assertion", sentence)
    })?;
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), claims, &key)
        .map_err(|_| Fault::new(Kind::Unauthorized, "net.assertion", "The private key could not sign."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::json;

    const KEY: &str = include_str!("assertion/fake-private-key.pem");
    const PUBLIC: &str = include_str!("assertion/fake-public-key.pem");

    #[test]
    fn an_assertion_is_signed_by_the_key_and_says_the_claims() {
        let claims = json!({ "iss": "client", "sub": "user@example.com", "aud": "https://login.example.com", "exp": 4_000_000_000_u64 });
        let token = assertion(KEY, &claims).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&["https://login.example.com"]);
        let read =
            jsonwebtoken::decode::<Value>(&token, &DecodingKey::from_rsa_pem(PUBLIC.as_bytes()).unwrap(), &validation);
        assert_eq!(read.unwrap().claims, claims);
    }

    #[test]
    fn a_wrong_key_is_refused_without_showing_it() {
        for wrong in ["", "recognizable", PUBLIC] {
            let fault = assertion(wrong, &json!({})).unwrap_err();
            assert!(!format!("{fault} {fault:?}").contains("recognizable"));
        }
    }
}
