//! Events of the account's own bus. One deed gives up to five of them: each is a look at one deal, and looks at one deal are
//! one read.

use crate::ask::said;
use concord_connector::{Context, Entity, Fault, Instant, Result, Signal, signal::UNNAMED};
use serde_json::Value as Json;

/// Events in one request. The bus sends one; this bounds what a stranger's array can cost.
const MOST: usize = 1_000;

/// What a body says: an envelope of EventBridge, or several in an array.
pub(crate) fn signals(cx: &Context, body: &[u8]) -> Result<Vec<Signal>> {
    let json: Json = serde_json::from_slice(body)
        .map_err(|e| Fault::malformed("signals", "the body of the event is no JSON").caused_by(e))?;
    let events = match json {
        Json::Array(events) => events,
        event => vec![event],
    };
    Ok(events.iter().take(MOST).flat_map(|event| of_event(cx, event)).collect())
}

fn of_event(cx: &Context, event: &Json) -> Vec<Signal> {
    let ours = |option: &str, pointer: &str| {
        let wanted = cx.option(option).unwrap_or_default();
        wanted.is_empty() || said(event, pointer) == wanted
    };
    // The other catalog's events come over the same bus.
    let known = said(event, "/source") == "aws.partnercentral-selling";
    if !known || !ours("seller_account", "/account") || !ours("catalog", "/detail/catalog") {
        return Vec::new();
    }
    let at = Instant::parse(said(event, "/time")).unwrap_or_default();
    let name = match said(event, "/id") {
        "" => UNNAMED.to_owned(),
        id => format!("{id}:"),
    };
    ["/detail/opportunity/identifier", "/detail/engagementInvitation/id"]
        .into_iter()
        .map(|pointer| said(event, pointer))
        .filter(|id| !id.is_empty())
        // Invitations that we sent are part of our own submissions.
        .filter(|_| said(event, "/detail/engagementInvitation/participantType") != "Sender")
        .map(|id| Signal::changed(format!("{name}{id}"), Entity::CosellDeal, id, at))
        .collect()
}
