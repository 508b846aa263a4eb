use crate::bench::{Bench, create, fields, text};
use concord_connector::{
    Entity, Fields, Instant, Operation, Outcome, Reference, Value,
    exchange::{Refused, Written},
};

fn event(bench: &mut Bench, quantity: &str, hour_ms: i64) -> Fields {
    let poll = Operation::Poll { entity: Entity::Entitlement, cursor: None, until: bench.now };
    let Outcome::Page { records, .. } = bench.run(&poll) else { panic!() };
    fields([
        ("entitlement", Some(Value::from(Reference::external(Entity::Entitlement, records[0].0.clone())))),
        ("dimension", text("api_calls")),
        ("quantity", text(quantity)),
        ("plan", text("flat-rate-1")),
        ("hour", Some(Value::Instant(Instant::from_ms(bench.now.ms() - hour_ms)))),
    ])
}

fn send(bench: &mut Bench, events: Vec<Fields>) -> Vec<Result<Written, Refused>> {
    let writes = events.into_iter().enumerate().map(|(n, fields)| create(&format!("usage-{n}"), fields)).collect();
    match bench.run(&Operation::Write { entity: Entity::UsageRecord, writes }) {
        Outcome::Written(rows) => rows,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_event_of_a_batch_has_an_end_of_its_own() {
    const HOUR: i64 = 3_600_000;
    let mut bench = Bench::new();
    let good = event(&mut bench, "12.50", HOUR);
    let old = event(&mut bench, "1", 25 * HOUR);
    let odd = event(&mut bench, "1", HOUR + 60_000);
    let mut unknown = event(&mut bench, "1", 2 * HOUR);
    unknown.insert("dimension".into(), text("teapots"));
    let rows = send(&mut bench, vec![good.clone(), old, odd, unknown]);
    assert!(matches!(&rows[0], Ok(Written::Done { created: true, .. })), "{rows:?}");
    let told = |row: &Result<Written, Refused>| row.as_ref().unwrap_err().message.clone();
    assert!(told(&rows[1]).starts_with("hour: usage is taken for 24 hours only (Expired)"), "{}", told(&rows[1]));
    assert!(told(&rows[2]).contains("hour: write a full hour"), "{}", told(&rows[2]));
    assert!(told(&rows[3]).starts_with("dimension: the plan has no such custom meter"), "{}", told(&rows[3]));

    // The same again is known; another quantity for the same hour is not taken in silence.
    let rows = send(&mut bench, vec![good.clone()]);
    assert!(matches!(&rows[0], Ok(Written::Done { created: false, .. })), "{rows:?}");
    let mut more = good;
    more.insert("quantity".into(), text("13"));
    let rows = send(&mut bench, vec![more]);
    assert!(told(&rows[0]).contains("another quantity was accepted for this hour before"), "{}", told(&rows[0]));
}
