//! What the connection webhook says: where to look. The body is a hint; the API has the truth.

use concord_connector::{
    Context, Entity, Fault, Instant, Result, Signal, Verified, Webhook,
    signal::{Happened, UNNAMED},
    webhook::landed,
};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

/// The signals of a request.
pub(crate) fn signals(cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
    if hook.scheme() == "landing" {
        return Ok(landed(hook, "token"));
    }
    let body: Json = serde_json::from_slice(hook.body())
        .map_err(|cause| Fault::malformed("microsoft_marketplace.signals", "the body is no JSON").caused_by(cause))?;
    let text = |name: &str| body.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    let Some(action) = text("action") else { return Ok(Vec::new()) };
    let at = text("timeStamp").and_then(Instant::parse).unwrap_or(Instant::EPOCH);
    let missing = |pointer| {
        Fault::malformed("microsoft_marketplace.signals", "the event names no subscription").with("pointer", pointer)
    };
    let subscription = text("subscriptionId")
        .or_else(|| body.pointer("/subscription/id").and_then(Json::as_str))
        .ok_or_else(|| missing("/subscriptionId"))?;
    let key = match text("id") {
        Some(id) => format!("{id}:{action}:{}", text("status").unwrap_or_default()),
        None => format!("{UNNAMED}{}", digest(&body.to_string())),
    };
    let mut signals = vec![Signal::changed(key.clone(), Entity::Entitlement, subscription, at)];
    if let Some(id) = text("id") {
        let operation = format!("{subscription}/{id}");
        let mut advanced = Signal::changed(format!("{key}:operation"), Entity::Entitlement, operation, at);
        advanced.happened = Happened::Advanced;
        signals.push(advanced);
    }
    // Nothing tells that a private offer was accepted; a purchase is the sign that one may have been.
    if action == "Subscribe" && cx.mappings.contains_key(&Entity::PrivateOffer) {
        let mut look = Signal::changed(format!("{key}:offers"), Entity::PrivateOffer, "", at);
        look.happened = Happened::Gap;
        signals.push(look);
    }
    Ok(signals)
}

/// Tells contents apart without repeating them.
fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}
