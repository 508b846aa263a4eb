//! What happens between two reads of one commit.

use crate::crm::{company, crms, edit, text};
use async_trait::async_trait;
use concord_connector::{Entity, RecordId, Result};
use concord_hub::{
    events::Count,
    hub::{Hub, Ports},
    keys, people,
    ports::{Feed, Item, ItemKey, Page, Query, QueueName, Table, TableChange, TransactError},
    steps::reconcile::regroup,
};
use concord_tests::world::{World, links};
use serde_json::json;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// What somebody else does, through a hub of their own.
type Deed = Box<dyn Fn(Arc<Hub>) -> Doing + Send + Sync>;
type Doing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A table that lets somebody else do something, once, when a record is about to be read.
struct Interrupted {
    inner: Arc<dyn Table>,
    hub: Arc<Hub>,
    record: RecordId,
    deed: Deed,
    armed: AtomicBool,
}

impl Interrupted {
    /// Puts one under a world's hub.
    fn enter(world: &mut World, record: &RecordId, deed: Deed) -> Arc<Self> {
        let inner: Arc<dyn Table> = Arc::new(world.table.clone());
        let settings = || (*world.hub.settings()).clone();
        let hub = Arc::new(Hub::new(world.ports(), settings()));
        let table = Arc::new(Self { inner, hub, record: record.clone(), deed, armed: AtomicBool::new(true) });
        let through = Hub::new(Ports { table: table.clone(), ..world.ports() }, settings());
        world.hub = through;
        table
    }
    fn is_done(&self) -> bool {
        !self.armed.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Table for Interrupted {
    async fn get(&self, wanted: &[ItemKey]) -> Result<Vec<Option<Item>>> {
        if wanted.contains(&keys::record(&self.record)) && self.armed.swap(false, Ordering::SeqCst) {
            (self.deed)(Arc::clone(&self.hub)).await;
        }
        self.inner.get(wanted).await
    }
    async fn query(&self, query: Query) -> Result<Page> {
        self.inner.query(query).await
    }
    async fn transact(&self, changes: Vec<TableChange>) -> std::result::Result<(), TransactError> {
        self.inner.transact(changes).await
    }
    async fn changes(&self, after: Option<&str>, limit: usize) -> Result<Feed> {
        self.inner.changes(after, limit).await
    }
}

#[tokio::test]
async fn a_record_that_is_split_between_two_reads_is_read_again() {
    let mut world = crms().await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(links(&record).len(), 2);
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "+49 30 1"}})));
    world.push().await;
    world.drain(&QueueName::Signals("hubspot".into())).await;
    let split = record.id.clone();
    let unlinked = move |hub: Arc<Hub>| -> Doing {
        let split = split.clone();
        Box::pin(async move {
            let record = hub.record(&split).await.expect("a table").expect("it is there").0;
            let mut links = record.facets.iter().map(|facet| &facet.link);
            let link = links.find(|link| link.connection.as_str() == "hubspot-eu").expect("a company");
            people::unlink(&hub, &split, &link.connection, &link.id).await.expect("it can be parted");
        })
    };
    let table = Interrupted::enter(&mut world, &record.id, Box::new(unlinked));
    while world.drain(&QueueName::Observations).await {}
    assert!(table.is_done(), "it was split in between");
    assert_eq!(world.hub.tally.get(Count::DeadLetters), 0);
    let apart = world.records(Entity::Organization).await;
    let with_phone: Vec<String> = apart.iter().filter(|one| text(one, "phone") == "+49 30 1").flat_map(links).collect();
    assert_eq!(with_phone, [format!("hubspot-eu/{id}")], "the edit went along: {apart:#?}");
}

#[tokio::test]
async fn a_record_that_joins_another_while_that_one_is_looked_at_is_not_lost() {
    let mut world = crms().await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let first = world.only(Entity::Organization).await.id;
    // Two companies of one HubSpot have one domain: whether they are one is a question, and each looks at the other.
    world.act("hubspot-eu", company("Acme again", "acme.example"));
    world.settle().await;
    let both = world.records(Entity::Organization).await;
    let second = both.iter().map(|one| one.id.clone()).find(|id| *id != first).expect("another one");
    let whole: usize = both.iter().map(|one| links(one).len()).sum();
    let (one, other) = (first.clone(), second.clone());
    let merged = move |hub: Arc<Hub>| -> Doing {
        let (one, other) = (one.clone(), other.clone());
        Box::pin(async move { drop(people::merge(&hub, &one, &other).await.expect("they may be one")) })
    };
    let table = Interrupted::enter(&mut world, &second, Box::new(merged));
    regroup(&world.hub, &first).await.expect("it is looked at");
    assert!(table.is_done(), "the other joined it in between");
    world.settle().await;
    let joined = world.only(Entity::Organization).await;
    assert_eq!(links(&joined).len(), whole, "nothing that it brought along is lost: {joined:#?}");
}
