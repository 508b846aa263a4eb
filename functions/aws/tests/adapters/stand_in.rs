//! SQS, Secrets Manager and S3 as small servers on loopback, written from AWS's published interfaces: the wire is the SDK's
//! own, and what is behind it keeps the laws that are documented.

mod secrets;
mod sqs;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use concord_hub::testing::{FakeClock, MemoryQueue};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;

/// What the servers hold.
#[derive(Clone)]
pub(crate) struct StandIn {
    pub(crate) queue: MemoryQueue,
    /// The system attributes of messages that were sent.
    pub(crate) attributes: Arc<Mutex<Vec<Json>>>,
    /// The trace of each text.
    traces: Arc<Mutex<BTreeMap<String, Json>>>,
    secrets: Arc<Mutex<secrets::Secrets>>,
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
}

impl Default for StandIn {
    fn default() -> Self {
        Self::at(FakeClock::default())
    }
}

impl StandIn {
    pub(crate) fn at(clock: FakeClock) -> Self {
        Self {
            queue: MemoryQueue::new(Arc::new(clock)),
            attributes: Arc::default(),
            traces: Arc::default(),
            secrets: Arc::default(),
            objects: Arc::default(),
        }
    }

    /// Serves; the address.
    pub(crate) async fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(self);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        format!("http://{address}")
    }
}

async fn answer(State(held): State<StandIn>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default().to_owned();
    let Some((service, operation)) = target.split_once('.') else { return object(&held, &method, &uri, body) };
    let request: Json = serde_json::from_slice(&body).unwrap();
    let answered = match service {
        "AmazonSQS" => sqs::answer(&held, operation, &request).await,
        "secretsmanager" => held.secrets.lock().unwrap().answer(operation, &request),
        other => panic!("nothing stands in for {other}"),
    };
    match answered {
        Ok(json) => axum::Json(json).into_response(),
        Err(code) => (StatusCode::BAD_REQUEST, axum::Json(json!({ "__type": code }))).into_response(),
    }
}

/// S3, by path.
fn object(held: &StandIn, method: &Method, uri: &Uri, body: Bytes) -> Response {
    let mut objects = held.objects.lock().unwrap();
    let key = uri.path().to_owned();
    match *method {
        Method::PUT => {
            objects.insert(key, body);
            StatusCode::OK.into_response()
        }
        Method::GET => match objects.get(&key) {
            Some(bytes) => bytes.clone().into_response(),
            None => {
                let missing =
                    "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";
                (StatusCode::NOT_FOUND, missing).into_response()
            }
        },
        Method::DELETE => {
            objects.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}
