//! Serves a sandbox over HTTP on a free loopback port, and sends its webhooks.

use anyhow::{Context as _, Result};
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use concord_connector::sandbox::{Push, Sandbox, WireRequest, WireResponse};
use concord_hub::{embedded::SystemClock, ports::Clock as _};
use futures::stream;
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};

/// No vendor takes larger requests.
const LARGEST: usize = 32 << 20;
/// How often waiting webhooks are looked for.
const PUSH_EVERY: Duration = Duration::from_millis(25);
/// A subscriber that takes longer has not answered.
const PUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// A sandbox that is being served, until it is dropped.
pub struct SandboxServer {
    /// Where it is served; no slash at the end.
    pub url: String,
    sandbox: Shared,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Box<dyn Sandbox>>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Box<dyn Sandbox>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SandboxServer {
    /// Starts to serve on a free port of the loopback interface.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(sandbox: Box<dyn Sandbox>) -> Result<Self> {
        let sandbox = Shared(Arc::new(Mutex::new(sandbox)));
        let listener =
            TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.context("There is no free port.")?;
        let url = format!("http://{}", listener.local_addr()?);
        let router =
            Router::new().route("/__sandbox/records", get(records)).fallback(answer).with_state(sandbox.clone());
        let serve = async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "A sandbox is no longer served.");
            }
        };
        let client = reqwest::Client::builder().no_proxy().timeout(PUSH_TIMEOUT).build()?;
        let tasks = [tokio::spawn(serve), tokio::spawn(push(sandbox.clone(), client))];
        Ok(Self { url, sandbox, tasks })
    }

    /// The sandbox itself; do not hold it over an await.
    pub fn lock(&self) -> MutexGuard<'_, Box<dyn Sandbox>> {
        self.sandbox.lock()
    }
}

impl Drop for SandboxServer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn answer(State(sandbox): State<Shared>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let headers =
        head.headers.iter().filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let method = head.method.to_string();
    let request = WireRequest { method, target, headers: headers.collect(), body: body.to_vec() };
    reply(sandbox.lock().handle(SystemClock.now(), &request))
}

/// Status 0 stands for an answer that gets lost: the connection breaks before there is one.
fn reply(response: WireResponse) -> Response {
    let Ok(status) = StatusCode::from_u16(response.status) else {
        let broken = io::Error::new(io::ErrorKind::ConnectionReset, "the answer got lost");
        return Response::new(Body::from_stream(stream::once(async { Err::<Bytes, _>(broken) })));
    };
    let mut out = Response::new(Body::from(response.body));
    *out.status_mut() = status;
    for (name, value) in &response.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
            out.headers_mut().insert(name, value);
        }
    }
    out
}

/// What the vendor has, for anybody who wants to look.
async fn records(State(sandbox): State<Shared>) -> axum::Json<serde_json::Value> {
    let records = sandbox.lock().records();
    axum::Json(serde_json::json!(records))
}

async fn push(sandbox: Shared, client: reqwest::Client) {
    loop {
        let waiting = sandbox.lock().pushes(SystemClock.now());
        for push in waiting {
            if !send(&client, &push).await {
                sandbox.lock().failed(SystemClock.now(), push);
            }
        }
        tokio::time::sleep(PUSH_EVERY).await;
    }
}

async fn send(client: &reqwest::Client, push: &Push) -> bool {
    let Ok(method) = reqwest::Method::from_bytes(push.request.method.as_bytes()) else { return false };
    let mut request = client.request(method, &push.request.target).body(push.request.body.clone());
    for (name, value) in &push.request.headers {
        request = request.header(name, value);
    }
    request.send().await.is_ok_and(|response| response.status().is_success())
}
