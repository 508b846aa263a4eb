//! Recordings: each shows one case, is replayed without a server, and is what the sandbox answers today. `UPDATE=1`
//! records them anew.

use crate::{
    Test,
    bench::{Bench, create, record, texts},
    reads::deal,
    writes::opportunity,
};
use concord_connector::{
    Entity, Field, Instant, Operation, Outcome, Reference, Result, Value,
    exchange::{Change, Write},
    key::{Key, KeyKind},
    sandbox::{Act, Sandbox, Trouble},
    snapshot::Fields,
    testing::{Fixture, with_mapping_table},
};
use serde_json::{Value as Json, json};
use std::{collections::BTreeSet, path::PathBuf};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("recordings_replay", replay),
        ("recordings_are_what_the_sandbox_answers", recorded),
        ("no_recording_is_left_over", leftovers),
        ("hooks_say_what_is_recorded", heard),
        ("the_readme_shows_the_mapping", table),
    ]
}

/// Name, what it shows, and how it comes about.
type Case = (&'static str, &'static str, fn(&mut Bench) -> Operation);

const CASES: [Case; 30] = [
    ("describe", "The org's zone, currency, objects and fields.", |_| Operation::Describe),
    ("fetch-organization", "An account with roles, address, money and keys.", fetch_account),
    ("fetch-organization-merged", "A merge names the winner.", fetch_merged),
    ("fetch-person", "A contact.", |bench| {
        let account = bench.made("Account", json!({ "Name": "Example" }));
        fetch(
            bench,
            Entity::Person,
            "Contact",
            json!({ "LastName": "Pina", "Email": "Ana@Example.com", "AccountId": account }),
        )
    }),
    ("fetch-partnership", "A membership with the names of programme and level.", fetch_member),
    ("fetch-lead", "A lead.", |bench| {
        fetch(
            bench,
            Entity::Lead,
            "Lead",
            json!({ "LastName": "Pina", "Company": "Example", "Status": "Working - Contacted" }),
        )
    }),
    ("fetch-opportunity", "Partners without their mirrors.", |bench| {
        let (id, ..) = deal(bench);
        Operation::Fetch { entity: Entity::Opportunity, ids: vec![id.into()] }
    }),
    ("fetch-deal_registration", "A deal registration.", |bench| {
        let fields =
            json!({ "Name": "Reg", "Customer_Name__c": "Example", "Status__c": "Approved", "Amount__c": 10.5 });
        fetch(bench, Entity::DealRegistration, "Deal_Registration__c", fields)
    }),
    ("fetch-unknown-stage", "A stage that nobody mapped is a fault of its row.", |bench| {
        let fields = json!({ "Name": "D", "StageName": "Handshake", "CloseDate": "2026-06-30" });
        fetch(bench, Entity::Opportunity, "Opportunity", fields)
    }),
    ("fetch-session-ended", "401 asks for a new token.", |bench| {
        bench.org.expire_tokens();
        Operation::Fetch { entity: Entity::Person, ids: vec!["003000000000001AAA".into()] }
    }),
    ("fetch-limit-exceeded", "403 of the daily limit parks the connection.", |bench| {
        bench.org.exhaust(true);
        Operation::Fetch { entity: Entity::Person, ids: vec!["003000000000001AAA".into()] }
    }),
    ("fetch-edge", "420 with a page of HTML comes from the edge network and goes away.", |bench| {
        bench.org.faults().plan("/queryAll", Trouble::Fail(420));
        Operation::Fetch { entity: Entity::Person, ids: vec!["003000000000001AAA".into()] }
    }),
    ("poll-backfill", "The first window has no beginning.", |bench| {
        bench.made("Contact", json!({ "LastName": "Pina" }));
        bench.pass(1);
        Operation::Poll { entity: Entity::Person, cursor: None, until: bench.now }
    }),
    ("poll-opportunity", "After the opportunities their partner rows are to come.", |bench| poll_deals(bench, false)),
    ("poll-opportunity-partners", "A partner row brings its opportunity.", |bench| poll_deals(bench, true)),
    ("deleted", "The delete log, and what the rows themselves say.", |bench| {
        let id = bench.made("Contact", json!({ "LastName": "Pina" }));
        bench.org.act(bench.now, Act::Delete { object: "Contact".into(), id }).unwrap();
        bench.pass(120);
        Operation::Deleted { entity: Entity::Person, cursor: None, until: bench.now }
    }),
    ("find-by-marker", "The marker is looked for first.", |bench| {
        bench.made("Account", json!({ "Name": "Example", "Concord_Id__c": "r-1" }));
        Operation::Find { entity: Entity::Organization, record: "r-1".into(), keys: vec![] }
    }),
    ("find-by-keys", "Keys are looked for together, and what LIKE finds is checked.", |bench| {
        bench.made("Account", json!({ "Name": "Example", "Website": "www.o-hara.example.com" }));
        bench.made("Account", json!({ "Name": "Other", "Website": "noto-hara.example.com" }));
        let keys = vec![Key::new(KeyKind::TaxId, "DE'1"), Key::new(KeyKind::Domain, "o-hara.example.com")];
        Operation::Find { entity: Entity::Organization, record: "r-1".into(), keys }
    }),
    ("create-organization", "An upsert under the marker, 201.", |_| {
        write(Entity::Organization, create("r-1", texts(&[("name", "Example"), ("website", "https://example.com")])))
    }),
    ("create-again", "The same upsert again finds its record, 200.", |bench| {
        let new = create("r-1", texts(&[("family_name", "Pina")]));
        bench.write_one(Entity::Person, new.clone()).unwrap();
        write(Entity::Person, new)
    }),
    ("create-ambiguous", "Two records carry the marker, 300.", |bench| {
        bench.org.repeat_markers();
        for name in ["A", "B"] {
            bench.made("Account", json!({ "Name": name, "Concord_Id__c": "r-1" }));
        }
        write(Entity::Organization, create("r-1", texts(&[("name", "C")])))
    }),
    ("create-duplicate", "A duplicate rule names the record that is there.", |bench| {
        bench.org.refuse_duplicate_names();
        bench.made("Account", json!({ "Name": "Example" }));
        write(Entity::Organization, create("r-1", texts(&[("name", "Example")])))
    }),
    ("create-refused", "A missing field is a fault of its row.", |_| {
        write(Entity::Person, create("r-1", texts(&[("given_name", "Ana")])))
    }),
    ("create-opportunity-partners", "Partners are rows of their own, made once the opportunity is there.", |bench| {
        let partner = bench.made("Account", json!({ "Name": "Partner" }));
        let partner = Value::from(Reference::external(Entity::Organization, partner).in_role("reseller"));
        let mut fields = opportunity("Deal");
        fields.insert(Field::from("partners"), Value::list(vec![partner]));
        write(Entity::Opportunity, create("r-1", fields))
    }),
    ("update", "One request: the precondition, the change, the read-back.", |bench| update(bench, false)),
    ("update-moved", "412: somebody was there first, and the read-back shows what they wrote.", |bench| {
        update(bench, true)
    }),
    ("update-looked", "Known from the second of the last change: read first.", |bench| {
        let id = bench.made("Account", json!({ "Name": "Example" }));
        let seen = bench.one(Entity::Organization, &id);
        bench.pass(1);
        write(Entity::Organization, bench.update(&seen, texts(&[("phone", "2")])))
    }),
    ("update-at-once", "In the second of the last change nothing is written.", |bench| {
        let id = bench.made("Account", json!({ "Name": "Example" }));
        let seen = bench.one(Entity::Organization, &id);
        write(Entity::Organization, bench.update(&seen, texts(&[("phone", "2")])))
    }),
    ("update-tier", "A level is written by its id in its programme.", |bench| {
        let Operation::Fetch { ids, .. } = fetch_member(bench) else { panic!() };
        bench.pass(60);
        let seen = bench.one(Entity::Partnership, ids[0].as_str());
        write(Entity::Partnership, bench.update(&seen, texts(&[("tier", "Platinum")])))
    }),
    ("delete", "A delete shows the row in the recycle bin.", |bench| {
        let id = bench.made("Contact", json!({ "LastName": "Pina" }));
        let change = Change::Delete { id: id.into() };
        write(Entity::Person, Write { token: None, record: "r-1".into(), change, fields: Fields::new() })
    }),
];

fn write(entity: Entity, write: Write) -> Operation {
    Operation::Write { entity, writes: vec![write] }
}

fn fetch(bench: &mut Bench, entity: Entity, object: &str, fields: Json) -> Operation {
    let id = bench.made(object, fields);
    Operation::Fetch { entity, ids: vec![id.into()] }
}

fn fetch_account(bench: &mut Bench) -> Operation {
    let fields = json!({ "Name": "Example", "Website": "https://www.example.com", "BillingCity": "Ulm", "BillingCountry": "Germany",
        "AnnualRevenue": 1234.5, "CurrencyIsoCode": "EUR", "Concord_Roles__c": "Customer;Partner",
        "Concord_External_Keys__c": "hubspot-eu/77" });
    fetch(bench, Entity::Organization, "Account", fields)
}

fn fetch_merged(bench: &mut Bench) -> Operation {
    let (winner, loser) =
        (bench.made("Account", json!({ "Name": "A" })), bench.made("Account", json!({ "Name": "B" })));
    bench.org.act(bench.now, Act::Merge { object: "Account".into(), winner, loser: loser.clone() }).unwrap();
    Operation::Fetch { entity: Entity::Organization, ids: vec![loser.into()] }
}

fn fetch_member(bench: &mut Bench) -> Operation {
    let partner = bench.made("Account", json!({ "Name": "Partner" }));
    let records = bench.org.records();
    let named =
        |object: &str, name: &str| records[object].iter().find(|(_, row)| row["Name"] == name).unwrap().0.clone();
    let fields = json!({ "PartnerId": partner, "ProgramId": named("ChannelProgram", "Partner Program"),
        "LevelId": named("ChannelProgramLevel", "Gold"), "Concord_Status__c": "Active" });
    fetch(bench, Entity::Partnership, "ChannelProgramMember", fields)
}

fn poll_deals(bench: &mut Bench, parts: bool) -> Operation {
    let (_, cursor) = bench.poll_all(Entity::Opportunity, None);
    deal(bench);
    bench.pass(5);
    let cursor = if parts { bench.poll(Entity::Opportunity, Some(cursor)).1 } else { cursor };
    Operation::Poll { entity: Entity::Opportunity, cursor: Some(cursor), until: bench.now }
}

fn update(bench: &mut Bench, overtaken: bool) -> Operation {
    let id = bench.made("Account", json!({ "Name": "Example", "Phone": "1" }));
    bench.pass(60);
    let seen = bench.one(Entity::Organization, &id);
    let change = bench.update(&seen, texts(&[("phone", "2")]));
    bench.pass(10);
    if overtaken {
        bench.edited("Account", &id, json!({ "Phone": "3" }));
    }
    write(Entity::Organization, change)
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The recording of a case as it would be written today.
fn today((_, about, arrange): &Case) -> Json {
    let mut bench = Bench::new();
    let operation = arrange(&mut bench);
    // In the second of its stamp a row has no revision yet.
    if matches!(operation, Operation::Fetch { .. }) {
        bench.pass(1);
    }
    let (exchanges, end): (_, Result<Outcome>) = record(&mut bench, &operation);
    let exchanges: Vec<Json> =
        exchanges.iter().map(|(request, response)| json!({ "request": request, "response": response })).collect();
    let mut file = json!({ "about": about, "operation": operation, "exchanges": exchanges });
    match end {
        Ok(outcome) => file["outcome"] = serde_json::to_value(outcome).unwrap(),
        Err(fault) => file["fault"] = json!({ "kind": fault.kind, "retry": fault.retry }),
    }
    file
}

fn recorded() {
    for case in &CASES {
        let (file, now) = (folder().join(format!("{}.json", case.0)), today(case));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&now).unwrap())).unwrap();
        }
        let committed: Json =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap_or_default()).unwrap_or_default();
        assert!(committed == now, "{} differs from what the sandbox answers; UPDATE=1 records it anew", file.display());
    }
}

fn replay() {
    let bench = Bench::new();
    for case in &CASES {
        let fixture = Fixture::read(&folder().join(format!("{}.json", case.0))).unwrap();
        fixture.replay(bench.connector.as_ref(), &bench.cx).unwrap_or_else(|mistake| panic!("{}: {mistake}", case.0));
    }
    assert!(Instant::parse(crate::bench::START).is_some());
}

fn leftovers() {
    let known: BTreeSet<String> = CASES.iter().map(|case| format!("{}.json", case.0)).collect();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert!(entry.path().is_dir() || known.contains(&name), "no case is called {name}");
    }
}

/// A webhook and what it says: `{"about", "scheme", "body", "signals"}`.
fn heard() {
    let bench = Bench::new();
    let mut read = 0;
    for entry in std::fs::read_dir(folder().join("hooks")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let mut sample: Json = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let scheme = sample["scheme"].as_str().unwrap();
        let hook = crate::events::hook(&bench, scheme, sample["body"].to_string().as_bytes());
        let signals = serde_json::to_value(bench.connector.signals(&bench.cx, &hook).unwrap()).unwrap();
        if std::env::var_os("UPDATE").is_some() {
            sample["signals"] = signals.clone();
            std::fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&sample).unwrap())).unwrap();
        }
        assert_eq!(sample["signals"], signals, "{}", file.display());
        read += 1;
    }
    assert!(read >= 3);
}

/// The table of mapped fields in the README is the manifest's.
fn table() {
    let (bench, file) = (Bench::blank(), folder().with_file_name("README.md"));
    let committed = std::fs::read_to_string(&file).unwrap();
    let now = with_mapping_table(&committed, bench.connector.manifest()).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &now).unwrap();
    } else {
        assert_eq!(committed, now, "UPDATE=1 writes it anew");
    }
}
