//! A tap on what flows: signals, observations, commits, deliveries, receipts, events of subscriptions.
//!
//! It costs one look at a counter while nobody listens. Whoever listens too slowly misses lines, which are counted, and
//! holds nobody up. Lines say where something is and which fields it concerns; values are in them only for a listener
//! that asked for them.

mod listen;
mod sites;

pub use listen::{Filter, Line, Listener};
pub(crate) use sites::{committed, delivered, observed, refused, sent, signalled, told};

use crate::views::When;
use concord_connector::{Entity, ExternalId, Field, RecordId};
use serde::Serialize;
use serde_json::Value as Json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::broadcast;

/// So many lines wait for a slow listener at most.
const BUFFER: usize = 4096;

/// Where in the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Something may have changed at a system.
    Signal,
    /// What a system says an external record is.
    Observation,
    /// A record has a new version.
    Commit,
    /// A write leaves for a system.
    Delivery,
    /// What came of it.
    Receipt,
    /// A subscriber is told.
    Event,
}

impl Stage {
    /// Every stage, in the order of the flow.
    pub const ALL: [Self; 6] =
        [Self::Signal, Self::Observation, Self::Commit, Self::Delivery, Self::Receipt, Self::Event];
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Observation => "observation",
            Self::Commit => "commit",
            Self::Delivery => "delivery",
            Self::Receipt => "receipt",
            Self::Event => "event",
        }
    }
    /// The stage of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}

/// Something that flowed.
#[derive(Clone, Debug, Serialize)]
pub struct Tapped {
    /// When.
    pub at: When,
    /// Where in the flow.
    pub stage: Stage,
    /// What happened: `changed`, `create`, `done`, `accepted`, ...
    pub what: String,
    /// The connection, or the subscription of an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// What kind of thing.
    pub entity: Entity,
    /// The external record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalId>,
    /// The golden record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordId>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The fields that it concerns, or the vendor's names of them in a signal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Why, where something did not go as it should.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The values, for a listener that asked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<BTreeMap<String, Json>>,
}

impl Tapped {
    fn new(at: When, stage: Stage, what: impl Into<String>, entity: Entity) -> Self {
        Self {
            at,
            stage,
            what: what.into(),
            connection: None,
            entity,
            external: None,
            record: None,
            version: None,
            fields: Vec::new(),
            reason: None,
            values: None,
        }
    }

    /// Names the fields; keeps their values where a listener wants them.
    fn carrying<'a>(mut self, show: Show, fields: impl Iterator<Item = (&'a Field, Json)>) -> Self {
        let mut values = BTreeMap::new();
        for (field, value) in fields {
            self.fields.push(field.to_string());
            if show == Show::Values {
                values.insert(field.to_string(), value);
            }
        }
        self.values = (show == Show::Values).then_some(values);
        self
    }
}

/// Whether any listener wants values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    Names,
    Values,
}

/// The tap.
pub struct Tap {
    lines: broadcast::Sender<Arc<Tapped>>,
    listeners: Arc<Listeners>,
}

#[derive(Default)]
struct Listeners {
    all: AtomicUsize,
    with_values: AtomicUsize,
}

impl Default for Tap {
    fn default() -> Self {
        Self { lines: broadcast::Sender::new(BUFFER), listeners: Arc::default() }
    }
}

impl Tap {
    /// Lets lines flow when anybody listens; otherwise `make` is not called.
    fn emit(&self, make: impl FnOnce(Show) -> Vec<Tapped>) {
        if self.listeners.all.load(Ordering::Relaxed) == 0 {
            return;
        }
        let show = if self.listeners.with_values.load(Ordering::Relaxed) > 0 { Show::Values } else { Show::Names };
        for line in make(show) {
            // The last listener may have left meanwhile.
            drop(self.lines.send(Arc::new(line)));
        }
    }
}
