//! The core path for a company of twenty vendor fields, told whole by a signed webhook: from the bytes of the webhook to the
//! request that would leave for the other system.

use concord_connector::{
    Connector, Context, Entity, Instant, Manifest, Operation, Signal, Snapshot, Step,
    exchange::{Change, Write},
    rest::Rest,
    webhook::{Unverified, Webhook},
};
use concord_hub::{
    facet::{Facet, Link},
    policy::Policy,
    record::Record,
    settings::{Connection, Mode, Settings},
    settle::{Cause, settle},
};
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const SOURCE: &str = include_str!("../../../functions/cli/src/bench/scene/source.toml");
const TARGET: &str = include_str!("../../../functions/cli/src/bench/scene/target.toml");
const KEY: &[u8] = b"fake-signing-key-of-the-bench-00";

struct Scene {
    now: Instant,
    source: Arc<dyn Connector>,
    target: Arc<dyn Connector>,
    settings: Settings,
    record: Record,
    link: Link,
    hook: Webhook<Unverified>,
    event: Json,
}

/// What a change says: the telephone number and the description are new each time.
fn event(change: u64) -> Json {
    json!({"type": "company.updated", "data": {
        "id": "c7", "version": change, "updated_at": "2026-01-01T00:00:00Z", "name": "Company 7",
        "legal_name": "Company 7 Holding GmbH", "domain": "c7.example", "website": "https://www.c7.example",
        "phone": format!("+1 {change}"), "email": "info@c7.example.com", "tax_id": "DE100000007", "duns": "200000007",
        "kinds": "partner;customer", "industry": "software", "description": format!("Resells everything, change {change}."),
        "address": {"street": "Main Street 7", "city": "Berlin", "region": "BE", "zip": "10115", "country": "Germany"},
        "revenue": "1000000.50", "currency": "EUR",
    }})
}

fn signed(body: &str, now: Instant) -> Webhook<Unverified> {
    let signer = standardwebhooks::Webhook::from_bytes(KEY.to_vec()).expect("a key");
    let seconds = now.ms() / 1000;
    let signature = signer.sign("msg_1", seconds, body.as_bytes()).expect("a signature");
    let headers = [
        ("webhook-id", "msg_1".to_owned()),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", signature),
        ("content-type", "application/json".to_owned()),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value));
    Webhook::new("POST", "/hooks/source", None, headers, body.as_bytes().to_vec())
}

/// A connection that is kept in step, without limits.
pub(crate) fn connection(name: &str, connector: &Arc<dyn Connector>, context: Context) -> Connection {
    Connection {
        name: name.into(),
        connector: connector.clone(),
        context,
        mode: Mode::Sync,
        base_url: String::new(),
        allow_private: false,
        auth: "none".into(),
        schemes: connector.manifest().webhooks.clone(),
        scope: BTreeMap::new(),
        on_delete: BTreeMap::new(),
        given_secrets: BTreeMap::new(),
        limits: Vec::new(),
        poll_every_s: 60,
        brake: Default::default(),
        hold_new: false,
        sweep_every_s: concord_hub::settings::SWEEP_EVERY_S,
    }
}

impl Scene {
    fn new() -> Self {
        let rest = |text| -> Arc<dyn Connector> {
            Arc::new(Rest::new(Manifest::parse(text).expect("a manifest")).expect("a connector"))
        };
        let (source, target) = (rest(SOURCE), rest(TARGET));
        let connections: BTreeMap<_, _> = [("source", &source), ("target", &target)]
            .map(|(name, one)| (name.into(), connection(name, one, Context::new(name, one.manifest()))))
            .into();
        let categories = [("source".into(), source.manifest().category), ("target".into(), target.manifest().category)];
        let policy = Policy::defaults(&categories);
        let settings = Settings { revision: 1, connections, policy, ..Settings::default() };
        let now = Instant::from_ms(1_767_225_600_000);
        let link = Link { connection: "source".into(), id: "c7".into() };
        let mut record = Record::new("r1".into(), Entity::Organization);
        let mut scene = Self {
            now,
            source,
            target,
            settings,
            record: record.clone(),
            link: link.clone(),
            hook: signed("", now),
            event: event(2),
        };
        // Known at both, and in step.
        for link in [link, Link { connection: "target".into(), id: "r1".into() }] {
            let mut facet = Facet::unseen(link.clone(), "r1".into());
            facet.observe(&Snapshot { id: link.id.clone(), ..scene.snapshot(&event(1)["data"]) }, now);
            record.facets.push(facet);
        }
        settle(
            &mut record,
            &scene.settings,
            &BTreeMap::new(),
            Cause { observed: None, now, regrouped: false, configured: false },
        );
        scene.record = record;
        scene.hook = signed(&scene.event.to_string(), now);
        scene
    }

    fn hear(&self) -> Vec<Signal> {
        let scheme = &self.source.manifest().webhooks[0];
        let hook = self.hook.clone().verify(scheme, &[KEY], self.now).expect("signed");
        self.source.signals(&self.settings.connections["source"].context, &hook).expect("signals")
    }

    fn snapshot(&self, row: &Json) -> Snapshot {
        let cx = &self.settings.connections["source"].context;
        let mut snapshot = Snapshot::new(
            Entity::Organization,
            "c7",
            concord_connector::SourceVersion(row["version"].as_u64().expect("a version")),
        );
        snapshot.fields = cx.mappings[&Entity::Organization].decode(cx, Entity::Organization, row).expect("a company");
        snapshot
    }

    /// Resolves, merges and plans; answers how many fields the target is to get.
    fn settle(&self, record: &mut Record, snapshot: &Snapshot) -> usize {
        let now = self.now.plus(Duration::from_secs(61));
        record.facet_mut(&self.link).expect("a facet").observe(snapshot, now);
        let cause = Cause { observed: Some(&self.link), now, regrouped: false, configured: false };
        assert!(settle(record, &self.settings, &BTreeMap::new(), cause).changed);
        record.facets[1].wanted().len()
    }

    /// The request that makes it true at the target.
    fn request(&self, record: &Record) -> Step {
        let facet = &record.facets[1];
        let fields =
            facet.wanted().into_iter().map(|field| (field.clone(), record.golden[field].value.clone())).collect();
        let change = Change::Update {
            id: facet.link.id.clone(),
            revision: None,
            held: BTreeMap::new(),
            held_at: facet.confirmed_at(),
        };
        let write = Write { token: None, record: record.id.clone(), change, fields };
        let operation = Operation::Write { entity: Entity::Organization, writes: vec![write] };
        self.target.next(&self.settings.connections["target"].context, &operation, &[]).expect("a request")
    }
}

#[divan::bench]
fn company_verify_and_parse(bencher: divan::Bencher<'_, '_>) {
    let scene = Scene::new();
    bencher.bench_local(|| scene.hear());
}

#[divan::bench]
fn company_translate_resolve_and_merge(bencher: divan::Bencher<'_, '_>) {
    let scene = Scene::new();
    bencher.with_inputs(|| scene.record.clone()).bench_local_values(|mut record| {
        let fields = scene.settle(&mut record, &scene.snapshot(&scene.event["data"]));
        assert_eq!(fields, 2);
        record
    });
}

#[divan::bench]
fn company_whole(bencher: divan::Bencher<'_, '_>) {
    let scene = Scene::new();
    bencher.with_inputs(|| scene.record.clone()).bench_local_values(|mut record| {
        let signal = scene.hear().pop().expect("a signal");
        let snapshot = signal.record.expect("the record itself");
        assert_eq!(scene.settle(&mut record, &snapshot), 2);
        (scene.request(&record), record)
    });
}
