//! The `Http` port over one HTTP and TLS stack, and signed assertions for token requests.

mod address;
mod assertion;
mod resolver;

pub use assertion::assertion;

use crate::ports::{Http, HttpError, HttpRequest, HttpResponse};
use address::Reach;
use async_trait::async_trait;
use concord_connector::{Fault, Kind, Result};
use reqwest::{Client, ClientBuilder, Method, Response, Url, redirect};
use resolver::Guarded;
use std::{collections::BTreeMap, error::Error, sync::Arc, time::Duration};

/// A body may be so long.
const BODY: usize = 32 << 20;
/// A connection must stand within this.
const CONNECT: Duration = Duration::from_secs(5);
/// An idle connection is kept so long.
const IDLE: Duration = Duration::from_secs(60);

/// Sends requests: no redirects, no proxy, no cookies; to public addresses over https only, unless the request says that
/// the admin allowed private ones.
#[derive(Clone, Debug)]
pub struct Net {
    /// Two pools, so that no request meets a connection that its own guard would not have made.
    public: Client,
    private: Client,
}

impl Net {
    /// Sets up TLS and the pools; nothing is sent.
    pub fn new() -> Result<Self> {
        Ok(Self {
            public: build(|| builder(Reach::Public).https_only(true))?,
            private: build(|| builder(Reach::Private))?,
        })
    }
}

fn builder(reach: Reach) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("concord/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        // A proxy would connect to addresses that the guard never saw.
        .no_proxy()
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .tcp_nodelay(true)
        .dns_resolver(Arc::new(Guarded::new(reach)))
}

/// On a machine without root certificates plain http to loopback still works, and https fails with its own error.
fn build(builder: impl Fn() -> ClientBuilder) -> Result<Client> {
    builder().build().or_else(|error| {
        tracing::warn!("No root certificates could be loaded, so every https request will fail: {}", inmost(&error));
        builder().tls_certs_only([]).build().map_err(|error| {
            let sentence = format!("The HTTP client could not be set up: {}.", inmost(&error));
            Fault::new(Kind::Unexpected, "net.new", sentence)
        })
    })
}

#[async_trait]
impl Http for Net {
    async fn send(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let (client, reach) =
            if request.allow_private { (&self.private, Reach::Private) } else { (&self.public, Reach::Public) };
        let not_sent = |sentence: &str| HttpError::NotSent(sentence.to_owned());
        let url = Url::parse(&request.url).map_err(|_| not_sent("The address is no URL."))?;
        if !matches!(url.scheme(), "https") && !request.allow_private {
            return Err(not_sent("Only https addresses are allowed for this connection."));
        }
        // A name is checked when it is resolved, a literal address never is.
        if let Some(refused) = address::literal(&url).and_then(|address| address::refuse(address, reach)) {
            return Err(HttpError::NotSent(refused));
        }
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| not_sent("The method is no word."))?;
        let mut outgoing = client.request(method, url).timeout(request.timeout).body(request.body);
        for (name, value) in &request.headers {
            outgoing = outgoing.header(name, value);
        }
        receive(outgoing.send().await.map_err(classify)?, request.keep).await
    }
}

async fn receive(mut response: Response, keep: Option<usize>) -> std::result::Result<HttpResponse, HttpError> {
    let too_long = || HttpError::Lost(format!("The answer is longer than {} MiB.", BODY >> 20));
    if keep.is_none() && response.content_length().is_some_and(|length| length > BODY as u64) {
        return Err(too_long());
    }
    let status = response.status().as_u16();
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    let mut body = Vec::new();
    while keep.is_none_or(|keep| body.len() < keep)
        && let Some(chunk) = response.chunk().await.map_err(|error| HttpError::Lost(sentence(&error)))?
    {
        if let Some(keep) = keep {
            body.extend_from_slice(&chunk[..chunk.len().min(keep - body.len())]);
            continue;
        }
        if body.len() + chunk.len() > BODY {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpResponse { status, headers, body })
}

/// Whether the request left. In doubt it did: then nobody sends it twice without looking first.
fn classify(error: reqwest::Error) -> HttpError {
    let sentence = sentence(&error);
    if error.is_connect() || error.is_dns() || error.is_builder() {
        HttpError::NotSent(sentence)
    } else {
        HttpError::Lost(sentence)
    }
}

/// What happened, without the URL: its query may hold a credential.
fn sentence(error: &reqwest::Error) -> String {
    let what = match error {
        _ if error.is_timeout() && error.is_connect() => return "The connection took too long.".into(),
        _ if error.is_timeout() => return "The answer took too long.".into(),
        _ if error.is_dns() => "The host's name could not be resolved",
        _ if error.is_connect() => "No connection",
        _ if error.is_builder() => "The request could not be built",
        _ => "The connection broke before the answer was complete",
    };
    format!("{what}: {}.", inmost(error))
}

/// The cause at the end of the chain: the outer errors name the URL.
fn inmost(error: &reqwest::Error) -> String {
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(next) = cause.and_then(Error::source) {
        cause = Some(next);
    }
    cause.map_or_else(|| "no further cause is known".into(), |cause| cause.to_string().trim_end_matches('.').into())
}
