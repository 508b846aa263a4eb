use crate::bench::{Bench, fields, said, text, update, word};
use concord_connector::{
    Connector, Entity,
    Entity::Entitlement,
    Kind, Operation, Outcome, Webhook,
    exchange::{Checked, Written},
    sandbox::Sandbox,
    signal::Happened,
    testing::{KEYS, OTHER_KEYS, token},
};
use concord_microsoft_marketplace::connector;
use serde_json::json;

#[test]
fn a_purchase_is_approved_and_its_plan_and_seats_are_changed() {
    let mut bench = Bench::new();
    let id = bench.purchase();
    let bought = bench.read(Entitlement, &id).unwrap();
    assert_eq!((said(&bought, "status"), said(&bought, "quantity")), ("pending_activation", "5"));
    let early = bench.write(Entitlement, update(&bought, fields([("plan", text("flat-rate-2"))])));
    assert!(matches!(early, Ok(Written::Closed { again_s: 3_600, .. })), "{early:?}");

    let active = bench.done(Entitlement, update(&bought, fields([("decision", word("approved"))])));
    assert_eq!((said(&active, "status"), said(&active, "renews")), ("active", "yes"));
    let both = fields([("plan", text("flat-rate-2")), ("quantity", text("9"))]);
    let after = bench.done(Entitlement, update(&active, both));
    assert_eq!((said(&after, "plan"), said(&after, "quantity")), ("flat-rate-2", "9"));
}

#[test]
fn a_rejected_purchase_ends() {
    let mut bench = Bench::new();
    let id = bench.purchase();
    let bought = bench.read(Entitlement, &id).unwrap();
    let after = bench.done(Entitlement, update(&bought, fields([("decision", word("rejected"))])));
    assert_eq!(said(&after, "status"), "ended");
}

#[test]
fn what_a_buyer_asks_for_can_be_refused_in_time() {
    let mut bench = Bench::new();
    let id = bench.purchase();
    let bought = bench.read(Entitlement, &id).unwrap();
    let active = bench.done(Entitlement, update(&bought, fields([("decision", word("approved"))])));
    bench.act("subscriptions", id.as_str(), json!({ "planId": "flat-rate-2" })).unwrap();
    let after = bench.done(Entitlement, update(&active, fields([("decision", word("rejected"))])));
    assert_eq!((said(&after, "status"), said(&after, "plan")), ("active", "flat-rate-1"));
    bench.act("subscriptions", id.as_str(), json!({ "planId": "flat-rate-2" })).unwrap();
    bench.later(11);
    assert_eq!(said(&bench.read(Entitlement, &id).unwrap(), "plan"), "flat-rate-2", "silence is consent");
}

#[test]
fn a_suspended_subscription_is_reinstated_by_a_decision() {
    let mut bench = Bench::new();
    let id = bench.purchase();
    let bought = bench.read(Entitlement, &id).unwrap();
    bench.done(Entitlement, update(&bought, fields([("decision", word("approved"))])));
    bench.act("subscriptions", id.as_str(), json!({ "action": "Suspend" })).unwrap();
    bench.act("subscriptions", id.as_str(), json!({ "action": "Reinstate" })).unwrap();
    let held = bench.read(Entitlement, &id).unwrap();
    assert_eq!(said(&held, "status"), "suspended");
    let after = bench.done(Entitlement, update(&held, fields([("decision", word("approved"))])));
    assert_eq!(said(&after, "status"), "active");
}

#[test]
fn a_plan_that_there_is_not_is_refused_on_its_field() {
    let mut bench = Bench::new();
    let id = bench.purchase();
    let bought = bench.read(Entitlement, &id).unwrap();
    let active = bench.done(Entitlement, update(&bought, fields([("decision", word("approved"))])));
    let ended = bench.carry(Entitlement, update(&active, fields([("plan", text("nowhere"))])));
    let Checked::Refused { mistakes } = ended else { panic!("{ended:?}") };
    assert_eq!(mistakes[0].field.as_ref().map(|field| field.as_str()), Some("plan"));
}

#[test]
fn somebody_elses_change_is_not_covered() {
    let mut bench = Bench::new();
    let id = bench.purchase();
    let bought = bench.read(Entitlement, &id).unwrap();
    let active = bench.done(Entitlement, update(&bought, fields([("decision", word("approved"))])));
    bench.act("subscriptions", id.as_str(), json!({ "quantity": 7 })).unwrap();
    bench.later(11);
    let moved = bench.write(Entitlement, update(&active, fields([("quantity", text("9"))])));
    assert!(matches!(&moved, Ok(Written::Moved(seen)) if said(seen, "quantity") == "7"), "{moved:?}");
}

#[test]
fn a_token_for_the_wrong_host_is_told_from_a_bad_one() {
    let mut bench = Bench::new();
    let form = "grant_type=client_credentials&client_id=00000001-0000-4000-8000-00000000bbbb&client_secret=sandbox-client-secret-of-nobody&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default";
    let mut request = concord_connector::sandbox::WireRequest {
        method: "POST".into(),
        target: "/tenant/oauth2/v2.0/token".into(),
        body: form.into(),
        ..Default::default()
    };
    let answer: serde_json::Value = serde_json::from_slice(&bench.cloud.handle(bench.now, &request).body).unwrap();
    request = concord_connector::sandbox::WireRequest {
        method: "GET".into(),
        target: "/api/saas/subscriptions/?api-version=2018-08-31".into(),
        ..Default::default()
    };
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    request.headers.insert("authorization".into(), bearer);
    assert_eq!(bench.cloud.handle(bench.now, &request).status, 403);
}

/// The webhook's whole way: sent by the sandbox, proved by the tenant's key, understood.
#[test]
fn events_are_proved_and_say_where_to_look() {
    let mut bench = Bench::new();
    bench.subscribe();
    let id = bench.purchase();
    let bought = bench.read(Entitlement, &id).unwrap();
    bench.done(Entitlement, update(&bought, fields([("decision", word("approved"))])));
    let push = bench.cloud.pushes(bench.now).remove(0).request;
    let scheme = connector().manifest().webhooks[0].filled(&bench.cx.options);
    let hook = |headers| Webhook::new("POST", push.target.clone(), None, headers, push.body.clone());
    let sent: Vec<(String, String)> = push.headers.clone().into_iter().collect();
    let good = hook(sent.clone()).verify(&scheme, &[KEYS.as_bytes()], bench.now).unwrap();
    let signals = connector().signals(&bench.cx, &good).unwrap();
    let told: Vec<_> = signals.iter().map(|signal| (signal.entity, signal.happened.clone())).collect();
    let offers = (Entity::PrivateOffer, Happened::Gap);
    assert_eq!(told, [(Entitlement, Happened::Changed), (Entitlement, Happened::Advanced), offers]);
    assert_eq!(signals[0].id, id);
    assert!(hook(sent).verify(&scheme, &[OTHER_KEYS.as_bytes()], bench.now).is_err(), "another key under the same id");

    let now = bench.now.seconds();
    let claims = |name: &str, value: serde_json::Value| {
        let mut claims = json!({ "iss": "https://login.microsoftonline.com/00000001-0000-4000-8000-00000000aaaa/v2.0",
            "aud": "00000001-0000-4000-8000-00000000bbbb", "tid": "00000001-0000-4000-8000-00000000aaaa",
            "azp": "20e940b3-4c77-4b0b-9a53-9e16a1b010a7", "iat": now, "exp": now + 3_600 });
        claims[name] = value;
        let headers = vec![("authorization".to_owned(), format!("Bearer {}", token(&claims)))];
        hook(headers).verify(&scheme, &[KEYS.as_bytes()], bench.now).is_ok()
    };
    assert!(claims("ver", json!("2.0")), "version 2 of the token");
    let forged = [
        ("iss", json!("https://sts.windows.net/another/")),
        ("aud", json!("00000000-0000-4000-8000-00000000cccc")),
        ("tid", json!("00000000-0000-4000-8000-00000000cccc")),
        ("azp", json!("00000000-0000-4000-8000-00000000cccc")),
        ("exp", json!(now - 61)),
        ("nbf", json!(now + 120)),
    ];
    for (name, value) in forged {
        assert!(!claims(name, value), "{name}");
    }
}

#[test]
fn a_purchase_token_is_resolved() {
    let mut bench = Bench::new();
    let id = bench.purchase();
    let ids = vec![format!("token:purchase-{id}").into(), "token:nonsense".into()];
    let Outcome::Records(rows) = bench.run(&Operation::Fetch { entity: Entitlement, ids }) else { panic!() };
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].1.as_ref().unwrap().id, id);
}

#[test]
fn a_subscription_is_made_by_a_buyer_only() {
    let mut bench = Bench::new();
    let write = crate::bench::create("nobody", fields([("plan", text("flat-rate-1"))]));
    assert_eq!(bench.write(Entitlement, write).unwrap_err().kind, Kind::Rejected);
}
