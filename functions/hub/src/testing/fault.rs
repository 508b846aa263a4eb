//! Ports that fail at a chosen call, for law 2: nothing is lost whatever fails in between.

use crate::ports::{
    Blobs, Feed, Http, HttpError, HttpRequest, HttpResponse, Item, ItemKey, Marked, Outgoing, Page, Query, Queue,
    QueueName, Secrets, Table, TableChange, TransactError, Vault,
};
use async_trait::async_trait;
use concord_connector::{Fault, Instant, Kind, Result};
use std::sync::{Arc, Mutex, PoisonError};

/// Where in a call it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the port did anything.
    Before,
    /// After the port did it; the caller does not learn that.
    After,
}

/// Which port call fails, counted over all ports that share the plan. Clones are one plan.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    calls: u64,
    fail: Option<(u64, When)>,
    crashes: bool,
    fired: bool,
}

impl FaultPlan {
    /// A plan under which nothing fails.
    pub fn none() -> Self {
        Self::default()
    }

    /// Counts calls from 1 again and fails the `call`th, once.
    pub fn fail(&self, call: u64, when: When) {
        *self.plan() = Plan { fail: Some((call, when)), ..Plan::default() };
    }

    /// Counts calls from 1 again; from the `call`th on everything fails, as after a crash, until [`Self::heal`].
    pub fn crash(&self, call: u64, when: When) {
        *self.plan() = Plan { fail: Some((call, when)), crashes: true, ..Plan::default() };
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        self.plan().fail = None;
    }

    /// Whether the chosen call was reached: a test that tries every call in turn ends when it was not.
    pub fn fired(&self) -> bool {
        self.plan().fired
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.plan().calls
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to the call that begins now.
    fn next(&self) -> Option<When> {
        let mut plan = self.plan();
        plan.calls += 1;
        let (call, when) = plan.fail?;
        let verdict = match plan.calls {
            calls if calls == call => Some(when),
            calls if calls > call && plan.crashes => Some(When::Before),
            _ => None,
        };
        plan.fired |= verdict.is_some();
        verdict
    }
}

/// A port that fails as its plan says.
#[derive(Clone, Debug)]
pub struct Flaky<T> {
    port: T,
    plan: FaultPlan,
}

impl<T> Flaky<T> {
    /// Wraps a port.
    pub fn new(port: T, plan: &FaultPlan) -> Self {
        Self { port, plan: plan.clone() }
    }
    /// The port itself, which does not fail.
    pub fn inner(&self) -> &T {
        &self.port
    }
}

fn planned() -> Fault {
    Fault::new(Kind::Unavailable, "testing.flaky", "This call fails by plan.")
}

/// One call of a port: refused, carried out, or carried out and not told.
macro_rules! call {
    ($flaky:expr, $call:expr, $before:expr, $after:expr) => {
        match $flaky.plan.next() {
            Some(When::Before) => Err($before),
            Some(When::After) => {
                // The caller learns nothing, so neither do we.
                drop($call.await);
                Err($after)
            }
            None => $call.await,
        }
    };
    ($flaky:expr, $call:expr) => {
        call!($flaky, $call, planned(), planned())
    };
}

#[async_trait]
impl<T: Table> Table for Flaky<T> {
    async fn get(&self, keys: &[ItemKey]) -> Result<Vec<Option<Item>>> {
        call!(self, self.port.get(keys))
    }
    async fn query(&self, query: Query) -> Result<Page> {
        call!(self, self.port.query(query))
    }
    async fn transact(&self, changes: Vec<TableChange>) -> std::result::Result<(), TransactError> {
        call!(self, self.port.transact(changes), TransactError::Store(planned()), TransactError::Store(planned()))
    }
    async fn changes(&self, after: Option<&str>, limit: usize) -> Result<Feed> {
        call!(self, self.port.changes(after, limit))
    }
}

#[async_trait]
impl<T: Queue> Queue for Flaky<T> {
    async fn send(&self, queue: &QueueName, batch: Vec<Outgoing>) -> Result<()> {
        call!(self, self.port.send(queue, batch))
    }
    fn is_one_with_table(&self) -> bool {
        self.port.is_one_with_table()
    }
    async fn send_with(&self, queue: &QueueName, batch: Vec<Outgoing>, puts: Vec<Item>) -> Result<()> {
        call!(self, self.port.send_with(queue, batch, puts))
    }
    async fn send_once(&self, queue: &QueueName, batch: Vec<Marked>, now: Instant) -> Result<Vec<bool>> {
        call!(self, self.port.send_once(queue, batch, now))
    }
}

#[async_trait]
impl<T: Vault> Vault for Flaky<T> {
    async fn read(&self, name: &str) -> Result<Secrets> {
        call!(self, self.port.read(name))
    }
    async fn write(&self, name: &str, secrets: Secrets) -> Result<bool> {
        call!(self, self.port.write(name, secrets))
    }
    async fn forget(&self, name: &str) -> Result<()> {
        call!(self, self.port.forget(name))
    }
}

#[async_trait]
impl<T: Blobs> Blobs for Flaky<T> {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        call!(self, self.port.put(name, bytes))
    }
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        call!(self, self.port.get(name))
    }
    async fn delete(&self, name: &str) -> Result<()> {
        call!(self, self.port.delete(name))
    }
}

#[async_trait]
impl<T: Http> Http for Flaky<T> {
    async fn send(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let sentence = || "This call fails by plan.".to_owned();
        call!(self, self.port.send(request), HttpError::NotSent(sentence()), HttpError::Lost(sentence()))
    }
}
