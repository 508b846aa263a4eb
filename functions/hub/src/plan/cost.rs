//! What writes cost in requests to a vendor.
//!
//! How many requests one search or one batch takes is the connector's own affair (associations, read-backs, history). The
//! engine counts what operations took since the start; a plan multiplies. Before the first operation of a kind a search
//! is taken for one request, and a batch for one, or two where the system's protection against lost updates needs a read.

use super::{Action, PlannedWrite};
use crate::settings::Connection;
use concord_connector::{Entity, Operation, manifest::Concurrency};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// How often an operation ran, and how many requests that took.
type Took = (u64, u64);

/// Requests that operations took, by connection and operation, since the start.
#[derive(Debug, Default)]
pub struct Costs(Mutex<BTreeMap<(String, &'static str), Took>>);

impl Costs {
    pub(crate) fn took(&self, connection: &Connection, operation: &Operation, requests: usize) {
        let mut costs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = costs.entry((connection.name.to_string(), operation.name())).or_default();
        *slot = (slot.0 + 1, slot.1 + requests as u64);
    }
    /// Requests per operation, rounded up; `None` before the first.
    fn each(&self, connection: &Connection, operation: &'static str) -> Option<u64> {
        let costs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (times, requests) = costs.get(&(connection.name.to_string(), operation))?;
        Some(requests.div_ceil((*times).max(1)).max(1))
    }
}

/// What a connection's part of a plan costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Searches before creates.
    pub searches: u64,
    /// Writes, as many records in each as the vendor takes.
    pub batches: u64,
    /// Requests in all.
    pub calls: u64,
    /// Whether `calls` rests on what operations took since the start, not on a guess.
    pub measured: bool,
    /// The connection's limits, as sentences.
    pub limits: Vec<String>,
    /// How long the limits make the calls take at least, in seconds, rounded up.
    pub seconds: u64,
}

impl Cost {
    /// Of the writes of one connection that a plan makes.
    pub(super) fn of<'a>(
        connection: &Connection,
        writes: impl Iterator<Item = &'a PlannedWrite>,
        costs: &Costs,
    ) -> Self {
        let manifest = connection.connector.manifest();
        let mut rows: BTreeMap<Entity, u64> = BTreeMap::new();
        let mut searches = 0;
        for write in writes {
            *rows.entry(write.entity).or_default() += 1;
            searches += u64::from(write.action == Action::Create);
        }
        let most = manifest.capabilities.write_batch.max(1) as u64;
        let batches: u64 = rows.values().map(|rows| rows.div_ceil(most)).sum();
        let (search, batch) = (costs.each(connection, "find"), costs.each(connection, "write"));
        let guess = match manifest.concurrency {
            Concurrency::Precondition => 1,
            Concurrency::History | Concurrency::None => 2,
        };
        let calls = searches * search.unwrap_or(1) + batches * batch.unwrap_or(guess);
        let shared = connection.limits.iter().filter(|limit| limit.name == "all");
        let seconds = shared
            .clone()
            .map(|limit| {
                let windows = calls.div_ceil(u64::from(limit.requests.max(1))).saturating_sub(1);
                (windows * limit.per_ms).div_ceil(1000)
            })
            .max();
        Self {
            searches,
            batches,
            calls,
            measured: (searches == 0 || search.is_some()) && (batches == 0 || batch.is_some()) && calls > 0,
            limits: connection
                .limits
                .iter()
                .map(|limit| format!("{}: {} requests in {} ms", limit.name, limit.requests, limit.per_ms))
                .collect(),
            seconds: seconds.unwrap_or_default(),
        }
    }
}
