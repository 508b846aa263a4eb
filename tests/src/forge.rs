//! A sender who wants in: webhooks that are forged, touched, old, repeated, malformed or plain noise, the same ones for the
//! same seed. `tests/flow` sends a thousand of them in every run, `make forge` a million.

use crate::world::{PUBLIC_URL, SECRET, World, account};
use concord_connector::{testing::sign, webhook::Scheme};
use concord_hub::steps::ingest::{Incoming, ingest};
use std::time::Duration;

/// Connections that exist, and names that do not.
const DOORS: [&str; 5] = ["hubspot-eu", "salesforce", "hubspot-eu", "nobody", "HUBSPOT-EU"];
/// Bodies that are whole and right but for their proof.
const EVENTS: [&str; 3] = [
    r#"[{"eventId":1,"subscriptionId":7001,"portalId":1000000,"appId":424242,"occurredAt":1767225600000,"subscriptionType":"company.propertyChange","attemptNumber":0,"changeSource":"CRM_UI","objectId":7,"propertyName":"phone","propertyValue":"+49 30 1"}]"#,
    r#"{"detail":{"payload":{"ChangeEventHeader":{"changeType":"UPDATE","commitTimestamp":1767225600000,"entityName":"Account","recordIds":["001000000000001AAA"],"sequenceNumber":1,"transactionKey":"t","changedFields":["Phone"]},"Phone":"+49 30 1"}}}"#,
    r#"<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"><Notification><Id>04l000000000001AAA</Id></Notification></notifications></soapenv:Body></soapenv:Envelope>"#,
];
/// Bodies that say nothing whoever signs them.
const NONSENSE: [&str; 8] = ["", "{", "[1]", "[[[[", "\"text\"", "[{\"subscriptionType\":5}]", "<xml", "\u{0}\u{1}"];

/// What is wrong with a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It proves nothing: never let in, and nothing is kept of it.
    Proof,
    /// It is theirs and cannot be read: answered, kept for a person, never a signal.
    Content,
}

/// Makes webhooks.
pub struct Forger {
    state: u64,
}

impl Forger {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// A number below `below`: xorshift, which is chance enough.
    fn below(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 16).unwrap_or_default() % below.max(1)
    }

    fn pick<'a, T: ?Sized>(&mut self, among: &[&'a T]) -> &'a T {
        among[self.below(among.len())]
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most);
        (0..length).map(|_| self.state_byte()).collect()
    }

    fn state_byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap_or_default()
    }

    /// The next one, and at which door.
    fn next(&mut self, world: &World) -> (&'static str, Incoming, Wrong) {
        let name = self.pick(&DOORS);
        let settings = world.hub.settings();
        let schemes = settings.connections.get(name).map(|connection| connection.schemes.clone()).unwrap_or_default();
        let scheme = (!schemes.is_empty()).then(|| schemes[self.below(schemes.len())].clone());
        let kind = self.below(50);
        let mut hook = Incoming {
            method: "POST".into(),
            path_and_query: format!("/hooks/{name}"),
            body: self.pick(&EVENTS).as_bytes().to_vec(),
            source: (kind.is_multiple_of(2)).then(|| format!("198.51.100.{}", self.state % 200)),
            ..Incoming::default()
        };
        let Some(scheme) = scheme else {
            self.noise(&mut hook);
            return (name, hook, Wrong::Proof);
        };
        if kind == 0 {
            hook.body = self.pick(&NONSENSE).as_bytes().to_vec();
            prove(world, &scheme, SECRET, &mut hook, Duration::ZERO);
            return (name, hook, Wrong::Content);
        }
        match kind % 5 {
            1 => self.noise(&mut hook),
            2 => {
                let secret =
                    self.pick(&["", "another-secret", "fake-signing-secreT", "fake-signing-secret ", "secret"]);
                prove(world, &scheme, secret, &mut hook, Duration::ZERO);
            }
            3 if signs_time(&scheme) => {
                let late = [301, 3600, 86_400, 10_000_000][self.below(4)];
                prove(world, &scheme, SECRET, &mut hook, Duration::from_secs(late));
            }
            _ => {
                prove(world, &scheme, SECRET, &mut hook, Duration::ZERO);
                self.touch(&scheme, &mut hook);
            }
        }
        (name, hook, Wrong::Proof)
    }

    /// Anything at all.
    fn noise(&mut self, hook: &mut Incoming) {
        hook.method = self.pick(&["POST", "GET", "PUT", "OPTIONS", "", "PÖST"]).to_owned();
        if self.below(3) == 0 {
            hook.body = self.bytes(2000);
        }
        let names =
            ["x-hubspot-signature-v3", "x-hubspot-request-timestamp", "x-hubspot-signature", "x-concord-key", "host"];
        for _ in 0..self.below(6) {
            let name = self.pick(&names);
            let value = match self.below(3) {
                0 => String::from_utf8_lossy(&self.bytes(200)).into_owned(),
                1 => format!("{}", self.below(usize::MAX)),
                _ => "bm90IGEgc2lnbmF0dXJl".to_owned(),
            };
            hook.headers.push((name.to_owned(), value));
        }
        if self.below(4) == 0 {
            hook.path_secret = Some(String::from_utf8_lossy(&self.bytes(60)).into_owned());
        }
    }

    /// One thing is other than it was signed.
    fn touch(&mut self, scheme: &Scheme, hook: &mut Incoming) {
        let signs_body = !scheme.is_hint() && !hook.headers.iter().any(|(name, _)| name == "x-concord-key");
        match self.below(4) {
            0 if signs_body => {
                let at = self.below(hook.body.len());
                hook.body[at] ^= 1 << self.below(8);
            }
            1 if signs_body => hook.body.push(b' '),
            2 if !hook.headers.is_empty() => {
                let at = self.below(hook.headers.len());
                let again = hook.headers[at].clone();
                hook.headers.push(again);
            }
            _ => match hook.headers.first_mut() {
                Some((_, proof)) => proof.insert(self.below(proof.len() / 2), '7'),
                None => hook.path_secret = hook.path_secret.take().map(|secret| secret[1..].to_owned()),
            },
        }
    }
}

fn signs_time(scheme: &Scheme) -> bool {
    matches!(&scheme.signed, concord_connector::webhook::Signed::Hmac { timestamp: Some(_), .. })
}

fn prove(world: &World, scheme: &Scheme, secret: &str, hook: &mut Incoming, late: Duration) {
    let uri = format!("{PUBLIC_URL}{}", hook.path_and_query);
    let proof = sign(scheme, secret, &hook.method, &uri, &hook.body, world.now().minus(late));
    hook.headers = proof.headers;
    hook.path_secret = proof.path_secret;
}

/// What came of a flood.
#[derive(Debug, Default)]
pub struct Flood {
    /// Answered 401: proved nothing.
    pub refused: u64,
    /// Answered 429: not even listened to.
    pub barred: u64,
    /// Signed nonsense: answered 2xx and put aside.
    pub unreadable: u64,
    /// What should not have been, the first few of it.
    pub wrong: Vec<String>,
}

impl Flood {
    /// Two systems with every scheme that they have, and nothing in the queues.
    pub async fn world() -> World {
        let world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
        world.reconfigure(|settings| {
            for connection in settings.connections.values_mut() {
                connection.schemes.clone_from(&connection.connector.manifest().webhooks);
            }
        });
        world.queue.take_sent();
        world
    }

    /// Sends one webhook and looks at what came of it.
    pub async fn send(&mut self, world: &World, forger: &mut Forger) {
        let (name, hook, wrong) = forger.next(world);
        let shown = format!("{name} {} {:?}", hook.method, hook.headers);
        let answer = ingest(&world.hub, name, hook).await;
        let is_right = match (answer.status, wrong) {
            (401, Wrong::Proof) => {
                self.refused += 1;
                answer.body.is_empty()
            }
            (429, _) => {
                self.barred += 1;
                answer.body.is_empty()
            }
            (200, Wrong::Content) => {
                self.unreadable += 1;
                true
            }
            _ => false,
        };
        let entered = world.queue.take_sent();
        if (!is_right || !entered.is_empty()) && self.wrong.len() < 10 {
            self.wrong.push(format!("{} with {} messages for {wrong:?} of {shown}", answer.status, entered.len()));
        }
    }
}
