//! Creates: the marker, what is sent twice, collisions, amounts, a lost answer.

use super::{amount, composites, opportunity, refused, with_roles};
use crate::{
    Test,
    bench::{Bench, create, done, record, text, texts},
};
use concord_connector::{
    Entity, ExternalId, Field, Kind, Operation, RecordId, Reference, Value,
    exchange::{Body, Written},
    sandbox::{Sandbox, Trouble},
};
use serde_json::json;

pub(super) fn tests() -> Vec<Test> {
    vec![
        ("a_create_carries_the_marker_and_is_read_back", creates),
        ("a_create_sent_twice_makes_one_record", twice),
        ("a_membership_sent_twice_is_known_to_exist", member_twice),
        ("several_records_under_one_marker_are_ambiguous", ambiguous),
        ("a_duplicate_rule_names_the_record_that_is_there", duplicate),
        ("a_create_brings_its_partners", created_with_partners),
        ("more_rows_than_one_composite_holds_are_all_written", many),
        ("amounts_keep_their_digits_and_their_currency", money),
        ("an_org_with_one_currency_refuses_another", one_currency),
        ("a_lost_answer_is_unknown_and_the_next_try_finds_its_own_work", lost),
        ("no_request_carries_a_credential_and_every_write_carries_the_mark", marks),
    ]
}

fn creates() {
    let mut bench = Bench::new();
    let fields = texts(&[("name", "Acme"), ("website", "https://acme.example.com")]);
    let answer = bench.write_one(Entity::Organization, create("r-1", fields)).unwrap();
    let Written::Done { after, created: true, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(after.marker, Some(RecordId::from("r-1")));
    assert_eq!(text(&after, "name").as_deref(), Some("Acme"));
    assert_eq!(bench.row("Account", after.id.as_str())["Concord_Id__c"], "r-1");
    assert_eq!(bench.org.served()["POST /services/data/v67.0/composite"], 1, "the read-back is in the same request");
}

fn twice() {
    let mut bench = Bench::new();
    let write = create("r-1", texts(&[("family_name", "Pina")]));
    let first = done(bench.write_one(Entity::Person, write.clone()));
    bench.pass(5);
    let Written::Done { after, created, .. } = bench.write_one(Entity::Person, write).unwrap() else { panic!() };
    assert_eq!((after.id, created), (first.id, false));
    assert_eq!(bench.org.records()["Contact"].len(), 1);
}

/// The partner of a membership is set on creation only; the upsert that finds the record is refused for it.
fn member_twice() {
    let mut bench = Bench::new();
    let partner = bench.made("Account", json!({ "Name": "P" }));
    let mut fields = texts(&[("program", "Partner Program")]);
    let partner = Reference::external(Entity::Organization, partner);
    fields.insert(Field::from("organization"), Some(Value::from(partner)));
    let write = create("r-1", fields);
    let first = done(bench.write_one(Entity::Partnership, write.clone()));
    assert_eq!(bench.write_one(Entity::Partnership, write).unwrap(), Written::Exists(first.id));
    assert_eq!(bench.org.records()["ChannelProgramMember"].len(), 1);
}

fn ambiguous() {
    let mut bench = Bench::new();
    bench.org.repeat_markers();
    for name in ["A", "B"] {
        bench.made("Account", json!({ "Name": name, "Concord_Id__c": "r-1" }));
    }
    let answer = bench.write_one(Entity::Organization, create("r-1", texts(&[("name", "C")])));
    assert_eq!(refused(answer), Kind::Ambiguous);
    assert_eq!(bench.org.records()["Account"].len(), 2, "nothing was written");
}

fn duplicate() {
    let mut bench = Bench::new();
    bench.org.refuse_duplicate_names();
    let there = bench.made("Account", json!({ "Name": "Acme" }));
    let answer = bench.write_one(Entity::Organization, create("r-1", texts(&[("name", "Acme")]))).unwrap();
    assert_eq!(answer, Written::Exists(ExternalId::from(there)));
}

fn created_with_partners() {
    let mut bench = Bench::new();
    let partner = bench.made("Account", json!({ "Name": "P" }));
    let mut fields = opportunity("Deal");
    fields.extend(with_roles(&[(&partner, Some("reseller"))]));
    let write = create("r-1", fields.clone());
    for _ in 0..2 {
        let after = done(bench.write_one(Entity::Opportunity, write.clone()));
        assert_eq!(after.fields["partners"], fields["partners"]);
        assert_eq!(after.fields["stage"], fields["stage"]);
    }
    assert_eq!(bench.org.records()["OpportunityPartner"].len(), 1, "sent twice, made once");
}

fn many() {
    let mut bench = Bench::new();
    let writes = (0..60).map(|n| create(&format!("r-{n}"), texts(&[("family_name", "P")]))).collect();
    let answers = bench.write(Entity::Person, writes);
    assert!(answers.iter().enumerate().all(|(n, answer)| {
        matches!(answer, Ok(Written::Done { after, .. }) if after.marker == Some(RecordId::from(format!("r-{n}"))))
    }));
    assert_eq!(composites(&bench), 3);
}

fn money() {
    let mut bench = Bench::new();
    for (n, (text_, code)) in
        [("1234567890123.45", "EUR"), ("1500", "JPY"), ("-0.05", "USD"), ("7.120", "KWD")].iter().enumerate()
    {
        let mut fields = opportunity("Deal");
        fields.extend(amount(text_, code));
        let after = done(bench.write_one(Entity::Opportunity, create(&format!("r-{n}"), fields.clone())));
        assert_eq!(after.fields["amount"], fields["amount"], "{text_} {code}");
    }
}

fn one_currency() {
    let mut bench = Bench::new();
    bench.cx.vendor_fields.values_mut().for_each(|fields| {
        fields.remove("CurrencyIsoCode");
    });
    let mut fields = opportunity("Deal");
    fields.extend(amount("10", "EUR"));
    assert_eq!(refused(bench.write_one(Entity::Opportunity, create("r-1", fields.clone()))), Kind::Rejected);
    let image = bench.connector.image(&bench.cx, Entity::Opportunity, &"amount".into(), fields["amount"].as_ref());
    assert!(image.is_err());
    fields.extend(amount("10", "USD"));
    done(bench.write_one(Entity::Opportunity, create("r-1", fields)));
}

fn lost() {
    let mut bench = Bench::new();
    bench.org.faults().plan("/composite", Trouble::LoseAnswer);
    let write = create("r-1", texts(&[("family_name", "P")]));
    let operation = Operation::Write { entity: Entity::Person, writes: vec![write.clone()] };
    assert_eq!(bench.run(&operation).unwrap_err().kind, Kind::Unknown);
    bench.pass(5);
    let Written::Done { created, .. } = bench.write_one(Entity::Person, write).unwrap() else { panic!() };
    assert!(!created, "the first try had made it");
    assert_eq!(bench.org.records()["Contact"].len(), 1);
}

fn marks() {
    let mut bench = Bench::new();
    let write = create("r-1", texts(&[("family_name", "P")]));
    let (exchanges, _) = record(&mut bench, &Operation::Write { entity: Entity::Person, writes: vec![write] });
    for (request, _) in exchanges {
        let header = |name: &str| request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(header("authorization"), None);
        assert!(request.writes && matches!(request.body, Body::Json(_)));
        assert_eq!(header("sforce-call-options"), Some("client=Concord"));
    }
}
