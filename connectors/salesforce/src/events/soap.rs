//! Outbound messages. The vendor does not sign them, so they are hints: ids are taken, values are not.
//!
//! A reader of our own for the few elements that count: it knows no entities, no document type and no nesting rules, so
//! there is nothing in it that a hostile document could expand.

use super::{MOST, entity_of, hint};
use crate::ids;
use concord_connector::{Context, Fault, Result, Signal};
use std::collections::BTreeSet;

/// One hundred notifications, the vendor's limit, are far below this.
const LONGEST: usize = 1 << 20;

/// The ids of a message's notifications.
pub(super) fn signals(cx: &Context, body: &[u8]) -> Result<Vec<Signal>> {
    let refused = |sentence: &str| Fault::malformed("signals", sentence);
    if body.len() > LONGEST {
        return Err(refused("the outbound message is too long"));
    }
    let text = std::str::from_utf8(body).map_err(|e| refused("the outbound message is no UTF-8").caused_by(e))?;
    if text.contains("<!") {
        return Err(refused("an outbound message has no document type, comments or character data sections"));
    }
    let expected = cx.option("organization_id").filter(|id| !id.is_empty()).map(ids::normal);
    if let Some(expected) = expected {
        let sender = elements(text, "OrganizationId").next().map(|(_, id)| ids::normal(id));
        if sender.as_ref() != Some(&expected) {
            return Err(refused("the outbound message comes from another org"));
        }
    }
    let mut found = BTreeSet::new();
    for (_, notification) in elements(text, "Notification").take(MOST) {
        let message = elements(notification, "Id").next().map(|(_, id)| id.trim()).unwrap_or_default();
        for (tag, object) in elements(notification, "sObject") {
            let entity = kind(tag).and_then(|kind| entity_of(cx, kind));
            let id = elements(object, "Id").next().and_then(|(_, id)| ids::full(id.trim()));
            found.extend(entity.zip(id).map(|(entity, id)| (entity, id, ids::normal(message))));
        }
    }
    if found.is_empty() && elements(text, "Notification").next().is_none() {
        return Err(refused("the body is no outbound message"));
    }
    Ok(found.into_iter().map(|(entity, id, message)| hint(entity, &id, &message)).collect())
}

/// `sf:Account` of `xsi:type="sf:Account"`.
fn kind(tag: &str) -> Option<&str> {
    let (_, value) = tag.split_once("type=")?;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let value = value.get(1..)?.split(quote).next()?;
    Some(value.rsplit(':').next().unwrap_or(value))
}

/// Start tag and content of each element of a local name, whatever its prefix. Elements of one name never nest here.
fn elements<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let open = rest.find('<')?;
            let close = open + rest.get(open..)?.find('>')?;
            let tag = rest.get(open + 1..close)?;
            let after = rest.get(close + 1..)?;
            rest = after;
            let full = tag.split_ascii_whitespace().next().unwrap_or_default();
            if full.rsplit(':').next() != Some(name) || tag.ends_with('/') || tag.starts_with('/') {
                continue;
            }
            let end = after.find(&format!("</{full}"))?;
            rest = after.get(end..)?;
            return Some((tag, after.get(..end)?));
        }
    })
}
