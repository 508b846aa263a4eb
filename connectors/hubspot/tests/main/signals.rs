//! Webhooks: which signals a body gives, and that nothing in a body makes the connector panic.

use crate::drive::World;
use concord_connector::{
    Connector, Context, Entity, Fault, Signal, Verified, Webhook,
    sandbox::{Act, Sandbox, Subscriber},
    signal::Happened,
    time::Instant,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const SECRET: &str = "fake-secret";
const URL: &str = "https://hub.example.com/hooks/hubspot-eu";

/// A verified webhook with any body: what is tested here comes after the signature.
fn verified(body: &[u8]) -> Webhook<Verified> {
    use concord_connector::webhook::{Scheme, Signed};
    let scheme = Scheme { name: "test".into(), signed: Signed::Path {}, retry_horizon_s: 1 };
    let hook = Webhook::new("POST", URL, Some("secret".into()), [], body.to_vec());
    hook.verify(&scheme, &[b"secret"], Instant::EPOCH).unwrap()
}

fn signals(cx: &Context, body: &Json) -> Result<Vec<Signal>, Fault> {
    concord_hubspot::connector().signals(cx, &verified(body.to_string().as_bytes()))
}

fn cx() -> Context {
    World::new().cx
}

fn event(name: &str, more: Json) -> Json {
    let mut event = json!({
        "eventId": 1, "subscriptionId": 2, "portalId": 62515, "occurredAt": 1_700_000_000_000_i64,
        "subscriptionType": name, "attemptNumber": 0, "objectId": 123,
    });
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

#[test]
fn each_kind_of_event_says_where_to_look() {
    let cases = [
        (event("company.creation", json!({})), vec![(Entity::Organization, "123", Happened::Changed)]),
        (event("contact.propertyChange", json!({})), vec![(Entity::Person, "123", Happened::Changed)]),
        (event("deal.deletion", json!({})), vec![(Entity::Opportunity, "123", Happened::Deleted)]),
        (event("contact.privacyDeletion", json!({})), vec![(Entity::Person, "123", Happened::Deleted)]),
        (event("company.restore", json!({})), vec![(Entity::Organization, "123", Happened::Changed)]),
        (
            event("object.creation", json!({ "objectTypeId": "2-1001" })),
            vec![(Entity::Partnership, "123", Happened::Changed)],
        ),
        (event("object.creation", json!({ "objectTypeId": "0-136" })), vec![(Entity::Lead, "123", Happened::Changed)]),
        (
            event("company.merge", json!({ "primaryObjectId": 5, "mergedObjectIds": [6, 7] })),
            vec![
                (Entity::Organization, "6", Happened::MergedInto("5".into())),
                (Entity::Organization, "7", Happened::MergedInto("5".into())),
                (Entity::Organization, "5", Happened::Changed),
            ],
        ),
        (
            event("contact.merge", json!({ "primaryObjectId": 5, "mergedObjectIds": [6], "newObjectId": 9 })),
            vec![
                (Entity::Person, "6", Happened::MergedInto("9".into())),
                (Entity::Person, "5", Happened::MergedInto("9".into())),
                (Entity::Person, "9", Happened::Changed),
            ],
        ),
        (
            event(
                "company.associationChange",
                json!({ "associationType": "COMPANY_TO_DEAL", "fromObjectId": 8, "toObjectId": 9 }),
            ),
            vec![(Entity::Organization, "8", Happened::Changed), (Entity::Opportunity, "9", Happened::Changed)],
        ),
        // Nothing that anybody maps, and nothing that anybody knows.
        (event("ticket.creation", json!({})), vec![]),
        (event("object.creation", json!({ "objectTypeId": "2-9" })), vec![]),
        (event("conversation.newMessage", json!({})), vec![]),
        (event("company.enlightenment", json!({})), vec![]),
        (event("nonsense", json!({})), vec![]),
        (event("company.creation", json!({ "portalId": 1 })), vec![]),
    ];
    let cx = cx();
    for (event, expected) in cases {
        let found = signals(&cx, &json!([event])).unwrap();
        let found: Vec<_> = found.iter().map(|s| (s.entity, s.id.as_str(), s.happened.clone())).collect();
        assert_eq!(found, expected, "{event}");
    }
}

#[test]
fn a_property_change_carries_the_edit_and_its_time() {
    let more = json!({ "propertyName": "dealstage", "propertyValue": "closedwon" });
    let signals = signals(&cx(), &json!([event("deal.propertyChange", more)])).unwrap();
    let edit = &signals[0].edits[0];
    assert_eq!((edit.pointer.as_str(), &edit.value), ("/properties/dealstage", &json!("closedwon")));
    assert_eq!(edit.at, Instant::from_ms(1_700_000_000_000));
}

#[test]
fn attempts_at_one_event_have_one_key_and_other_events_have_others() {
    let cx = cx();
    let key = |more: Json| signals(&cx, &json!([event("deal.propertyChange", more)])).unwrap().remove(0).key;
    let first = key(json!({ "propertyName": "amount" }));
    assert_eq!(first, key(json!({ "propertyName": "amount", "attemptNumber": 3 })));
    for other in [
        json!({ "propertyName": "dealname" }),
        json!({ "propertyName": "amount", "objectId": 124 }),
        json!({ "propertyName": "amount", "eventId": 2 }),
        json!({ "propertyName": "amount", "occurredAt": 1_700_000_000_001_i64 }),
        json!({ "propertyName": "amount", "subscriptionId": 3 }),
    ] {
        assert_ne!(first, key(other));
    }
}

#[test]
fn a_bad_element_is_named_by_its_pointer() {
    let good = || event("deal.creation", json!({}));
    let cases = [
        (json!([good(), good(), good(), event("deal.creation", json!({ "objectId": null }))]), "/3/objectId"),
        (json!([good(), event("deal.creation", json!({ "objectId": -1.5 }))]), "/1/objectId"),
        (json!([event("deal.creation", json!({ "occurredAt": "yesterday" }))]), "/0/occurredAt"),
        (json!([event("deal.creation", json!({ "occurredAt": 1e300 }))]), "/0/occurredAt"),
        (json!([event("deal.creation", json!({ "subscriptionType": 7 }))]), "/0/subscriptionType"),
        (json!([good(), 7]), "/1"),
        (json!("text"), "/"),
    ];
    let cx = cx();
    for (body, pointer) in cases {
        let fault = signals(&cx, &body).unwrap_err();
        assert_eq!(fault.context()[0], ("pointer", pointer.to_owned()), "{fault}");
    }
    assert!(concord_hubspot::connector().signals(&cx, &verified(b"{not json")).is_err());
}

#[test]
fn every_change_in_the_portal_leads_to_its_record() {
    let mut world = World::new();
    world.portal.subscribe(Some(Subscriber { url: URL.into(), secret: SECRET.into() }));
    let company = world.made("companies", json!({ "name": "A" }), json!([]));
    let other = world.made("companies", json!({ "name": "B" }), json!([]));
    let partner = json!([{ "to": "companies", "id": company, "label": "Partner" }]);
    let deal = world.made("deals", json!({ "dealname": "D" }), partner);
    let partnership = world.made("p_partnerships", json!({ "program": "Gold" }), json!([]));
    world.human(Act::Merge { object: "companies".into(), winner: company.clone(), loser: other.clone() });
    world.human(Act::Delete { object: "deals".into(), id: deal.clone() });
    let now = world.now;
    let mut seen = Vec::new();
    for push in world.portal.pushes(now) {
        let hook = Webhook::new("POST", URL, None, push.request.headers, push.request.body);
        let scheme = concord_hubspot::connector().manifest().webhooks[0].clone();
        let hook = hook.verify(&scheme, &[SECRET.as_bytes()], now).unwrap();
        seen.extend(concord_hubspot::connector().signals(&world.cx, &hook).unwrap());
    }
    let has = |entity: Entity, id: &str, happened: Happened| {
        seen.iter().any(|s| (s.entity, s.id.as_str()) == (entity, id) && s.happened == happened)
    };
    assert!(has(Entity::Organization, &company, Happened::Changed));
    assert!(has(Entity::Opportunity, &deal, Happened::Changed));
    assert!(has(Entity::Partnership, &partnership, Happened::Changed));
    assert!(has(Entity::Organization, &other, Happened::MergedInto(company.as_str().into())));
    assert!(has(Entity::Opportunity, &deal, Happened::Deleted));
    assert!(world.portal.pushes(now).is_empty(), "each event is handed out once");
}

#[test]
fn a_webhook_that_was_not_taken_comes_again() {
    let mut world = World::new();
    world.portal.subscribe(Some(Subscriber { url: URL.into(), secret: SECRET.into() }));
    world.made("companies", json!({ "name": "A" }), json!([]));
    let now = world.now;
    let push = world.portal.pushes(now).remove(0);
    world.portal.failed(now, push.clone());
    assert!(world.portal.pushes(now).is_empty(), "not at once");
    world.tick(60_000);
    let later = world.now;
    let again = world.portal.pushes(later).remove(0);
    let keys = |push: concord_connector::sandbox::Push| -> Vec<String> {
        let body: Json = serde_json::from_slice(&push.request.body).unwrap();
        signals(&world.cx, &body).unwrap().into_iter().map(|signal| signal.key).collect()
    };
    assert_eq!(keys(push), keys(again));
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,20}".prop_map(Json::from),
        Just(json!("deal.merge")),
        Just(json!("object.associationChange")),
    ];
    let name = prop_oneof![
        Just("subscriptionType".to_owned()),
        Just("objectId".to_owned()),
        Just("occurredAt".to_owned()),
        Just("mergedObjectIds".to_owned()),
        Just("primaryObjectId".to_owned()),
        ".{0,8}",
    ];
    leaf.prop_recursive(3, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|pairs| Json::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_makes_it_panic(body in any_json()) {
        let connector = concord_hubspot::connector();
        let cx = Context::new("hubspot-eu", connector.manifest());
        let _either = signals(&cx, &body);
    }
    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let connector = concord_hubspot::connector();
        let cx = Context::new("hubspot-eu", connector.manifest());
        let _either = connector.signals(&cx, &verified(&body));
    }
}
