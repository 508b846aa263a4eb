//! Webhooks, as states: only a verified one has signals.

mod landing;
mod scheme;

pub use landing::{landed, registration};
pub use scheme::{Algorithm, Encoding, Form, Part, Scheme, Signed, Timestamp, names_a_key_of};
#[cfg(feature = "testing")]
pub(crate) use scheme::{Code, key, standard_key};
use std::{collections::BTreeMap, fmt, marker::PhantomData};

/// As it came from the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unverified {}
/// Its signature was checked over the raw bytes, and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {}

/// A request to `/hooks/{connection}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook<State> {
    method: String,
    uri: String,
    path_secret: Option<String>,
    headers: BTreeMap<String, Vec<String>>,
    body: Vec<u8>,
    scheme: Option<String>,
    state: PhantomData<State>,
}

impl<State> Webhook<State> {
    /// The raw body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
    /// A header's value, when it was sent exactly once.
    pub fn header(&self, name: &str) -> Option<&str> {
        match self.headers.get(name)?.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }
    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }
    /// The public URI: the configured public URL, then path and query as they came.
    pub fn uri(&self) -> &str {
        &self.uri
    }
}

impl Webhook<Unverified> {
    /// A request as it arrived. `uri` begins with the configured public URL, never with the Host header. `path_secret` is
    /// what follows `/hooks/{connection}/` in the path.
    pub fn new(
        method: impl Into<String>,
        uri: impl Into<String>,
        path_secret: Option<String>,
        headers: impl IntoIterator<Item = (String, String)>,
        body: Vec<u8>,
    ) -> Self {
        let mut grouped: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in headers {
            grouped.entry(name.to_ascii_lowercase()).or_default().push(value);
        }
        Self {
            method: method.into(),
            uri: uri.into(),
            path_secret,
            headers: grouped,
            body,
            scheme: None,
            state: PhantomData,
        }
    }
}

/// The scheme of events that an event bus brings.
pub const EVENT_BUS: &str = "event_bus";

impl Webhook<Verified> {
    /// An event that came by a queue to which only the account's own event bus may send: the bus has verified its source.
    pub fn of_event_bus(body: Vec<u8>) -> Self {
        let hook = Webhook::<Unverified>::new("POST", "", None, Vec::new(), body);
        let Webhook { method, uri, path_secret, headers, body, .. } = hook;
        Self { method, uri, path_secret, headers, body, scheme: Some(EVENT_BUS.to_owned()), state: PhantomData }
    }
    /// The elements of a body that is a JSON array, each as a webhook of its own: for taking in what can be read beside
    /// what cannot. Empty when the body is nothing of the kind.
    pub fn split(&self) -> Vec<Self> {
        let elements: Vec<serde_json::Value> = serde_json::from_slice(&self.body).unwrap_or_default();
        let alone = |element: serde_json::Value| Self { body: format!("[{element}]").into_bytes(), ..self.clone() };
        elements.into_iter().map(alone).collect()
    }
    /// The elements of an array inside the body, each as a webhook of its own with the array reduced to it.
    pub fn split_at(&self, pointer: &str) -> Vec<Self> {
        let Ok(body) = serde_json::from_slice::<serde_json::Value>(&self.body) else { return Vec::new() };
        let elements = body.pointer(pointer).and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
        let alone = |element: serde_json::Value| {
            let mut body = body.clone();
            if let Some(place) = body.pointer_mut(pointer) {
                *place = serde_json::Value::Array(vec![element]);
            }
            Self { body: body.to_string().into_bytes(), ..self.clone() }
        };
        elements.into_iter().map(alone).collect()
    }
    /// The name of the scheme that verified it.
    pub fn scheme(&self) -> &str {
        self.scheme.as_deref().unwrap_or_default()
    }
}

impl<State> fmt::Debug for Webhook<State> {
    /// Without headers and body: they hold signatures and personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({} of {} bytes)", self.method, self.body.len())
    }
}

/// Why a request was not let in; deliberately without detail, so that no sender learns which check failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// What is answered to a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The content type, when there is a body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: String,
    /// Where a browser is sent on.
    pub location: Option<String>,
}

impl Answer {
    /// Without body.
    pub fn empty(status: u16) -> Self {
        Self { status, content_type: None, body: String::new(), location: None }
    }
    /// With a body.
    pub fn text(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        Self { content_type: Some(content_type), body: body.into(), ..Self::empty(status) }
    }
    /// Sends a browser on to another page, which it gets.
    pub fn see(location: impl Into<String>) -> Self {
        Self { location: Some(location.into()), ..Self::empty(303) }
    }
}
