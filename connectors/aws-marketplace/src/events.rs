//! Events of the account's own bus: change sets that got on, offers, agreements, licences. They say where to look.

use crate::{agreement::entitlement_id, terms::said};
use concord_connector::{
    Context, Entity, Fault, Instant, Result, Signal,
    signal::{Happened, UNNAMED},
};
use serde_json::Value as Json;

/// Events in one request. The bus sends one; this bounds what a stranger's array can cost.
const MOST: usize = 1_000;

/// What a body says: an envelope of EventBridge, or several in an array. Other sources and kinds are the admin's choice of
/// rule, not a fault.
pub(crate) fn signals(cx: &Context, body: &[u8]) -> Result<Vec<Signal>> {
    let json: Json = serde_json::from_slice(body)
        .map_err(|e| Fault::malformed("signals", "the body of the event is no JSON").caused_by(e))?;
    let events = match json {
        Json::Array(events) => events,
        event => vec![event],
    };
    Ok(events.iter().take(MOST).flat_map(|event| of_event(cx, event)).collect())
}

pub(crate) fn of_event(cx: &Context, event: &Json) -> Vec<Signal> {
    let seller = cx.option("seller_account").unwrap_or_default();
    if !seller.is_empty() && said(event, "account") != seller {
        return Vec::new();
    }
    let (source, kind) = (said(event, "source"), said(event, "detail-type"));
    let at = Instant::parse(said(event, "time")).unwrap_or_default();
    let name = match said(event, "id") {
        "" => UNNAMED.to_owned(),
        id => format!("{id}:"),
    };
    let text = |pointer: &str| event.pointer(pointer).and_then(Json::as_str).filter(|text| !text.is_empty());
    let mut signals = Vec::new();
    let mut look = |entity: Entity, id: &str| {
        signals.push(Signal::changed(format!("{name}{entity}:{id}"), entity, id, at));
    };
    match source {
        "aws.marketplacecatalog" if kind.starts_with("Change Set ") => {
            let Some(id) = text("/detail/ChangeSetId") else { return signals };
            // Which entities it was about is known to who sent it.
            let mut signal = Signal::changed(format!("{name}{id}"), Entity::PrivateOffer, id, at);
            signal.happened = Happened::Advanced;
            signals.push(signal);
        }
        "aws.marketplacecatalog" => {
            if let Some(id) = text("/detail/offer/id") {
                look(Entity::PrivateOffer, id);
            }
        }
        "aws.agreement-marketplace" => {
            if let Some(id) = text("/detail/agreement/id") {
                look(Entity::Agreement, id);
            }
            if let Some(id) = text("/detail/offer/id") {
                look(Entity::PrivateOffer, id);
            }
            if let (Some(account), Some(licence)) = (text("/detail/acceptor/accountId"), text("/detail/license/arn")) {
                look(Entity::Entitlement, &entitlement_id(account, licence));
            }
        }
        _ => {}
    }
    signals
}
