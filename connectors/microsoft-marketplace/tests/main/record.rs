//! Recordings: operations with what they exchanged and what came of them, one file each.

use crate::{
    bench::{Bench, create, fields, text, update, word},
    offers::{PRODUCT, offer},
};
use concord_connector::{
    Entity::{self, Entitlement, Listing, PrivateOffer, UsageRecord},
    Instant, Operation, Outcome, Reference, Value,
    exchange::{Checked, Written},
};
use serde_json::{Value as Json, json};
use std::{fs, path::Path};

fn keep(bench: &mut Bench, name: &str, about: &str, operation: Operation) -> Outcome {
    let outcome = bench.run(&operation);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{name}.json"));
    let exchanges: Vec<Json> = bench.exchanges.iter().map(slim).collect();
    let recording = json!({ "about": about, "options": bench.cx.options, "operation": operation, "exchanges": exchanges, "outcome": outcome });
    let text = format!("{}\n", serde_json::to_string_pretty(&recording).unwrap());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(file, text).unwrap();
    } else {
        assert!(fs::read_to_string(&file).is_ok_and(|kept| kept == text), "{name} is old; UPDATE=1 makes it anew");
    }
    outcome
}

/// Without what says nothing about the wire.
fn slim(exchange: &Json) -> Json {
    let mut exchange = exchange.clone();
    for free in ["accept", "limit"] {
        exchange["request"].as_object_mut().map(|request| request.remove(free));
    }
    exchange
}

#[test]
fn every_kind_of_operation_is_recorded() {
    let mut bench = Bench::new();
    let bench = &mut bench;
    keep(bench, "describe", "Both hosts let us in.", Operation::Describe);
    let id = bench.purchase();
    let ids = vec![id, "999999999".into()];
    let outcome = keep(
        bench,
        "fetch_entitlement",
        "A purchase waits to be activated.",
        Operation::Fetch { entity: Entitlement, ids },
    );
    let Outcome::Records(mut rows) = outcome else { panic!() };
    let bought = rows.remove(0).1.unwrap();
    let write = update(&bought, fields([("decision", word("approved"))]));
    let operation = Operation::Write { entity: Entitlement, writes: vec![write] };
    let Outcome::Written(mut rows) = keep(bench, "activate_entitlement", "An approved purchase begins.", operation)
    else {
        panic!()
    };
    let Ok(Written::Done { after: active, .. }) = rows.remove(0) else { panic!() };
    let write = update(&active, fields([("plan", text("flat-rate-2"))]));
    let operation = Operation::Write { entity: Entitlement, writes: vec![write.clone()] };
    let Outcome::Written(mut rows) =
        keep(bench, "change_plan", "A change of the plan is an operation of its own.", operation)
    else {
        panic!()
    };
    let Ok(Written::Running(running)) = rows.remove(0) else { panic!() };
    bench.later(60);
    let check = Operation::Check { entity: Entitlement, operation: running.operation, write: Box::new(write) };
    keep(bench, "check_plan", "The operation succeeded, and the subscription shows it.", check);
    for _ in 0..10 {
        bench.purchase();
    }
    let poll = |entity, cursor| Operation::Poll { entity, cursor, until: Instant::from_ms(1_767_225_700_000) };
    let outcome = keep(bench, "poll_entitlements", "The first of two pages.", poll(Entitlement, None));
    let Outcome::Page { cursor, more: true, records } = outcome else { panic!() };
    keep(bench, "poll_entitlements_end", "The last page.", poll(Entitlement, Some(cursor)));
    let first = records[0].0.clone();
    let event = |quantity: &str, dimension: &str| {
        fields([
            ("entitlement", Some(Value::from(Reference::external(Entity::Entitlement, first.clone())))),
            ("dimension", text(dimension)),
            ("quantity", text(quantity)),
            ("plan", text("flat-rate-1")),
            ("hour", Some(Value::Instant(Instant::from_ms(1_767_222_000_000)))),
        ])
    };
    let writes = vec![create("usage-1", event("12.5", "api_calls")), create("usage-2", event("1", "teapots"))];
    keep(
        bench,
        "meter",
        "Two events in a batch, one of which no meter takes.",
        Operation::Write { entity: UsageRecord, writes: writes.clone() },
    );
    let again = Operation::Write { entity: UsageRecord, writes: writes[..1].to_vec() };
    keep(bench, "meter_again", "What was reported before with the same quantity is known.", again);

    let write = create("offer-1", offer());
    let operation = Operation::Write { entity: PrivateOffer, writes: vec![write.clone()] };
    let Outcome::Written(mut rows) =
        keep(bench, "create_offer", "A new private offer is a job of Microsoft's.", operation)
    else {
        panic!()
    };
    let Ok(Written::Running(running)) = rows.remove(0) else { panic!() };
    let check = |operation| Operation::Check { entity: PrivateOffer, operation, write: Box::new(write.clone()) };
    keep(bench, "check_offer_running", "The job has not begun.", check(running.operation.clone()));
    bench.later(60);
    let about = "The job made a draft; another one publishes it.";
    let outcome = keep(bench, "check_offer_drafted", about, check(running.operation));
    let Outcome::Checked(Checked::Next(next)) = outcome else { panic!("{outcome:?}") };
    bench.later(60);
    let outcome = keep(bench, "check_offer", "The job published the offer.", check(next.operation));
    let Outcome::Checked(Checked::Done { after: made, .. }) = outcome else { panic!("{outcome:?}") };
    let find = Operation::Find { entity: PrivateOffer, record: "offer-1".into(), keys: Vec::new() };
    keep(bench, "find_offer", "Our mark stands behind the name.", find);
    keep(bench, "poll_offers", "What the list shows is read for the rest.", poll(PrivateOffer, None));
    let write = update(&made, fields([("withdrawn", word("yes"))]));
    let operation = Operation::Write { entity: PrivateOffer, writes: vec![write] };
    keep(bench, "withdraw_offer", "An offer that nobody accepted is taken back.", operation);
    let ids = vec![PRODUCT.into()];
    let outcome =
        keep(bench, "fetch_listing", "A product with what belongs to it.", Operation::Fetch { entity: Listing, ids });
    let Outcome::Records(mut rows) = outcome else { panic!() };
    let listing = rows.remove(0).1.unwrap();
    let write = update(&listing, fields([("short_description", text("Keeps deals in step"))]));
    let about = "The whole resource goes back with one member changed, and on to certification.";
    keep(bench, "update_listing", about, Operation::Write { entity: Listing, writes: vec![write] });
}
