use crate::{
    bench::{Bench, fields, said, text, update},
    offers::PRODUCT,
};
use concord_connector::{
    Connector,
    Entity::Listing,
    Value,
    exchange::{Checked, Written},
    sandbox::Sandbox,
};
use concord_microsoft_marketplace::connector;
use serde_json::json;

#[test]
fn a_text_goes_to_the_draft_and_through_certification_live() {
    let mut bench = Bench::new();
    bench.cx.options.insert("listing_target".into(), "live".into());
    let before = bench.read(Listing, &PRODUCT.into()).unwrap();
    assert_eq!((said(&before, "name"), said(&before, "status")), ("Contoso Sync", "public"));
    assert_eq!(said(&before, "product_code"), "contoso-sync");
    let write = update(&before, fields([("short_description", text("Keeps deals in step"))]));
    let Ok(Written::Running(running)) = bench.write(Listing, write.clone()) else { panic!("no job") };
    let sent = bench.exchanges.last().unwrap()["request"]["body"]["json"]["resources"].clone();
    assert_eq!(sent[0]["privacyPolicyLink"], "https://example.com/privacy", "what is not ours is sent back as it was");
    assert_eq!(sent[1]["target"]["targetType"], "preview");
    bench.later(60);
    assert!(matches!(bench.check(Listing, &running.operation, &write), Checked::Running { .. }), "certification");
    let shown = bench.read(Listing, &PRODUCT.into()).unwrap();
    assert_eq!(said(&shown, "status"), "in_review");
    let closed = bench.write(Listing, update(&shown, fields([("name", text("Contoso Sync 2"))])));
    assert!(matches!(&closed, Ok(Written::Closed { reason, .. }) if reason.contains("certifying")), "{closed:?}");
    bench.later(7_200);
    bench.login();
    assert!(matches!(bench.check(Listing, &running.operation, &write), Checked::Running { .. }), "it is sent live");
    bench.later(1_800);
    let Checked::Done { after, created } = bench.check(Listing, &running.operation, &write) else { panic!("no end") };
    assert!(!created);
    assert_eq!((said(&after, "short_description"), said(&after, "status")), ("Keeps deals in step", "public"));
}

#[test]
fn lengths_are_told_before_anything_is_sent() {
    let mut bench = Bench::new();
    let before = bench.read(Listing, &PRODUCT.into()).unwrap();
    let words = Value::list(["a", "b", "c", "d"].into_iter().filter_map(Value::text).collect());
    let write = update(
        &before,
        fields([
            ("short_description", text(&"x".repeat(101))),
            ("keywords", words),
            ("landing_url", text("http://example.com")),
        ]),
    );
    let told: Vec<String> = connector().preflight(&bench.cx, Listing, &write).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "short_description: write at most 100 characters",
            "keywords: write at most three keywords",
            "landing_url: write an address that begins with https://"
        ]
    );
}

#[test]
fn an_edit_in_partner_center_is_not_covered() {
    let mut bench = Bench::new();
    let before = bench.read(Listing, &PRODUCT.into()).unwrap();
    bench.act("product", PRODUCT, json!({ "title": "Theirs" })).unwrap();
    let moved = bench.write(Listing, update(&before, fields([("name", text("Ours"))])));
    assert!(matches!(&moved, Ok(Written::Moved(seen)) if said(seen, "name") == "Theirs"), "{moved:?}");
    assert_eq!(bench.cloud.served().get("POST /graph/configure"), None);
}
