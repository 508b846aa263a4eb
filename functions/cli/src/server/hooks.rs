//! `/hooks/{connection}` and `/hooks/{connection}/{secret}`: raw bytes, raw path and query, straight to ingest.

use super::Problem;
use crate::app::App;
use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use concord_connector::webhook::Answer;
use concord_hub::steps::ingest::{Incoming, MAX_BODY, ingest};
use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

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
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let incoming = Incoming {
        source: peer.and_then(|peer| source(peer, &head.headers)),
        method: head.method.to_string(),
        path_and_query,
        path_secret,
        headers: headers.collect(),
        body: body.to_vec(),
    };
    respond(ingest(&app.hub, connection, incoming).await)
}

/// Whom a request comes from: the peer, or whom a proxy on this machine or network names last, which is what it saw
/// itself. A proxy on this machine that names nobody would make everybody one source: then nobody is known.
fn source(peer: IpAddr, headers: &HeaderMap) -> Option<String> {
    let peer = peer.to_canonical();
    let named = headers.get_all("x-forwarded-for").iter().next_back().and_then(|text| text.to_str().ok());
    let named = named.and_then(|text| text.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
    match (super::is_near(peer), named) {
        (true, None) if peer.is_loopback() => None,
        (true, Some(named)) => Some(network(named.to_canonical())),
        _ => Some(network(peer)),
    }
}

/// An IPv6 sender has a whole network of addresses to choose from.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

fn respond(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(kind) = answer.content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    if let Some(Ok(page)) = answer.location.map(HeaderValue::try_from) {
        response.headers_mut().insert(header::LOCATION, page);
        response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_the_peer_or_whom_a_near_proxy_saw() {
        let from = |peer: &str, forwarded: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for text in forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_static(text));
            }
            source(peer.parse().unwrap(), &headers)
        };
        assert_eq!(from("198.51.100.7", &[]).as_deref(), Some("198.51.100.7"));
        assert_eq!(from("198.51.100.7", &["192.0.2.1"]).as_deref(), Some("198.51.100.7"), "strangers name nobody");
        assert_eq!(from("127.0.0.1", &["192.0.2.9, 192.0.2.1"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(from("10.0.0.1", &["192.0.2.9", "192.0.2.1"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(from("10.0.0.1", &["nonsense"]).as_deref(), Some("10.0.0.1"));
        assert_eq!(from("127.0.0.1", &[]), None, "a proxy that names nobody stands for everybody");
        assert_eq!(from("2001:db8:1:2:3:4:5:6", &[]).as_deref(), Some("2001:db8:1:2::/64"));
        assert_eq!(from("::ffff:198.51.100.7", &[]).as_deref(), Some("198.51.100.7"));
    }
}
