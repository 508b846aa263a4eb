//! The recordings in `fixtures/`: made once against the sandbox (`UPDATE=1` makes them anew), read by people, and replayed
//! here without it.

use crate::drive::{World, create, fields, text, update};
use concord_connector::{
    Connector, Entity, Fault, Fields, Operation, Outcome, Reference, Request, Response, Value, Webhook,
    exchange::{Change, Write},
    key::{Key, KeyKind},
    sandbox::{Act, Sandbox, Subscriber, Trouble},
    testing::Fixture,
    time::Date,
};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const URL: &str = "https://hub.example.com/hooks/hubspot";
const SECRET: &str = "fake-secret";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn rewriting() -> bool {
    std::env::var_os("UPDATE").is_some()
}

/// A case: the file, what it shows, and what leads to the operation.
type Case = (&'static str, &'static str, fn(&mut World) -> Operation);

fn at(entity: Entity, id: &str) -> Option<Value> {
    Some(Value::from(Reference::external(entity, id)))
}
fn of(value: &str) -> Option<Value> {
    Some(Value::Enum(value.into()))
}
fn day() -> Option<Value> {
    Some(Value::Date(Date::constant(2026, 3, 29)))
}
fn money(minor: i64, code: &str) -> Option<Value> {
    let currency = concord_connector::value::Currency::parse(code).unwrap();
    Some(Value::Money(concord_connector::Money { minor, currency }))
}
fn partners(pairs: &[(&str, &str)]) -> Option<Value> {
    let refs = pairs.iter().map(|(id, role)| Reference::external(Entity::Organization, *id).in_role(*role));
    Value::list(refs.map(Value::from).collect())
}
fn one(entity: Entity, write: Write) -> Operation {
    Operation::Write { entity, writes: vec![write] }
}
fn new(entity: Entity, pairs: Vec<(&'static str, Option<Value>)>) -> Operation {
    one(entity, create("rec-1", fields(pairs)))
}
fn company(world: &mut World, name: &str) -> String {
    world.made("companies", json!({ "name": name }), json!([]))
}
/// What a person changes between the last read and the write.
fn change(world: &mut World, entity: Entity, object: &str, id: &str, theirs: Json, ours: Fields) -> Operation {
    let (read, held_at) = (world.fetch(entity, id), world.now);
    world.tick(2000);
    world.human(Act::Update { object: object.into(), id: id.into(), fields: theirs });
    world.tick(2000);
    one(entity, update("rec-1", &read, held_at, ours))
}
fn second_page(request: &Request, response: &mut Response) {
    if request.path.ends_with("/search") {
        response.body["total"] = json!(101);
        response.body["paging"] = json!({ "next": { "after": "100" } });
    }
}
/// Three properties of an object tell as much as all of them, but for what the mapping asks.
fn shortened(request: &Request, response: &mut Response) {
    if let (true, Some(all)) = (request.path.contains("/properties/"), response.body["results"].as_array_mut()) {
        all.retain(|property| property["name"].as_str().is_some_and(|name| name.starts_with("concord_")));
        all.iter_mut().for_each(|property| property["options"] = json!([]));
    }
}
fn missing_scopes(_: &Request, response: &mut Response) {
    response.status = 403;
    response.body = json!({
        "status": "error",
        "message": "This app hasn't been granted all required scopes to make this call.",
        "category": "MISSING_SCOPES",
        "errors": [{ "message": "scopes", "context": { "requiredGranularScopes": ["crm.objects.leads.read"] } }],
    });
}

const CASES: &[Case] = &[
    ("describe", "Zone, currency, properties, labels and custom objects.", |world| {
        world.doctor = Some(shortened);
        Operation::Describe
    }),
    ("fetch-organization", "An unknown id is an error of its row in a 207, and is left out.", |world| {
        let id = company(world, "Acme");
        world.tick(1000);
        world.edited("companies", &id, json!({ "phone": "1", "concord_roles": "partner;customer" }));
        Operation::Fetch { entity: Entity::Organization, ids: vec![id.as_str().into(), "99".into()] }
    }),
    ("fetch-opportunity", "The primary company is the customer; labels tell partners and their roles.", |world| {
        let (customer, reseller) = (company(world, "Customer"), company(world, "Reseller"));
        let associations = json!([
            { "to": "companies", "id": customer, "label": "Primary" },
            { "to": "companies", "id": reseller, "label": "Reseller" },
        ]);
        let deal =
            json!({ "dealname": "Deal", "amount": "10.5", "deal_currency_code": "USD", "dealstage": "closedwon" });
        let id = world.made("deals", deal, associations);
        Operation::Fetch { entity: Entity::Opportunity, ids: vec![id.into()] }
    }),
    ("fetch-throttled", "A rolling limit without Retry-After: the interval is waited for.", |world| {
        world.portal.limit(Some(1));
        let id = world.human(Act::Create { object: "companies".into(), fields: json!({}) });
        let operation = Operation::Fetch { entity: Entity::Organization, ids: vec![id.into()] };
        assert!(world.run(&operation).is_ok());
        world.exchanges.clear();
        operation
    }),
    ("fetch-outage", "An HTML page in place of an answer.", |world| {
        world.portal.faults().plan("/batch/read", Trouble::Fail(502));
        Operation::Fetch { entity: Entity::Organization, ids: vec!["1".into()] }
    }),
    ("fetch-missing-scopes", "The missing scope is named.", |world| {
        world.doctor = Some(missing_scopes);
        Operation::Fetch { entity: Entity::Lead, ids: vec!["1".into()] }
    }),
    (
        "poll-person-first-page",
        "There is more: the window stays and the next page begins above the last id.",
        |world| {
            for n in 0..2 {
                world.made("contacts", json!({ "email": format!("p{n}@example.com") }), json!([]));
            }
            world.doctor = Some(second_page);
            Operation::Poll { entity: Entity::Person, cursor: None, until: world.now }
        },
    ),
    ("poll-partnership-nothing", "Nothing changed: one search, and the cursor moves on.", |world| Operation::Poll {
        entity: Entity::Partnership,
        cursor: Some(r#"{"from":1000}"#.into()),
        until: world.now,
    }),
    ("find-by-marker", "Our own marker is enough.", |world| {
        world.made("companies", json!({ "name": "Acme", "concord_id": "rec-1" }), json!([]));
        Operation::Find { entity: Entity::Organization, record: "rec-1".into(), keys: Vec::new() }
    }),
    ("find-by-keys", "Without a hit for the marker, the keys are joined by `or`.", |world| {
        let known = json!({ "name": "Acme", "domain": "acme.example.com", "tax_id": "DE123456789" });
        world.made("companies", known, json!([]));
        let keys = vec![Key::new(KeyKind::TaxId, "DE123456789"), Key::new(KeyKind::Domain, "acme.example.com")];
        Operation::Find { entity: Entity::Organization, record: "rec-1".into(), keys }
    }),
    ("create-organization", "An upsert on the marker, then one read back.", |_| {
        let roles = Value::list(vec![Value::Enum("partner".into())]);
        new(Entity::Organization, vec![("name", text("Acme")), ("domain", text("acme.example.com")), ("roles", roles)])
    }),
    ("create-person-exists", "A taken e-mail answers 409 and names the contact that has it.", |world| {
        world.made("contacts", json!({ "email": "ana@example.com" }), json!([]));
        new(Entity::Person, vec![("email", text("ana@example.com"))])
    }),
    ("create-opportunity", "Customer and partners are associations, written after the deal.", |world| {
        let (customer, reseller) = (company(world, "Customer"), company(world, "Reseller"));
        new(
            Entity::Opportunity,
            vec![
                ("name", text("Deal")),
                ("organization", at(Entity::Organization, &customer)),
                ("partners", partners(&[(&reseller, "reseller")])),
                ("stage", of("qualified")),
                ("amount", money(1050, "USD")),
                ("close_date", day()),
            ],
        )
    }),
    ("create-lead", "A lead is made together with its contact.", |world| {
        let contact = world.made("contacts", json!({ "email": "ana@example.com" }), json!([]));
        new(Entity::Lead, vec![("name", text("Lead")), ("person", at(Entity::Person, &contact)), ("status", of("new"))])
    }),
    ("create-partnership", "A custom object; the partner is its plain association.", |world| {
        let partner = company(world, "Partner");
        let organization = at(Entity::Organization, &partner);
        let pairs = vec![("organization", organization), ("program", text("Gold")), ("status", of("active"))];
        new(Entity::Partnership, [pairs, vec![("started_on", day())]].concat())
    }),
    ("create-deal_registration", "A custom object; the partner has a label, the customer none.", |world| {
        let (partner, customer) = (company(world, "Partner"), company(world, "Customer"));
        new(
            Entity::DealRegistration,
            vec![
                ("name", text("Registration")),
                ("partner", at(Entity::Organization, &partner)),
                ("organization", at(Entity::Organization, &customer)),
                ("status", of("submitted")),
                ("amount", money(7500, "KWD")),
            ],
        )
    }),
    ("create-order", "Amounts share the currency property.", |world| {
        let customer = company(world, "Customer");
        new(
            Entity::Order,
            vec![
                ("number", text("SO-1")),
                ("organization", at(Entity::Organization, &customer)),
                ("status", of("confirmed")),
                ("total", money(1190, "EUR")),
                ("untaxed_total", money(1000, "EUR")),
                ("order_date", day()),
            ],
        )
    }),
    ("create-invoice", "The document's own amounts, in properties of ours.", |world| {
        let customer = company(world, "Customer");
        new(
            Entity::Invoice,
            vec![
                ("number", text("INV-1")),
                ("organization", at(Entity::Organization, &customer)),
                ("status", of("posted")),
                ("total", money(1190, "EUR")),
                ("due_on", day()),
            ],
        )
    }),
    ("update-overwrote-an-edit", "An edit made since the last read is in the history, below ours.", |world| {
        let id = company(world, "Acme");
        let theirs = json!({ "properties": { "name": "Acme by hand" } });
        change(world, Entity::Organization, "companies", &id, theirs, fields([("name", text("Acme by us"))]))
    }),
    ("update-clears", "An empty text clears.", |world| {
        let id = world.made("contacts", json!({ "email": "ana@example.com", "phone": "1" }), json!([]));
        let read = world.fetch(Entity::Person, &id);
        one(Entity::Person, update("rec-1", &read, world.now, fields([("phone", None)])))
    }),
    ("update-partners", "One label goes, another pair goes as a whole, a new one comes.", |world| {
        let ids = ["A", "B", "C"].map(|name| company(world, name));
        let labels = [("Partner", 0), ("Reseller", 0), ("Referral", 1)];
        let associations = labels.map(|(label, n)| json!({ "to": "companies", "id": ids[n], "label": label }));
        let deal = world.made("deals", json!({ "dealname": "Deal" }), json!(associations));
        let read = world.fetch(Entity::Opportunity, &deal);
        let wanted = partners(&[(&ids[0], "reseller"), (&ids[2], "distributor")]);
        one(Entity::Opportunity, update("rec-1", &read, world.now, fields([("partners", wanted)])))
    }),
    ("update-moved", "Somebody else changed the customer: nothing is written, the read is passed on.", |world| {
        let ids = ["A", "B", "C"].map(|name| company(world, name));
        let primary = |id: &str| json!([{ "to": "companies", "id": id, "label": "Primary" }]);
        let deal = world.made("deals", json!({ "dealname": "Deal" }), primary(&ids[0]));
        let theirs = json!({ "associations": primary(&ids[1]) });
        let ours = fields([("organization", at(Entity::Organization, &ids[2]))]);
        change(world, Entity::Opportunity, "deals", &deal, theirs, ours)
    }),
    ("update-row-refused", "One row of a 207 is refused; its neighbour is written.", |world| {
        let ids = [0, 1].map(|n| world.made("contacts", json!({ "email": format!("p{n}@example.com") }), json!([])));
        let reads = ids.map(|id| world.fetch(Entity::Person, &id));
        let [good, bad] = ["new@example.com", "no address"].map(|email| fields([("email", text(email))]));
        let writes = vec![update("rec-1", &reads[0], world.now, good), update("rec-2", &reads[1], world.now, bad)];
        Operation::Write { entity: Entity::Person, writes }
    }),
    ("archive-organization", "HubSpot's archive is its delete; the answer has no body.", |world| {
        let change = Change::Archive { id: company(world, "Acme").into() };
        one(Entity::Organization, Write { token: None, record: "rec-1".into(), change, fields: fields([]) })
    }),
    ("delete-order", "The same as archive.", |world| {
        let id = world.made("orders", json!({ "hs_order_name": "Order" }), json!([]));
        let change = Change::Delete { id: id.into() };
        one(Entity::Order, Write { token: None, record: "rec-1".into(), change, fields: fields([]) })
    }),
];

fn record(world: &mut World, about: &str, operation: &Operation) -> Json {
    world.exchanges.clear();
    let end: Result<Outcome, Fault> = world.run(operation);
    let exchanges: Vec<Json> =
        world.exchanges.iter().map(|(request, response)| json!({ "request": request, "response": response })).collect();
    let mut fixture = json!({ "about": about, "operation": operation, "exchanges": exchanges });
    match end {
        Ok(outcome) => fixture["outcome"] = json!(outcome),
        Err(fault) => {
            fixture["fault"] = json!({ "kind": fault.kind, "retry": fault.retry, "message": fault.message() });
        }
    }
    fixture
}

#[test]
fn each_recording_is_replayed_request_by_request() {
    let connector = concord_hubspot::connector();
    for (name, about, lead) in CASES {
        let mut world = World::new();
        let operation = lead(&mut world);
        let file = folder().join(format!("{name}.json"));
        if rewriting() {
            let fixture = record(&mut world, about, &operation);
            fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&fixture).unwrap())).unwrap();
        }
        let fixture = Fixture::read(&file).unwrap();
        let requests = fixture.replay(&connector, &world.cx).unwrap_or_else(|mistake| panic!("{name}: {mistake}"));
        assert!(requests.iter().all(|request| request.headers.is_empty()), "{name}: no request carries a credential");
        assert_eq!(fixture.operation, operation, "{name} shows another operation than it is made for");
    }
}

#[test]
fn no_recording_is_forgotten() {
    let known: BTreeSet<String> = CASES.iter().map(|(name, ..)| format!("{name}.json")).collect();
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.path().is_file());
    let there: BTreeSet<String> = files.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert_eq!(there, known);
}

/// What the sandbox sends for a life in events, kept as samples of webhook bodies.
#[test]
fn the_sample_webhooks_are_what_the_portal_sends() {
    let mut world = World::new();
    let connector = concord_hubspot::connector();
    world.portal.subscribe(Some(Subscriber { url: URL.into(), secret: SECRET.into() }));
    let mut sample = |name: &str, about: &str, life: fn(&mut World)| {
        life(&mut world);
        let push = world.portal.pushes(world.now).remove(0);
        let body: Json = serde_json::from_slice(&push.request.body).unwrap();
        let file = folder().join("hooks").join(name);
        let scheme = connector.manifest().webhooks[0].clone();
        let hook = Webhook::new("POST", URL, None, push.request.headers, push.request.body);
        let hook = hook.verify(&scheme, &[SECRET.as_bytes()], world.now).unwrap();
        let signals = connector.signals(&world.cx, &hook).unwrap();
        let options = json!({ "portal_id": "62515" });
        let sent = json!({ "about": about, "options": options, "body": body, "signals": signals });
        if rewriting() {
            fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&sent).unwrap())).unwrap();
        }
        let kept: Json = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(kept, sent, "{name}");
    };
    sample("deal-life.json", "A deal with a partner is made, won and deleted.", |world| {
        let company = company(world, "Acme");
        let partner = json!([{ "to": "companies", "id": company, "label": "Partner" }]);
        let deal = world.made("deals", json!({ "dealname": "Deal" }), partner);
        world.edited("deals", &deal, json!({ "dealstage": "closedwon" }));
        world.human(Act::Delete { object: "deals".into(), id: deal });
    });
    sample("company-merge.json", "A company is merged into another.", |world| {
        let (winner, loser) = (company(world, "Winner"), company(world, "Loser"));
        world.human(Act::Merge { object: "companies".into(), winner, loser });
    });
    sample("custom-object.json", "Custom objects are named by their type id.", |world| {
        world.made("p_partnerships", json!({ "program": "Gold" }), json!([]));
    });
}
