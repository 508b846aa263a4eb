//! Messages of Amazon SNS, signed as AWS signs them, by the fake key.

use super::PRIVATE_KEY;
use crate::Instant;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::{Value as Json, json};

/// The certificate of the fake key.
pub const CERTIFICATE: &str = include_str!("keys/fake-sns-certificate.pem");
/// Its path at the host of SNS.
pub const CERTIFICATE_PATH: &str = "/SimpleNotificationService-00000000fa4e00000000fa4e00000000.pem";

/// A notification of the first of some topics.
pub fn notification(topics: &str, message: &str, at: Instant) -> Json {
    let topic = topics.split(',').next().unwrap_or_default();
    signed(json!({ "Type": "Notification", "TopicArn": topic, "Message": message, "Timestamp": at.rfc3339() }))
}

/// The message that asks for a subscription to be confirmed.
pub fn confirmation(topic: &str, at: Instant) -> Json {
    let region = topic.split(':').nth(3).unwrap_or_default();
    let token = "0123456789abcdef";
    let url = format!("https://sns.{region}.amazonaws.com/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}");
    signed(json!({
        "Type": "SubscriptionConfirmation", "TopicArn": topic, "Message": "You have chosen to subscribe",
        "Timestamp": at.rfc3339(), "Token": token, "SubscribeURL": url,
    }))
}

/// A message with what is still missing of it: id, certificate, signature of version 2.
pub fn signed(mut message: Json) -> Json {
    let region = message["TopicArn"].as_str().and_then(|topic| topic.split(':').nth(3)).unwrap_or_default().to_owned();
    if message["MessageId"].is_null() {
        use sha2::{Digest as _, Sha256};
        message["MessageId"] = hex::encode(&Sha256::digest(message.to_string())[..16]).into();
    }
    let names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
    let line = |name: &str| Some(format!("{name}\n{}\n", message[name].as_str()?));
    let text: String = names.into_iter().filter_map(line).collect();
    message["SignatureVersion"] = "2".into();
    message["Signature"] = signature(text.as_bytes()).unwrap_or_default().into();
    message["SigningCertURL"] = format!("https://sns.{region}.amazonaws.com{CERTIFICATE_PATH}").into();
    message
}

fn signature(text: &[u8]) -> Option<String> {
    let key = PrivatePkcs8KeyDer::from_pem_slice(PRIVATE_KEY.as_bytes()).ok()?;
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).ok()?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).ok()?;
    Some(STANDARD.encode(signature))
}
