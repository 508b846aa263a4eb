//! Messages of Amazon SNS: AWS's signature under a certificate of AWS's own host, of a topic that is expected, and in time.
//!
//! Facts: the developer guide of Amazon SNS, "Verifying the signatures of Amazon SNS messages".

use crate::time::Instant;
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, alg_id, pem::PemObject as _,
};
use serde::Deserialize;
use webpki::EndEntityCert;

/// How far the clock of AWS may be ahead, in seconds.
const SKEW_S: i64 = 60;
/// The longest that SNS tries to deliver over HTTPS, in seconds: what is older is a replay.
const LATE_S: i64 = 3_600;

/// A message as SNS sends it. Members that are not signed are not read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Message {
    r#type: String,
    message_id: String,
    topic_arn: String,
    message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    certificate_url: String,
    subject: Option<String>,
    token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
}

impl Message {
    /// The message in a body.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The message, when it is of one of these topics, and in time.
    pub(super) fn welcome(self, topics: &str, now: Instant) -> Option<Self> {
        let known = topics.split([',', ' ']).any(|topic| !topic.is_empty() && topic == self.topic_arn);
        let age_s = now.seconds().checked_sub(Instant::parse(&self.timestamp)?.seconds())?;
        (known && (-SKEW_S..=LATE_S).contains(&age_s)).then_some(self)
    }

    /// Where SNS is that a topic belongs to: `https://sns.REGION.amazonaws.com/`.
    fn home(&self) -> Option<String> {
        let mut parts = self.topic_arn.splitn(6, ':');
        let (arn, partition, service, region) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let named = !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let ours = arn == "arn" && partition == "aws" && service == "sns" && named;
        ours.then(|| format!("https://sns.{region}.amazonaws.com/"))
    }

    /// Where the certificate is. At that host other addresses answer what strangers choose, so that the path counts too.
    pub(super) fn certificate_url(&self) -> Option<String> {
        let home = self.home()?;
        let name = self.certificate_url.strip_prefix(&home)?.strip_prefix("SimpleNotificationService-")?;
        let hex = name.strip_suffix(".pem")?;
        let fits = (8..=128).contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| self.certificate_url.clone())
    }

    /// Where a subscription is confirmed, when the message asks for that.
    pub(super) fn confirmation(&self) -> Option<String> {
        let url = self.subscribe_url.as_ref().filter(|_| self.r#type == "SubscriptionConfirmation")?;
        let rest = url.strip_prefix(&self.home()?)?.strip_prefix("?Action=ConfirmSubscription&")?;
        let fits = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"&=:%-_.".contains(&byte));
        fits.then(|| url.clone())
    }

    /// What is signed: each member's name and value on lines of their own, in the order of the names.
    fn signed(&self) -> Option<String> {
        let mut members = vec![("Message", &self.message), ("MessageId", &self.message_id)];
        match self.r#type.as_str() {
            "Notification" => members.extend(self.subject.as_ref().map(|subject| ("Subject", subject))),
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
                members.push(("SubscribeURL", self.subscribe_url.as_ref()?));
            }
            _ => return None,
        }
        members.push(("Timestamp", &self.timestamp));
        if self.r#type != "Notification" {
            members.push(("Token", self.token.as_ref()?));
        }
        members.extend([("TopicArn", &self.topic_arn), ("Type", &self.r#type)]);
        Some(members.into_iter().map(|(name, value)| format!("{name}\n{value}\n")).collect())
    }
}

/// Whether a body is a message of AWS's, under the certificate that it names. Whatever is wrong with it, the answer is the
/// same.
pub(super) fn proves(body: &[u8], certificate: &[u8], topics: &str, now: Instant) -> bool {
    let Some(message) = Message::of(body).and_then(|message| message.welcome(topics, now)) else { return false };
    verified(&message, certificate).is_some()
}

fn verified(message: &Message, certificate: &[u8]) -> Option<()> {
    message.certificate_url()?;
    let algorithm = match message.signature_version.as_str() {
        "1" => &SHA1,
        "2" => &SHA256,
        _ => return None,
    };
    let signature = STANDARD.decode(&message.signature).ok()?;
    let certificate = CertificateDer::from_pem_slice(certificate).ok()?;
    let certificate = EndEntityCert::try_from(&certificate).ok()?;
    certificate.verify_signature(algorithm, message.signed()?.as_bytes(), &signature).ok()
}

/// RSA under a hash.
#[derive(Debug)]
struct Rsa(&'static RsaParameters);

/// Version 1, which is what a topic signs with unless its owner chose otherwise.
static SHA1: Rsa = Rsa(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY);
/// Version 2.
static SHA256: Rsa = Rsa(&RSA_PKCS1_2048_8192_SHA256);

impl SignatureVerificationAlgorithm for Rsa {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        UnparsedPublicKey::new(self.0, public_key).verify(message, signature).map_err(|_| InvalidSignature)
    }
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }
    /// Of signatures in certificates; none is looked at here.
    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_PKCS1_SHA256
    }
}
