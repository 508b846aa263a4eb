//! What a connector is: pure data and functions that translate between one external system and the canonical schema.
//!
//! A connector performs no I/O, holds no credential and reads no clock. It says, as data, how a system is reached
//! ([`manifest`]), how its fields map to canonical ones ([`mapping`]) and how its webhooks are signed ([`webhook`]);
//! and, as a function of the responses so far, which request an operation sends next ([`exchange`]). The hub sends.

pub mod codec;
pub mod connector;
pub mod exchange;
pub mod fault;
pub mod id;
pub mod key;
pub mod manifest;
pub mod mapping;
pub mod mistake;
pub mod offer;
pub mod rest;
pub mod schema;
pub mod script;
pub mod signal;
pub mod sigv4;
pub mod snapshot;
pub mod time;
pub mod value;
pub mod webhook;

#[cfg(feature = "testing")]
pub mod sandbox;
#[cfg(feature = "testing")]
pub mod testing;

pub use connector::{Connector, Context};
pub use exchange::{Operation, Outcome, Request, Response, Step};
pub use fault::{Fault, Kind, Retry};
pub use id::{ConnectionName, Cursor, ExternalId, Field, RecordId, SubscriptionName, System};
pub use manifest::Manifest;
pub use schema::Entity;
pub use signal::Signal;
pub use snapshot::{Fields, Snapshot, SourceVersion};
pub use time::Instant;
pub use value::{Money, Reference, Target, Value};
pub use webhook::{Unverified, Verified, Webhook};

/// What every fallible function of a connector returns.
pub type Result<T> = std::result::Result<T, Fault>;
