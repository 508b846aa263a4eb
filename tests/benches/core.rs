//! The core path without I/O: verify, parse, translate, resolve, merge, plan, for a company of 15 mapped fields.

#[path = "core/company.rs"]
mod company;

use concord_connector::{
    Context, Entity, ExternalId, Instant, Operation, Outcome, Response, Snapshot, Step,
    connector::Connector,
    sandbox::{Act, Subscriber},
    testing::{drive, learn},
    webhook::Webhook,
};
use concord_hub::{
    facet::{Facet, Link},
    policy::Policy,
    record::Record,
    settings::{Connection, Settings},
    settle::{Cause, settle},
};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

const SECRET: &str = "fake-signing-secret";

struct Setting {
    connector: Arc<dyn Connector>,
    cx: Context,
    hook: Webhook<concord_connector::Unverified>,
    now: Instant,
    fetch: Operation,
    seen: Vec<Response>,
    snapshot: Snapshot,
    settings: Settings,
    record: Record,
}

fn setting() -> Setting {
    let connector = concord_connectors::find("hubspot").expect("a connector");
    let mut vendor = concord_connectors::sandbox("hubspot", 1).expect("a sandbox");
    let now = Instant::from_ms(1_767_225_600_000);
    let mut cx = Context::new("hubspot", connector.manifest());
    let allowed = drive::authorize(connector.manifest(), &cx, vendor.as_mut(), now).expect("a token");
    let described = drive::drive(connector.as_ref(), &cx, &Operation::Describe, vendor.as_mut(), now, &allowed)
        .expect("an account");
    if let Outcome::Account(account) = described {
        learn(&mut cx, &account);
    }
    vendor.subscribe(Some(Subscriber { url: "https://hub.example.com/hooks/hubspot".into(), secret: SECRET.into() }));
    let fields = json!({"properties": {
        "name": "Acme Partner GmbH", "domain": "acme.example", "website": "https://acme.example", "phone": "+49 30 1", "industry": "COMPUTER_SOFTWARE",
        "address": "Hauptstr. 1", "city": "Berlin", "zip": "10115", "country": "Germany", "annualrevenue": "1250000.50", "description": "Resells everything.",
        "concord_roles": "partner;customer", "tax_id": "DE136695976", "lei": "529900T8BM49AURSDO55", "duns": "123456789"
    }});
    let id = vendor.act(now, Act::Create { object: "companies".into(), fields }).expect("a company");
    let push = vendor.pushes(now).remove(0).request;
    let hook = Webhook::new(push.method, push.target, None, push.headers, push.body);
    let fetch = Operation::Fetch { entity: Entity::Organization, ids: vec![ExternalId::new(id.clone())] };
    let mut seen = Vec::new();
    let snapshot = loop {
        match connector.next(&cx, &fetch, &seen).expect("a step") {
            Step::Send(request) => {
                let wire = drive::wire("", &request, &allowed);
                seen.push(drive::response(&vendor.handle(now, &wire), now));
            }
            Step::Done(Outcome::Records(mut records)) => break records.remove(0).1.expect("a record"),
            Step::Done(_) => unreachable!("a fetch answers records"),
        }
    };
    let connection = |name: &str| Connection {
        auth: "private_app".into(),
        ..company::connection(name, &connector, Context { connection: name.into(), ..cx.clone() })
    };
    let connections: BTreeMap<_, _> = ["hubspot", "other"].map(|name| (name.into(), connection(name))).into();
    let categories =
        [("hubspot".into(), connector.manifest().category), ("other".into(), connector.manifest().category)];
    let settings = Settings {
        revision: 1,
        public_url: String::new(),
        connections,
        policy: Policy::defaults(&categories),
        ..Settings::default()
    };
    let mut record = Record::new("r1".into(), Entity::Organization);
    for name in ["hubspot", "other"] {
        let mut facet = Facet::unseen(Link { connection: name.into(), id: id.as_str().into() }, "r1".into());
        facet.observe(&snapshot, now);
        record.facets.push(facet);
    }
    settle(
        &mut record,
        &settings,
        &BTreeMap::new(),
        Cause { observed: None, now, regrouped: false, configured: false },
    );
    Setting { connector, cx, hook, now, fetch, seen, snapshot, settings, record }
}

fn main() {
    divan::main();
}

#[divan::bench]
fn verify_and_parse(bencher: divan::Bencher<'_, '_>) {
    let s = setting();
    let scheme = &s.connector.manifest().webhooks[0];
    bencher.bench_local(|| {
        let hook = s.hook.clone().verify(scheme, &[SECRET.as_bytes()], s.now).expect("signed");
        s.connector.signals(&s.cx, &hook).expect("signals")
    });
}

#[divan::bench]
fn translate(bencher: divan::Bencher<'_, '_>) {
    let s = setting();
    bencher.bench_local(|| s.connector.next(&s.cx, &s.fetch, &s.seen).expect("records"));
}

#[divan::bench]
fn resolve_merge_and_plan(bencher: divan::Bencher<'_, '_>) {
    let s = setting();
    let mut edited = s.snapshot.clone();
    edited.version.0 += 60_000_000;
    edited.modified = Some(s.now.plus(std::time::Duration::from_secs(60)));
    edited.fields.insert("phone".into(), Some(concord_connector::Value::Text("+49 30 2".into())));
    let link = s.record.facets[0].link.clone();
    bencher.with_inputs(|| s.record.clone()).bench_local_values(|mut record| {
        let later = s.now.plus(std::time::Duration::from_secs(61));
        if let Some(facet) = record.facet_mut(&link) {
            facet.observe(&edited, later);
        }
        let cause = Cause { observed: Some(&link), now: later, regrouped: false, configured: false };
        let settled = settle(&mut record, &s.settings, &BTreeMap::new(), cause);
        assert!(settled.changed);
        record
    });
}
