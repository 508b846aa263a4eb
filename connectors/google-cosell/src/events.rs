//! Messages of Cloud Channel's topic, pushed by Pub/Sub: at least once, in any order. They say where to look.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord_connector::{Entity, Fault, Instant, Result, Signal, Verified, Webhook, signal::UNNAMED};
use serde_json::Value as Json;

pub(crate) fn signals(hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
    let wrong = |sentence| Fault::malformed("google_cosell.signals", sentence);
    let body: Json =
        serde_json::from_slice(hook.body()).map_err(|cause| wrong("the body is no JSON").caused_by(cause))?;
    let Some(data) = body.pointer("/message/data").and_then(Json::as_str) else { return Ok(Vec::new()) };
    let data = STANDARD.decode(data).map_err(|_| wrong("the message is no base64").with("pointer", "/message/data"))?;
    let event: Json = serde_json::from_slice(&data)
        .map_err(|_| wrong("the message holds no JSON").with("pointer", "/message/data"))?;
    // Written in either way.
    let Some(event) = event.get("opportunityEvent").or(event.get("opportunity_event")) else { return Ok(Vec::new()) };
    let text = |one: &str, other: &str| event.get(one).or(event.get(other)).and_then(Json::as_str).unwrap_or_default();
    let kind = text("eventType", "event_type");
    // What we may see no longer is not gone; there is nothing more to be read of it.
    if kind == "PARTNER_DETACHED" {
        return Ok(Vec::new());
    }
    let id = text("opportunity", "opportunity").rsplit('/').next().filter(|id| crate::read::is_id(id));
    let id =
        id.ok_or_else(|| wrong("the event names no opportunity").with("pointer", "/opportunityEvent/opportunity"))?;
    let at = body.pointer("/message/publishTime").and_then(Json::as_str).and_then(Instant::parse);
    let key = match body.pointer("/message/messageId").and_then(Json::as_str).filter(|name| !name.is_empty()) {
        Some(name) => format!("{name}:{id}"),
        None => format!("{UNNAMED}{id}:{kind}"),
    };
    Ok(vec![Signal::changed(key, Entity::CosellDeal, id, at.unwrap_or(Instant::EPOCH))])
}
