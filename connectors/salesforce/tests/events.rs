//! Signals: change events as the sandbox sends them, shapes that nobody announced, outbound messages.

use crate::{
    Test,
    bench::{Bench, create, texts},
};
use concord_connector::{
    Connector, Context, Entity, Kind, Signal, Verified, Webhook,
    sandbox::{Act, Sandbox, Subscriber},
    signal::Happened,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("a_change_event_names_record_key_and_edits", change),
        ("our_own_write_is_no_signal", ours),
        ("another_client_of_a_like_name_is_not_us", like_us),
        ("a_merged_event_is_a_signal_for_each_record", merged),
        ("a_gap_event_asks_for_a_look_and_an_overflow_for_a_resync", gaps),
        ("a_cleared_field_is_told_by_nulled_fields_only", nulled),
        ("deletes_are_told_where_no_merge_can_hide_behind_them", deletes),
        ("objects_that_are_not_mapped_are_skipped", unmapped),
        ("an_unknown_shape_is_a_hint_and_nothing_is_malformed", hints),
        ("an_outbound_message_gives_ids_only", outbound),
        ("an_outbound_message_of_another_org_is_refused", other_org),
        ("only_an_outbound_message_is_answered_with_an_ack", answers),
        ("no_json_makes_signals_panic", any_json),
        ("no_bytes_make_signals_panic", any_bytes),
        ("lost_doubled_and_failed_pushes_behave_as_told", pushes),
    ]
}

pub(crate) fn hook(bench: &Bench, scheme: &str, body: &[u8]) -> Webhook<Verified> {
    let scheme = bench.connector.manifest().webhooks.iter().find(|known| known.name == scheme).unwrap();
    let headers = vec![("x-concord-key".to_owned(), "example-key".to_owned())];
    let hook =
        Webhook::new("POST", "https://hub.example.com/hooks/sf", Some("example-key".into()), headers, body.to_vec());
    hook.verify(scheme, &[b"example-key"], bench.now).unwrap()
}

fn signals(bench: &Bench, body: &Json) -> concord_connector::Result<Vec<Signal>> {
    bench.connector.signals(&bench.cx, &hook(bench, "event_bus", body.to_string().as_bytes()))
}

fn subscribed() -> Bench {
    let mut bench = Bench::new();
    let subscriber = Subscriber { url: "https://hub.example.com/hooks/sf".into(), secret: "example-key".into() };
    bench.org.subscribe(Some(subscriber));
    bench
}

/// Everything that the org sends now, as signals, through the scheme that an event bus proves itself with.
fn heard(bench: &mut Bench) -> Vec<Signal> {
    let scheme = bench.connector.manifest().webhooks[0].clone();
    let mut all = Vec::new();
    for push in bench.org.pushes(bench.now) {
        let request = push.request;
        let hook = Webhook::new(request.method, request.target, None, request.headers, request.body);
        let hook = hook.verify(&scheme, &[b"example-key"], bench.now).unwrap();
        all.extend(bench.connector.signals(&bench.cx, &hook).unwrap());
    }
    all
}

fn change() {
    let mut bench = subscribed();
    let id = bench.made("Account", json!({ "Name": "Acme", "Phone": "1" }));
    let made = heard(&mut bench);
    assert_eq!((made[0].entity, made[0].id.as_str()), (Entity::Organization, id.as_str()));
    assert!(made[0].edits.is_empty(), "a create edits nothing");
    bench.pass(5);
    bench.edited("Account", &id, json!({ "Phone": "2" }));
    let edited = heard(&mut bench);
    assert_eq!(edited[0].at, bench.now);
    assert_eq!(edited[0].edits.len(), 1);
    assert_eq!((edited[0].edits[0].pointer.as_str(), &edited[0].edits[0].value), ("/Phone", &json!("2")));
    assert_ne!(edited[0].key, made[0].key);
    assert!(heard(&mut bench).is_empty(), "each is handed out once");
}

fn ours() {
    let mut bench = subscribed();
    bench.write_one(Entity::Organization, create("r-1", texts(&[("name", "A")]))).unwrap();
    assert!(heard(&mut bench).is_empty());
    bench.cx.options.insert("client_name".into(), "Another hub".into());
    bench.write_one(Entity::Organization, create("r-2", texts(&[("name", "B")]))).unwrap();
    bench.cx.options.insert("client_name".into(), "Concord".into());
    assert_eq!(heard(&mut bench).len(), 1);
}

fn event(entity: &str, header: Json) -> Json {
    let mut full = json!({ "entityName": entity, "recordIds": ["001ZM000001n4n5YAA"], "changeType": "UPDATE",
        "changeOrigin": "", "transactionKey": "t", "sequenceNumber": 1, "commitTimestamp": 1_714_417_112_000_u64,
        "nulledFields": [], "diffFields": [], "changedFields": ["Name"] });
    for (name, value) in header.as_object().unwrap() {
        full[name] = value.clone();
    }
    json!({ "detail": { "payload": { "ChangeEventHeader": full, "Name": "ACME" } } })
}

fn like_us() {
    let bench = Bench::new();
    let origin = |origin: &str| signals(&bench, &event("Account", json!({ "changeOrigin": origin }))).unwrap().len();
    assert_eq!(origin("com/salesforce/api/rest/67.0;client=Concord/"), 0);
    assert_eq!(origin("com/salesforce/api/rest/67.0;client=Concord"), 0);
    for other in
        ["", "com/salesforce/api/soap/61.0;client=Workbench/", "x;client=Concord2/", "x;client=concord/", "Concord"]
    {
        assert_eq!(origin(other), 1, "{other}");
    }
}

fn merged() {
    let mut bench = subscribed();
    let ids: Vec<String> = (0..3).map(|n| bench.made("Account", json!({ "Name": format!("A{n}") }))).collect();
    heard(&mut bench);
    for id in &ids {
        bench.edited("Account", id, json!({ "Industry": "Banking" }));
    }
    bench.org.merge_waiting_events();
    let seen = heard(&mut bench);
    assert_eq!(seen.iter().map(|signal| signal.id.to_string()).collect::<Vec<_>>(), ids);
    let keys: std::collections::BTreeSet<_> = seen.iter().map(|signal| &signal.key).collect();
    assert_eq!(keys.len(), 3);
}

fn gaps() {
    let mut bench = subscribed();
    bench.org.gap_next();
    let id = bench.made("Account", json!({ "Name": "A" }));
    let gap = heard(&mut bench).remove(0);
    assert_eq!((gap.happened, gap.id.as_str()), (Happened::Changed, id.as_str()));
    bench.org.overflow_next();
    bench.edited("Account", &id, json!({ "Phone": "1" }));
    let overflow = heard(&mut bench).remove(0);
    assert_eq!((overflow.happened, overflow.id.as_str(), overflow.entity), (Happened::Gap, "", Entity::Organization));
}

fn nulled() {
    let mut bench = subscribed();
    let id = bench.made("Account", json!({ "Name": "A", "Phone": "1" }));
    heard(&mut bench);
    bench.edited("Account", &id, json!({ "Phone": null }));
    let edits = heard(&mut bench).remove(0).edits;
    assert_eq!((edits[0].pointer.as_str(), &edits[0].value), ("/Phone", &Json::Null));
    let quiet = event(
        "Account",
        json!({ "changedFields": ["Phone", "Description", "BillingAddress"], "diffFields": ["Description"] }),
    );
    assert!(signals(&bench, &quiet).unwrap()[0].edits.is_empty(), "absent, a difference, compound");
}

fn deletes() {
    let mut bench = subscribed();
    let deal = bench.made("Opportunity", json!({ "Name": "D", "StageName": "Prospecting", "CloseDate": "2026-06-30" }));
    let account = bench.made("Account", json!({ "Name": "A" }));
    heard(&mut bench);
    bench.org.act(bench.now, Act::Delete { object: "Opportunity".into(), id: deal }).unwrap();
    bench.org.act(bench.now, Act::Delete { object: "Account".into(), id: account }).unwrap();
    let seen: Vec<Happened> = heard(&mut bench).into_iter().map(|signal| signal.happened).collect();
    assert_eq!(seen, [Happened::Deleted, Happened::Changed]);
}

fn unmapped() {
    let bench = Bench::new();
    assert!(signals(&bench, &event("Case", json!({}))).unwrap().is_empty());
    assert_eq!(signals(&bench, &event("Account", json!({ "recordIds": null }))).unwrap_err().kind, Kind::Malformed);
}

fn hints() {
    let bench = Bench::new();
    let odd = json!({ "type": "record.changed", "data": [{ "ref": "001ZM000001n4n5" }, { "deep": { "id": "a01000000000001AAA" } }] });
    let seen = signals(&bench, &odd).unwrap();
    let ids: Vec<(Entity, &str)> = seen.iter().map(|signal| (signal.entity, signal.id.as_str())).collect();
    assert_eq!(ids, [(Entity::Organization, "001ZM000001n4n5YAA"), (Entity::DealRegistration, "a01000000000001AAA")]);
    assert!(seen.iter().all(|signal| signal.edits.is_empty()));
    for nothing in [json!({}), json!({ "a": "500ZM000001n4n5YAA" }), json!(1)] {
        assert_eq!(signals(&bench, &nothing).unwrap_err().kind, Kind::Malformed, "{nothing}");
    }
    assert_eq!(signals(&bench, &json!([])).unwrap(), vec![]);
}

const MESSAGE: &str = include_str!("../fixtures/hooks/outbound_message.xml");

fn outbound() {
    let bench = Bench::new();
    let read = |text: &str| bench.connector.signals(&bench.cx, &hook(&bench, "outbound_message", text.as_bytes()));
    let seen = read(MESSAGE).unwrap();
    let ids: Vec<(Entity, &str)> = seen.iter().map(|signal| (signal.entity, signal.id.as_str())).collect();
    assert_eq!(ids, [(Entity::Organization, "001ZM000001n4n5YAA"), (Entity::Opportunity, "006ZM000001n4n5YAA")]);
    assert!(seen.iter().all(|signal| signal.edits.is_empty()), "an unsigned body carries no values");
    for hostile in ["", "<", "<a><b", "{}", "<!DOCTYPE x [<!ENTITY a 'b'>]><notifications/>", "<Notification>"] {
        assert_eq!(read(hostile).unwrap_err().kind, Kind::Malformed, "{hostile}");
    }
}

fn other_org() {
    let mut bench = Bench::new();
    bench.cx.options.insert("organization_id".into(), "00DZM000000000A".into());
    let hook = |bench: &Bench| bench.connector.signals(&bench.cx, &hook(bench, "outbound_message", MESSAGE.as_bytes()));
    assert!(hook(&bench).is_ok());
    bench.cx.options.insert("organization_id".into(), "00DZM000000000B".into());
    assert_eq!(hook(&bench).unwrap_err().kind, Kind::Malformed);
}

fn answers() {
    let bench = Bench::new();
    let answer = bench.connector.acknowledge(&hook(&bench, "outbound_message", MESSAGE.as_bytes()));
    assert!(answer.status == 200 && answer.body.contains("<Ack>true</Ack>"));
    assert!(bench.connector.acknowledge(&hook(&bench, "event_bus", b"{}")).body.is_empty());
}

fn survive(bench: &Bench, connector: &dyn Connector, cx: &Context, body: &[u8]) {
    for scheme in ["event_bus", "outbound_message"] {
        // An answer or a fault; either way no panic.
        let said = connector.signals(cx, &hook(bench, scheme, body));
        assert!(said.is_ok_and(|signals| signals.len() < 10_000) || body.len() < usize::MAX);
    }
}

fn any_json() {
    let bench = Bench::new();
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        "(001[A-Za-z0-9]{12}|\\PC{0,12})".prop_map(Json::from),
    ];
    let name = prop_oneof![
        "(ChangeEventHeader|detail|payload|recordIds|entityName|changeType|changedFields|nulledFields|Name)",
        "\\PC{0,6}",
    ];
    let tree = leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    });
    let header = prop::sample::select(vec!["UPDATE", "DELETE", "GAP_OVERFLOW", "odd"]);
    proptest!(ProptestConfig::with_cases(300), |(tree in tree, kind in header)| {
        survive(&bench, bench.connector.as_ref(), &bench.cx, tree.to_string().as_bytes());
        let header = json!({ "entityName": "Account", "changeType": kind, "recordIds": tree, "changedFields": tree, "commitTimestamp": tree });
        let event = json!({ "detail": { "payload": { "ChangeEventHeader": header, "Name": tree } } });
        survive(&bench, bench.connector.as_ref(), &bench.cx, event.to_string().as_bytes());
    });
}

fn any_bytes() {
    let bench = Bench::new();
    proptest!(ProptestConfig::with_cases(300), |(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0..MESSAGE.len(), byte in any::<u8>())| {
        survive(&bench, bench.connector.as_ref(), &bench.cx, &bytes);
        let mut message = MESSAGE.as_bytes().to_vec();
        message[at] = byte;
        survive(&bench, bench.connector.as_ref(), &bench.cx, &message);
        survive(&bench, bench.connector.as_ref(), &bench.cx, &message[..at]);
    });
}

fn pushes() {
    let mut bench = subscribed();
    bench.made("Account", json!({ "Name": "A" }));
    let push = bench.org.pushes(bench.now).remove(0);
    bench.org.failed(bench.now, push.clone());
    assert!(bench.org.pushes(bench.now).is_empty(), "not at once");
    bench.pass(60);
    assert_eq!(bench.org.pushes(bench.now), [push]);
    bench.org.faults().duplicate_webhooks = true;
    bench.made("Account", json!({ "Name": "B" }));
    let twice = heard(&mut bench);
    assert_eq!(twice[0].key, twice[1].key, "a repeated delivery has the same key");
    bench.org.faults().lose_webhooks = true;
    bench.made("Account", json!({ "Name": "C" }));
    assert!(heard(&mut bench).is_empty());
}
