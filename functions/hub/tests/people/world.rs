//! A hub in memory with two CRMs and an ERP that exist on paper only.

use concord_connector::{
    Connector, Context, Entity, Fault, Field, Instant, Kind, Manifest, Operation, RecordId, Request, Response, Result,
    Signal, Snapshot, SourceVersion, Step, Value, Verified, Webhook,
};
use concord_hub::{
    config::Document,
    facet::Link,
    hub::{Hub, Ports},
    message::{Message, Observation},
    ports::{Http, HttpError, HttpRequest, HttpResponse, QueueName},
    record::Record,
    steps::reconcile,
    testing::{FakeClock, MemoryBlobs, MemoryQueue, MemoryTable, MemoryVault, SeededEntropy},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A system that is only described.
pub(super) struct Paper(Manifest);

impl Paper {
    pub(super) fn described(manifest: &str) -> Arc<dyn Connector> {
        Arc::new(Self(Manifest::parse(manifest).unwrap()))
    }
}

impl Connector for Paper {
    fn manifest(&self) -> &Manifest {
        &self.0
    }
    fn next(&self, _: &Context, operation: &Operation, _: &[Response]) -> Result<Step> {
        Err(Fault::new(Kind::Unexpected, "paper", format!("nobody should {}", operation.name())))
    }
    fn signals(&self, _: &Context, _: &Webhook<Verified>) -> Result<Vec<Signal>> {
        Ok(Vec::new())
    }
    fn classify(&self, _: &Request, _: &Response) -> Fault {
        Fault::new(Kind::Unexpected, "paper", "nobody should ask")
    }
}

struct Nowhere;

#[async_trait::async_trait]
impl Http for Nowhere {
    async fn send(&self, _: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        Err(HttpError::NotSent("there is no network here".into()))
    }
}

const FIELDS: &str = r#"
[entity.organization]
object = "companies"
fields = [
  { field = "name", vendor = "/name" },
  { field = "domain", vendor = "/domain" },
  { field = "tax_id", vendor = "/tax" },
  { field = "industry", vendor = "/industry", as = { text_max = 8 } },
  { field = "roles", vendor = "/roles" },
  { field = "annual_revenue", vendor = "/revenue", as = { money = { currency = "/currency" } } },
]
"#;

/// A system that everybody runs at an address of their own.
const OWN: &str = r#"
system = "own"
title = "Own"
category = "erp"
base_url = "https://localhost:8000"
concurrency = "precondition"
[auth.password.basic]
[entity.order]
object = "order"
fields = [ { field = "number", vendor = "/number" } ]
"#;

pub(super) fn registry() -> Vec<Arc<dyn Connector>> {
    let crm = |system: &str, title: &str, rest: &str| {
        Paper::described(&format!(
            "system = \"{system}\"\ntitle = \"{title}\"\ncategory = \"crm\"\nbase_url = \"https://{system}.example.com\"\nconcurrency = \"precondition\"\n[auth.token.bearer]\n{rest}\n{FIELDS}"
        ))
    };
    let signed = "[[webhooks]]\nname = \"v2\"\nsigned = { hmac = { header = \"x-s\", encoding = \"hex\", parts = [\"uri\", \"body\"] } }\n[[webhooks]]\nname = \"v1\"\nsigned = { hmac = { header = \"x-s\", encoding = \"hex\", parts = [\"body\"] } }\n";
    let erp = r#"
system = "erp"
title = "Erp"
category = "erp"
base_url = "https://{host}.example.com"
concurrency = "none"
[auth.password.basic]
[auth.key.header]
header = "x-key"
[options.host]
meaning = "The first part of the server's name."
[options.company]
meaning = "The id of the company."
default = "1"
[entity.organization]
object = "party"
fields = [
  { field = "name", vendor = "/name" },
  { field = "tax_id", vendor = "/tax" },
  { field = "annual_revenue", vendor = "/revenue", as = { money = { currency = "/currency" } } },
]
"#;
    vec![crm("north", "North", ""), crm("south", "South", signed), Paper::described(erp), Paper::described(OWN)]
}

pub(super) const DOCUMENT: &str = r#"
[connections.north]
system = "north"
mode = "sync"
[connections.south]
system = "south"
mode = "sync"
webhooks = ["v1"]
[connections.erp]
system = "erp"
auth = "password"
options = { host = "books" }
"#;

/// The hub and what tests look at.
pub(super) struct World {
    pub(super) hub: Hub,
    pub(super) clock: FakeClock,
    pub(super) table: MemoryTable,
    pub(super) queue: MemoryQueue,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(DOCUMENT)
    }

    pub(super) fn with(document: &str) -> Self {
        let (clock, table) = (FakeClock::default(), MemoryTable::default());
        let queue = MemoryQueue::new(Arc::new(clock.clone()));
        let ports = Ports {
            table: Arc::new(table.clone()),
            queue: Arc::new(queue.clone()),
            vault: Arc::new(MemoryVault::default()),
            http: Arc::new(Nowhere),
            blobs: Arc::new(MemoryBlobs::default()),
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(7)),
        };
        let settings = Document::parse(document)
            .unwrap()
            .settings(&registry(), 1, &BTreeMap::new(), &|_| Ok("secret".into()))
            .unwrap();
        Self { hub: Hub::new(ports, settings), clock, table, queue }
    }

    /// A read of an external record, a minute later than the last one; returns its golden record.
    pub(super) async fn sees(&self, connection: &str, id: &str, fields: &[(&str, &str)]) -> Record {
        self.clock.advance(Duration::from_secs(60));
        let now = self.hub.now();
        let mut snapshot = Snapshot::new(Entity::Organization, id, SourceVersion::from_instant(now));
        snapshot.modified = Some(now);
        for (field, text) in fields {
            let spec = Entity::Organization.field(field).unwrap();
            snapshot.fields.insert(Field::from(*field), concord_hub::people::parse_value(spec, text).unwrap());
        }
        self.observes(connection, snapshot).await;
        self.owner(connection, id).await
    }

    pub(super) async fn observes(&self, connection: &str, snapshot: Snapshot) {
        let observation = Observation {
            connection: connection.into(),
            snapshot,
            read_at: self.hub.now(),
            signalled_at: None,
            from_history: false,
            ours: Default::default(),
            looked: true,
        };
        reconcile::observe(&self.hub, &observation).await.unwrap();
    }

    /// The golden record that holds an external record.
    pub(super) async fn owner(&self, connection: &str, id: &str) -> Record {
        let link = Link { connection: connection.into(), id: id.into() };
        let item = self.hub.links(Entity::Organization, &[link]).await.unwrap().remove(0).expect("it is linked");
        self.get(&item.record).await
    }

    pub(super) async fn get(&self, id: &RecordId) -> Record {
        self.hub.record(id).await.unwrap().expect("there is such a record").0
    }

    /// Everything that was sent to a queue; what was sent to others is forgotten.
    pub(super) fn sent(&self, queue: &QueueName) -> Vec<Message> {
        let sent = self.queue.take_sent().into_iter().filter(|(to, _)| to == queue);
        sent.map(|(_, outgoing)| Message::decode(&outgoing.body).unwrap()).collect()
    }
}

pub(super) fn golden(record: &Record, field: &str) -> String {
    record.value(field).map_or_else(|| "-".into(), Value::to_string)
}

pub(super) fn later(ms: i64) -> Instant {
    Instant::from_ms(1_767_225_600_000 + ms)
}
