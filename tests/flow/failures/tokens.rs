//! F11: many workers, one refresh token that can be used once.

use async_trait::async_trait;
use concord_connector::{Entity, ExternalId, Fault, Instant, Kind, Operation, Retry};
use concord_hub::{
    hub::{Hub, Ports},
    ports::{
        Clock, Feed, Http, HttpError, HttpRequest, HttpResponse, Item, ItemKey, Page, Query, Secret, Secrets, Table,
        TableChange, TransactError,
    },
    settings::Settings,
    testing::FakeClock,
};
use concord_tests::world::{World, account};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A vendor whose refresh tokens are good once: a second use is refused, and so is every access token but the newest.
#[derive(Default)]
struct Rotating {
    generation: Mutex<u64>,
    refused: Mutex<u64>,
}

impl Rotating {
    fn answer(status: u16, body: &serde_json::Value) -> HttpResponse {
        HttpResponse { status, headers: BTreeMap::new(), body: body.to_string().into_bytes() }
    }
    fn counts(&self) -> (u64, u64) {
        let count = |of: &Mutex<u64>| *of.lock().unwrap_or_else(PoisonError::into_inner);
        (count(&self.generation), count(&self.refused))
    }
}

#[async_trait]
impl Http for Rotating {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // Whoever else wants to refresh gets the chance.
        tokio::task::yield_now().await;
        let answer = {
            let mut generation = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
            let is_token = request.url.contains("/oauth/");
            let body = String::from_utf8_lossy(&request.body).into_owned();
            if is_token && body.contains(&format!("refresh_token=fake-refresh-{generation}")) {
                *generation += 1;
                Self::answer(
                    200,
                    &json!({
                        "access_token": format!("fake-access-{generation}"),
                        "refresh_token": format!("fake-refresh-{generation}"), "expires_in": 1800,
                    }),
                )
            } else if is_token {
                *self.refused.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                Self::answer(400, &json!({ "error": "invalid_grant" }))
            } else {
                let expected = format!("Bearer fake-access-{generation}");
                let good = request.headers.iter().any(|(name, value)| name == "authorization" && *value == expected);
                let status = if good { 200 } else { 401 };
                Self::answer(status, &json!({ "results": [], "status": "error", "category": "EXPIRED_AUTHENTICATION" }))
            }
        };
        tokio::task::yield_now().await;
        Ok(answer)
    }
}

/// A clock that lets others work while somebody waits.
struct Patient(FakeClock);

#[async_trait]
impl Clock for Patient {
    fn now(&self) -> Instant {
        self.0.now()
    }
    async fn sleep(&self, wait: Duration) {
        self.0.advance(wait);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
}

/// A worker: a hub of its own over the shared store and vault.
fn worker(world: &World, vendor: &Arc<Rotating>, shared: bool) -> Arc<Hub> {
    let hub = &world.hub;
    let now = hub.settings();
    let mut connections = now.connections.clone();
    connections.get_mut("hubspot-eu").expect("a connection").auth = "oauth".into();
    let settings = Settings {
        revision: now.revision,
        public_url: now.public_url.clone(),
        connections,
        policy: now.policy.clone(),
        ..Settings::default()
    };
    let ports = Ports {
        table: if shared { Arc::new(Shared(Arc::clone(&hub.table))) } else { Arc::clone(&hub.table) },
        queue: Arc::clone(&hub.queue),
        vault: Arc::clone(&hub.vault),
        http: vendor.clone(),
        blobs: Arc::clone(&hub.blobs),
        clock: Arc::new(Patient(world.clock.clone())),
        entropy: Arc::clone(&hub.entropy),
    };
    Arc::new(Hub::new(ports, settings))
}

/// A table on which several processes work.
struct Shared(Arc<dyn Table>);

#[async_trait]
impl Table for Shared {
    fn is_shared(&self) -> bool {
        true
    }
    async fn get(&self, keys: &[ItemKey]) -> concord_connector::Result<Vec<Option<Item>>> {
        tokio::task::yield_now().await;
        self.0.get(keys).await
    }
    async fn query(&self, query: Query) -> concord_connector::Result<Page> {
        self.0.query(query).await
    }
    async fn transact(&self, changes: Vec<TableChange>) -> Result<(), TransactError> {
        tokio::task::yield_now().await;
        self.0.transact(changes).await
    }
    async fn changes(&self, after: Option<&str>, limit: usize) -> concord_connector::Result<Feed> {
        self.0.changes(after, limit).await
    }
}

#[tokio::test]
async fn f11_fifty_refresh_a_single_use_token_at_once_and_each_generation_is_refreshed_once() {
    let (_, refused) = refreshed(false).await;
    assert!(refused <= 3, "at most the other process asks in vain, once a round: {refused}");
}

#[tokio::test]
async fn f11_under_the_lease_of_a_shared_table_nobody_asks_in_vain() {
    let (refreshes, refused) = refreshed(true).await;
    assert_eq!((refreshes, refused), (3, 0), "a vendor may take a second use for theft");
}

/// How often a token was refreshed, and how often in vain, by two processes with fifty workers in three rounds.
async fn refreshed(shared: bool) -> (u64, u64) {
    let world = World::new(&[account("hubspot-eu", "hubspot")]).await;
    let vendor = Arc::new(Rotating::default());
    let generation = world.hub.vault.read("hubspot-eu").await.expect("a vault").generation;
    let parts = [("client_id", "fake-id"), ("client_secret", "fake"), ("refresh_token", "fake-refresh-0")];
    let parts = parts.map(|(name, value)| (name.to_owned(), Secret::new(value))).into();
    assert!(world.hub.vault.write("hubspot-eu", Secrets { generation, parts }).await.expect("a vault"));
    let workers = [worker(&world, &vendor, shared), worker(&world, &vendor, shared)];
    for round in 1..=3 {
        let mut running = Vec::new();
        for number in 0..50 {
            let hub = Arc::clone(&workers[number % 2]);
            running.push(tokio::spawn(async move {
                let settings = hub.settings();
                let operation = Operation::Fetch { entity: Entity::Organization, ids: vec![ExternalId::from("1")] };
                hub.run(&settings.connections["hubspot-eu"], &operation).await.map(drop)
            }));
        }
        for one in running {
            one.await.expect("no panic").unwrap_or_else(|fault| panic!("round {round}: {fault}"));
        }
        assert_eq!(vendor.counts().0, round, "accepted once per generation");
        // The vendor ends the token before its time: everybody is refused at once.
        world.clock.advance(Duration::from_secs(3600));
    }
    vendor.counts()
}

#[tokio::test]
async fn a_breaker_that_another_process_opened_holds_after_a_second_and_ones_own_at_once() {
    let world = World::new(&[account("hubspot-eu", "hubspot")]).await;
    let vendor = Arc::new(Rotating::default());
    let (one, other) = (worker(&world, &vendor, true), worker(&world, &vendor, true));
    let settings = one.settings();
    let connection = &settings.connections["hubspot-eu"];
    assert_eq!(one.held_back(connection).await.expect("a store"), None, "all is calm");
    let fault = Fault::new(Kind::Unavailable, "crm.search", "out of order").retry(Retry::After(None));
    let wait = other.open_breaker(connection, &fault).await.expect("a store");
    assert_eq!(other.held_back(connection).await.expect("a store"), Some(wait), "who met it knows");
    world.clock.advance(Duration::from_secs(1));
    let left = wait - Duration::from_secs(1);
    assert_eq!(one.held_back(connection).await.expect("a store"), Some(left), "and the others a second later");
}
