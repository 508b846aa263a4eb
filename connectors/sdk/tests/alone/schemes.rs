//! Every scheme of the guide: what is signed passes, what is touched does not.

use super::between;
use concord_connector::{
    Instant, Webhook,
    testing::{Signature, sign},
    webhook::{Scheme, Signed},
};
use proptest::prelude::*;
use serde::Deserialize;

const NOW: Instant = Instant::from_ms(1_767_225_600_000);
const URI: &str = "https://hub.example.com/hooks/orbit?x=1";

#[derive(Deserialize)]
struct Guide {
    webhooks: Vec<Scheme>,
}

fn schemes() -> Vec<Scheme> {
    let text = between("## Webhook schemes\n\n```toml\n", "```");
    let guide: Guide = toml::from_str(text).unwrap();
    assert!(guide.webhooks.len() >= 9);
    guide.webhooks
}

fn hook(proof: &Signature, body: &[u8]) -> Webhook<concord_connector::Unverified> {
    Webhook::new("POST", URI, proof.path_secret.clone(), proof.headers.clone(), body.to_vec())
}

fn passes(scheme: &Scheme, proof: &Signature, body: &[u8], secrets: &[&str], now: Instant) -> bool {
    let secrets: Vec<&[u8]> = secrets.iter().map(|secret| secret.as_bytes()).collect();
    hook(proof, body).verify(scheme, &secrets, now).is_ok()
}

fn signs_body(scheme: &Scheme) -> bool {
    matches!(scheme.signed, Signed::Standard { .. } | Signed::Hmac { .. } | Signed::Digest { .. })
}

fn has_time(scheme: &Scheme) -> bool {
    matches!(scheme.signed, Signed::Standard { .. } | Signed::Hmac { timestamp: Some(_), .. })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_passes_and_nothing_else(
        body in prop::collection::vec(any::<u8>(), 1..200),
        key in prop::collection::vec(any::<u8>(), 16..40),
        other in prop::collection::vec(any::<u8>(), 16..40),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        prop_assume!(key != other);
        // Hexadecimal digits are a key as text, in hexadecimal and in base64.
        let (key, other) = (hex::encode(&key[..16]), hex::encode(&other[..16]));
        prop_assume!(key != other);
        for scheme in schemes() {
            let proof = sign(&scheme, &key, "POST", URI, &body, NOW);
            prop_assert!(passes(&scheme, &proof, &body, &[&key], NOW), "{} refuses its own", scheme.name);
            if scheme.is_open() {
                continue;
            }
            prop_assert!(passes(&scheme, &proof, &body, &[&other, &key], NOW), "{}: the second secret", scheme.name);
            prop_assert!(!passes(&scheme, &proof, &body, &[&other], NOW), "{}: another secret", scheme.name);
            prop_assert!(!passes(&scheme, &proof, &body, &[], NOW), "{}: no secret", scheme.name);
            prop_assert!(!passes(&scheme, &Signature::default(), &body, &[&key], NOW), "{}: no proof", scheme.name);
            let mut touched = body.clone();
            touched[at.index(body.len())] ^= flip;
            prop_assert_eq!(passes(&scheme, &proof, &touched, &[&key], NOW), !signs_body(&scheme), "{}: touched", scheme.name);
            let late = Instant::from_ms(NOW.ms() + 302_000);
            prop_assert_eq!(passes(&scheme, &proof, &body, &[&key], late), !has_time(&scheme), "{}: late", scheme.name);
        }
    }
}

/// A vector that was computed by hand from the words of the specification: HMAC-SHA256 over `id.timestamp.body` under the
/// bytes behind `whsec_`.
#[test]
fn standard_webhooks_are_signed_as_the_standard_says() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use hmac::{Hmac, Mac};
    let scheme = schemes().into_iter().find(|scheme| scheme.name == "standard").unwrap();
    let (id, stamp, body) = ("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", "1767225600", br#"{"test": 2432232314}"#);
    let secret = format!("whsec_{}", STANDARD.encode(b"twenty-four bytes of key"));
    let sign = |key: &[u8]| {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
        mac.update(format!("{id}.{stamp}.").as_bytes());
        mac.update(body);
        STANDARD.encode(mac.finalize().into_bytes())
    };
    let good = sign(b"twenty-four bytes of key");
    let header = |signature: String| Signature {
        headers: vec![
            ("webhook-id".into(), id.into()),
            ("webhook-timestamp".into(), stamp.into()),
            ("webhook-signature".into(), signature),
        ],
        path_secret: None,
    };
    let old = sign(b"the key before this one.");
    for signature in [format!("v1,{good}"), format!("v1,{old} v1,{good}"), format!("v1a,x v1,{good} v2,y")] {
        assert!(passes(&scheme, &header(signature.clone()), body, &[&secret], NOW), "{signature}");
    }
    for signature in [good.clone(), format!("v2,{good}"), format!("v1,{old}"), String::new(), format!("v1,{good}x")] {
        assert!(!passes(&scheme, &header(signature.clone()), body, &[&secret], NOW), "{signature}");
    }
    let bare = secret.trim_start_matches("whsec_");
    assert!(passes(&scheme, &header(format!("v1,{good}")), body, &[bare], NOW), "the prefix is no part of the key");
}
