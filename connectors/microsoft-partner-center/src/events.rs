//! Partner Center's webhooks name an event and the address of what it is about; the referral is read.

use concord_connector::{Entity, Fault, Instant, Result, Signal, Verified, Webhook, signal::UNNAMED};
use serde_json::Value as Json;

pub(crate) fn signals(hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
    let body: Json = serde_json::from_slice(hook.body()).map_err(|cause| {
        Fault::malformed("microsoft_partner_center.signals", "the body is no JSON").caused_by(cause)
    })?;
    // Written in either case in the documentation.
    let text =
        |upper: &str, lower: &str| body.get(upper).or(body.get(lower)).and_then(Json::as_str).unwrap_or_default();
    let event = text("EventName", "eventName");
    if !event.starts_with("referral-") {
        return Ok(Vec::new());
    }
    let address = text("ResourceUri", "resourceUri");
    let id = address.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').rsplit('/').next();
    let id = id.filter(|id| crate::read::is_id(id)).ok_or_else(|| {
        Fault::malformed("microsoft_partner_center.signals", "the event has no id").with("pointer", "/ResourceUri")
    })?;
    let changed = text("ResourceChangeUtcDate", "resourceChangeUtcDate");
    let at = Instant::parse(changed);
    let unnamed = if at.is_some() { "" } else { UNNAMED };
    let key = format!("{unnamed}{event}:{id}:{changed}");
    Ok(vec![Signal::changed(key, Entity::CosellDeal, id, at.unwrap_or(Instant::EPOCH))])
}
