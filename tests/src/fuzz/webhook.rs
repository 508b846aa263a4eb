//! Webhook bodies: whoever holds the secret may send anything, and gets signals or a refusal, never a panic.

use super::{input::Input, subjects::SUBJECTS};
use concord_connector::{
    ConnectionName, Instant, Webhook,
    testing::{KEYS, sign, sns},
    webhook::Signed,
};
use concord_hub::message::Message;

const SECRET: &str = "fake-signing-secret";
const NOW: Instant = Instant::from_ms(1_767_225_600_000);
/// An event names one record; a few vendors name several by one id each, which takes two bytes at least.
const SIGNALS_PER_BYTE: usize = 1;
/// The longest answer to a handshake: a challenge, not a mirror.
const ECHO: usize = 4096;

/// Which connector and scheme, the query of the address, then the body.
pub fn webhook(data: &[u8]) {
    let mut input = Input::new(data);
    let (connector, cx) = input.pick(&SUBJECTS);
    let manifest = connector.manifest();
    if manifest.webhooks.is_empty() {
        return;
    }
    let scheme = input.pick(&manifest.webhooks).filled(&cx.options);
    let mut uri = format!("https://hub.example.com/hooks/under-test?{}", input.line().replace('%', "_"));
    let mut body = input.rest().to_vec();

    let proof = sign(&scheme, SECRET, "POST", &uri, &body, NOW);
    let mut secret = SECRET;
    match &scheme.signed {
        Signed::Jwt { .. } => secret = KEYS,
        Signed::Landing { token } => uri = format!("https://hub.example.com/hooks/under-test/landing?{token}=example"),
        // It signs a message of its own, with whatever in it.
        Signed::Sns { topics } => {
            secret = sns::CERTIFICATE;
            body = sns::notification(topics, &String::from_utf8_lossy(&body), NOW).to_string().into_bytes();
        }
        _ => {}
    }
    let hook = || {
        let (headers, path) = (proof.headers.clone(), proof.path_secret.clone());
        Webhook::new("POST", uri.as_str(), path, headers, body.clone())
    };
    if let Some(answer) = connector.handshake(cx, &hook()) {
        assert!(answer.body.len() <= ECHO, "a handshake is answered with {} bytes", answer.body.len());
    }
    let verified = hook().verify(&scheme, &[secret.as_bytes()], NOW).expect("what was signed is let in");
    for part in verified.split().into_iter().take(64).chain([verified]) {
        let Ok(signals) = connector.signals(cx, &part) else { continue };
        assert_eq!(Ok(&signals), connector.signals(cx, &part).as_ref().map_err(ToString::to_string), "read twice");
        // A buyer lands with a token in the address.
        let named_there = usize::from(matches!(scheme.signed, Signed::Landing { .. }));
        let most = SIGNALS_PER_BYTE * part.body().len() + named_there;
        assert!(signals.len() <= most, "{} signals", signals.len());
        for signal in signals {
            assert!(!signal.key.is_empty(), "a signal without key: {signal:?}");
            let connection = ConnectionName::from("under-test");
            let message = Message::SignalV1 { connection, signal, received_at: NOW };
            let text = message.encode().expect("a message that travels");
            assert_eq!(Message::decode(&text).map_err(|e| e.to_string()), Ok(message));
        }
    }
}
