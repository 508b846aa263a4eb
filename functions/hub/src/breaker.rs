//! A connection's circuit breaker: throttle, outage and a refused credential are troubles of the connection, not of a
//! message. While it is open nothing is sent; `pending` stays, and when it closes one sweep follows.

use crate::{
    events::Count,
    hub::Hub,
    keys,
    ports::{Condition, Item, TableChange, TransactError},
    settings::Connection,
    store,
};
use concord_connector::{ConnectionName, Fault, Instant, Kind, Result, Retry};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(900);
/// A refused credential is tried again this rarely: vendors lock accounts that knock too often.
const CREDENTIAL: Duration = Duration::from_secs(120);
/// How long one probe may take; until then nobody else tries. Longer than any request.
const PROBE: Duration = Duration::from_secs(60);

/// Where several processes share a table, a connection that had no trouble a moment ago is taken to have none: one look a
/// second and process, instead of one before and one after each batch. Who meets the trouble meets it then.
const CALM: Duration = Duration::from_secs(1);

/// When connections were last seen to have no breaker.
pub(crate) type Calm = Mutex<BTreeMap<ConnectionName, Instant>>;

/// An open breaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// Until when nothing is sent.
    pub until: Instant,
    /// Since when there is trouble.
    pub since: Instant,
    /// Troubles in a row.
    pub failures: u32,
    /// What happened.
    pub kind: Kind,
    /// A sentence.
    pub reason: String,
    /// Set while one operation tries whether the connection works again; `until` is the end of its time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probing: bool,
    /// Set once a success has closed it: what waited meanwhile is being ordered again, so far up to this place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed: Option<Sweep>,
}

/// How far what waited for a breaker was ordered again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sweep {
    after: Option<String>,
    /// Pages that were ordered.
    #[serde(default)]
    pages: usize,
}

/// Whether something may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// It may.
    Given,
    /// One thing may, to try whether the connection works again; nobody else has leave meanwhile.
    Probe,
    /// It may not, for so long.
    In(Duration),
}

/// A breaker that a success has closed, whose sweep is not finished.
pub(crate) struct Reopened {
    breaker: Breaker,
    rev: u64,
    /// Where the sweep goes on.
    pub(crate) after: Option<String>,
    /// How many pages went before.
    pub(crate) pages: usize,
}

impl Hub {
    /// The breaker, while it is open or has not been closed by a success.
    pub async fn breaker(&self, connection: &Connection) -> Result<Option<Breaker>> {
        let (breaker, _) = self.breaker_item(connection).await?;
        Ok(breaker.filter(|breaker| breaker.closed.is_none()))
    }

    /// The breaker in any state, with the revision of its item (0: there is none).
    async fn breaker_item(&self, connection: &Connection) -> Result<(Option<Breaker>, u64)> {
        let item = self.item(keys::breaker(&connection.name)).await?;
        if item.is_none() && self.table.is_shared() {
            self.calm.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.name.clone(), self.now());
        }
        let rev = item.as_ref().map_or(0, |item| item.rev);
        Ok((item.as_ref().map(store::parse).transpose()?, rev))
    }

    /// Whether it was seen to have no breaker a moment ago.
    fn is_calm(&self, connection: &Connection) -> bool {
        let calm = self.calm.lock().unwrap_or_else(PoisonError::into_inner);
        calm.get(&connection.name).is_some_and(|seen| self.now() < seen.plus(CALM))
    }

    async fn put_breaker(&self, connection: &Connection, breaker: &Breaker, rev: u64) -> Result<()> {
        self.calm.lock().unwrap_or_else(PoisonError::into_inner).remove(&connection.name);
        self.put_plain(Item { rev: rev + 1, ..Item::new(keys::breaker(&connection.name), store::body(breaker)?) }).await
    }

    /// The breaker that was closed since what waited for it was ordered again.
    pub(crate) async fn reopened(&self, connection: &Connection) -> Result<Option<Reopened>> {
        let (breaker, rev) = self.breaker_item(connection).await?;
        Ok(breaker.and_then(|breaker| {
            let Sweep { after, pages } = breaker.closed.clone()?;
            Some(Reopened { breaker, rev, after, pages })
        }))
    }

    /// Notes how far the sweep after a breaker has come; `None` ends it. Should the breaker have opened again meanwhile, the
    /// next success begins another sweep.
    pub(crate) async fn swept(&self, connection: &Connection, reopened: Reopened, next: Option<String>) -> Result<()> {
        let Reopened { mut breaker, rev, pages, .. } = reopened;
        let (key, unchanged) = (keys::breaker(&connection.name), Condition::Rev(rev));
        let change = match next {
            None => TableChange::Delete(key, unchanged),
            after => {
                breaker.closed = Some(Sweep { after, pages: pages + 1 });
                TableChange::Put(Item { rev: rev + 1, ..Item::new(key, store::body(&breaker)?) }, unchanged)
            }
        };
        match self.table.transact(vec![change]).await {
            Ok(()) | Err(TransactError::Cancelled(_)) => Ok(()),
            Err(TransactError::Store(fault)) => Err(fault),
        }
    }

    /// The breaker in any state, and whether what waited for it is being ordered again.
    pub(crate) async fn breaker_shown(&self, connection: &Connection) -> Result<Option<(Breaker, bool)>> {
        let (breaker, _) = self.breaker_item(connection).await?;
        Ok(breaker.map(|breaker| {
            let catching_up = breaker.closed.is_some();
            (breaker, catching_up)
        }))
    }

    /// Asks for leave to send something; `Some` says how long it is not given.
    pub(crate) async fn leave_to_send(&self, connection: &Connection) -> Result<Option<Duration>> {
        Ok(match self.leave(connection).await? {
            Leave::Given | Leave::Probe => None,
            Leave::In(wait) => Some(wait),
        })
    }

    /// Asks for leave to send something. When the wait after a trouble is over, one alone gets it: a vendor that comes back
    /// is met by a single probe, not by all who waited.
    pub(crate) async fn leave(&self, connection: &Connection) -> Result<Leave> {
        if self.is_calm(connection) {
            return Ok(Leave::Given);
        }
        let (breaker, rev) = self.breaker_item(connection).await?;
        let Some(breaker) = breaker.filter(|breaker| breaker.closed.is_none()) else { return Ok(Leave::Given) };
        let now = self.now();
        if breaker.until > now {
            return Ok(Leave::In(breaker.until.since(now)));
        }
        let probe = Breaker { until: now.plus(PROBE), probing: true, ..breaker };
        let item = Item { rev: rev + 1, ..Item::new(keys::breaker(&connection.name), store::body(&probe)?) };
        match self.table.transact(vec![TableChange::Put(item, Condition::Rev(rev))]).await {
            Ok(()) => Ok(Leave::Probe),
            Err(TransactError::Cancelled(_)) => Ok(Leave::In(FIRST)),
            Err(TransactError::Store(fault)) => Err(fault),
        }
    }

    /// Gives up the probes of an earlier process: whoever had them ended without a word. For a hub that is one process only,
    /// at its start.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn release_probes(&self) -> Result<()> {
        let now = self.now();
        for connection in self.settings().connections.values() {
            let (breaker, rev) = self.breaker_item(connection).await?;
            if let Some(breaker) = breaker.filter(|breaker| breaker.probing && breaker.until > now) {
                self.put_breaker(connection, &Breaker { until: now, probing: false, ..breaker }, rev).await?;
            }
        }
        Ok(())
    }

    /// A trouble of the connection was met; the wait that follows. Of several who meet the same one the first counts.
    pub(crate) async fn trouble(&self, connection: &Connection, fault: &Fault) -> Result<Duration> {
        let now = self.now();
        match self.breaker(connection).await? {
            Some(breaker) if breaker.until > now && !breaker.probing => Ok(breaker.until.since(now)),
            _ => self.open_breaker(connection, fault).await,
        }
    }

    /// How long nothing may be sent yet; `None` when it may.
    pub async fn held_back(&self, connection: &Connection) -> Result<Option<Duration>> {
        if self.is_calm(connection) {
            return Ok(None);
        }
        let now = self.now();
        Ok(self
            .breaker(connection)
            .await?
            .filter(|breaker| breaker.until > now)
            .map(|breaker| breaker.until.since(now)))
    }

    /// Opens the breaker for a trouble of the connection; the wait that follows.
    pub async fn open_breaker(&self, connection: &Connection, fault: &Fault) -> Result<Duration> {
        let (before, rev) = self.breaker_item(connection).await?;
        let before = before.filter(|breaker| breaker.closed.is_none());
        let failures = before.as_ref().map_or(0, |breaker| breaker.failures) + 1;
        let doubled = FIRST.saturating_mul(1 << failures.min(10)).min(LONGEST);
        let wait = match (fault.kind, fault.retry) {
            (Kind::Unauthorized, _) => CREDENTIAL,
            (_, Retry::After(Some(asked))) => asked.clamp(FIRST, LONGEST),
            _ => doubled,
        };
        let now = self.now();
        self.tally.add(if fault.kind == Kind::RateLimited { Count::Throttles } else { Count::Outages });
        let breaker = Breaker {
            until: now.plus(wait),
            since: before.map_or(now, |breaker| breaker.since),
            failures,
            kind: fault.kind,
            reason: fault.to_string(),
            probing: false,
            closed: None,
        };
        tracing::warn!(connection = %connection.name, wait_s = wait.as_secs(), reason = %breaker.reason, "Holding back from a connection.");
        self.put_breaker(connection, &breaker, rev).await?;
        self.resume_in(connection, wait).await?;
        Ok(wait)
    }

    /// Closes the breaker after a success; what waited for it is ordered again by the next ticks. A success that comes while
    /// nothing may be sent is of a request that left before the trouble, and says nothing.
    pub async fn close_breaker(&self, connection: &Connection) -> Result<()> {
        if self.is_calm(connection) {
            return Ok(());
        }
        let (Some(breaker), rev) = self.breaker_item(connection).await? else { return Ok(()) };
        if breaker.closed.is_some() || breaker.until > self.now() && !breaker.probing {
            return Ok(());
        }
        tracing::info!(connection = %connection.name, "The connection works again.");
        self.put_breaker(connection, &Breaker { closed: Some(Sweep::default()), ..breaker }, rev).await?;
        self.resume_in(connection, Duration::ZERO).await
    }

    pub(crate) async fn put_plain(&self, item: Item) -> Result<()> {
        self.write_plain(vec![TableChange::Put(item, Condition::None)]).await
    }

    pub(crate) async fn write_plain(&self, changes: Vec<TableChange>) -> Result<()> {
        match self.table.write_each(changes).await {
            Ok(()) => Ok(()),
            Err(TransactError::Store(fault)) => Err(fault),
            Err(TransactError::Cancelled(_)) => Err(Fault::new(Kind::Conflict, "store", "somebody else wrote first")),
        }
    }
}
