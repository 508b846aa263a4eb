//! Operations: asynchronous jobs at vendors that deliveries started.
//!
//! One at a time for a record at a connection, because vendors lock what they work on. What is wanted meanwhile stays in the
//! record, and is sent when the job has ended: the latest state, once.
//!
//! ```text
//! sent ──► running ──► succeeded
//!   │         ├──────► refused   (what was asked cannot be; a person or the next change mends it)
//!   │         └──────► broken    (the vendor failed; asked again under another token)
//!   └────► unknown               (no answer; the same write goes again under the same token)
//! ```

use crate::{
    hub::Hub,
    keys,
    ports::{Condition, Item, Query, TableChange, TransactError},
    store,
};
use concord_connector::{
    ConnectionName, Entity, ExternalId, Field, Instant, RecordId, Result, Value,
    exchange::{Unfit, Write},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// How long an operation that has ended is shown.
const SHOWN: Duration = Duration::from_secs(30 * 24 * 3600);
/// Operations of a connection that are looked through at a time.
const PAGE: usize = 100;

/// How an operation stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is being sent, or was, and no answer came yet.
    Sent,
    /// No answer came: it goes again under the same token.
    Unknown,
    /// The vendor works on it.
    Running {
        /// The vendor's name for it.
        operation: ExternalId,
    },
    /// It was done.
    Succeeded,
    /// The vendor refused what was asked.
    Refused {
        /// What is wrong.
        mistakes: Vec<Unfit>,
    },
    /// The vendor failed.
    Broken {
        /// A sentence.
        reason: String,
    },
}

impl State {
    /// Whether it has not ended.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Sent | Self::Unknown | Self::Running { .. })
    }
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Running { .. } => "running",
            Self::Succeeded => "succeeded",
            Self::Refused { .. } => "refused",
            Self::Broken { .. } => "broken",
        }
    }
}

/// An operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// The record that it is to make true.
    pub record: RecordId,
    /// What kind of thing that is.
    pub entity: Entity,
    /// Where.
    pub connection: ConnectionName,
    /// How it stands.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// When it began.
    pub began_at: Instant,
    /// When it is asked after next, at the latest.
    pub next_at: Instant,
    /// What was sent, with the token under which it goes again.
    pub write: Write,
    /// Golden values and stamps of what was sent: what the receipt covers.
    pub(crate) golden: BTreeMap<Field, (Option<Value>, Instant)>,
    /// The record's version that it makes true.
    pub(crate) version: u64,
    /// Whether wants of other fields stay open.
    pub(crate) waits: bool,
    /// Whether something is left out.
    pub(crate) incomplete: bool,
}

impl Hub {
    /// The last operation of a record at a connection, with the revision of its item (0: there is none).
    pub(crate) async fn operation(&self, record: &RecordId, at: &ConnectionName) -> Result<(Option<Operation>, u64)> {
        let item = self.item(keys::operation(at, record)).await?;
        let rev = item.as_ref().map_or(0, |item| item.rev);
        Ok((item.as_ref().map(store::parse).transpose()?, rev))
    }

    /// Keeps an operation unless somebody else did meanwhile; whether it is kept.
    pub(crate) async fn keep_operation(&self, operation: &Operation, rev: u64) -> Result<bool> {
        let key = keys::operation(&operation.connection, &operation.record);
        let expires = (!operation.state.is_open()).then(|| self.now().plus(SHOWN));
        let item = Item { rev: rev + 1, expires, ..Item::new(key, store::body(operation)?) };
        let condition = if rev == 0 { Condition::Absent } else { Condition::Rev(rev) };
        match self.table.transact(vec![TableChange::Put(item, condition)]).await {
            Ok(()) => Ok(true),
            Err(TransactError::Cancelled(_)) => Ok(false),
            Err(TransactError::Store(fault)) => Err(fault),
        }
    }

    /// The operations of a connection: those that are open, and those that ended within a month.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn operations(&self, connection: &ConnectionName) -> Result<Vec<Operation>> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let query = Query { after, ..Query::partition(None, keys::operations(connection), PAGE) };
            let page = self.table.query(query).await?;
            let keys: Vec<_> = page.keys.into_iter().map(|(_, key)| key).collect();
            for item in self.table.get(&keys).await?.into_iter().flatten() {
                if !item.is_expired(self.now()) {
                    all.push(store::parse(&item)?);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }
}
