//! Set-up of hostile tests: answers of vendors changed on their way, ports that are down, webhooks signed by hand.

use async_trait::async_trait;
use concord_connector::{Result, testing::sign, webhook::Answer};
use concord_hub::{
    hub::{Hub, Ports},
    ports::{Http, HttpError, HttpRequest, HttpResponse, Outgoing, Queue, QueueName},
    steps::ingest::{Incoming, ingest},
};
use concord_tests::world::{PUBLIC_URL, SECRET, World};
use serde_json::Value as Json;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

type Change = Box<dyn Fn(&HttpRequest, &mut HttpResponse) + Send>;

/// What stands between the hub and its vendors. Clones are one.
#[derive(Clone, Default)]
pub(crate) struct Meddler {
    change: Arc<Mutex<Option<Change>>>,
    queue_down: Arc<AtomicBool>,
}

impl Meddler {
    /// Puts one between a world's hub and everybody else.
    pub(crate) fn enter(world: &mut World) -> Self {
        let meddler = Self::default();
        let hub = &world.hub;
        let ports = Ports {
            queue: Arc::new(Meddled { inner: Arc::clone(&hub.queue), by: meddler.clone() }),
            http: Arc::new(Meddled { inner: Arc::clone(&hub.http), by: meddler.clone() }),
            ..world.ports()
        };
        let now = hub.settings();
        let settings = (*now).clone();
        world.hub = Hub::new(ports, settings);
        meddler
    }

    /// From now on every answer of a vendor passes through this.
    pub(crate) fn answers(&self, change: impl Fn(&HttpRequest, &mut HttpResponse) + Send + 'static) {
        *self.change.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(change));
    }

    /// From now on one record of HubSpot's shape is shown changed, wherever it is shown.
    pub(crate) fn row(&self, id: &str, change: impl Fn(&mut Json) + Send + 'static) {
        let id = id.to_owned();
        self.answers(move |_, response| {
            let Ok(mut body) = serde_json::from_slice::<Json>(&response.body) else { return };
            each_row(&mut body, &id, &change);
            response.body = body.to_string().into_bytes();
        });
    }

    /// Vendors are believed again.
    pub(crate) fn leave(&self) {
        *self.change.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the queue refuses everything.
    pub(crate) fn queue_is_down(&self, down: bool) {
        self.queue_down.store(down, Ordering::SeqCst);
    }
}

fn each_row(json: &mut Json, id: &str, change: &impl Fn(&mut Json)) {
    match json {
        Json::Array(elements) => elements.iter_mut().for_each(|element| each_row(element, id, change)),
        Json::Object(members) if members.contains_key("properties") && members.get("id") == Some(&Json::from(id)) => {
            change(json);
        }
        Json::Object(members) => members.values_mut().for_each(|member| each_row(member, id, change)),
        _ => {}
    }
}

struct Meddled<T: ?Sized> {
    inner: Arc<T>,
    by: Meddler,
}

#[async_trait]
impl Http for Meddled<dyn Http> {
    async fn send(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let mut response = self.inner.send(request.clone()).await?;
        if let Some(change) = self.by.change.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            change(&request, &mut response);
        }
        Ok(response)
    }
}

#[async_trait]
impl Queue for Meddled<dyn Queue> {
    async fn send(&self, queue: &QueueName, batch: Vec<Outgoing>) -> Result<()> {
        if self.by.queue_down.load(Ordering::SeqCst) {
            return Err(concord_connector::Fault::new(
                concord_connector::Kind::Unavailable,
                "testing",
                "The queue is down by plan.",
            ));
        }
        self.inner.send(queue, batch).await
    }
}

/// A webhook as it reaches the door of a connection.
pub(crate) fn incoming(connection: &str, headers: Vec<(String, String)>, body: &[u8]) -> Incoming {
    Incoming {
        method: "POST".into(),
        path_and_query: format!("/hooks/{connection}"),
        path_secret: None,
        headers,
        body: body.to_vec(),
        source: None,
    }
}

/// A body signed as the first scheme of a connection asks for, with a secret of one's choice.
pub(crate) fn signed(world: &World, connection: &str, secret: &str, body: &[u8]) -> Incoming {
    let settings = world.hub.settings();
    let scheme = &settings.connections[connection].schemes[0];
    let uri = format!("{PUBLIC_URL}/hooks/{connection}");
    let proof = sign(scheme, secret, "POST", &uri, body, world.now());
    Incoming { path_secret: proof.path_secret, ..incoming(connection, proof.headers, body) }
}

/// Knocks at a connection's door.
pub(crate) async fn knock(world: &World, connection: &str, incoming: Incoming) -> Answer {
    ingest(&world.hub, connection, incoming).await
}

/// Knocks with a body that is signed with the right secret.
pub(crate) async fn tell(world: &World, connection: &str, body: &[u8]) -> Answer {
    knock(world, connection, signed(world, connection, SECRET, body)).await
}

/// One event of HubSpot's about a company.
pub(crate) fn event(number: u64, company: &str, property: &str, value: &str, at_ms: i64) -> Json {
    serde_json::json!({
        "eventId": number, "subscriptionId": 7001, "portalId": 1_000_000, "appId": 424_242, "occurredAt": at_ms,
        "subscriptionType": "company.propertyChange", "attemptNumber": 0, "changeSource": "CRM_UI",
        "objectId": company.parse::<u64>().unwrap_or(1), "propertyName": property, "propertyValue": value,
    })
}
