//! The hub's ports, each behind the gate.

use crate::gate::{Gate, Verdict, When};
use async_trait::async_trait;
use concord_connector::{Fault, Instant, Kind, Result};
use concord_hub::ports::{
    Blobs, Feed, Http, HttpError, HttpRequest, HttpResponse, Item, ItemKey, Marked, Outgoing, Page, Query, Queue,
    QueueName, Secrets, Table, TableChange, TransactError, Vault,
};

/// A port behind the gate.
pub struct Gated<T> {
    port: T,
    gate: Gate,
}

impl<T> Gated<T> {
    /// Puts a port behind a gate.
    pub fn new(port: T, gate: &Gate) -> Self {
        Self { port, gate: gate.clone() }
    }
}

fn planned() -> Fault {
    Fault::new(Kind::Unavailable, "sim", "This call fails by plan.")
}

macro_rules! pass {
    ($self:expr, $often:expr, $call:expr, $before:expr, $after:expr) => {
        match $self.gate.enter($often).await {
            Verdict::Go | Verdict::Half => $call.await,
            Verdict::Fail(When::Before) => Err($before),
            Verdict::Fail(When::After) => {
                drop($call.await);
                Err($after)
            }
            Verdict::Die(When::Before) => $self.gate.die().await,
            Verdict::Die(When::After) => {
                drop($call.await);
                $self.gate.die().await
            }
        }
    };
    ($self:expr, $often:expr, $call:expr) => {
        pass!($self, $often, $call, planned(), planned())
    };
}

#[async_trait]
impl<T: Table> Table for Gated<T> {
    async fn get(&self, keys: &[ItemKey]) -> Result<Vec<Option<Item>>> {
        pass!(self, false, self.port.get(keys))
    }
    async fn query(&self, query: Query) -> Result<Page> {
        pass!(self, false, self.port.query(query))
    }
    async fn transact(&self, changes: Vec<TableChange>) -> std::result::Result<(), TransactError> {
        for change in &changes {
            self.gate.note(change.key().partition.as_bytes());
            if let TableChange::Put(item, _) = change {
                self.gate.note(&item.body);
            }
        }
        pass!(self, true, self.port.transact(changes), TransactError::Store(planned()), TransactError::Store(planned()))
    }
    async fn changes(&self, after: Option<&str>, limit: usize) -> Result<Feed> {
        pass!(self, false, self.port.changes(after, limit))
    }
}

#[async_trait]
impl<T: Queue> Queue for Gated<T> {
    async fn send(&self, queue: &QueueName, batch: Vec<Outgoing>) -> Result<()> {
        for message in &batch {
            self.gate.note(message.body.as_bytes());
            if *queue == QueueName::Observations {
                self.gate.is_sending(&message.body);
            }
        }
        match self.gate.enter(true).await {
            Verdict::Go => self.port.send(queue, batch).await,
            // One store sends all or nothing.
            Verdict::Half if self.port.is_one_with_table() => Err(planned()),
            Verdict::Half => {
                let half = batch.len() / 2;
                self.port.send(queue, batch.into_iter().take(half).collect()).await?;
                Err(planned())
            }
            Verdict::Fail(When::Before) => Err(planned()),
            Verdict::Fail(When::After) => {
                self.port.send(queue, batch).await?;
                Err(planned())
            }
            Verdict::Die(When::Before) => self.gate.die().await,
            Verdict::Die(When::After) => {
                drop(self.port.send(queue, batch).await);
                self.gate.die().await
            }
        }
    }
    fn is_one_with_table(&self) -> bool {
        self.port.is_one_with_table()
    }
    async fn send_with(&self, queue: &QueueName, batch: Vec<Outgoing>, puts: Vec<Item>) -> Result<()> {
        batch.iter().for_each(|message| self.gate.note(message.body.as_bytes()));
        pass!(self, true, self.port.send_with(queue, batch, puts))
    }
    async fn send_once(&self, queue: &QueueName, batch: Vec<Marked>, now: Instant) -> Result<Vec<bool>> {
        batch.iter().for_each(|one| self.gate.note(one.message.body.as_bytes()));
        pass!(self, true, self.port.send_once(queue, batch, now))
    }
}

#[async_trait]
impl<T: Vault> Vault for Gated<T> {
    async fn read(&self, name: &str) -> Result<Secrets> {
        pass!(self, false, self.port.read(name))
    }
    async fn write(&self, name: &str, secrets: Secrets) -> Result<bool> {
        pass!(self, true, self.port.write(name, secrets))
    }
    async fn forget(&self, name: &str) -> Result<()> {
        pass!(self, true, self.port.forget(name))
    }
}

#[async_trait]
impl<T: Blobs> Blobs for Gated<T> {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        pass!(self, true, self.port.put(name, bytes))
    }
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        pass!(self, false, self.port.get(name))
    }
    async fn delete(&self, name: &str) -> Result<()> {
        pass!(self, true, self.port.delete(name))
    }
}

#[async_trait]
impl<T: Http> Http for Gated<T> {
    async fn send(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        self.gate.note(request.url.as_bytes());
        self.gate.note(&request.body);
        let sentence = || "This call fails by plan.".to_owned();
        pass!(self, true, self.port.send(request), HttpError::NotSent(sentence()), HttpError::Lost(sentence()))
    }
}
