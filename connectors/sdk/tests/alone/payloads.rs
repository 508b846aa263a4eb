//! What webhooks of all sorts say.

use super::{connector, example};
use concord_connector::{
    Connector, Context, Entity, Instant, Signal, Verified, Webhook, signal::Happened, testing::sign,
};
use serde_json::{Value as Json, json};

const NOW: Instant = Instant::from_ms(1_767_225_600_000);
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn verified(connector: &dyn Connector, body: &Json) -> Webhook<Verified> {
    let scheme = &connector.manifest().webhooks[0];
    let uri = "https://hub.example.com/hooks/x";
    let bytes = body.to_string().into_bytes();
    let proof = sign(scheme, SECRET, "POST", uri, &bytes, NOW);
    let hook = Webhook::new("POST", uri, proof.path_secret, proof.headers, bytes);
    hook.verify(scheme, &[SECRET.as_bytes()], NOW).unwrap()
}

fn heard(text: &str, body: &Json) -> Result<Vec<Signal>, String> {
    let connector = connector(text);
    let cx = Context::new("x", connector.manifest());
    connector.signals(&cx, &verified(&connector, body)).map_err(|fault| fault.to_string())
}

fn event(kind: &str, data: Json) -> Json {
    json!({ "id": "e1", "type": kind, "occurred_at": "2026-01-01T00:00:00Z", "data": data, "deal_id": 12 })
}

#[test]
fn a_payload_with_a_version_is_the_record() {
    let company = json!({ "id": "c1", "revision": 9, "name": "Example", "kinds": ["CLIENT"] });
    let signals = heard(example(), &json!({ "events": [event("company.updated", company)] })).unwrap();
    let [signal] = signals.as_slice() else { panic!("{signals:?}") };
    assert_eq!((signal.key.as_str(), signal.entity, signal.id.as_str()), ("e1", Entity::Organization, "c1"));
    let record = signal.record.as_ref().expect("the record came along");
    assert_eq!((record.version.0, record.revision.as_deref()), (9, Some("9")));
    assert_eq!(record.fields["name"], Some(concord_connector::Value::Text("Example".into())));
    assert!(!record.fields.contains_key("phone"), "what is absent is not said");
}

#[test]
fn what_cannot_be_understood_is_read_instead_where_it_can_be() {
    for company in [json!({ "id": "c1", "name": "Example" }), json!({ "id": "c1", "revision": 1, "kinds": ["NEW"] })] {
        let signals = heard(example(), &json!({ "events": [event("company.updated", company)] })).unwrap();
        assert!(signals[0].record.is_none() && signals[0].happened == Happened::Changed);
    }
    let source = example_of("source");
    let refused = heard(source, &json!({ "id": "c1", "name": "no revision" })).unwrap_err();
    assert!(refused.contains("has no version"), "{refused}");
}

fn example_of(system: &str) -> &'static str {
    let begin = format!("```toml\nsystem = \"{system}\"");
    let at = super::GUIDE.find(&begin).expect("the guide has it") + "```toml\n".len();
    super::GUIDE[at..].split("```").next().unwrap()
}

#[test]
fn an_event_that_is_the_record_itself() {
    let signals = heard(example_of("source"), &json!({ "id": 5, "revision": 2, "name": "A" })).unwrap();
    assert_eq!(signals[0].id.as_str(), "5");
    assert!(signals[0].record.is_some());
    assert!(signals[0].key.starts_with("msg_"), "Standard Webhooks name their events: {}", signals[0].key);
    let signals =
        heard(example_of("source"), &json!([{ "id": 5, "revision": 2 }, { "id": 6, "revision": 1 }])).unwrap();
    let keys: Vec<&str> = signals.iter().map(|signal| signal.key.as_str()).collect();
    assert!(keys[0].ends_with("#0") && keys[1].ends_with("#1"), "{keys:?}");
}

#[test]
fn hints_deletes_and_strangers() {
    let events = [
        event("deal.moved", Json::Null),
        event("company.deleted", json!({ "id": "c1" })),
        event("invoice.paid", json!({ "id": "i1" })),
    ];
    let signals = heard(example(), &json!({ "events": events })).unwrap();
    let [hint, gone] = signals.as_slice() else { panic!("{signals:?}") };
    assert_eq!((hint.entity, hint.id.as_str(), &hint.happened), (Entity::Opportunity, "12", &Happened::Changed));
    assert_eq!((gone.id.as_str(), &gone.happened), ("c1", &Happened::Deleted));
    assert_eq!(gone.at, NOW);
}

#[test]
fn a_bad_event_takes_none_of_its_neighbours_along() {
    let connector = connector(example());
    let bad = json!({ "id": "e2", "type": "company.updated", "data": {} });
    let body = json!({ "events": [event("deal.moved", Json::Null), bad] });
    let hook = verified(&connector, &body);
    let cx = Context::new("x", connector.manifest());
    assert!(connector.signals(&cx, &hook).is_err());
    let parts = connector.split(&hook);
    let each: Vec<bool> = parts.iter().map(|part| connector.signals(&cx, part).is_ok()).collect();
    assert_eq!(each, [true, false]);
}

#[test]
fn events_without_a_name_are_never_taken_for_each_other() {
    let text = example_of("source")
        .replace("version = \"/revision\"", "read = { path = \"/o/{id}\" }")
        .replace("signed = { standard = {} }", "signed = { header = { header = \"x-token\" } }");
    let signals = heard(&text, &json!({ "id": "c1", "name": "A" })).unwrap();
    assert!(!signals[0].is_named() && signals[0].record.is_none());
}
