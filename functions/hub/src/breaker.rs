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
use concord_connector::{Fault, Instant, Kind, Result, Retry};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(900);
/// A refused credential is tried again this rarely: vendors lock accounts that knock too often.
const CREDENTIAL: Duration = Duration::from_secs(120);

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
}

impl Hub {
    /// The breaker, while it is open or has not been closed by a success.
    pub async fn breaker(&self, connection: &Connection) -> Result<Option<Breaker>> {
        self.item(keys::breaker(&connection.name)).await?.as_ref().map(store::parse).transpose()
    }

    /// How long nothing may be sent yet; `None` when it may.
    pub async fn held_back(&self, connection: &Connection) -> Result<Option<Duration>> {
        let now = self.now();
        Ok(self
            .breaker(connection)
            .await?
            .filter(|breaker| breaker.until > now)
            .map(|breaker| breaker.until.since(now)))
    }

    /// Opens the breaker for a trouble of the connection; the wait that follows.
    pub async fn open_breaker(&self, connection: &Connection, fault: &Fault) -> Result<Duration> {
        let before = self.breaker(connection).await?;
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
        };
        tracing::warn!(connection = %connection.name, wait_s = wait.as_secs(), reason = %breaker.reason, "Holding back from a connection.");
        let item = Item::new(keys::breaker(&connection.name), store::body(&breaker)?);
        self.put_plain(item).await?;
        Ok(wait)
    }

    /// Closes the breaker after a success.
    pub async fn close_breaker(&self, connection: &Connection) -> Result<()> {
        if self.breaker(connection).await?.is_none() {
            return Ok(());
        }
        tracing::info!(connection = %connection.name, "The connection works again.");
        self.write_plain(vec![TableChange::Delete(keys::breaker(&connection.name), Condition::None)]).await
    }

    pub(crate) async fn put_plain(&self, item: Item) -> Result<()> {
        self.write_plain(vec![TableChange::Put(item, Condition::None)]).await
    }

    pub(crate) async fn write_plain(&self, changes: Vec<TableChange>) -> Result<()> {
        match self.table.transact(changes).await {
            Ok(()) => Ok(()),
            Err(TransactError::Store(fault)) => Err(fault),
            Err(TransactError::Cancelled(_)) => Err(Fault::new(Kind::Conflict, "store", "somebody else wrote first")),
        }
    }
}
