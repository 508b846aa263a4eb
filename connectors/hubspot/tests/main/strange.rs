//! Answers that no vendor should give: whatever stands in a response, an operation ends or says why not.

use crate::drive::{World, create, fields, text};
use concord_connector::{
    Connector, Context, Entity, Operation, Response, Step,
    exchange::{Change, Write},
    key::{Key, KeyKind},
    time::Instant,
};
use concord_hubspot::journal::Pointer;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::sync::LazyLock;

static DESCRIBED: LazyLock<Context> = LazyLock::new(|| World::new().cx);

fn operations() -> Vec<Operation> {
    let update = |id: &str| Write {
        token: None,
        record: "r".into(),
        change: Change::Update { id: id.into(), revision: None, held: fields([]), held_at: Instant::EPOCH },
        fields: fields([("name", text("n")), ("partners", None), ("organization", None)]),
    };
    vec![
        Operation::Fetch { entity: Entity::Opportunity, ids: vec!["1".into(), "2".into()] },
        Operation::Poll { entity: Entity::Person, cursor: None, until: Instant::from_ms(1) },
        Operation::Find { entity: Entity::Person, record: "r".into(), keys: vec![Key::new(KeyKind::Email, "a@e.com")] },
        Operation::Write {
            entity: Entity::Opportunity,
            writes: vec![create("c", fields([("name", text("n"))])), update("1"), update("2")],
        },
        Operation::Describe,
    ]
}

/// Pieces of HubSpot's answers in places where they do and do not belong.
fn answer() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!("1")),
        Just(json!(2)),
        Just(json!(-1.5)),
        Just(json!(true)),
        Just(json!("2026-01-01T00:00:00Z")),
        Just(json!("Primary")),
        ".{0,6}".prop_map(Json::from),
    ];
    let name = prop::sample::select(vec![
        "results",
        "errors",
        "id",
        "properties",
        "propertiesWithHistory",
        "name",
        "dealname",
        "dealstage",
        "value",
        "timestamp",
        "from",
        "to",
        "toObjectId",
        "associationTypes",
        "associations",
        "typeId",
        "category",
        "label",
        "context",
        "message",
        "paging",
        "next",
        "objectWriteTraceId",
        "new",
        "archived",
        "updatedAt",
        "companies",
    ]);
    let inner = leaf.prop_recursive(5, 64, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::btree_map(name.clone(), inner, 0..6).prop_map(|members| json!(members)),
        ]
    });
    (inner.clone(), inner).prop_map(|(results, more)| match results {
        Json::Array(_) => json!({ "results": results, "errors": more }),
        other => other,
    })
}

proptest! {
    #[test]
    fn no_answer_makes_an_operation_panic(answers in prop::collection::vec(answer(), 8), status in prop::sample::select(vec![200_u16, 207, 400])) {
        let connector = concord_hubspot::connector();
        for operation in operations() {
            let mut seen = Vec::new();
            for body in &answers {
                match connector.next(&DESCRIBED, &operation, &seen) {
                    Ok(Step::Send(_)) => {}
                    Ok(Step::Done(_)) | Err(_) => break,
                }
                seen.push(Response { status, body: body.clone(), ..Response::default() });
            }
        }
    }
}

#[test]
fn an_answer_without_its_list_is_an_outage_not_an_empty_list() {
    let connector = concord_hubspot::connector();
    for body in [json!("<html>"), json!(null), json!({}), json!({ "results": {} })] {
        let seen = [Response { status: 200, body, ..Response::default() }];
        let fetch = Operation::Fetch { entity: Entity::Person, ids: vec!["1".into()] };
        let fault = connector.next(&DESCRIBED, &fetch, &seen).unwrap_err();
        assert!(fault.is_of_connection(), "{fault}");
    }
}

#[test]
fn a_journal_pointer_is_read_and_never_shows_its_url() {
    let answer = |status: u16, body: Json| Pointer::decode(&Response { status, body, ..Response::default() });
    let body = json!({ "url": "https://files.example.com/secret", "currentOffset": "o1", "expiresAt": "2026-01-01T00:00:00Z" });
    let pointer = answer(200, body).unwrap().unwrap();
    assert_eq!((pointer.offset.as_str(), pointer.expires_at), ("o1", Instant::parse("2026-01-01T00:00:00Z")));
    assert!(!format!("{pointer:?}").contains("secret"));
    assert_eq!(answer(204, Json::Null).unwrap(), None);
    assert!(answer(200, json!({})).is_err());
}
