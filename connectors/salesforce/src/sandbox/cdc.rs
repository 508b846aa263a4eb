//! Change events in the envelope in which EventBridge hands them to an API destination.

use super::schema::Object;
use concord_connector::{
    Instant,
    sandbox::{Push, Subscriber, WireRequest},
};
use serde_json::{Map, Value as Json, json};

/// What happened to a record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) kind: &'static str,
    pub(crate) changed: Vec<String>,
    pub(crate) nulled: Vec<String>,
    pub(crate) values: Map<String, Json>,
}

/// One event on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    at: Instant,
    number: u64,
    seed: u64,
    object: &'static str,
    ids: Vec<String>,
    origin: String,
    change: Change,
}

/// Waiting events.
#[derive(Clone)]
pub(crate) struct Events {
    waiting: Vec<Event>,
    number: u64,
    seed: u64,
    pub(crate) gap_next: bool,
    pub(crate) overflow_next: bool,
}

impl Events {
    pub(crate) fn new(seed: u64) -> Self {
        Self { waiting: Vec::new(), number: 0, seed, gap_next: false, overflow_next: false }
    }

    /// Adds an event, unless the object has none. `client` is the name that an API client gave itself.
    pub(crate) fn add(
        &mut self,
        now: Instant,
        client: Option<&str>,
        object: &Object,
        ids: &[&str],
        mut change: Change,
    ) {
        let Some(streamed) = super::schema::find(object.name).filter(|object| object.streams) else { return };
        self.number += 1;
        let mut ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        if std::mem::take(&mut self.gap_next) {
            let kind = match change.kind {
                "CREATE" => "GAP_CREATE",
                "DELETE" => "GAP_DELETE",
                _ => "GAP_UPDATE",
            };
            change = Change { kind, changed: Vec::new(), nulled: Vec::new(), values: Map::new() };
        }
        if std::mem::take(&mut self.overflow_next) {
            change = Change { kind: "GAP_OVERFLOW", changed: Vec::new(), nulled: Vec::new(), values: Map::new() };
            ids = vec!["000000000000000AAA".into()];
        }
        let origin = client.map_or_else(String::new, |client| format!("com/salesforce/api/rest/67.0;client={client}/"));
        let (number, seed) = (self.number, self.seed);
        self.waiting.push(Event { at: now, number, seed, object: streamed.name, ids, origin, change });
    }

    /// Merges equal changes of one object by one origin into the first of them.
    pub(crate) fn merge(&mut self) {
        let mut kept: Vec<Event> = Vec::new();
        for event in std::mem::take(&mut self.waiting) {
            let twin = kept.iter_mut().find(|other| {
                other.object == event.object && other.origin == event.origin && other.change == event.change
            });
            match twin {
                Some(twin) => twin.ids.extend(event.ids),
                None => kept.push(event),
            }
        }
        self.waiting = kept;
    }

    /// Hands the waiting events out, once.
    pub(crate) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.waiting)
    }
}

/// The event as an API destination sends it: the key is a header of the connection that EventBridge keeps.
pub(super) fn push(subscriber: &Subscriber, event: &Event) -> Push {
    let headers = [("content-type", "application/json; charset=utf-8"), ("x-concord-key", subscriber.secret.as_str())];
    let request = WireRequest {
        method: "POST".into(),
        target: subscriber.url.clone(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: envelope(event).to_string().into_bytes(),
    };
    Push { request }
}

fn envelope(event: &Event) -> Json {
    let Event { at, number, seed, object, ids, origin, change } = event;
    let entity = object
        .strip_suffix("__c")
        .map_or_else(|| format!("{object}ChangeEvent"), |name| format!("{name}__ChangeEvent"));
    let header = json!({
        "entityName": object,
        "recordIds": ids,
        "changeType": change.kind,
        "changeOrigin": origin,
        "transactionKey": format!("{seed:08x}-0000-0000-0000-{number:012x}"),
        "sequenceNumber": 1,
        "commitTimestamp": at.ms(),
        "commitNumber": 70_000_000_000_u64 + number,
        "commitUser": "005000000000001AAA",
        "nulledFields": change.nulled,
        "diffFields": [],
        "changedFields": change.changed,
    });
    let mut payload: Map<String, Json> = change
        .values
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    payload.insert("ChangeEventHeader".into(), header);
    json!({
        "version": "0",
        "id": format!("{seed:08x}-1111-0000-0000-{number:012x}"),
        "detail-type": entity,
        "source": "aws.partner/salesforce.com/00D000000000001EAA/0YL000000000001GAA",
        "account": "111122223333",
        "time": at.rfc3339(),
        "region": "eu-central-1",
        "resources": [],
        "detail": { "payload": payload, "schemaId": "ExampleSchemaId", "event": { "replayId": number } },
    })
}
