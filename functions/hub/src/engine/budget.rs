//! Call budgets: a sliding window per connection and limit.

use crate::{hub::Hub, settings::Connection};
use concord_connector::{ConnectionName, Fault, Instant, Kind, Result, manifest::Limit};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many requests of a connection are under way at most: vendors allow that many even where they count them.
const AT_ONCE: usize = 16;
/// The longest that a request waits for its turn before the caller is told to come back later.
const PATIENCE: Duration = Duration::from_secs(20);

/// When requests were last sent, by connection and limit.
#[derive(Debug, Default)]
pub struct Budgets {
    sent: Mutex<BTreeMap<(String, String), VecDeque<Instant>>>,
    under_way: Mutex<BTreeMap<ConnectionName, Arc<Semaphore>>>,
}

/// How much of a budget may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// All of it.
    All,
    /// Half of it: background work leaves the other half to live traffic.
    Half,
}

impl Share {
    fn of(self, requests: u32) -> usize {
        match self {
            Self::All => requests as usize,
            Self::Half => (requests as usize / 2).max(1),
        }
    }
}

impl Budgets {
    /// Waits for one of the requests that a connection may have under way: as many as the system answers at once, where it
    /// names a number.
    pub(crate) async fn place(&self, connection: &Connection) -> Option<OwnedSemaphorePermit> {
        let most = connection.connector.manifest().capabilities.concurrent.unwrap_or(AT_ONCE).max(1);
        let semaphore = {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Semaphore::new(most));
            Arc::clone(under_way.entry(connection.name.clone()).or_insert_with(new))
        };
        // Nobody closes it.
        semaphore.acquire_owned().await.ok()
    }

    /// Waits for a place in every budget that a request counts against.
    ///
    /// # Errors
    /// `RateLimited`, with the wait, when it would be longer than a request should hold up its batch.
    pub(crate) async fn acquire(
        &self,
        hub: &Hub,
        connection: &Connection,
        limit: Option<&str>,
        share: Share,
    ) -> Result<()> {
        let counts = |one: &&Limit| {
            let named = one.name.split_once('/').map_or(one.name.as_str(), |(name, _)| name);
            one.name == "all" || one.name.starts_with("all_") || Some(named) == limit
        };
        let limits: Vec<&Limit> = connection.limits.iter().filter(counts).collect();
        let mut waited = Duration::ZERO;
        loop {
            let Some(wait) = self.take(connection, &limits, hub.now(), share) else { return Ok(()) };
            if waited + wait > PATIENCE {
                return Err(Fault::new(Kind::RateLimited, "engine", "the connection's own call budget is used up")
                    .with("connection", &connection.name)
                    .after(wait));
            }
            waited += wait;
            hub.clock.sleep(wait).await;
        }
    }

    /// Takes a place in all of them, or says how long to wait.
    fn take(&self, connection: &Connection, limits: &[&Limit], now: Instant, share: Share) -> Option<Duration> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wait = None;
        for limit in limits {
            let window = Duration::from_millis(limit.per_ms);
            let times = sent.entry((connection.name.to_string(), limit.name.clone())).or_default();
            while times.front().is_some_and(|at| now.since(*at) >= window) {
                times.pop_front();
            }
            if times.len() >= share.of(limit.requests)
                && let Some(first) = times.front()
            {
                let left = first.plus(window).since(now).max(Duration::from_millis(1));
                wait = Some(wait.map_or(left, |wait: Duration| wait.max(left)));
            }
        }
        if wait.is_none() {
            for limit in limits {
                sent.entry((connection.name.to_string(), limit.name.clone())).or_default().push_back(now);
            }
        }
        wait
    }
}

impl Budgets {
    /// Counts what strangers may ask for against its own budget; `false` when that is used up.
    pub(crate) fn ask(&self, connection: &Connection, what: &str, now: Instant, per_minute: u32) -> bool {
        let limit = Limit { name: what.into(), requests: per_minute, per_ms: 60_000 };
        self.take(connection, &[&limit], now, Share::All).is_none()
    }
}
