//! The HTTP server: hooks for vendors, the API for admins, health for machines, a status page for people.

mod doors;
mod health;
mod hooks;
mod page;
mod problem;
mod tap;

pub(crate) use doors::{Bounds, serve};
pub use problem::{Problem, sentence};

use crate::{
    api::{self, Call},
    app::App,
};
use axum::{
    Json, Router,
    body::{Body, BodyDataStream, Bytes},
    extract::{Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use futures::StreamExt;
use std::{net::IpAddr, sync::Arc, time::Duration};
use subtle::ConstantTimeEq;

/// The longest body that the API takes, in bytes.
const API_BODY: usize = 1 << 20;
/// A sender that takes longer for its body is cut off.
const PATIENCE: Duration = Duration::from_secs(30);
/// So much of a body that is too long is read and forgotten, so that its sender reads the answer instead of an error...
const FORGOTTEN: usize = 8 << 20;
/// ... for so long.
const FORGETTING: Duration = Duration::from_millis(500);

/// Every route.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::status))
        .route("/healthz", get(health::health))
        .route("/hooks/{*rest}", any(hooks::hook))
        .route("/api/tap", get(tap::tap))
        .route("/api/{*rest}", any(admin))
        .fallback(|| async { Problem::missing("There is nothing at this address.") })
        .with_state(app)
}

/// The API: for those who have the admin token.
async fn admin(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if !is_admin(&app, &head.headers) {
        return Problem::unauthorized().into_response();
    }
    let body = match read(body, &head.headers, API_BODY).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let call =
        Call::parse(head.method.as_str(), head.uri.path_and_query().map_or("/", |target| target.as_str()), &body);
    match match call {
        Ok(call) => api::answer(&app, call).await,
        Err(problem) => Err(problem),
    } {
        Ok(json) => Json(json).into_response(),
        Err(problem) => problem.into_response(),
    }
}

fn is_admin(app: &App, headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(one), None) = (given.next(), given.next()) else { return false };
    let Some(token) = one.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")) else { return false };
    token.trim().as_bytes().ct_eq(app.token.expose().as_bytes()).into()
}

/// Reads a body, refused as soon as it is known to be too long.
async fn read(body: Body, headers: &HeaderMap, most: usize) -> Result<Bytes, Problem> {
    let too_long = || Problem::new(413, format!("The body is longer than {most} bytes."));
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let mut pieces = body.into_data_stream();
    if announced.is_some_and(|length| length > most) {
        // Who asks first sends nothing after the answer.
        if !headers.contains_key(header::EXPECT) {
            forget(pieces).await;
        }
        return Err(too_long());
    }
    let collect = async {
        let mut whole = Vec::with_capacity(announced.unwrap_or_default());
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|_| Problem::new(400, "The body broke off."))?;
            if whole.len() + piece.len() > most {
                forget(pieces).await;
                return Err(too_long());
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Bytes::from(whole))
    };
    tokio::time::timeout(PATIENCE, collect).await.unwrap_or_else(|_| Err(Problem::new(408, "The body took too long.")))
}

/// Reads what a sender has begun to send: a connection that is closed before that breaks before the answer is read.
async fn forget(mut pieces: BodyDataStream) {
    let reading = async {
        let mut read = 0;
        while read < FORGOTTEN
            && let Some(Ok(piece)) = pieces.next().await
        {
            read += piece.len();
        }
    };
    // Whoever sends no more gets its answer without it.
    drop(tokio::time::timeout(FORGETTING, reading).await);
}

/// An address of this machine or of a private network: a proxy may be there.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}
