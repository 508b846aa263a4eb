//! Somebody who receives events, and checks them with the reference library of Standard Webhooks.

use concord_connector::Instant;
use concord_hub::ports::{HttpError, HttpRequest, HttpResponse};
use concord_tests::world::World;
use serde_json::Value as Json;
use standardwebhooks::Webhook;
use std::sync::{Arc, Mutex};

/// What answers come next; the last one stays.
type Script = Arc<Mutex<Vec<Result<HttpResponse, HttpError>>>>;

/// A receiver's inbox.
#[derive(Clone)]
pub(crate) struct Inbox {
    received: Arc<Mutex<Vec<Received>>>,
    script: Script,
    refused: Arc<Mutex<Option<String>>>,
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) at: Instant,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) status: u16,
}

pub(crate) fn answer(status: u16) -> Result<HttpResponse, HttpError> {
    Ok(HttpResponse { status, ..HttpResponse::default() })
}

pub(crate) fn asking(status: u16, retry_after_s: u64) -> Result<HttpResponse, HttpError> {
    let headers = [("retry-after".to_owned(), retry_after_s.to_string())].into();
    Ok(HttpResponse { status, headers, body: Vec::new() })
}

impl Inbox {
    /// Receives at a host of a world.
    pub(crate) fn at(world: &World, host: &str) -> Self {
        let inbox =
            Self { received: Arc::default(), script: Arc::new(Mutex::new(vec![answer(204)])), refused: Arc::default() };
        let mine = inbox.clone();
        world.vendors.receive(host, Box::new(move |request, at| mine.take(request, at)));
        inbox
    }

    fn take(&self, request: &HttpRequest, at: Instant) -> Result<HttpResponse, HttpError> {
        assert_eq!((request.method, request.allow_private), ("POST", false));
        assert!(request.keep.is_some_and(|most| most <= 64 << 10), "an answer is read to a bound");
        assert!(request.timeout.as_secs() <= 30);
        let mut script = self.script.lock().unwrap();
        let answer = if script.len() > 1 { script.remove(0) } else { script[0].clone() };
        let refused = self.refused.lock().unwrap();
        let text = String::from_utf8(request.body.clone()).unwrap();
        let answer = if refused.as_ref().is_some_and(|part| text.contains(part)) { self::answer(500) } else { answer };
        let status = answer.as_ref().map_or(0, |response| response.status);
        let (headers, body) = (request.headers.clone(), request.body.clone());
        self.received.lock().unwrap().push(Received { at, headers, body, status });
        answer
    }

    /// Answers so, one after another; the last one from then on.
    pub(crate) fn answers(&self, script: impl IntoIterator<Item = Result<HttpResponse, HttpError>>) {
        *self.script.lock().unwrap() = script.into_iter().collect();
        *self.refused.lock().unwrap() = None;
    }

    /// Answers 500 to whatever has a text in it.
    pub(crate) fn refuses(&self, part: &str) {
        *self.refused.lock().unwrap() = Some(part.to_owned());
    }

    /// Everything that arrived.
    pub(crate) fn all(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// What was answered 2xx.
    pub(crate) fn accepted(&self) -> Vec<Received> {
        self.all().into_iter().filter(|one| (200..300).contains(&one.status)).collect()
    }
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        let (Some((_, value)), None) = (found.next(), found.next()) else { panic!("{name} once: {self:?}") };
        value
    }

    /// Signatures, as many as there are.
    pub(crate) fn signatures(&self) -> Vec<&str> {
        self.header("webhook-signature").split(' ').collect()
    }

    /// The event, after each of the secrets has verified it alone, and refused it with one byte changed.
    pub(crate) fn verified(&self, secrets: &[&str]) -> Json {
        for secret in secrets {
            assert!(self.verifies(secret, &self.body), "{self:?}");
            let mut tampered = self.body.clone();
            let last = tampered.len() - 2;
            tampered[last] ^= 1;
            assert!(!self.verifies(secret, &tampered), "a touched byte is refused");
        }
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The reference library checks against the real time, which the simulated clock does not tell: the signature is
    /// made anew by it and looked for among ours.
    pub(crate) fn verifies(&self, secret: &str, body: &[u8]) -> bool {
        let webhook = Webhook::new(secret).unwrap();
        let stamp: i64 = self.header("webhook-timestamp").parse().unwrap();
        assert_eq!(stamp, self.at.ms().div_euclid(1000), "it is signed when it is sent");
        let made = webhook.sign(self.header("webhook-id"), stamp, body).unwrap();
        self.signatures().contains(&made.as_str())
    }
}
