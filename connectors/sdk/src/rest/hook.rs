//! What a webhook says: where to look, or the record itself.

use super::{Place, row::instant};
use crate::{
    Context, Fault, Manifest, Result, Signal, Snapshot, Verified, Webhook,
    manifest::{Events, On, api::scalar},
    signal::{Happened, UNNAMED},
    snapshot::Presence,
    time::Instant,
    webhook::Signed,
};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// The signals of a body.
pub(super) fn signals(manifest: &Manifest, cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
    let Some(events) = &manifest.events else { return Ok(Vec::new()) };
    let body: Json = serde_json::from_slice(hook.body())
        .map_err(|cause| Fault::malformed("rest.signals", "the body is no JSON").caused_by(cause))?;
    let sent_at = sent_at(manifest, hook);
    let request = key_of_request(events, manifest, hook);
    let parts: &[Json] = match (&events.each, &body) {
        (Some(pointer), body) => match body.pointer(pointer) {
            Some(Json::Array(parts)) => parts,
            Some(one @ Json::Object(_)) => std::slice::from_ref(one),
            _ => {
                return Err(
                    Fault::malformed("rest.signals", "the body has no array of events").with("pointer", pointer)
                );
            }
        },
        (None, Json::Array(parts)) => parts,
        (None, one) => std::slice::from_ref(one),
    };
    let mut signals = Vec::new();
    for (at, event) in parts.iter().enumerate() {
        let own = events.key.as_deref().and_then(|pointer| event.pointer(pointer)).and_then(scalar);
        let key = match (own, &request) {
            (Some(own), _) => own,
            (None, Some(request)) if parts.len() == 1 => request.clone(),
            (None, Some(request)) => format!("{request}#{at}"),
            (None, None) => format!("{UNNAMED}{}", hex::encode(Sha256::digest(event.to_string().as_bytes()))),
        };
        let heard = Heard { events, event, key, sent_at };
        heard.signals(cx, &mut signals).map_err(|fault| fault.with("event", at))?;
    }
    Ok(signals)
}

struct Heard<'a> {
    events: &'a Events,
    event: &'a Json,
    key: String,
    sent_at: Option<Instant>,
}

impl Heard<'_> {
    fn signals(&self, cx: &Context, signals: &mut Vec<Signal>) -> Result<()> {
        let kind = self.events.kind.as_deref().and_then(|pointer| self.event.pointer(pointer)).and_then(scalar);
        let meant = self.events.on.iter().filter(|on| on.fits(kind.as_deref()));
        for (nth, on) in meant.filter(|on| cx.mappings.contains_key(&on.entity)).enumerate() {
            let mut signal = self.signal(cx, on)?;
            if nth > 0 {
                signal.key = format!("{}:{}", signal.key, on.entity);
            }
            signals.push(signal);
        }
        Ok(())
    }

    fn signal(&self, cx: &Context, on: &On) -> Result<Signal> {
        let place = Place::of(cx, on.entity)?;
        let row = on.record.as_deref().and_then(|pointer| self.event.pointer(pointer)).filter(|row| row.is_object());
        let id = match &on.id {
            Some(pointer) => self.event.pointer(pointer).and_then(scalar).filter(|id| !id.is_empty()),
            None => row.unwrap_or(self.event).pointer(&place.mapping.id).and_then(scalar),
        };
        let pointer = on.id.as_deref().unwrap_or(&place.mapping.id);
        let incomplete = || Fault::malformed("rest.signals", "the event has no id").with("pointer", pointer);
        let id = id.ok_or_else(incomplete)?;
        let at = self.events.at.as_deref().and_then(|pointer| self.event.pointer(pointer)).and_then(instant);
        let own_time = at.is_some();
        let at = at.or(self.sent_at);
        let deleted = on.deleted || on.deleted_if.as_ref().is_some_and(|condition| condition.holds(self.event));
        let mut signal = Signal::changed(self.key.clone(), on.entity, id, at.unwrap_or(Instant::EPOCH));
        // A delete without a time has no place among what was observed: it is looked at, and found or not.
        if deleted && at.is_some() {
            signal.happened = Happened::Deleted;
        }
        if let Some(row) = row {
            signal.record = whole(&place, row, &signal, deleted)?.map(Box::new);
        }
        // With its time or its version in it, the content of an event names it well enough.
        if (signal.record.is_some() || own_time)
            && let Some(content) = signal.key.strip_prefix(UNNAMED)
        {
            signal.key = content.to_owned();
        }
        Ok(signal)
    }
}

/// The record that an event carries, if its place among the observations is certain. What cannot be understood is read
/// again where it can be: the trouble is told there, beside the record that it is about.
fn whole(place: &Place<'_>, row: &Json, signal: &Signal, deleted: bool) -> Result<Option<Snapshot>> {
    if place.api.version.is_none() {
        return Ok(None);
    }
    let read = place.version(row).and_then(|version| match version {
        None => Err(Fault::malformed("rest.signals", "the record in the event has no version")),
        Some(_) => place.snapshot(row, Instant::EPOCH, None),
    });
    match read {
        Ok(mut snapshot) if snapshot.id == signal.id => {
            if deleted {
                snapshot.presence = Presence::Deleted;
                snapshot.fields.clear();
            }
            Ok(Some(snapshot))
        }
        Ok(_) => Ok(None),
        Err(_) if place.api.reads() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// What names the request: the header that the manifest names, else the one of Standard Webhooks.
fn key_of_request(events: &Events, manifest: &Manifest, hook: &Webhook<Verified>) -> Option<String> {
    let standard = || matches!(signed(manifest, hook), Some(Signed::Standard { .. })).then_some("webhook-id");
    let header = events.key_header.as_deref().or_else(standard)?;
    hook.header(&header.to_ascii_lowercase()).map(str::to_owned)
}

/// When the request was signed, where its scheme says.
fn sent_at(manifest: &Manifest, hook: &Webhook<Verified>) -> Option<Instant> {
    match signed(manifest, hook)? {
        Signed::Standard { .. } => {
            let seconds: i64 = hook.header("webhook-timestamp")?.parse().ok()?;
            Some(Instant::from_ms(seconds.checked_mul(1000)?))
        }
        Signed::Hmac { timestamp: Some(timestamp), .. } => {
            let header = hook.header(&timestamp.header)?;
            let count: i64 = timestamp.items(header).next()?.parse().ok()?;
            Some(Instant::from_ms(count.checked_mul(timestamp.unit_ms)?))
        }
        _ => None,
    }
}

fn signed<'a>(manifest: &'a Manifest, hook: &Webhook<Verified>) -> Option<&'a Signed> {
    manifest.webhooks.iter().find(|scheme| scheme.name == hook.scheme()).map(|scheme| &scheme.signed)
}
