//! What events are signed with: Standard Webhooks, with two secrets at once while one takes the other's place.

use super::Subscription;
use crate::{
    hub::Hub,
    ports::{Secret, Secrets},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord_connector::{Fault, Instant, Kind, Result, SubscriptionName};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use std::{fmt, time::Duration};

/// The part of a subscription's entry in the vault that signs.
pub const SIGNING: &str = "signing";
/// The part that signed before and still does.
pub const PREVIOUS: &str = "signing_previous";
/// Until when it does.
pub const PREVIOUS_UNTIL: &str = "signing_previous_until";
/// How long the secret before still signs when nobody says otherwise.
pub const GRACE: Duration = Duration::from_secs(24 * 3600);
/// What secrets begin with, so that scanners know them.
const PREFIX: &str = "whsec_";
/// How many bytes a secret may have: what Standard Webhooks asks for.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// How often a write begins again when somebody else was first.
const ATTEMPTS: usize = 8;

/// The bytes of a secret: printed nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(..)")
    }
}

impl SigningSecret {
    /// Reads `whsec_` and the base64 of 24 to 64 bytes.
    ///
    /// # Errors
    /// `Rejected` with what to write instead; the text is not in it.
    pub fn parse(text: &str) -> Result<Self> {
        let encoded = text.trim().strip_prefix(PREFIX);
        let bytes = encoded.and_then(|encoded| STANDARD.decode(encoded).ok()).filter(|b| BYTES.contains(&b.len()));
        bytes.map(Self).ok_or_else(|| {
            let sentence = "a signing secret has to be `whsec_` and the base64 of 24 to 64 random bytes; `concord subscription rotate NAME` makes one";
            Fault::new(Kind::Rejected, "subscription", sentence)
        })
    }

    /// The signature of a message: `v1,` and a base64. Covers id, time and body.
    pub fn sign(&self, id: &str, timestamp_s: i64, body: &[u8]) -> String {
        // A key of any length will do.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(format!("{id}.{timestamp_s}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    /// Names the secret without telling it: eight hexadecimal digits of its SHA-256.
    pub fn key_id(&self) -> String {
        Sha256::digest(&self.0).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The secrets that sign now, the newest first; none when nobody made one yet.
///
/// # Errors
/// The vault's, or `Rejected` for a text that is no secret.
pub async fn active(hub: &Hub, subscription: &Subscription) -> Result<Vec<SigningSecret>> {
    let now = hub.now();
    let texts: Vec<Secret> = if subscription.given_secrets.is_empty() {
        kept(&hub.vault.read(subscription.name.as_str()).await?, now)
    } else {
        let still = subscription.previous_until.is_none_or(|until| until > now);
        subscription.given_secrets.iter().take(if still { usize::MAX } else { 1 }).cloned().collect()
    };
    texts.iter().map(|text| SigningSecret::parse(text.expose())).collect()
}

fn kept(secrets: &Secrets, now: Instant) -> Vec<Secret> {
    let part = |name: &str| secrets.parts.get(name).cloned();
    let until = part(PREVIOUS_UNTIL).and_then(|until| Instant::parse(until.expose()));
    let previous = part(PREVIOUS).filter(|_| until.is_none_or(|until| until > now));
    part(SIGNING).into_iter().chain(previous).collect()
}

/// A new secret in the place of the one before.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The new one, to be told to the subscriber; shown this once.
    pub secret: Secret,
    /// Names it.
    pub key_id: String,
    /// Until when events bear a signature of the one before too; `None` when there was none.
    pub previous_until: Option<Instant>,
}

/// Makes a new secret. For the time of `grace` events are signed by it and by the one before.
///
/// # Errors
/// `Rejected` when the secrets come from the configuration; the vault's; `Conflict` when others keep changing it.
pub async fn rotate(hub: &Hub, name: &SubscriptionName, grace: Duration) -> Result<Rotated> {
    let settings = hub.settings();
    let subscription = settings.subscription(name)?;
    if !subscription.given_secrets.is_empty() {
        let sentence = "its secrets come from the configuration; put the new one first in `secrets`, keep the old one behind it, and restart";
        return Err(Fault::new(Kind::Rejected, "subscription", sentence).with("subscription", name));
    }
    let bytes = [hub.entropy.bytes(), hub.entropy.bytes()].concat();
    let secret = Secret::new(format!("{PREFIX}{}", STANDARD.encode(&bytes)));
    let until = hub.now().plus(grace);
    for _ in 0..ATTEMPTS {
        let mut secrets = hub.vault.read(name.as_str()).await?;
        let previous = secrets.parts.insert(SIGNING.into(), secret.clone());
        let previous_until = previous.as_ref().map(|_| until);
        if let Some(previous) = previous {
            secrets.parts.insert(PREVIOUS.into(), previous);
            secrets.parts.insert(PREVIOUS_UNTIL.into(), Secret::new(until.rfc3339()));
        }
        if hub.vault.write(name.as_str(), secrets).await? {
            let now = hub.now();
            // What waited for a secret waits no longer.
            super::change(hub, name, |lane| lane.failures == 0 && lane.give_back(now)).await?;
            return Ok(Rotated { key_id: SigningSecret(bytes).key_id(), secret, previous_until });
        }
    }
    Err(Fault::new(Kind::Conflict, "subscription", "somebody else keeps changing this secret; try again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's reference libraries.
    #[test]
    fn a_known_message_has_its_known_signature() {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn what_is_no_secret_is_refused_without_showing_it() {
        let recognizable = STANDARD.encode([7; 23]);
        for text in ["", "whsec_", "plain-text-recognizable", &recognizable, &format!("whsec_{recognizable}")] {
            let fault = SigningSecret::parse(text).unwrap_err();
            let shown = format!("{fault} {fault:?}");
            assert!(text.len() < 7 || !shown.contains(&text[6..]), "{shown}");
        }
        assert!(SigningSecret::parse(&format!("whsec_{}", STANDARD.encode([7; 24]))).is_ok());
        assert!(SigningSecret::parse(&format!("whsec_{}", STANDARD.encode([7; 65]))).is_err());
        assert_eq!(format!("{:?}", SigningSecret(vec![7; 24])), "SigningSecret(..)");
    }
}
