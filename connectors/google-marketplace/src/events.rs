//! Messages of Google's topic, pushed by Pub/Sub: at least once, in any order. They say where to look.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord_connector::{Context, Entity, Fault, Instant, Result, Signal, Verified, Webhook, signal::UNNAMED};
use serde_json::Value as Json;

pub(crate) fn signals(cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
    let wrong = |sentence| Fault::malformed("google_marketplace.signals", sentence);
    let body: Json =
        serde_json::from_slice(hook.body()).map_err(|cause| wrong("the body is no JSON").caused_by(cause))?;
    let Some(data) = body.pointer("/message/data").and_then(Json::as_str) else { return Ok(Vec::new()) };
    let data = STANDARD.decode(data).map_err(|_| wrong("the message is no base64").with("pointer", "/message/data"))?;
    let event: Json = serde_json::from_slice(&data)
        .map_err(|_| wrong("the message holds no JSON").with("pointer", "/message/data"))?;
    let kind = event["eventType"].as_str().unwrap_or_default();
    // An account alone is nothing that is kept; its purchases are told of by themselves.
    if !kind.starts_with("ENTITLEMENT_") {
        return Ok(Vec::new());
    }
    let id = event.pointer("/entitlement/id").and_then(Json::as_str).filter(|id| crate::entitlement::is_id(id));
    let id = id.ok_or_else(|| wrong("the event names no entitlement").with("pointer", "/entitlement/id"))?;
    let said = event.pointer("/entitlement/updateTime").or(body.pointer("/message/publishTime"));
    let at = said.and_then(Json::as_str).and_then(Instant::parse).unwrap_or(Instant::EPOCH);
    let named = event["eventId"].as_str().or(body.pointer("/message/messageId").and_then(Json::as_str));
    let key = match named.filter(|name| !name.is_empty()) {
        Some(name) => format!("{name}:{kind}"),
        None => format!("{UNNAMED}{id}:{kind}:{}", at.ms()),
    };
    let mut signals = vec![Signal::changed(key.clone(), Entity::Entitlement, id, at)];
    // A purchase may be the acceptance of a private offer, and its end the end of one.
    let offers = ["newOffer", "offer"].iter().filter_map(|name| event["entitlement"][*name].as_str());
    if let Some(offer) = offers.filter_map(crate::offer::of_entitlement).next()
        && crate::producer::is_on(cx)
    {
        signals.push(Signal::changed(format!("{key}:offer"), Entity::PrivateOffer, offer, at));
    }
    Ok(signals)
}
