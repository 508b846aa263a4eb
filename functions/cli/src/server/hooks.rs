//! `/hooks/{connection}` and `/hooks/{connection}/{secret}`: raw bytes, raw path and query, straight to ingest.

use super::Problem;
use crate::app::App;
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use concord_connector::webhook::Answer;
use concord_hub::steps::ingest::{Incoming, MAX_BODY, ingest};
use std::sync::Arc;

/// Takes a webhook in, or a vendor's handshake.
pub(super) async fn hook(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if ![Method::POST, Method::GET, Method::OPTIONS, Method::HEAD].contains(&head.method) {
        return Problem::new(405, "Webhooks are sent by POST.").into_response();
    }
    let body = match super::read(body, &head.headers, MAX_BODY).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let path_and_query = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let rest = head.uri.path().strip_prefix("/hooks/").unwrap_or_default();
    let (connection, path_secret) = match rest.split_once('/') {
        Some((connection, secret)) => (connection, Some(secret.to_owned())),
        None => (rest, None),
    };
    // A header that is no text is nobody's signature.
    let headers =
        head.headers.iter().filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    let incoming = Incoming {
        method: head.method.to_string(),
        path_and_query,
        path_secret,
        headers: headers.collect(),
        body: body.to_vec(),
    };
    respond(ingest(&app.hub, connection, incoming).await)
}

fn respond(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(kind) = answer.content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}
