//! The signature schemes against values that the vendor or its own libraries published.

use concord_connector::{
    Connector, Unverified, Webhook,
    sandbox::{Act, Sandbox, Subscriber},
    time::Instant,
    webhook::Scheme,
};
use concord_hubspot::sandbox::Portal;
use serde_json::json;

const SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
const URI: &str = "https://www.example.com/webhook_uri";
const EVENTS: &str = r#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]"#;
const STAMP: &str = "1700000000000";

fn scheme(name: &str) -> Scheme {
    let connector = concord_hubspot::connector();
    connector.manifest().webhooks.iter().find(|scheme| scheme.name == name).unwrap().clone()
}

/// Scheme, method, URI, body, signature.
fn vectors() -> Vec<(&'static str, &'static str, String, &'static str, &'static str)> {
    let query = format!("{URI}?tenant=a:b/c");
    let escaped = format!("{URI}?tenant=a%3Ab%2Fc");
    let example = r#"{"example_field":"example_value"}"#;
    vec![
        ("v1", "POST", URI.into(), EVENTS, "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"),
        ("v2", "GET", URI.into(), "", "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"),
        ("v2", "POST", URI.into(), example, "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"),
        ("v3", "POST", URI.into(), example, "rQEKkaNUiu+1qGF//O/pw4BCzstSqO1PyUnGICmf+7o="),
        ("v3", "POST", query, EVENTS, "ZkrMChXkKiJrEpE/s41MsXyVAc3hU0wBEiQiM9XjgJ8="),
        ("v3", "POST", escaped, EVENTS, "ZkrMChXkKiJrEpE/s41MsXyVAc3hU0wBEiQiM9XjgJ8="),
        ("v3", "POST", URI.into(), r#"{"name":"Zoë ☃"}"#, "BfGy75/pY7x23ZQdX0IZyFwye1qvC4frSCsEJd9M8k4="),
    ]
}

fn hook(version: &str, method: &str, uri: &str, body: &[u8], signature: &str) -> Webhook<Unverified> {
    let headers = if version == "v3" {
        vec![("X-HubSpot-Signature-v3", signature), ("X-HubSpot-Request-Timestamp", STAMP)]
    } else {
        vec![("X-HubSpot-Signature", signature), ("X-HubSpot-Signature-Version", version)]
    };
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Webhook::new(method, uri, None, headers, body.to_vec())
}

fn now() -> Instant {
    Instant::from_ms(1_700_000_100_000)
}

#[test]
fn the_published_vectors_are_accepted_and_any_changed_byte_is_refused() {
    for (version, method, uri, body, signature) in vectors() {
        let scheme = scheme(version);
        let accepted = |uri: &str, body: &[u8], signature: &str, secret: &str| {
            hook(version, method, uri, body, signature).verify(&scheme, &[secret.as_bytes()], now()).is_ok()
        };
        assert!(accepted(&uri, body.as_bytes(), signature, SECRET), "{version} {body}");
        assert!(!accepted(&uri, body.as_bytes(), signature, "another secret"));
        for at in 0..body.len() {
            let mut touched = body.as_bytes().to_vec();
            touched[at] ^= 1;
            assert!(!accepted(&uri, &touched, signature, SECRET), "{version}: byte {at} of the body");
        }
        for at in 0..signature.len() {
            let mut touched = signature.as_bytes().to_vec();
            touched[at] ^= 1;
            let touched = String::from_utf8_lossy(&touched).into_owned();
            // Only the padding bits of base64 may hide a change, and the decoder refuses those.
            assert!(!accepted(&uri, body.as_bytes(), &touched, SECRET), "{version}: byte {at} of the signature");
        }
        if version != "v1" {
            assert!(!accepted(&format!("{uri}x"), body.as_bytes(), signature, SECRET), "{version}: the URI");
        }
    }
}

#[test]
fn an_old_or_future_timestamp_is_refused() {
    let (_, method, uri, body, signature) = vectors().remove(3);
    let at = |ms: i64| {
        hook("v3", method, &uri, body.as_bytes(), signature)
            .verify(&scheme("v3"), &[SECRET.as_bytes()], Instant::from_ms(ms))
            .is_ok()
    };
    assert!(at(1_700_000_300_000));
    assert!(!at(1_700_000_301_000), "five minutes and a second later");
    assert!(!at(1_699_999_900_000), "a hundred seconds before it was sent");
}

#[test]
fn the_sandbox_signs_as_the_vendor_does() {
    let mut portal = Portal::new(62_515, 1);
    let url = "https://hub.example.com/hooks/hubspot-eu?tenant=a%3Ab%20c".to_owned();
    portal.subscribe(Some(Subscriber { url: url.clone(), secret: SECRET.into() }));
    let fields = json!({ "properties": { "name": "Zoë ☃" } });
    portal.act(now(), Act::Create { object: "companies".into(), fields }).unwrap();
    let push = portal.pushes(now()).remove(0);
    assert_eq!(push.request.target, url);
    for version in ["v3", "v1"] {
        let headers = push.request.headers.clone();
        let hook = Webhook::new("POST", &url, None, headers, push.request.body.clone());
        assert!(hook.verify(&scheme(version), &[SECRET.as_bytes()], now()).is_ok(), "{version}");
    }
}
