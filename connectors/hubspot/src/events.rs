//! Webhooks: a JSON array of events, each about one property, one association or the life of one record. Order is not
//! promised and an event may come twice, so an event is never more than a place to look.

mod event;

use concord_connector::{Context, Fault, Result, Signal};
use event::Event;
use serde_json::Value as Json;

/// The signals of a body.
///
/// # Errors
/// `Malformed`, naming the pointer of what cannot be understood.
pub(crate) fn signals(cx: &Context, body: &[u8]) -> Result<Vec<Signal>> {
    let json: Json = serde_json::from_slice(body).map_err(|cause| {
        Fault::malformed("hubspot.signals", "the webhook's body is no JSON").with("pointer", "/").caused_by(cause)
    })?;
    let events = match &json {
        Json::Array(events) => events.as_slice(),
        // The vendor's own test button sends one event without the array around it.
        Json::Object(_) => std::slice::from_ref(&json),
        _ => return Err(malformed("/", "an array of events")),
    };
    let mut signals = Vec::with_capacity(events.len());
    for (at, json) in events.iter().enumerate() {
        signals.extend(Event::new(cx, json, at)?.signals()?);
    }
    Ok(signals)
}

fn malformed(pointer: &str, wanted: &str) -> Fault {
    Fault::malformed("hubspot.signals", format!("`{pointer}` of the webhook is not {wanted}")).with("pointer", pointer)
}
