//! The trait that a system implements. Most of it is answered by the manifest.

use crate::{
    ConnectionName, Fault, Field, Kind, Manifest, Operation, Request, Response, Result, Retry, Signal, Step, System,
    exchange::{Unfit, Write},
    mapping::Mapping,
    schema::Entity,
    value::{Currency, Value},
    webhook::{Answer, Unverified, Verified, Webhook},
};
use jiff::tz::TimeZone;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What a connector may know of the connection it works for. No credential is in it.
#[derive(Clone, Debug)]
pub struct Context {
    /// The connection's name.
    pub connection: ConnectionName,
    /// The account's time zone.
    pub time_zone: TimeZone,
    /// The account's currency, for amounts that name none.
    pub currency: Option<Currency>,
    /// The connection's settings from the configuration, and facts that a description of the account found.
    pub options: BTreeMap<String, String>,
    /// The manifest's mappings with the admin's overlay applied.
    pub mappings: BTreeMap<Entity, Mapping>,
    /// The vendor's fields by object, as far as a description of the account found them.
    pub vendor_fields: BTreeMap<String, BTreeSet<String>>,
}

impl Context {
    /// The context of a connection that has not said anything about itself yet: UTC, no currency.
    pub fn new(connection: impl Into<ConnectionName>, manifest: &Manifest) -> Self {
        Self {
            connection: connection.into(),
            time_zone: TimeZone::UTC,
            currency: None,
            options: manifest
                .options
                .iter()
                .filter_map(|(name, option)| Some((name.clone(), option.default.clone()?)))
                .collect(),
            mappings: manifest.entity.clone(),
            vendor_fields: BTreeMap::new(),
        }
    }
    /// A setting.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }
    /// The mapping of an entity.
    ///
    /// # Errors
    /// `Malformed` when the connection does not map it.
    pub fn mapping(&self, entity: Entity) -> Result<&Mapping> {
        self.mappings.get(&entity).ok_or_else(|| {
            Fault::malformed("mapping", format!("the connection `{}` does not map {entity}", self.connection))
        })
    }
    /// The entity whose mapping names a vendor's object.
    pub fn entity_of(&self, object: &str) -> Option<Entity> {
        self.mappings.iter().find(|(_, mapping)| mapping.object == object).map(|(entity, _)| *entity)
    }
    /// Whether the account has the vendor's field at a pointer (its last part counts).
    pub fn has_vendor_field(&self, object: &str, pointer: &str) -> bool {
        let name = pointer.rsplit('/').next().unwrap_or(pointer);
        self.vendor_fields.get(object).is_some_and(|fields| fields.contains(name))
    }
}

/// One external system. Pure: no I/O, no clock, no credentials.
pub trait Connector: Send + Sync {
    /// What the system is, as data.
    fn manifest(&self) -> &Manifest;

    /// The next exchange of an operation, given every response so far. Equal histories give equal steps.
    ///
    /// # Errors
    /// When a response means that the operation as a whole cannot go on.
    fn next(&self, cx: &Context, operation: &Operation, seen: &[Response]) -> Result<Step>;

    /// What a verified webhook says. Unknown kinds of event give no signal; unknown shapes of known events give a hint
    /// where an id can be found.
    ///
    /// # Errors
    /// `Malformed`, in a sentence that names the pointer.
    fn signals(&self, cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>>;

    /// The events of a verified webhook, each as a webhook of its own: for taking in what can be read beside what cannot.
    fn split(&self, hook: &Webhook<Verified>) -> Vec<Webhook<Verified>> {
        hook.split()
    }

    /// The answer to a vendor's subscription handshake, when the request is one. Must not reflect unbounded input.
    fn handshake(&self, _cx: &Context, _hook: &Webhook<Unverified>) -> Option<Answer> {
        None
    }

    /// The answer that tells the vendor that a webhook is safe with us.
    fn acknowledge(&self, _hook: &Webhook<Verified>) -> Answer {
        Answer::empty(200)
    }

    /// What the vendor would not take of a write, by its published rules: found before it is sent, with what to write
    /// instead. `write` has the values that would be sent; for an update of a record that is replaced as a whole, `held` of
    /// the change has the others.
    fn preflight(&self, _cx: &Context, _entity: Entity, _write: &Write) -> Vec<Unfit> {
        Vec::new()
    }

    /// What a response outside the accepted statuses means.
    fn classify(&self, request: &Request, response: &Response) -> Fault {
        classify_status(self.manifest(), request, response)
    }

    /// What a value looks like after a stay at this system, for fields that it maps.
    ///
    /// # Errors
    /// `Malformed` when the system cannot hold the value.
    fn image(&self, cx: &Context, entity: Entity, field: &Field, value: Option<&Value>) -> Result<Option<Value>> {
        cx.mapping(entity)?.image(cx, entity, field, value)
    }

    /// The system's name.
    fn system(&self) -> &System {
        &self.manifest().system
    }
}

/// The answer of a connector whose system works on no write in a job of its own.
pub fn no_jobs(manifest: &Manifest) -> Fault {
    Fault::new(Kind::Rejected, "check", format!("{} has no jobs that could be asked after", manifest.title))
}

/// What a status means where the vendor adds nothing to HTTP.
pub fn classify_status(manifest: &Manifest, request: &Request, response: &Response) -> Fault {
    let kind = match response.status {
        401 => Kind::Unauthorized,
        403 => Kind::Forbidden,
        404 | 410 => Kind::NotFound,
        408 | 425 | 500..=599 => Kind::Unavailable,
        409 | 412 | 428 => Kind::Conflict,
        429 => Kind::RateLimited,
        400..=499 => Kind::Rejected,
        _ => Kind::Unexpected,
    };
    let title = &manifest.title;
    let sentence = match kind {
        Kind::Unauthorized => format!("{title} does not accept the credential; run `concord connect`"),
        Kind::Forbidden => format!("{title} says that the credential lacks a permission"),
        Kind::NotFound => format!("{title} does not show this record to us"),
        Kind::Unavailable => format!("{title} is not available now"),
        Kind::Conflict => format!("the record at {title} changed meanwhile"),
        Kind::RateLimited => format!("{title} asks for fewer calls"),
        _ => format!("{title} refuses the request"),
    };
    let wait = response.headers.get("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let fault = Fault::new(kind, "exchange", sentence)
        .with("status", response.status)
        .with("request", format!("{} {}", request.method.as_str(), request.path));
    match (fault.retry, wait) {
        (Retry::After(_), Some(wait)) => fault.after(wait),
        _ => fault,
    }
}
