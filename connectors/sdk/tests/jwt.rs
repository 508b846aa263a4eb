//! Webhooks that a JSON Web Token proves: every way to forge one that is in the books.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use concord_connector::{
    Instant, Unverified, Webhook,
    testing::{KEYS, OTHER_KEYS, token},
    webhook::{Scheme, names_a_key_of},
};
use hmac::{Hmac, Mac};
use serde_json::{Value as Json, json};
use sha2::Sha256;

const NOW: Instant = Instant::from_ms(1_767_225_600_000);

/// What Microsoft's fulfilment webhook sends, with the publisher's tenant filled in.
fn scheme() -> Scheme {
    let declared: Scheme = toml::from_str(
        r#"
name = "jwt"
[signed.jwt]
keys_url = "https://login.example.com/keys"
issuers = ["https://sts.example.com/{tenant}/", "https://login.example.com/{tenant}/v2.0"]
audience = "{app}"
claims = { "tid" = "{tenant}", "appid|azp" = "vendor-app" }
"#,
    )
    .unwrap();
    declared.filled(&[("tenant".to_owned(), "t-1".to_owned()), ("app".to_owned(), "our-app".to_owned())].into())
}

fn good() -> Json {
    let now = NOW.seconds();
    json!({
        "iss": "https://sts.example.com/t-1/", "aud": "our-app", "iat": now - 5, "nbf": now - 5, "exp": now + 600,
        "tid": "t-1", "appid": "vendor-app",
    })
}

fn with(name: &str, value: Json) -> Json {
    let mut claims = good();
    claims[name] = value;
    claims
}

fn passes(authorization: Option<String>, keys: &str) -> bool {
    let headers = authorization.map(|value| ("authorization".to_owned(), value));
    let hook = Webhook::<Unverified>::new("POST", "https://hub.example.com/hooks/ms", None, headers, b"{}".to_vec());
    hook.verify(&scheme(), &[keys.as_bytes()], NOW).is_ok()
}

fn lets_in(claims: &Json) -> bool {
    passes(Some(format!("Bearer {}", token(claims))), KEYS)
}

#[test]
fn a_token_of_the_sender_opens_the_door() {
    assert!(lets_in(&good()));
    assert!(lets_in(&with("iss", json!("https://login.example.com/t-1/v2.0"))));
    assert!(lets_in(&with("aud", json!(["other", "our-app"]))));
    let mut second = with("azp", json!("vendor-app"));
    second.as_object_mut().unwrap().remove("appid");
    assert!(lets_in(&second), "version 2 calls it `azp`");
}

#[test]
fn claims_that_are_somebody_elses_do_not() {
    let now = NOW.seconds();
    for (name, value) in [
        ("iss", json!("https://sts.example.com/t-2/")),
        ("iss", json!("https://sts.example.com/t-1/../t-1/")),
        ("iss", Json::Null),
        ("aud", json!("another-app")),
        ("aud", json!([])),
        ("aud", json!("")),
        ("tid", json!("t-2")),
        ("tid", Json::Null),
        ("appid", json!("another-vendor")),
        ("exp", json!(now - 61)),
        ("exp", Json::Null),
        ("exp", json!("tomorrow")),
        ("nbf", json!(now + 61)),
        ("iat", json!(now + 61)),
    ] {
        assert!(!lets_in(&with(name, value.clone())), "{name} = {value} opened the door");
    }
    assert!(lets_in(&with("exp", json!(now - 30))), "clocks may be off by a minute");
}

#[test]
fn only_a_key_of_the_set_signs_and_only_with_its_own_algorithm() {
    let token = token(&good());
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    assert!(!passes(bearer(&token), OTHER_KEYS), "another key under the same id");
    assert!(!passes(bearer(&token), r#"{"keys":[]}"#) && !passes(bearer(&token), "no keys"));
    assert!(!passes(None, KEYS) && !passes(bearer(""), KEYS) && !passes(Some(token.clone()), KEYS));
    let parts: Vec<&str> = token.split('.').collect();
    let encoded = |json: Json| URL_SAFE_NO_PAD.encode(json.to_string());
    // Another payload under the old signature, and none at all.
    let forged = encoded(with("aud", json!("our-app")).as_object().map(|o| json!(o)).unwrap());
    assert!(!passes(
        bearer(&format!("{}.{}.{}", parts[0], encoded(with("exp", json!(NOW.seconds() + 99))), parts[2])),
        KEYS
    ));
    for algorithm in ["none", "None", "NONE"] {
        let header = encoded(json!({ "alg": algorithm, "kid": "fake-1" }));
        assert!(!passes(bearer(&format!("{header}.{forged}.")), KEYS), "{algorithm}");
    }
    // A hash under what is public: the modulus, and the whole set, as if they were a shared secret.
    let header = encoded(json!({ "alg": "HS256", "kid": "fake-1" }));
    let keys: Json = serde_json::from_str(KEYS).unwrap();
    for secret in [keys["keys"][0]["n"].as_str().unwrap().as_bytes(), KEYS.as_bytes()] {
        let text = format!("{header}.{forged}");
        let mut code = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        code.update(text.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(code.finalize().into_bytes());
        assert!(!passes(bearer(&format!("{text}.{signature}")), KEYS));
    }
    // A key that the token brings along.
    let own = keys["keys"][0].clone();
    let header =
        encoded(json!({ "alg": "RS256", "kid": "unknown", "jwk": own, "jku": "https://evil.example.com/keys" }));
    assert!(!passes(bearer(&format!("{header}.{}.{}", parts[1], parts[2])), KEYS));
}

#[test]
fn every_touched_byte_closes_the_door() {
    let token = token(&good());
    for at in (0..token.len()).step_by(7) {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let touched = String::from_utf8(bytes).unwrap();
        // The last character of a part may have bits that nobody reads.
        let last = token[at + 1..].starts_with('.') || at + 1 == token.len();
        assert!(last || !passes(Some(format!("Bearer {touched}")), KEYS), "at {at}");
    }
}

#[test]
fn a_key_that_is_not_in_the_set_is_noticed() {
    let authorization = format!("Bearer {}", token(&good()));
    assert!(names_a_key_of(&authorization, KEYS.as_bytes()));
    assert!(!names_a_key_of(&authorization, br#"{"keys":[]}"#) && !names_a_key_of("Bearer x.y.z", KEYS.as_bytes()));
}
