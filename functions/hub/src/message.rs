//! What travels in queues. Shapes outlive deploys: a new shape is a new variant, and readers accept the last two.

use concord_connector::{
    ConnectionName, Entity, Fault, Field, Instant, RecordId, Result, Signal, Snapshot, SubscriptionName,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// To a connector: look there.
    SignalV1 {
        /// Where.
        connection: ConnectionName,
        /// What was said.
        signal: Signal,
        /// When the hub took it in.
        received_at: Instant,
    },
    /// To reconcile: this is what an external record is.
    ObservationV1(Box<Observation>),
    /// To a connector: make the external record equal to its golden one. Holds no values: the newest record is read.
    DeliveryV1 {
        /// Which record.
        record: RecordId,
        /// Where.
        connection: ConnectionName,
        /// Its version when this was sent; for the dedupe id only.
        version: u64,
    },
    /// To reconcile: identity of this record waited for a create that is closed now; look again.
    RegroupV1 {
        /// Which record.
        record: RecordId,
    },
    /// To reconcile: make what a rule of the configuration makes of a deal, or bring it up to date.
    DeriveV1 {
        /// The rule.
        rule: String,
        /// The deal.
        record: RecordId,
    },
    /// To a connector: go on with the sweep of a connection.
    SweepV1 {
        /// Where.
        connection: ConnectionName,
    },
    /// To a connector: the wait after a trouble is over, or the connection works again; what waited goes on.
    ResumeV1 {
        /// Where.
        connection: ConnectionName,
    },
    /// To a connector: ask how the operation of a record stands.
    OperationV1 {
        /// Where.
        connection: ConnectionName,
        /// Which record.
        record: RecordId,
    },
    /// To a connector: read what changed since the last poll.
    PollV1 {
        /// Where.
        connection: ConnectionName,
        /// Of what.
        entity: Entity,
    },
    /// To a connector: an event of the account's event bus, to which nobody but the bus can send.
    BusEventV1 {
        /// Of which connection.
        connection: ConnectionName,
        /// The event, in its envelope.
        event: serde_json::Value,
    },
    /// To a subscriber: tell it what this record is now. Holds no values: the newest record is read.
    EventV1(Event),
}

/// The order to tell a subscriber of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// Whom.
    pub subscription: SubscriptionName,
    /// Of which record.
    pub record: RecordId,
    /// What kind of thing it is.
    pub entity: Entity,
    /// Its version when this was ordered.
    pub version: u64,
    /// Why it was ordered.
    pub why: Why,
}

/// Why an event was ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The record changed, or its time to be tried again has come.
    Due,
    /// The subscriber takes events again: also what has a later time of its own.
    Back,
    /// Somebody asked for everything once more: also what the subscriber has already.
    Resent,
}

/// What a connection says an external record is, and when the read that showed it began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Observation {
    /// Which connection.
    pub connection: ConnectionName,
    /// What it says.
    pub snapshot: Snapshot,
    /// When the vendor read started, by the hub's clock.
    pub read_at: Instant,
    /// When the hub took in the signal that led here, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signalled_at: Option<Instant>,
    /// True for an edit that the vendor's field history shows under our own write: it is as old as it says, although it
    /// was read before that write had ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_history: bool,
    /// Values of it that are our own writes, as the vendor's field history shows them, with the stamps of the golden values
    /// that they were; what they covered there was somebody else's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ours: BTreeMap<Field, Instant>,
    /// Whether the vendor was asked for the record itself, and this is what it showed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub looked: bool,
}

impl Observation {
    /// What a read showed that nobody signalled.
    pub fn of_read(connection: &ConnectionName, snapshot: Snapshot, read_at: Instant) -> Self {
        Self {
            connection: connection.clone(),
            snapshot,
            read_at,
            signalled_at: None,
            from_history: false,
            ours: BTreeMap::new(),
            looked: true,
        }
    }
}

impl Message {
    /// The text that travels.
    ///
    /// # Errors
    /// Never for messages of this crate; `Malformed` would name the shape.
    pub fn encode(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| Fault::malformed("message", e.to_string()))
    }
    /// Reads a text.
    ///
    /// # Errors
    /// `Malformed` when it is none of the shapes.
    pub fn decode(text: &str) -> Result<Self> {
        serde_json::from_str(text)
            .map_err(|e| Fault::malformed("message", format!("the message is of no known shape: {e}")))
    }
}
