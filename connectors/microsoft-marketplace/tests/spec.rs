//! What the connector sends and what our sandbox answers, against Microsoft's own OpenAPI documents when they lie beside the
//! repository: every request to the marketplace host has a path there, known parameters and a body of its schema, and so has
//! every answer. Without them each check is ignored, and says so. Product ingestion has no published document.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "main/bench.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod bench;
#[path = "spec/schema.rs"]
mod schema;

use bench::{Bench, create, fields, text, update, word};
use concord_connector::{
    Entity::{Entitlement, UsageRecord},
    Instant, Operation, Outcome, Reference, Value,
};
use libtest_mimic::{Arguments, Failed, Trial};
use schema::Document;
use serde_json::{Value as Json, json};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let documents = find();
    let ignored = documents.is_none();
    let name = |what: &str| match ignored {
        true => format!("{what} (no folder shared/specs/microsoft above the repository)"),
        false => what.to_owned(),
    };
    let folder = documents;
    let scenario = move || everything_is_specified(&folder.unwrap());
    let trials = vec![
        Trial::test("a_wrong_body_is_noticed", schema::notices),
        Trial::test(name("every_exchange_is_specified"), scenario).with_ignored_flag(ignored),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// `shared/specs/microsoft`, looked for from the crate upwards.
fn find() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| folder.join("shared/specs/microsoft")).find(|folder| folder.is_dir())
}

struct Watch {
    documents: [Document; 2],
    compared: usize,
    mistakes: Vec<String>,
}

impl Watch {
    fn look(&mut self, bench: &Bench) {
        for exchange in bench.exchanges.iter().filter(|exchange| exchange["request"]["host"].is_null()) {
            let path = exchange["request"]["path"].as_str().unwrap();
            let document = &self.documents[usize::from(!path.starts_with("/saas"))];
            self.compared += 1;
            if let Err(mistake) = document.exchange(&exchange["request"], &exchange["response"]) {
                self.mistakes.push(format!("{} {path}: {mistake}", exchange["request"]["method"]));
            }
        }
    }
}

fn everything_is_specified(folder: &Path) -> Result<(), Failed> {
    let read = |name: &str| -> Document {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        Document::new(serde_json::from_str::<Json>(&text).unwrap())
    };
    let documents = [read("saasapi.v2.json"), read("meteringapi.v1.json")];
    let mut watch = Watch { documents, compared: 0, mistakes: Vec::new() };
    let mut bench = Bench::new();
    watch.look(&bench);
    let id = bench.purchase();
    let ids = vec![id.clone(), format!("token:purchase-{id}").into()];
    bench.run(&Operation::Fetch { entity: Entitlement, ids });
    watch.look(&bench);
    let bought = bench.read(Entitlement, &id).unwrap();
    drop(bench.write(Entitlement, update(&bought, fields([("decision", word("approved"))]))));
    watch.look(&bench);
    for change in [("plan", text("flat-rate-2")), ("quantity", text("9")), ("decision", word("rejected"))] {
        let active = bench.read(Entitlement, &id).unwrap();
        let write = update(&active, fields([change]));
        let Ok(concord_connector::exchange::Written::Running(running)) = bench.write(Entitlement, write.clone()) else {
            return Err("no operation".into());
        };
        watch.look(&bench);
        bench.check(Entitlement, &running.operation, &write);
        watch.look(&bench);
        bench.later(60);
        bench.check(Entitlement, &running.operation, &write);
        watch.look(&bench);
    }
    // What a buyer asks for is answered.
    let other = bench.purchase();
    let bought = bench.read(Entitlement, &other).unwrap();
    drop(bench.write(Entitlement, update(&bought, fields([("decision", word("approved"))]))));
    bench.act("subscriptions", other.as_str(), json!({ "quantity": 3 })).unwrap();
    let active = bench.read(Entitlement, &other).unwrap();
    drop(bench.write(Entitlement, update(&active, fields([("decision", word("approved"))]))));
    watch.look(&bench);

    for _ in 0..12 {
        bench.purchase();
    }
    let Outcome::Page { cursor, .. } =
        bench.run(&Operation::Poll { entity: Entitlement, cursor: None, until: bench.now })
    else {
        return Err("no page".into());
    };
    watch.look(&bench);
    bench.run(&Operation::Poll { entity: Entitlement, cursor: Some(cursor), until: bench.now });
    watch.look(&bench);
    let event = |record: &str, dimension: &str| {
        let used = Value::from(Reference::external(Entitlement, other.clone()));
        let hour = Value::Instant(Instant::from_ms(1_767_222_000_000));
        let pairs = [
            ("entitlement", Some(used)),
            ("dimension", text(dimension)),
            ("quantity", text("2.5")),
            ("plan", text("flat-rate-1")),
            ("hour", Some(hour)),
        ];
        create(record, fields(pairs))
    };
    for writes in [vec![event("u-1", "api_calls"), event("u-2", "teapots")], vec![event("u-1", "api_calls")]] {
        bench.run(&Operation::Write { entity: UsageRecord, writes });
        watch.look(&bench);
    }
    match watch.mistakes.as_slice() {
        [] if watch.compared > 25 => Ok(()),
        [] => Err(format!("only {} exchanges were compared", watch.compared).into()),
        mistakes => Err(mistakes.join("\n").into()),
    }
}
