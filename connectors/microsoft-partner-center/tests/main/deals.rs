use crate::bench::{Bench, create, deal, fields, said, text, update, word};
use concord_connector::{
    Connector,
    Entity::CosellDeal,
    Kind, Operation, Outcome,
    exchange::Written,
    sandbox::{Act, Sandbox},
};
use concord_microsoft_partner_center::connector;
use serde_json::{Value as Json, json};
use std::{fs, path::Path};

#[test]
fn a_deal_is_shared_moves_on_and_is_won() {
    let mut bench = Bench::new();
    let made = bench.done(create("deal-1", deal()));
    assert_eq!(
        (said(&made, "stage"), said(&made, "status"), said(&made, "origin")),
        ("prospect", "under_review", "partner")
    );
    let sent = bench.exchanges.last().unwrap()["request"]["body"]["json"].clone();
    assert_eq!(sent["consent"]["consentToToShareInfoWithOthers"], true, "the vendor's own spelling");
    assert_eq!((&sent["type"], &sent["target"][0]["id"]), (&json!("Shared"), &json!("SOL-34104-EBB")));
    let mut seen = made;
    for (stage, sales) in [("technical_validation", "Develop"), ("committed", "Close"), ("won", "Close")] {
        bench.later(60);
        seen = bench.done(update(&seen, fields([("stage", word(stage))])));
        assert_eq!(said(&seen, "stage"), stage);
        assert_eq!(bench.center.records()["referrals"][seen.id.as_str()]["salesStage"], sales);
    }
    assert_eq!(said(&seen, "status"), "accepted");
    let refused = bench.write(update(&seen, fields([("name", text("Too late"))]))).unwrap_err();
    assert!(refused.kind == Kind::Rejected && refused.message.contains("closed"), "{refused:?}");
}

#[test]
fn what_is_not_mapped_goes_back_as_it_was() {
    let mut bench = Bench::new();
    let made = bench.done(create("deal-2", deal()));
    let theirs = json!({ "campaignId": "c-1", "details": { "requirements": { "services": [{ "id": "DeploymentOrMigration" }] } } });
    bench
        .center
        .act(bench.now, Act::Update { object: "referrals".into(), id: made.id.to_string(), fields: theirs })
        .unwrap();
    bench.done(update(&made, fields([("problem", text("Why now"))])));
    let kept = bench.center.records()["referrals"][made.id.as_str()].clone();
    assert_eq!((&kept["campaignId"], &kept["details"]["notes"]), (&json!("c-1"), &json!("Why now")));
    assert_eq!(kept["details"]["requirements"]["services"][0]["id"], "DeploymentOrMigration");
    assert_eq!(kept["customerProfile"]["team"][0]["email"], "bo@example.com");
}

#[test]
fn an_edit_between_our_read_and_our_write_is_not_covered() {
    let mut bench = Bench::new();
    let made = bench.done(create("deal-3", deal()));
    let id = made.id.to_string();
    let now = bench.now;
    let write = Operation::Write { entity: CosellDeal, writes: vec![update(&made, fields([("name", text("Ours"))]))] };
    let outcome = bench.run_with(&write, &mut |center, writes| {
        if writes {
            let fields = json!({ "name": "Theirs" });
            center.act(now, Act::Update { object: "referrals".into(), id: id.clone(), fields }).unwrap();
        }
    });
    let Outcome::Written(rows) = outcome else { panic!() };
    assert!(matches!(&rows[0], Ok(Written::Moved(seen)) if said(seen, "name") == "Theirs"), "{rows:?}");
}

#[test]
fn an_invitation_is_answered() {
    let mut bench = Bench::new();
    let referral = json!({ "name": "From Microsoft", "status": "New", "substatus": "Received",
        "customerProfile": { "name": "Fabrikam", "ids": {}, "address": { "country": "DE" } } });
    for (decision, stage, status) in [("approved", "qualified", "accepted"), ("rejected", "lost", "rejected")] {
        let act = Act::Create { object: "referrals".into(), fields: referral.clone() };
        let id = bench.center.act(bench.now, act).unwrap();
        let fetch = Operation::Fetch { entity: CosellDeal, ids: vec![id.into()] };
        let Outcome::Records(mut rows) = bench.run(&fetch) else { panic!() };
        let seen = rows.remove(0).1.unwrap();
        assert_eq!((said(&seen, "origin"), said(&seen, "status")), ("cloud", "under_review"));
        let after = bench.done(update(&seen, fields([("decision", word(decision))])));
        assert_eq!((said(&after, "stage"), said(&after, "status")), (stage, status));
    }
}

#[test]
fn what_cannot_be_is_told_on_its_field() {
    let bench = Bench::new();
    let mut wrong = deal();
    wrong.extend(fields([
        ("duns", text("123")),
        ("size", text("many")),
        ("consent", word("withheld")),
        ("solution", None),
    ]));
    let told = connector().preflight(&bench.cx, CosellDeal, &create("deal-4", wrong));
    let fields: Vec<&str> = told.iter().filter_map(|unfit| unfit.field.as_ref().map(|field| field.as_str())).collect();
    assert_eq!(fields, ["consent", "solution", "duns", "size"], "{told:#?}");
}

fn keep(bench: &mut Bench, name: &str, about: &str, operation: &Operation) -> Outcome {
    let outcome = bench.run(operation);
    let mut exchanges = bench.exchanges.clone();
    for exchange in &mut exchanges {
        for free in ["accept", "limit"] {
            exchange["request"].as_object_mut().map(|request| request.remove(free));
        }
    }
    let recording: Json = json!({ "about": about, "operation": operation, "exchanges": exchanges, "outcome": outcome });
    let text = format!("{}\n", serde_json::to_string_pretty(&recording).unwrap());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{name}.json"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(file, text).unwrap();
    } else {
        assert!(fs::read_to_string(&file).is_ok_and(|kept| kept == text), "{name} is old; UPDATE=1 makes it anew");
    }
    outcome
}

#[test]
fn every_kind_of_operation_is_recorded() {
    let mut bench = Bench::new();
    let bench = &mut bench;
    keep(bench, "describe", "A page of one shows that we are let in.", &Operation::Describe);
    let write = Operation::Write { entity: CosellDeal, writes: vec![create("deal-1", deal())] };
    let Outcome::Written(mut rows) = keep(bench, "create", "A deal that Microsoft helps with.", &write) else {
        panic!()
    };
    let Ok(Written::Done { after, .. }) = rows.remove(0) else { panic!() };
    let ids = vec![after.id.clone(), "999999999".into()];
    keep(bench, "fetch", "One that is there, one that is not.", &Operation::Fetch { entity: CosellDeal, ids });
    bench.later(60);
    let write = update(&after, fields([("stage", word("qualified"))]));
    let about = "The whole referral goes back under its change token.";
    keep(bench, "update", about, &Operation::Write { entity: CosellDeal, writes: vec![write] });
    let find = Operation::Find { entity: CosellDeal, record: "deal-1".into(), keys: Vec::new() };
    keep(bench, "find", "Our mark is looked for among the newest.", &find);
    for n in 0..50 {
        let mut small = deal();
        small.retain(|name, _| matches!(name.as_str(), "name" | "customer_name" | "address"));
        bench.done(create(&format!("page-{n}"), small));
    }
    let poll = Operation::Poll { entity: CosellDeal, cursor: None, until: bench.now };
    keep(bench, "poll", "A full page is not the last.", &poll);
}
