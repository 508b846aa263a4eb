//! Laws of every signature scheme, each over a request that a vendor would send.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord_connector::{
    Instant, Unverified, Webhook,
    webhook::{Part, Scheme, Signed},
};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

const NOW: Instant = Instant::from_ms(1_767_225_600_000);
const SECRET: &[u8] = b"not-a-real-secret";
const URI: &str = "https://hub.example.com/hooks/every?x=%2Fa%20b";
const BODY: &[u8] = br#"[{"eventId": 1, "objectId": 42}]"#;

fn scheme(signed: &str) -> Scheme {
    toml::from_str(&format!("name = \"tested\"\nsigned = {signed}")).unwrap()
}

fn hmac_scheme() -> Scheme {
    scheme(
        r#"{ hmac = { header = "x-signature", encoding = "base64", parts = ["method", "uri_unescaped", "body", "timestamp"],
             timestamp = { header = "x-time", unit_ms = 1, tolerance_s = 300 } } }"#
            .replace('\n', " ")
            .as_str(),
    )
}
fn digest_scheme() -> Scheme {
    scheme(
        r#"{ digest = { header = "x-signature", parts = ["method", "uri", "body"], version = ["x-version", "v2"] } }"#,
    )
}

/// One request under construction.
#[derive(Clone)]
struct Sample {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    path_secret: Option<String>,
}

impl Sample {
    fn hook(&self) -> Webhook<Unverified> {
        Webhook::new("POST", URI, self.path_secret.clone(), self.headers.clone(), self.body.clone())
    }
    fn passes(&self, scheme: &Scheme) -> bool {
        self.hook().verify(scheme, &[SECRET], NOW).is_ok()
    }
    fn with_header(&self, name: &str, value: String) -> Self {
        let mut changed = self.clone();
        changed.headers.iter_mut().filter(|(n, _)| n == name).for_each(|(_, v)| v.clone_from(&value));
        changed
    }
}

fn signed_at(ms: i64) -> Sample {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(b"POST");
    mac.update(b"https://hub.example.com/hooks/every?x=/a%20b");
    mac.update(BODY);
    mac.update(ms.to_string().as_bytes());
    let headers = vec![
        ("X-Signature".to_lowercase(), STANDARD.encode(mac.finalize().into_bytes())),
        ("x-time".to_owned(), ms.to_string()),
    ];
    Sample { headers, body: BODY.to_vec(), path_secret: None }
}

fn digested() -> Sample {
    let digest =
        Sha256::new().chain_update(SECRET).chain_update("POST").chain_update(URI).chain_update(BODY).finalize();
    let headers = vec![("x-signature".to_owned(), hex::encode(digest)), ("x-version".to_owned(), "v2".to_owned())];
    Sample { headers, body: BODY.to_vec(), path_secret: None }
}

/// Every sample with its scheme; each law runs over all of them.
fn samples() -> Vec<(Scheme, Sample)> {
    let secret = || String::from_utf8(SECRET.to_vec()).unwrap();
    let bare = Sample { headers: vec![], body: BODY.to_vec(), path_secret: None };
    let by_header = Sample { headers: vec![("x-key".to_owned(), secret())], ..bare.clone() };
    let by_path = Sample { path_secret: Some(secret()), ..bare };
    vec![
        (hmac_scheme(), signed_at(NOW.ms())),
        (digest_scheme(), digested()),
        (scheme(r#"{ header = { header = "x-key" } }"#), by_header),
        (scheme(r#"{ path = {} }"#), by_path),
    ]
}

#[test]
fn a_good_request_passes_and_says_by_which_scheme() {
    for (scheme, sample) in samples() {
        let hook = sample.hook().verify(&scheme, &[SECRET], NOW).expect("passes");
        assert_eq!((hook.scheme(), hook.body()), ("tested", BODY));
    }
}

#[test]
fn any_touched_byte_of_a_signed_body_is_refused() {
    for (scheme, sample) in samples() {
        if matches!(scheme.signed, Signed::Header { .. } | Signed::Path {}) {
            continue;
        }
        for at in 0..BODY.len() {
            let mut touched = sample.clone();
            touched.body[at] ^= 1;
            assert!(!touched.passes(&scheme), "byte {at}");
        }
        let mut longer = sample.clone();
        longer.body.push(b' ');
        assert!(!longer.passes(&scheme));
    }
}

#[test]
fn any_touched_byte_of_a_header_that_proves_is_refused() {
    for (scheme, sample) in samples() {
        for (name, value) in &sample.headers {
            for at in 0..value.len() {
                let mut bytes = value.clone().into_bytes();
                bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
                let touched = sample.with_header(name, String::from_utf8(bytes).unwrap());
                assert!(!touched.passes(&scheme), "{name} at {at}");
            }
            for other in ["", " ", "v1"] {
                assert!(!sample.with_header(name, other.to_owned()).passes(&scheme), "{name}: {other:?}");
            }
        }
    }
}

#[test]
fn a_header_that_proves_is_sent_exactly_once() {
    for (scheme, sample) in samples() {
        for header in &sample.headers {
            let mut double = sample.clone();
            double.headers.push(header.clone());
            assert!(!double.passes(&scheme), "{} twice", header.0);
            let mut missing = sample.clone();
            missing.headers.retain(|(name, _)| *name != header.0);
            assert!(!missing.passes(&scheme), "{} missing", header.0);
        }
    }
}

#[test]
fn old_and_future_times_are_refused_although_signed() {
    let scheme = hmac_scheme();
    for (age_ms, good) in [
        (0, true),
        (300_000, true),
        (301_000, false),
        (86_400_000, false),
        (-60_000, true),
        (-61_001, false),
        (-86_400_000, false),
    ] {
        assert_eq!(signed_at(NOW.ms() - age_ms).passes(&scheme), good, "{age_ms} ms old");
    }
    for extreme in [i64::MIN, i64::MAX, 0] {
        assert!(!signed_at(extreme).passes(&scheme), "{extreme}");
    }
}

#[test]
fn another_secret_an_empty_one_and_none_are_refused() {
    for (scheme, sample) in samples() {
        for secrets in [&[b"another".as_slice()][..], &[b"".as_slice()], &[]] {
            assert!(sample.hook().verify(&scheme, secrets, NOW).is_err(), "{scheme:?}");
        }
    }
    let unsigned =
        Sample { headers: vec![("x-key".into(), String::new())], body: vec![], path_secret: Some(String::new()) };
    for scheme in [scheme(r#"{ header = { header = "x-key" } }"#), scheme(r#"{ path = {} }"#)] {
        assert!(unsigned.hook().verify(&scheme, &[b""], NOW).is_err(), "an empty secret opens nothing");
    }
}

#[test]
fn each_of_several_active_secrets_is_good() {
    for (scheme, sample) in samples() {
        for secrets in [[b"next".as_slice(), SECRET], [SECRET, b"next"]] {
            assert!(sample.hook().verify(&scheme, &secrets, NOW).is_ok());
        }
    }
}

#[test]
fn a_prefix_or_an_extension_of_the_secret_is_refused() {
    for (scheme, sample) in samples().split_off(2) {
        let secret = String::from_utf8(SECRET.to_vec()).unwrap();
        for wrong in [secret[1..].to_owned(), secret[..secret.len() - 1].to_owned(), format!("{secret}x")] {
            let mut touched = sample.with_header("x-key", wrong.clone());
            touched.path_secret = touched.path_secret.map(|_| wrong);
            assert!(!touched.passes(&scheme));
        }
    }
}

#[test]
fn what_is_signed_is_told_by_the_scheme() {
    assert!(hmac_scheme().signs_uri() && digest_scheme().signs_uri());
    let body_only = scheme(r#"{ digest = { header = "x-s", parts = ["body"], version = ["x-v", "v1"] } }"#);
    assert!(!body_only.signs_uri());
    assert!(scheme(r#"{ path = {} }"#).is_hint() && !hmac_scheme().is_hint());
    let Signed::Hmac { parts, .. } = hmac_scheme().signed else { panic!("is an hmac") };
    assert_eq!(parts.last(), Some(&Part::Timestamp));
}

#[test]
fn a_request_shows_no_header_and_no_body_when_it_is_printed() {
    let shown = format!("{:?}", signed_at(NOW.ms()).hook());
    assert_eq!(shown, format!("Webhook(POST of {} bytes)", BODY.len()));
}
