//! A world: a hub and the vendors around it.

mod ports;
mod vendors;

use concord_connector::{
    ConnectionName, Connector, Context, Entity, Instant, RecordId,
    sandbox::{Act, Sandbox, Subscriber},
    testing::learn,
    value::Currency,
};
use concord_hub::{
    broker::Inbox,
    hub::{Hub, Ports},
    policy::Policy,
    ports::{Clock, Disposition, QueueName, Secret, Secrets, Table, Vault},
    record::Record,
    settings::{Connection, Mode, Scope, Settings},
    steps,
    testing::{FakeClock, FaultPlan, Flaky, MemoryBlobs, MemoryQueue, MemoryTable, MemoryVault, SeededEntropy},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
pub use vendors::{Receiver, Vendors};

/// What vendors call the hub by.
pub const PUBLIC_URL: &str = "https://hub.example.com";
/// The secret that vendors sign with.
pub const SECRET: &str = "fake-signing-secret";
/// Received more often than this, a message is a dead letter.
const RECEIVES: u32 = 8;

/// A hub, and vendors by connection name.
pub struct World {
    /// The hub.
    pub hub: Hub,
    /// The clock of everybody.
    pub clock: FakeClock,
    /// The queues.
    pub queue: MemoryQueue,
    /// The store.
    pub table: MemoryTable,
    /// The vendors.
    pub vendors: Vendors,
    /// Which port call fails.
    pub plan: FaultPlan,
    cursor: Option<String>,
}

/// One connection of a world.
pub struct Account<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its system.
    pub system: &'a str,
    /// Whether it is written to.
    pub mode: Mode,
    /// What is created there.
    pub creates: &'a [Entity],
    /// What is mapped; everything when empty.
    pub maps: &'a [Entity],
}

/// A system that is not in the registry.
pub struct Stranger {
    /// What it is.
    pub connector: Arc<dyn Connector>,
    /// A fresh account of it.
    pub start: Box<dyn Fn() -> Box<dyn Sandbox> + Send + Sync>,
}

/// A connection in mode `sync` in which organizations are created.
pub fn account<'a>(name: &'a str, system: &'a str) -> Account<'a> {
    Account { name, system, mode: Mode::Sync, creates: &[Entity::Organization], maps: &[] }
}

impl World {
    /// A world with these accounts, each described and subscribed.
    pub async fn new(accounts: &[Account<'_>]) -> Self {
        Self::beside(accounts, &[]).await
    }

    /// A world in which there are systems besides those of the registry.
    pub async fn beside(accounts: &[Account<'_>], strangers: &[Stranger]) -> Self {
        let clock = FakeClock::default();
        let plan = FaultPlan::none();
        let table = MemoryTable::default();
        let queue = MemoryQueue::new(Arc::new(clock.clone()));
        let vault = MemoryVault::default();
        let vendors = Vendors::new(clock.clone());
        let mut connections = BTreeMap::new();
        let mut categories = Vec::new();
        for (seed, account) in accounts.iter().enumerate() {
            let stranger = strangers.iter().find(|one| one.connector.system().as_str() == account.system);
            let connector = stranger.map(|one| Arc::clone(&one.connector));
            let connector = connector.or_else(|| concord_connectors::find(account.system)).expect("a known system");
            let sandbox = stranger.map(|one| (one.start)());
            let sandbox = sandbox.or_else(|| concord_connectors::sandbox(account.system, seed as u64));
            let mut sandbox = sandbox.expect("a sandbox");
            // What cannot sign proves itself by the path.
            let hint = connector.manifest().webhooks.first().is_some_and(|scheme| scheme.is_hint());
            let path = if hint { format!("{}/{SECRET}", account.name) } else { account.name.to_owned() };
            sandbox.subscribe(Some(Subscriber { url: format!("{PUBLIC_URL}/hooks/{path}"), secret: SECRET.into() }));
            let mut parts: BTreeMap<String, Secret> =
                sandbox.credentials().into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
            parts.insert("webhook".into(), Secret::new(SECRET));
            vault.write(account.name, Secrets { generation: 0, parts: parts.clone() }).await.expect("a vault");
            let manifest = connector.manifest();
            let auth = manifest
                .auth
                .iter()
                .find(|(_, auth)| auth.secrets().iter().all(|name| parts.contains_key(*name)))
                .map(|(name, _)| name.clone())
                .expect("a way to authorize for which the sandbox has secrets");
            categories.push((ConnectionName::from(account.name), manifest.category));
            let mut context = Context::new(account.name, manifest);
            // As an admin does where the account does not tell.
            context.currency = Currency::parse("EUR");
            context.options.extend(sandbox.options());
            context.mappings.retain(|entity, _| account.maps.is_empty() || account.maps.contains(entity));
            let scope = account.creates.iter().map(|entity| (*entity, Scope::All)).collect();
            let schemes = manifest.webhooks.iter().take(1).map(|scheme| scheme.filled(&context.options)).collect();
            let connection = Connection {
                name: account.name.into(),
                context,
                mode: account.mode,
                base_url: format!("http://{}", account.name),
                allow_private: true,
                auth,
                schemes,
                scope,
                on_delete: BTreeMap::new(),
                given_secrets: BTreeMap::new(),
                limits: manifest.limits.clone(),
                poll_every_s: manifest.capabilities.poll_every_s,
                brake: Default::default(),
                hold_new: false,
                sweep_every_s: concord_hub::settings::SWEEP_EVERY_S,
                connector,
            };
            connections.insert(connection.name.clone(), connection);
            vendors.add(account.name, sandbox);
        }
        let policy = Policy::defaults(&categories);
        let settings = Settings {
            revision: 1,
            public_url: PUBLIC_URL.into(),
            connections: connections.clone(),
            policy,
            ..Settings::default()
        };
        let ports = Ports {
            table: Arc::new(Flaky::new(table.clone(), &plan)),
            queue: Arc::new(Flaky::new(queue.clone(), &plan)),
            vault: Arc::new(Flaky::new(vault, &plan)),
            http: Arc::new(Flaky::new(vendors.clone(), &plan)),
            blobs: Arc::new(Flaky::new(MemoryBlobs::default(), &plan)),
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(7)),
        };
        let hub = Hub::new(ports, settings);
        for connection in connections.values_mut() {
            let described =
                steps::schedule::describe(&hub, connection).await.expect("an account that describes itself");
            learn(&mut connection.context, &described);
        }
        let policy = Policy::defaults(&categories);
        hub.configure(Settings { connections, policy, ..(*hub.settings()).clone() });
        Self { hub, clock, queue, table, vendors, plan, cursor: None }
    }

    /// From now on queues and table are one store, as in the embedded hub.
    pub fn in_one_store(&mut self) {
        self.hub.queue = Arc::new(Flaky::new(self.queue.clone().one_with(&self.table), &self.plan));
    }

    /// Changes the settings; a new revision.
    pub fn reconfigure(&self, change: impl FnOnce(&mut Settings)) {
        let now = self.hub.settings();
        let mut settings = Settings { revision: now.revision + 1, ..(*now).clone() };
        change(&mut settings);
        self.hub.configure(settings);
    }

    /// A person does something at a vendor.
    pub fn act(&self, name: &str, act: Act) -> String {
        let now = self.vendors.now(name);
        self.vendor(name, |vendor| vendor.act(now, act)).expect("an act that the vendor allows")
    }

    /// Looks at a vendor.
    pub fn vendor<T>(&self, name: &str, look: impl FnOnce(&mut dyn Sandbox) -> T) -> T {
        self.vendors.with(name, look)
    }

    /// Sends every webhook that is due, then does one round of everything. True when there was anything to do.
    pub async fn round(&mut self) -> bool {
        let mut busy = self.push().await;
        for queue in self.queue.queues() {
            busy |= self.drain(&queue).await;
        }
        busy | self.feed().await
    }

    /// Vendors send their webhooks; those that are not taken in are sent again later.
    pub async fn push(&mut self) -> bool {
        let mut sent = false;
        for name in self.vendors.names() {
            let now = self.vendors.now(&name);
            for push in self.vendor(&name, |vendor| vendor.pushes(now)) {
                sent = true;
                let answer = self.post(&name, &push.request).await;
                if !(200..300).contains(&answer) {
                    self.vendor(&name, |vendor| vendor.failed(now, push));
                }
            }
        }
        sent
    }

    /// Sends one webhook to the hub; the status.
    pub async fn post(&self, name: &str, request: &concord_connector::sandbox::WireRequest) -> u16 {
        let path_and_query = request.target.strip_prefix(PUBLIC_URL).unwrap_or(&request.target).to_owned();
        let incoming = steps::ingest::Incoming {
            method: request.method.clone(),
            path_secret: path_and_query
                .strip_prefix(&format!("/hooks/{name}/"))
                .map(|rest| rest.split('?').next().unwrap_or_default().to_owned()),
            path_and_query,
            headers: request.headers.clone().into_iter().collect(),
            body: request.body.clone(),
            source: None,
        };
        steps::ingest::ingest(&self.hub, name, incoming).await.status
    }

    /// Everything but deliveries, until nothing is left to decide.
    pub async fn decide(&mut self) {
        for _ in 0..20 {
            self.push().await;
            for queue in self.queue.queues() {
                if !matches!(queue, QueueName::Deliveries(_)) {
                    while self.drain(&queue).await {}
                }
            }
            self.feed().await;
        }
    }

    /// One batch of a queue.
    pub async fn drain(&mut self, queue: &QueueName) -> bool {
        let batch = self.queue.receive(queue, 10, Duration::from_secs(30)).await.expect("a queue in memory");
        if batch.is_empty() {
            return false;
        }
        let dispositions = match queue {
            QueueName::Signals(_) => steps::translate::translate(&self.hub, &batch).await,
            QueueName::Observations => steps::reconcile::reconcile(&self.hub, &batch).await,
            QueueName::Deliveries(_) => steps::deliver::deliver(&self.hub, &batch).await,
            QueueName::Events(_) => steps::publish::publish(&self.hub, &batch).await,
        };
        for (message, disposition) in batch.iter().zip(dispositions) {
            let id = std::slice::from_ref(&message.id);
            match disposition {
                Disposition::Done => self.queue.delete(queue, id).await.expect("a queue in memory"),
                Disposition::Retry { .. } if message.receives >= RECEIVES => {
                    panic!("given up: {} {}", queue, message.body);
                }
                Disposition::Retry { after, .. } => {
                    let wait = after.unwrap_or(Duration::from_secs(1));
                    self.queue.release(queue, &[(message.id.clone(), wait)]).await.expect("a queue in memory");
                }
            }
        }
        true
    }

    /// One piece of the change feed.
    pub async fn feed(&mut self) -> bool {
        let feed = self.table.changes(self.cursor.as_deref(), 100).await.expect("a table in memory");
        if feed.entries.is_empty() {
            return false;
        }
        if steps::fanout::fanout(&self.hub, &feed.entries).await.is_ok() {
            self.cursor = feed.cursor;
        }
        true
    }

    /// Works until nothing happens for two polls of everybody; panics when that takes a simulated day.
    pub async fn settle(&mut self) {
        let mut quiet_since = self.clock.now();
        let deadline = self.clock.now().plus(Duration::from_secs(86_400));
        while self.clock.now() < deadline {
            let before = self.shape();
            while self.round().await {}
            if self.shape() != before {
                quiet_since = self.clock.now();
            }
            let quiet = self.clock.now().since(quiet_since);
            if quiet > Duration::from_secs(180) {
                return;
            }
            // The longer nothing happened, the larger the steps.
            self.clock.advance(Duration::from_secs(1 + quiet.as_secs() / 5));
            // A tick that fails is tried again a second later.
            let _ticked = steps::schedule::tick(&self.hub).await;
        }
        panic!("no quiet within a day: {:?}", self.hub.tally.counts());
    }

    /// What may not change any more when all is quiet.
    fn shape(&self) -> (u64, u64, u64, u64) {
        use concord_hub::events::Count;
        let tally = &self.hub.tally;
        (
            tally.get(Count::Commits),
            tally.get(Count::Deliveries),
            tally.get(Count::Refusals) + tally.get(Count::Outages),
            tally.get(Count::Events),
        )
    }

    /// Every record of an entity.
    pub async fn records(&self, entity: Entity) -> Vec<Record> {
        let mut found = BTreeMap::new();
        for item in self.table.items() {
            if let Some(id) = concord_hub::keys::record_id(&item.key)
                && let Some((record, _)) = self.hub.record(&id).await.expect("a readable record")
                && record.entity == entity
                && !record.is_placeholder()
            {
                found.insert(record.id.clone(), record);
            }
        }
        found.into_values().collect()
    }

    /// The only record of an entity with this name.
    pub async fn named(&self, entity: Entity, name: &str) -> Record {
        let mut records = self.records(entity).await;
        records.retain(|record| record.value("name").and_then(|value| value.as_str()) == Some(name));
        assert_eq!(records.len(), 1, "exactly one {name}: {:?}", records.iter().map(links).collect::<Vec<_>>());
        records.remove(0)
    }

    /// The only record of an entity.
    pub async fn only(&self, entity: Entity) -> Record {
        let mut records = self.records(entity).await;
        assert_eq!(records.len(), 1, "exactly one {entity}: {:?}", records.iter().map(links).collect::<Vec<_>>());
        records.remove(0)
    }

    /// A record.
    pub async fn record(&self, id: &RecordId) -> Record {
        self.hub.record(id).await.expect("a readable store").expect("a record").0
    }

    /// The vendor's record that is a record's facet at a connection, as the vendor shows it.
    pub fn shown(&self, record: &Record, name: &str, object: &str) -> serde_json::Value {
        let name = ConnectionName::from(name);
        let facet = record
            .live_at(&name)
            .next()
            .unwrap_or_else(|| panic!("{} is not at {name}: {:?}", record.id, links(record)));
        self.vendor(name.as_str(), |vendor| vendor.records()[object][facet.link.id.as_str()].clone())
    }

    /// Open review items.
    pub async fn reviews(&self) -> Vec<concord_hub::review::Review> {
        let items = self.table.items().into_iter();
        items
            .filter(|item| item.key.partition.starts_with("W#") && !item.index.is_empty())
            .map(|item| serde_json::from_slice(&item.body).expect("a review item"))
            .collect()
    }

    /// Now.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }
}

/// The external records of a record.
pub fn links(record: &Record) -> Vec<String> {
    record.facets.iter().map(|facet| facet.link.to_string()).collect()
}

/// A lock that a panicking test left behind is as good as any.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
