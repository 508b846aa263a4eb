//! The sandbox kit: what a stateful stand-in for a vendor is. A pure state machine; serving it is somebody else's job.

mod faults;
mod hurried;
mod sample;

use crate::{Entity, Value, time::Instant};
pub use faults::{Faults, Trouble};
pub use hurried::Hurried;
pub use sample::{About, Samples};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// An HTTP request as it is on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireRequest {
    /// The method.
    pub method: String,
    /// Path and query, raw.
    pub target: String,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl WireRequest {
    /// The path, without query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
    /// Query parameters, decoded, in order.
    pub fn query(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }
    /// The first query parameter of a name.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.query().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
    /// The body as JSON.
    pub fn json(&self) -> Option<Json> {
        serde_json::from_slice(&self.body).ok()
    }
    /// The body as a form.
    pub fn form(&self) -> BTreeMap<String, String> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// An HTTP response as it is on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireResponse {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl WireResponse {
    /// Without body.
    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }
    /// With a JSON body.
    pub fn json(status: u16, body: &Json) -> Self {
        Self::empty(status).header("content-type", "application/json").with_body(body.to_string())
    }
    /// With an HTML body, as proxies and some vendors answer errors.
    pub fn html(status: u16, text: &str) -> Self {
        Self::empty(status)
            .header("content-type", "text/html; charset=utf-8")
            .with_body(format!("<!doctype html><title>{text}</title>"))
    }
    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }
    /// With the time by the system's clock, as every HTTP server says it.
    #[must_use]
    pub fn dated(self, now: Instant) -> Self {
        self.header("date", now.http())
    }
    fn with_body(mut self, body: String) -> Self {
        self.body = body.into_bytes();
        self
    }
}

/// What a person (or the vendor's own machinery) does in the vendor's user interface. Fields are in the vendor's shape.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Makes a record. `fields` is what the vendor's API would take to create one.
    Create {
        /// The vendor's object: `companies`, `Account`, `party.party`.
        object: String,
        /// The vendor's fields.
        fields: Json,
    },
    /// Edits a record.
    Update {
        /// The vendor's object.
        object: String,
        /// Its id.
        id: String,
        /// The vendor's fields to change.
        fields: Json,
    },
    /// Deletes a record.
    Delete {
        /// The vendor's object.
        object: String,
        /// Its id.
        id: String,
    },
    /// Merges `loser` into `winner`.
    Merge {
        /// The vendor's object.
        object: String,
        /// The id that lives on.
        winner: String,
        /// The id that goes.
        loser: String,
    },
}

/// A webhook on its way out of a sandbox: signed, ready to be sent to the subscriber's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The request; `target` is the full URL.
    pub request: WireRequest,
}

/// A stateful stand-in for a vendor: `(state, now, request) -> response`. Imports no manifest, mapping or codec of the
/// connector that it tests.
pub trait Sandbox: Send {
    /// Answers a request of the vendor's API. Authorization is checked as the vendor checks it.
    fn handle(&mut self, now: Instant, request: &WireRequest) -> WireResponse;

    /// Does what a person does; the id of the record concerned.
    ///
    /// # Errors
    /// The sentence with which the vendor would refuse.
    fn act(&mut self, now: Instant, act: Act) -> Result<String, String>;

    /// Webhooks to send now, in the order in which the vendor would send them. Each is handed out once; a sender that
    /// fails to deliver one gives it back by [`Sandbox::failed`].
    fn pushes(&mut self, now: Instant) -> Vec<Push>;

    /// The subscriber did not answer 2xx: the vendor sends it again later, as its retry rules say.
    fn failed(&mut self, now: Instant, push: Push);

    /// When the next webhook that waits for another attempt is due; `None` when none waits, or nobody knows.
    fn next_push(&self) -> Option<Instant> {
        None
    }

    /// Where webhooks go and what signs them. `None` switches them off.
    fn subscribe(&mut self, subscriber: Option<Subscriber>);

    /// Every live record as the vendor's API would show it, by object and id.
    fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>>;

    /// The troubles to make.
    fn faults(&mut self) -> &mut Faults;

    /// How often each kind of request was served: `POST /crm/v3/objects/companies/batch/upsert`, ids replaced by `{}`.
    fn served(&self) -> &BTreeMap<String, u64>;

    /// A value of a canonical field that this vendor takes, for tests, where not every value of its type is one; the same for
    /// the same number. `Some(None)`: better left out. `None`: any value of the type will do.
    fn plausible(&self, _entity: Entity, _field: &str, _n: u64) -> Option<Option<Value>> {
        None
    }

    /// The secrets under which a hub may use this account, by the names that the manifest's auth asks for.
    fn credentials(&self) -> BTreeMap<String, String>;

    /// Settings of a connection that only this account knows: its tenant, its provider's name.
    fn options(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// Lets something happen there that the system tells of by itself: for trials where we make nothing of the kind.
    fn stir(&mut self, _now: Instant) {}
}

/// Who gets the webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// The full URL.
    pub url: String,
    /// The secret that signs, or that is sent.
    pub secret: String,
}
