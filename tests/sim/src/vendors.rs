//! The vendors: sandboxes behind the hub's `Http` port, each with a clock of its own, and the webhooks on their way.

mod trouble;

use crate::{clock::VirtualClock, gate::Gate, plan::Account, systems};
use async_trait::async_trait;
use concord_connector::{
    Connector, Context, Entity, Instant, Snapshot,
    manifest::Concurrency,
    sandbox::{Act, Push, Sandbox, Subscriber, WireRequest},
    testing::authorize,
};
use concord_hub::ports::{Http, HttpError, HttpRequest, HttpResponse};
use serde_json::Value as Json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

/// What vendors call the hub by.
pub const PUBLIC_URL: &str = "https://hub.example.com";

/// A webhook on its way.
pub struct Mail {
    /// When it arrives.
    pub at: i64,
    /// The webhook.
    pub push: Push,
}

/// What the hub did to a vendor's records.
#[derive(Clone, Debug, Default)]
pub struct Writes {
    /// Requests that could write.
    pub requests: u64,
    /// Records that were changed.
    pub changed: u64,
    /// Requests that could write and changed nothing.
    pub empty: u64,
    /// Records that were made: when, object, id.
    pub made: Vec<(i64, String, String)>,
    /// Records that were taken out: when, object, id, and what they showed.
    pub removed: Vec<(i64, String, String, Json)>,
}

/// An edit by a person.
#[derive(Clone, Debug)]
pub struct Touched {
    /// When.
    pub at: i64,
    /// The kind of record.
    pub object: String,
    /// Which.
    pub id: String,
    /// What differs in it since.
    pub members: BTreeSet<String>,
}

/// One vendor's account.
pub struct Vendor {
    /// The connection's name.
    pub name: String,
    /// The system.
    pub system: String,
    /// Its connector, to read what the sandbox shows.
    pub connector: Arc<dyn Connector>,
    /// What is read: everything that the manifest maps.
    pub cx: Context,
    /// The sandbox.
    pub sandbox: Box<dyn Sandbox>,
    /// How far its clock is ahead.
    pub skew_ms: i64,
    /// Webhooks on their way.
    pub mail: Vec<Mail>,
    /// The sandbox may have something to send.
    pub dirty: bool,
    /// Until when it answers slowly.
    pub slow_until: i64,
    /// Until when webhooks are lost.
    pub lose_until: i64,
    /// Until when webhooks wait.
    pub stall_until: i64,
    /// Until when webhooks are repeated and shuffled.
    pub shuffle_until: i64,
    /// Until when everything is refused.
    pub down_until: i64,
    /// The next request that makes something arrives when its caller has given up already.
    pub late: bool,
    /// Records that the next reads by id do not show: how many reads.
    pub blinks: BTreeMap<String, u32>,
    /// What planned troubles did.
    pub met: BTreeMap<&'static str, u64>,
    orphans: Vec<trouble::Orphan>,
    wrote_at: i64,
    /// The webhook secret.
    pub secret: String,
    /// What the hub wrote.
    pub writes: Writes,
    /// Calls by the hub.
    pub calls: u64,
    /// Edits that a write of the hub covered, made by people after the hub's own read of that record. Only where there is no
    /// precondition, at some systems, and for deletes at all: elsewhere it is a lost edit like any other.
    pub covered: Vec<Touched>,
    /// What people edited since the hub read it last.
    touched: Vec<Touched>,
    /// What people edited in records of which no read has shown anything since: nobody can have seen that before a delete,
    /// which has no precondition anywhere.
    unread: Vec<Touched>,
    headers: Vec<(String, String)>,
    shown: Option<BTreeMap<String, BTreeMap<String, Json>>>,
}

impl Vendor {
    fn new(account: &Account, number: usize) -> Self {
        let connector = systems::connector(&account.system);
        let mut sandbox = systems::sandbox(&account.system, number);
        let cx = systems::context(&account.name, &account.system, number);
        // By its own clock: one that is behind would stand still until it has come to a moment that it was told before.
        let now = Instant::from_ms(crate::clock::START + account.skew_ms);
        let headers = authorize(connector.manifest(), &cx, sandbox.as_mut(), now).unwrap_or_default();
        let secret = format!("fake-signing-secret-{number}");
        let mut vendor = Self {
            name: account.name.clone(),
            system: account.system.clone(),
            connector,
            cx,
            sandbox,
            skew_ms: account.skew_ms,
            mail: Vec::new(),
            dirty: false,
            slow_until: 0,
            lose_until: 0,
            stall_until: 0,
            shuffle_until: 0,
            down_until: 0,
            late: false,
            blinks: BTreeMap::new(),
            met: BTreeMap::new(),
            orphans: Vec::new(),
            wrote_at: 0,
            secret,
            writes: Writes::default(),
            calls: 0,
            covered: Vec::new(),
            touched: Vec::new(),
            unread: Vec::new(),
            headers,
            shown: None,
        };
        vendor.sandbox.faults().single_use_refresh = account.oauth;
        vendor.subscribe();
        vendor
    }
    /// Sends webhooks signed with the secret.
    pub fn subscribe(&mut self) {
        let url = format!("{PUBLIC_URL}{}", systems::hook_path(self.connector.as_ref(), &self.name, &self.secret));
        self.sandbox.subscribe(Some(Subscriber { url, secret: self.secret.clone() }));
    }
    /// What its clock says.
    pub fn now(&self, ms: i64) -> Instant {
        Instant::from_ms(ms + self.skew_ms)
    }
    /// Every live record as the vendor shows it.
    pub fn records(&mut self) -> &BTreeMap<String, BTreeMap<String, Json>> {
        let sandbox = &self.sandbox;
        self.shown.get_or_insert_with(|| sandbox.records())
    }
    /// The ids of the live records of an entity.
    pub fn ids(&mut self, entity: Entity) -> Vec<String> {
        let Some(object) = self.cx.mappings.get(&entity).map(|mapping| mapping.object.clone()) else {
            return Vec::new();
        };
        self.records().get(&object).map(|rows| rows.keys().cloned().collect()).unwrap_or_default()
    }
    /// One record as the vendor's interface shows it.
    pub fn row(&mut self, entity: Entity, id: &str) -> Json {
        let Some(object) = self.cx.mappings.get(&entity).map(|mapping| mapping.object.clone()) else {
            return Json::Null;
        };
        self.records().get(&object).and_then(|rows| rows.get(id)).cloned().unwrap_or_default()
    }
    /// Reads records, canonically.
    pub fn read(&mut self, ms: i64, entity: Entity, ids: &[String]) -> BTreeMap<String, Result<Snapshot, String>> {
        let now = self.now(ms);
        let Self { connector, cx, sandbox, headers, .. } = self;
        // Whoever looks for the ledger meets no trouble that was planned for the hub, and uses none up.
        let faults = std::mem::take(sandbox.faults());
        sandbox.faults().single_use_refresh = faults.single_use_refresh;
        let mut found = systems::read(connector.as_ref(), cx, sandbox.as_mut(), headers, now, entity, ids);
        if found.is_empty() && !ids.is_empty() {
            // Our own session was ended.
            *headers = authorize(connector.manifest(), cx, sandbox.as_mut(), now).unwrap_or_default();
            found = systems::read(connector.as_ref(), cx, sandbox.as_mut(), headers, now, entity, ids);
        }
        *sandbox.faults() = faults;
        found
    }
    /// A person does something.
    pub fn act(&mut self, ms: i64, act: Act) -> Result<String, String> {
        let now = self.now(ms);
        let edited = match &act {
            Act::Update { object, id, .. } => Some((object.clone(), id.clone())),
            _ => None,
        };
        let before = edited.as_ref().and_then(|(object, id)| self.records().get(object)?.get(id).cloned());
        let done = self.sandbox.act(now, act);
        self.shown = None;
        self.dirty = true;
        if let (Some((object, id)), Some(before)) = (edited, before) {
            let after = self.records().get(&object).and_then(|rows| rows.get(&id)).cloned().unwrap_or_default();
            let touched = Touched { at: ms, object, id, members: differing(&before, &after) };
            self.unread.push(touched.clone());
            if self.connector.manifest().concurrency == Concurrency::None {
                self.touched.push(touched);
            }
        }
        done
    }
    fn handle(&mut self, ms: i64, request: &WireRequest, gate: &Gate) -> concord_connector::sandbox::WireResponse {
        let now = self.now(ms);
        self.calls += 1;
        if !may_write(request) {
            let path = request.path();
            self.touched.retain(|one| !path.ends_with(&format!("/{}", one.id)));
            let planned = self.sandbox.faults().left();
            let asked = self.blink(ms, request);
            let answer = self.sandbox.handle(now, asked.as_ref().unwrap_or(request));
            self.met_trouble(answer.status, planned);
            let (asked, body) = (String::from_utf8_lossy(&request.body), String::from_utf8_lossy(&answer.body));
            // Which records go with it shows nothing of the record itself.
            let linked = request.target.contains("/associations/");
            let of = |one: &Touched| !linked && (request.target.contains(&one.object) || asked.contains(&one.object));
            let shows = |id: &str| body.contains(&format!("\"{id}\"")) || body.contains(&format!("\"id\":{id},"));
            self.unread.retain(|one| !(of(one) && shows(&one.id)));
            return answer;
        }
        self.records();
        let before = self.shown.take().unwrap_or_default();
        let planned = self.sandbox.faults().left();
        let answer = self.sandbox.handle(now, request);
        self.met_trouble(answer.status, planned);
        self.dirty = true;
        self.writes.requests += 1;
        self.wrote_at = ms;
        let unread = self.unread.clone();
        let after = self.records();
        let mut made = Vec::new();
        let mut changed = 0;
        let (mut rewritten, mut gone, mut taken_out) = (Vec::new(), Vec::new(), Vec::new());
        let objects: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for object in objects {
            let none = BTreeMap::new();
            let (old, new) = (before.get(object).unwrap_or(&none), after.get(object).unwrap_or(&none));
            for (id, row) in new {
                match old.get(id) {
                    None => made.push((ms, object.clone(), id.clone())),
                    Some(was) if was != row => {
                        changed += 1;
                        rewritten.push((object.clone(), id.clone(), differing(was, row)));
                    }
                    Some(_) => {}
                }
            }
            let removed: Vec<&String> = old.keys().filter(|id| !new.contains_key(*id)).collect();
            changed += removed.len() as u64;
            let of = |one: &&Touched| one.object == *object && removed.contains(&&one.id);
            gone.extend(unread.iter().filter(of).cloned());
            taken_out.extend(removed.into_iter().map(|id| (ms, object.clone(), id.clone(), old[id].clone())));
        }
        gate.tell(ms, || {
            let body = String::from_utf8_lossy(&request.body);
            let changes = made.len() as u64 + changed;
            format!(
                "{}  the hub writes, {changes} changed, answer {}: {} {:.900}",
                self.name, answer.status, request.target, body
            )
        });
        self.writes.empty += u64::from(made.is_empty() && changed == 0);
        self.writes.changed += changed;
        for (object, id, members) in rewritten {
            let over = |one: &&Touched| one.object == object && one.id == id && !one.members.is_disjoint(&members);
            self.covered.extend(self.touched.iter().filter(over).cloned());
            self.touched.retain(|one| !over(&one));
        }
        self.covered.extend(gone);
        self.writes.removed.extend(taken_out);
        self.writes.made.extend(made);
        answer
    }
}

/// The members in which two rows differ, but for when they were changed.
fn differing(before: &Json, after: &Json) -> BTreeSet<String> {
    let members = [before, after].into_iter().filter_map(Json::as_object).flat_map(|row| row.keys());
    let differ = members.filter(|name| before.get(name.as_str()) != after.get(name.as_str()));
    differ.filter(|name| *name != "updated_at").cloned().collect()
}

/// Whether a request could change something. Requests that only read are told by their paths, and by the method that an
/// RPC names.
fn may_write(request: &WireRequest) -> bool {
    if request.method == "GET" {
        return false;
    }
    let path = request.path();
    if path.ends_with("/batch/read") || path.ends_with("/search") || path.contains("oauth") {
        return false;
    }
    if path.ends_with("/rpc/") {
        let body = String::from_utf8_lossy(&request.body);
        return ![".read\"", ".search_read\"", ".search\"", ".get\"", ".search_count\"", "common."]
            .iter()
            .any(|m| body.contains(m));
    }
    true
}

/// Vendors by connection name. Clones share them.
#[derive(Clone)]
pub struct Vendors {
    all: Arc<Mutex<BTreeMap<String, Vendor>>>,
    clock: VirtualClock,
    gate: Gate,
}

impl Vendors {
    /// The vendors of a plan.
    pub fn new(accounts: &[Account], clock: &VirtualClock, gate: &Gate) -> Self {
        let all = accounts.iter().enumerate().map(|(n, account)| (account.name.clone(), Vendor::new(account, n)));
        Self { all: Arc::new(Mutex::new(all.collect())), clock: clock.clone(), gate: gate.clone() }
    }
    /// Looks at one.
    pub fn with<T>(&self, name: &str, look: impl FnOnce(&mut Vendor) -> T) -> T {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        look(all.get_mut(name).expect("a vendor of that name"))
    }
    /// Looks at each, in order of name.
    pub fn each(&self, mut look: impl FnMut(&mut Vendor)) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).values_mut().for_each(&mut look);
    }
}

#[async_trait]
impl Http for Vendors {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let rest = request.url.split_once("://").map_or("", |(_, rest)| rest);
        let at = rest.find('/').unwrap_or(rest.len());
        let (host, target) = rest.split_at(at);
        let wire = WireRequest {
            method: request.method.to_owned(),
            target: target.to_owned(),
            headers: request.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
            body: request.body,
        };
        let slow = self.with(host, |vendor| vendor.slow_until > self.clock.ms());
        let most = if slow { 12_000 } else { 150 };
        let (there, back, late) =
            self.gate.lot(|lot| (lot.between(5, most), lot.between(5, most), lot.between(1500, 1800)));
        self.clock.until(self.clock.ms() + there).await;
        let ms = self.clock.ms();
        if !slow && self.with(host, |vendor| vendor.comes_late(ms, late, &wire)) {
            return Err(HttpError::Lost("the connection broke".into()));
        }
        let answer = self.with(host, |vendor| {
            let down = vendor.down_until > ms;
            vendor.sandbox.faults().outage = down.then_some(503);
            vendor.handle(ms, &wire, &self.gate)
        });
        self.gate.note(&answer.body);
        self.clock.until(self.clock.ms() + back).await;
        match answer.status {
            0 => Err(HttpError::Lost("the connection broke".into())),
            status => Ok(HttpResponse { status, headers: answer.headers, body: answer.body }),
        }
    }
}
