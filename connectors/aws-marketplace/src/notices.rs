//! Notifications by SNS, of products that were listed before agreements told of themselves. They name a customer and no
//! licence: they say that there is something to look at.

use crate::{events::of_event, terms::said};
use concord_connector::{Context, Entity, Fault, Instant, Result, Signal, signal::Happened};
use serde_json::Value as Json;

/// What a message of SNS says, which the hub has verified.
pub(crate) fn signals(cx: &Context, body: &[u8]) -> Result<Vec<Signal>> {
    let wrong = |sentence, cause: serde_json::Error| Fault::malformed("signals", sentence).caused_by(cause);
    let envelope: Json = serde_json::from_slice(body).map_err(|cause| wrong("the body is no JSON", cause))?;
    if said(&envelope, "Type") != "Notification" {
        return Ok(Vec::new());
    }
    let message: Json = serde_json::from_str(said(&envelope, "Message"))
        .map_err(|cause| wrong("the notification holds no JSON", cause).with("pointer", "/Message"))?;
    // A rule of the event bus may have SNS as its target.
    if message.get("detail-type").is_some() {
        return Ok(of_event(cx, &message));
    }
    let action = said(&message, "action");
    if !["subscribe-", "unsubscribe-", "entitlement-"].iter().any(|kind| action.starts_with(kind)) {
        return Ok(Vec::new());
    }
    let id = said(&envelope, "MessageId");
    let at = Instant::parse(said(&envelope, "Timestamp")).unwrap_or_default();
    let mut signals = Vec::new();
    let offer = said(&message, "offer-identifier");
    if !offer.is_empty() {
        signals.push(Signal::changed(format!("{id}:{offer}"), Entity::PrivateOffer, offer, at));
    }
    let mut look = Signal::changed(format!("{id}:{action}"), Entity::Entitlement, "", at);
    look.happened = Happened::Gap;
    signals.push(look);
    Ok(signals)
}
