//! A sandbox derived from a manifest: an in-memory system that behaves as the file says, with records like its examples.
//! It shows whether a file is at one with itself. Whether the vendor behaves as the file says only the vendor can show.

mod calls;
mod page;
mod push;
mod route;
mod store;

use super::drive;
use crate::{
    Context, Instant, Manifest,
    manifest::Auth,
    sandbox::{Act, Faults, Push, Sandbox, Subscriber, Trouble, WireRequest, WireResponse},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use store::Store;

const TOKEN: &str = "derived-access-token-of-nobody";

/// The system that a manifest describes.
pub struct Derived {
    manifest: Manifest,
    cx: Context,
    store: Store,
    faults: Faults,
    served: BTreeMap<String, u64>,
    subscriber: Option<Subscriber>,
    waiting: Vec<push::Waiting>,
    told: u64,
}

impl Derived {
    /// An account without records.
    pub fn new(manifest: &Manifest) -> Self {
        let mut cx = Context::new("derived", manifest);
        for name in manifest.options.keys() {
            cx.options.entry(name.clone()).or_insert_with(|| "example".to_owned());
        }
        Self {
            store: Store::new(manifest),
            manifest: manifest.clone(),
            cx,
            faults: Faults::default(),
            served: BTreeMap::new(),
            subscriber: None,
            waiting: Vec::new(),
            told: 0,
        }
    }

    fn is_let_in(&self, request: &WireRequest) -> bool {
        let sent = |name: &str| request.headers.get(&name.to_ascii_lowercase()).map(String::as_str);
        self.manifest.auth.values().any(|auth| match auth {
            Auth::None {} => true,
            Auth::Bearer {} => sent("authorization") == Some(&format!("Bearer {}", secret("token"))),
            Auth::Header { header, prefix } => sent(header) == Some(&format!("{prefix}{}", secret("token"))),
            Auth::Basic {} => {
                let pair = STANDARD.encode(format!("{}:{}", secret("username"), secret("password")));
                sent("authorization") == Some(&format!("Basic {pair}"))
            }
            Auth::Sigv4 { .. } | Auth::OwnRole { .. } => {
                sent("authorization").is_some_and(|said| said.starts_with("AWS4-HMAC-SHA256 "))
            }
            Auth::Oauth { .. }
            | Auth::ClientCredentials { .. }
            | Auth::RefreshToken { .. }
            | Auth::ServiceAccount { .. }
            | Auth::JwtBearer { .. } => sent("authorization") == Some(&format!("Bearer {TOKEN}")),
        })
    }

    fn token(&self, request: &WireRequest) -> Option<WireResponse> {
        let urls = self.manifest.auth.values().filter_map(|auth| match auth {
            Auth::Oauth { token_url, .. }
            | Auth::ClientCredentials { token_url, .. }
            | Auth::RefreshToken { token_url }
            | Auth::JwtBearer { token_url, .. } => Some(token_url),
            _ => None,
        });
        let asked = urls.map(|url| drive::path_of(&drive::expand(url, &self.cx))).any(|path| path == request.path());
        let good = || request.form().get("client_secret").is_none_or(|sent| *sent == secret("client_secret"));
        (asked && request.method == "POST").then(|| match good() {
            true => WireResponse::json(200, &json!({ "access_token": TOKEN, "expires_in": 3600 })),
            false => WireResponse::json(400, &json!({ "error": "invalid_grant" })),
        })
    }

    fn account(&self, request: &WireRequest) -> Option<WireResponse> {
        let facts = self.manifest.account.as_ref()?;
        let path = format!("{}{}", drive::base_path(&self.manifest, &self.cx), facts.path.as_ref()?);
        let mut body = json!({});
        for (at, value) in [(&facts.time_zone_at, "Europe/Berlin"), (&facts.currency_at, "EUR")] {
            if let Some(at) = at {
                crate::codec::put(&mut body, at, json!(value)).ok()?;
            }
        }
        (request.method == "GET" && request.path() == path).then(|| WireResponse::json(200, &body))
    }
}

fn secret(name: &str) -> String {
    format!("derived-{name}-of-nobody")
}

impl Sandbox for Derived {
    fn handle(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let trouble = self.faults.take(request);
        if let Some(answer) = trouble.and_then(Faults::answer) {
            return answer;
        }
        *self.served.entry(format!("{} {}", request.method, request.path())).or_default() += 1;
        if let Some(answer) = self.token(request) {
            return answer;
        }
        if !self.is_let_in(request) {
            return WireResponse::json(401, &json!({ "error": "unknown credential" }));
        }
        let answer = match self.account(request) {
            Some(answer) => answer,
            None => self.answer(now, request),
        };
        if trouble == Some(Trouble::LoseAnswer) { WireResponse::empty(0) } else { answer.dated(now) }
    }

    fn act(&mut self, now: Instant, act: Act) -> Result<String, String> {
        let (object, id, what) = match act {
            Act::Create { object, fields } => {
                let id = self.store.make(now, &object, None, &fields)?;
                (object, id, push::What::Made)
            }
            Act::Update { object, id, fields } => {
                self.store.change(now, &object, &id, &fields, false).ok_or("there is no such record")?;
                (object, id, push::What::Changed)
            }
            Act::Delete { object, id } => {
                self.store.row(&object, &id).ok_or("there is no such record")?;
                self.tell(now, &object, &id, push::What::Gone);
                self.store.remove(now, &object, &id);
                return Ok(id);
            }
            Act::Merge { .. } => return Err("a manifest says nothing of merges".into()),
        };
        self.tell(now, &object, &id, what);
        Ok(id)
    }

    fn pushes(&mut self, now: Instant) -> Vec<Push> {
        self.due(now)
    }

    fn failed(&mut self, now: Instant, push: Push) {
        self.again(now, push);
    }

    fn subscribe(&mut self, subscriber: Option<Subscriber>) {
        self.subscriber = subscriber;
    }

    fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        self.store.records()
    }

    fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    fn served(&self) -> &BTreeMap<String, u64> {
        &self.served
    }

    fn credentials(&self) -> BTreeMap<String, String> {
        let mut names: Vec<&str> = self.manifest.auth.values().flat_map(Auth::secrets).copied().collect();
        names.push("refresh_token");
        names.into_iter().map(|name| (name.to_owned(), secret(name))).collect()
    }
}
