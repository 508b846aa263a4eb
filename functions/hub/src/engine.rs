//! Drives a connector: sends what it asks for, authorizes, limits, refreshes. Once, for all of them.

mod address;
mod auth;
mod budget;
mod scrub;

pub(crate) use address::address;
pub use auth::{Token, TokenAnswer, exchange_code};
pub use budget::Budgets;
pub(crate) use budget::Share;

use crate::{
    events::Count,
    facet::SLACK,
    hub::Hub,
    ports::{HttpError, HttpRequest, HttpResponse},
    settings::Connection,
};
use concord_connector::{Fault, Instant, Kind, Operation, Outcome, Request, Response, Result, Retry, Step};
use scrub::Scrub;
use std::time::Duration;

/// How many requests one operation may take.
const EXCHANGES: usize = 256;
/// How long one request may take in all.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A `Date` header counts in seconds (RFC 9110, 5.6.7).
const TOLD_IN: Duration = Duration::from_secs(1);

/// An outcome and when the first request of the operation left.
#[derive(Debug)]
pub struct Ran {
    /// What came of it.
    pub outcome: Outcome,
    /// The `read_at` of everything that it read.
    pub started_at: Instant,
    /// When the last answer had arrived.
    pub ended_at: Instant,
}

impl Hub {
    /// Carries out an operation at a connection.
    ///
    /// # Errors
    /// The connector's fault, or the engine's own when nothing could be sent. A write whose answer got lost is
    /// [`Kind::Unknown`].
    pub async fn run(&self, connection: &Connection, operation: &Operation) -> Result<Ran> {
        self.carry_out(connection, operation, Share::All).await
    }

    /// The same with a part of the connection's call budget only, so that the rest is there for what somebody waits for.
    pub(crate) async fn run_in_background(&self, connection: &Connection, operation: &Operation) -> Result<Ran> {
        self.carry_out(connection, operation, Share::Half).await
    }

    async fn carry_out(&self, connection: &Connection, operation: &Operation, share: Share) -> Result<Ran> {
        let started_at = self.now();
        let mut seen: Vec<Response> = Vec::new();
        let scrub = Scrub::of(operation);
        for _ in 0..EXCHANGES {
            let step = connection.connector.next(&connection.context, operation, &seen);
            match step.map_err(|fault| scrub.fault(fault))? {
                Step::Done(outcome) => {
                    self.costs.took(connection, operation, seen.len());
                    let (mut outcome, ended_at) = (scrub.outcome(outcome), self.now());
                    if let Some(behind) = behind(&seen, ended_at) {
                        outcome.shown().for_each(|snapshot| snapshot.behind_ms = Some(behind));
                    }
                    return Ok(Ran { outcome, started_at, ended_at });
                }
                Step::Send(request) => {
                    seen.push(self.exchange(connection, &request, share).await.map_err(|fault| {
                        scrub.fault(fault).with("connection", &connection.name).with("operation", operation.name())
                    })?)
                }
            }
        }
        Err(Fault::new(Kind::Unexpected, "engine", format!("the operation took more than {EXCHANGES} requests"))
            .with("connection", &connection.name))
    }

    /// Goes through an operation up to the first request that would change anything, and sends that one not; `None` when
    /// the operation needs none.
    ///
    /// # Errors
    /// As [`Hub::run`].
    pub(crate) async fn rehearse(&self, connection: &Connection, operation: &Operation) -> Result<Option<Request>> {
        let mut seen: Vec<Response> = Vec::new();
        for _ in 0..EXCHANGES {
            match connection.connector.next(&connection.context, operation, &seen)? {
                Step::Done(_) => return Ok(None),
                Step::Send(request) if request.writes => return Ok(Some(request)),
                Step::Send(request) => seen.push(self.exchange(connection, &request, Share::All).await?),
            }
        }
        Ok(None)
    }

    async fn exchange(&self, connection: &Connection, request: &Request, share: Share) -> Result<Response> {
        let mut refused: Option<Token> = None;
        loop {
            self.budgets.acquire(self, connection, request.limit.as_deref(), share).await?;
            let token = self.token(connection, request.host.as_deref(), refused.as_ref()).await?;
            let place = self.budgets.place(connection).await;
            let started_at = self.now();
            self.tally.add(Count::VendorCalls);
            let answer = self.http.send(prepare(connection, request, &token, started_at)?).await;
            drop(place);
            let answer = answer.map_err(|error| broken(connection, request, error))?;
            let response = respond(answer, started_at);
            if request.accept.contains(&response.status) {
                return Ok(response);
            }
            let fault = Scrub::headers(&token.headers).fault(connection.connector.classify(request, &response));
            if fault.retry == Retry::AfterRefresh && refused.is_none() {
                refused = Some(token);
                continue;
            }
            return Err(fault);
        }
    }
}

/// Where a request goes, but for what a token says.
pub(crate) fn url_of(connection: &Connection, request: &Request) -> String {
    let base = request.host.as_ref().and_then(|host| address::host(connection, host).ok());
    let base = base.unwrap_or_else(|| connection.base_url.clone());
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{}{mark}{query}", base.trim_end_matches('/'), request.path)
}

fn prepare(connection: &Connection, request: &Request, token: &Token, now: Instant) -> Result<HttpRequest> {
    let base = match (&request.host, &token.base_url) {
        (Some(host), _) => address::host(connection, host)?,
        (None, Some(base)) => base.clone(),
        (None, None) => connection.base_url.clone(),
    };
    let mut url = format!("{}{}", base.trim_end_matches('/'), request.path);
    if !request.query.is_empty() {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish();
        url = format!("{url}?{query}");
    }
    let mut headers = request.headers.clone();
    if !headers.iter().any(|(name, _)| name == "accept") {
        headers.push(("accept".into(), "application/json".into()));
    }
    let (content_type, body) = request.body.encode();
    headers.extend(content_type.map(|named| ("content-type".to_owned(), named.to_owned())));
    headers.extend(token.headers(request.method.as_str(), &url, &headers, &body, now)?);
    Ok(HttpRequest {
        method: request.method.as_str(),
        url,
        headers,
        body,
        timeout: TIMEOUT,
        allow_private: connection.allow_private,
        keep: None,
    })
}

pub(crate) fn respond(answer: HttpResponse, started_at: Instant) -> Response {
    Response::new(answer.status, answer.headers, &answer.body, started_at)
}

/// How far a system's clock was behind ours, at most, in milliseconds: by the newest answer that tells what it showed, where
/// that is certain.
fn behind(seen: &[Response], ended_at: Instant) -> Option<u64> {
    let (clock, asked_at) = seen.iter().rev().find_map(|response| Some((response.clock()?, response.started_at)))?;
    let behind = ended_at.since(clock).as_millis();
    (clock.plus(TOLD_IN + SLACK) < asked_at).then(|| u64::try_from(behind).unwrap_or(u64::MAX))
}

fn broken(connection: &Connection, request: &Request, error: HttpError) -> Fault {
    let title = &connection.connector.manifest().title;
    match error {
        HttpError::NotSent(why) => Fault::new(Kind::Unavailable, "engine", format!("{title} cannot be reached: {why}")),
        HttpError::Lost(why) if request.writes => Fault::new(
            Kind::Unknown,
            "engine",
            format!("{title} did not answer a write, which may have been carried out: {why}"),
        ),
        HttpError::Lost(why) => Fault::new(Kind::Unavailable, "engine", format!("{title} did not answer: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn answered(at: i64, clock: Option<i64>) -> Response {
        let date = clock.map(|clock| ("date".to_owned(), Instant::from_ms(clock).http()));
        Response::new(200, BTreeMap::from_iter(date), b"", Instant::from_ms(at))
    }

    #[test]
    fn how_far_a_clock_is_behind_is_told_by_the_newest_answer_that_says_when_it_was() {
        let now = 1_767_225_600_000;
        let seen = [answered(now, Some(now - 90_000)), answered(now + 1000, Some(now - 240_000)), answered(now, None)];
        let ended_at = Instant::from_ms(now + 1500);
        assert_eq!(behind(&seen, ended_at), Some(241_500), "and the time that the answers took");
        assert_eq!(
            behind(&[answered(now, Some(now - 3000))], ended_at),
            None,
            "clocks that differ by little are right"
        );
        assert_eq!(behind(&[answered(now, Some(now + 90_000))], ended_at), None, "it is ahead");
        assert_eq!(behind(&[answered(now, None)], ended_at), None, "nobody said");
    }
}
