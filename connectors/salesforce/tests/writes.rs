//! Writes: what they have in common, and that rows fail alone.

mod create;
mod delete;
mod update;

use crate::{
    Test,
    bench::{Bench, create, texts},
};
use concord_connector::{
    Entity, Field, Kind, Reference, Value,
    exchange::Written,
    sandbox::Sandbox,
    snapshot::Fields,
    value::{Currency, Money},
};

pub(crate) fn tests() -> Vec<Test> {
    let own: Vec<Test> = vec![("rows_fail_alone", alone)];
    [create::tests(), update::tests(), delete::tests(), own].concat()
}

fn refused(answer: Result<Written, concord_connector::exchange::Refused>) -> Kind {
    answer.unwrap_err().kind
}

fn composites(bench: &Bench) -> u64 {
    bench.org.served().get("POST /services/data/v67.0/composite").copied().unwrap_or(0)
}

fn queries(bench: &Bench) -> u64 {
    bench.org.served().get("GET /services/data/v67.0/queryAll").copied().unwrap_or(0)
}

fn with_roles(pairs: &[(&str, Option<&str>)]) -> Fields {
    let list = pairs.iter().map(|(id, role)| {
        let reference = Reference::external(Entity::Organization, *id);
        Value::from(role.map_or(reference.clone(), |role| reference.in_role(role)))
    });
    [(Field::from("partners"), Value::list(list.collect()))].into()
}

pub(crate) fn opportunity(name: &str) -> Fields {
    let mut fields = texts(&[("name", name)]);
    fields.insert(Field::from("stage"), Some(Value::Enum("committed".into())));
    fields.insert(Field::from("close_date"), Some(Value::Date("2026-06-30".parse().unwrap())));
    fields
}

fn amount(text: &str, code: &str) -> Fields {
    let money = Money::parse(text, Currency::parse(code).unwrap()).unwrap();
    [(Field::from("amount"), Some(Value::Money(money)))].into()
}

fn alone() {
    let mut bench = Bench::new();
    let mut orphan = texts(&[("family_name", "P")]);
    orphan.insert(
        Field::from("organization"),
        Some(Value::from(Reference::external(Entity::Organization, "001000000000009AAA"))),
    );
    let writes = vec![
        create("r-1", texts(&[("family_name", "Good")])),
        create("r-2", texts(&[("given_name", "No family")])),
        create("r-3", orphan),
        create("r-4", texts(&[("family_name", "P"), ("email", "no address")])),
        create("r-5", texts(&[("family_name", "Also good")])),
    ];
    let answers = bench.write(Entity::Person, writes);
    let kinds: Vec<Option<Kind>> =
        answers.iter().map(|answer| answer.as_ref().err().map(|refused| refused.kind)).collect();
    assert_eq!(kinds, [None, Some(Kind::Rejected), Some(Kind::Rejected), Some(Kind::Rejected), None]);
    let sentence = &answers[1].as_ref().unwrap_err().message;
    assert!(sentence.contains("REQUIRED_FIELD_MISSING") && sentence.contains("LastName"), "{sentence}");
}
