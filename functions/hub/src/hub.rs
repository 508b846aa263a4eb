//! The hub: its ports and its settings.

use crate::{
    engine::Budgets,
    events::Tally,
    known::KnownRecords,
    plan::Costs,
    ports::{Blobs, Clock, Entropy, Http, Queue, Table, Vault},
    settings::Settings,
    steps::ingest::Strangers,
    tap::Tap,
};
use concord_connector::{ConnectionName, Instant, RecordId};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::Mutex;

/// A connection's token in use; locked while it is renewed.
pub(crate) type TokenSlot = Arc<Mutex<Option<crate::engine::Token>>>;

/// Everything that a step needs. Cheap to share; the settings are replaced as a whole.
pub struct Hub {
    /// The store.
    pub table: Arc<dyn Table>,
    /// The queues.
    pub queue: Arc<dyn Queue>,
    /// Credentials.
    pub vault: Arc<dyn Vault>,
    /// The way out.
    pub http: Arc<dyn Http>,
    /// Large payloads.
    pub blobs: Arc<dyn Blobs>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// What happened since the start.
    pub tally: Tally,
    /// What flows, for whoever looks.
    pub tap: Tap,
    pub(crate) budgets: Budgets,
    pub(crate) costs: Costs,
    pub(crate) due: Due,
    pub(crate) calm: crate::breaker::Calm,
    pub(crate) strangers: Strangers,
    pub(crate) looks: crate::coalesce::Looks,
    /// Sweeps have their turns one after another.
    pub(crate) bulk: Mutex<()>,
    /// Waves are counted one after another.
    pub(crate) braking: Mutex<()>,
    pub(crate) known: KnownRecords,
    pub(crate) tokens: Mutex<BTreeMap<String, TokenSlot>>,
    /// Key sets of senders, by address.
    pub(crate) key_sets: Mutex<BTreeMap<String, crate::steps::ingest::KeySet>>,
    settings: RwLock<Arc<Settings>>,
}

/// The ports of a hub.
#[allow(missing_docs)]
pub struct Ports {
    pub table: Arc<dyn Table>,
    pub queue: Arc<dyn Queue>,
    pub vault: Arc<dyn Vault>,
    pub http: Arc<dyn Http>,
    pub blobs: Arc<dyn Blobs>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl Hub {
    /// A hub over ports.
    pub fn new(ports: Ports, settings: Settings) -> Self {
        let Ports { table, queue, vault, http, blobs, clock, entropy } = ports;
        Self {
            table,
            queue,
            vault,
            http,
            blobs,
            clock,
            entropy,
            tally: Tally::default(),
            tap: Tap::default(),
            budgets: Budgets::default(),
            costs: Costs::default(),
            due: Due::default(),
            calm: Default::default(),
            strangers: Strangers::default(),
            looks: Default::default(),
            bulk: Mutex::default(),
            braking: Mutex::default(),
            known: KnownRecords::default(),
            tokens: Mutex::default(),
            key_sets: Mutex::default(),
            settings: RwLock::new(Arc::new(settings)),
        }
    }
    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }
    /// Puts other settings into force.
    pub fn configure(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }
    /// Now.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }
    /// A new record id: sorts by time of making, then by chance. 26 characters of Crockford's base 32, as a ULID.
    pub fn new_record_id(&self) -> RecordId {
        RecordId::new(ulid(self.now(), self.entropy.bytes()))
    }
    /// A text that nobody can guess.
    pub fn new_token(&self) -> String {
        hex::encode(self.entropy.bytes())
    }
}

/// When things were done last, and how far, in memory.
#[derive(Default)]
pub(crate) struct Due(
    std::sync::Mutex<BTreeMap<(String, String), Instant>>,
    std::sync::Mutex<BTreeMap<String, String>>,
);

impl Due {
    /// Where a round through an index goes on; `None` begins anew.
    pub(crate) fn place(&self, what: &str) -> Option<String> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).get(what).cloned()
    }
    /// Notes where a round goes on.
    pub(crate) fn set_place(&self, what: &str, next: Option<String>) {
        let mut places = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        match next {
            Some(next) => places.insert(what.to_owned(), next),
            None => places.remove(what),
        };
    }
    /// Whether it is known when something was done last.
    pub(crate) fn knows(&self, what: &str, connection: &ConnectionName) -> bool {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.contains_key(&(connection.to_string(), what.to_owned()))
    }
    /// Notes when something was done last.
    pub(crate) fn remember(&self, what: &str, connection: &ConnectionName, at: Instant) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.entry((connection.to_string(), what.to_owned())).or_insert(at);
    }
    /// Whether something that is done every so often is due; notes that it is done now.
    pub(crate) fn every(&self, what: &str, connection: &ConnectionName, now: Instant, every: Duration) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = last.entry((connection.to_string(), what.to_owned())).or_insert(Instant::EPOCH);
        let due = now.since(*slot) >= every;
        if due {
            *slot = now;
        }
        due
    }
}

fn ulid(at: Instant, chance: [u8; 16]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let time = u128::try_from(at.ms()).unwrap_or(0) & 0xffff_ffff_ffff;
    let value = time << 80 | (u128::from_be_bytes(chance) >> 48);
    (0..26).rev().map(|i| char::from(DIGITS[(value >> (i * 5) & 31) as usize])).collect()
}
