//! What the connector sends and what our sandbox answers, against the vendor API's assembled specification when that lies
//! beside the repository: every request has a path there, known parameters and a body of its schema, and so has every
//! answer. Without it each check is ignored, and says so.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "spec/schema.rs"]
mod schema;
#[path = "spec/watched.rs"]
mod watched;

use concord_connector::{
    Context, Entity, Fields, Instant, Operation, Outcome, RecordId, Reference, Value,
    exchange::{Change, Write, Written},
    testing::{authorize, drive},
    value::{Currency, Money},
};
use concord_partnerstack::{connector, sandbox::Programme};
use libtest_mimic::{Arguments, Failed, Trial};
use schema::Specification;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use watched::Watched;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let specification = find();
    let ignored = specification.is_none();
    let name = |what: &str| match ignored {
        true => format!("{what} (no folder shared/specs/partnerstack above the repository)"),
        false => what.to_owned(),
    };
    let mut trials = vec![Trial::test("a_wrong_body_is_noticed", schema::notices)];
    for entity in connector_entities() {
        let file = specification.clone();
        let check = move || check(&file.unwrap(), entity);
        trials.push(Trial::test(name(&format!("{entity}")), check).with_ignored_flag(ignored));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn connector_entities() -> Vec<Entity> {
    use concord_connector::Connector as _;
    connector().manifest().entity.keys().copied().collect()
}

/// `shared/specs/partnerstack`, looked for from the crate upwards.
fn find() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let file = "shared/specs/partnerstack/partnerstack-v2-assembled.openapi.json";
    above.map(|folder| folder.join(file)).find(|file| file.is_file())
}

/// Lists, reads, makes, changes and archives records of an entity; the watched sandbox compares.
fn check(file: &Path, entity: Entity) -> Result<(), Failed> {
    let text = std::fs::read_to_string(file).unwrap();
    let specification = Specification::new(serde_json::from_str(&text).unwrap());
    let mut vendor = Watched::new(Programme::new(1), specification);
    let connector = connector();
    let manifest = concord_connector::Connector::manifest(&connector).clone();
    let mut cx = Context::new("partnerstack-test", &manifest);
    cx.currency = Currency::parse("USD");
    let now = Instant::from_ms(1_767_225_600_000);
    let authorization = authorize(&manifest, &cx, &mut vendor, now).unwrap();
    let mut run = |operation: &Operation| drive(&connector, &cx, operation, &mut vendor, now, &authorization);
    run(&Operation::Describe).unwrap();
    for cursor in [None, Some("{\"since\":1735689600000}".into())] {
        run(&Operation::Poll { entity, cursor, until: now }).unwrap();
    }
    run(&Operation::Find { entity, record: RecordId::new("nobody"), keys: Vec::new() }).unwrap();
    if cx.mapping(entity).unwrap().fields.iter().any(|rule| rule.flow.creates()) {
        let write = Write {
            token: None,
            record: "r1".into(),
            change: Change::Create { idempotency: "i1".into() },
            fields: fields(entity),
        };
        let made = run(&Operation::Write { entity, writes: vec![write] }).unwrap();
        let Outcome::Written(rows) = made else { return Err("no rows".into()) };
        let Some(Ok(Written::Done { after, .. })) = rows.into_iter().next() else { return Err("refused".into()) };
        run(&Operation::Fetch { entity, ids: vec![after.id.clone()] }).unwrap();
        let change = Change::Update { id: after.id.clone(), revision: None, held: Fields::new(), held_at: now };
        run(&Operation::Write {
            entity,
            writes: vec![Write { token: None, record: "r1".into(), change, fields: fields(entity) }],
        })
        .unwrap();
        let change = Change::Archive { id: after.id };
        let write = Write { token: None, record: "r1".into(), change, fields: Fields::new() };
        run(&Operation::Write { entity, writes: vec![write] }).unwrap();
    }
    match vendor.mistakes.as_slice() {
        [] if vendor.compared > 0 => Ok(()),
        [] => Err("nothing was compared".into()),
        mistakes => Err(mistakes.join("\n").into()),
    }
}

fn fields(entity: Entity) -> Fields {
    let partner = Value::from(Reference::external(Entity::Organization, "gstest"));
    let text = |text: &str| Value::Text(text.into());
    let fields: Vec<(&str, Value)> = match entity {
        Entity::Customer => {
            vec![("name", text("Example Ltd")), ("email", text("ana@example.com")), ("partner", partner)]
        }
        Entity::Lead => vec![("status", Value::Enum("new".into())), ("partner", partner)],
        _ => vec![
            ("customer_name", text("Example Ltd")),
            ("partner", partner),
            ("status", Value::Enum("submitted".into())),
            ("amount", Value::Money(Money { minor: 125_000, currency: Currency::parse("USD").unwrap() })),
            ("close_date", Value::Date("2026-06-30".parse().unwrap())),
        ],
    };
    fields.into_iter().map(|(name, value)| (name.into(), Some(value))).collect()
}
