//! Creates, updates, deletes: preconditions, collisions, partners, what the vendor refuses.

use crate::{
    Test,
    bench::{Bench, create, done, record, text, texts},
    reads::deal,
};
use concord_connector::{
    Entity, ExternalId, Field, Instant, Kind, Operation, RecordId, Reference, Value,
    exchange::{Body, Change, Write, Written},
    sandbox::{Act, Sandbox, Trouble},
    snapshot::{Fields, Presence},
    value::{Currency, Money},
};
use serde_json::{Value as Json, json};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("a_create_carries_the_marker_and_is_read_back", creates),
        ("a_create_sent_twice_makes_one_record", twice),
        ("a_membership_sent_twice_is_known_to_exist", member_twice),
        ("several_records_under_one_marker_are_ambiguous", ambiguous),
        ("a_duplicate_rule_names_the_record_that_is_there", duplicate),
        ("an_update_is_one_request_when_our_knowledge_is_older_than_the_grain", one_request),
        ("an_update_on_top_of_another_edit_is_moved", moved),
        ("an_edit_in_the_second_of_our_own_write_is_not_lost", same_second),
        ("an_edit_of_another_field_lets_the_write_through_after_a_look", other_field),
        ("without_a_revision_the_row_is_read_first", no_revision),
        ("an_update_of_a_merged_record_names_the_winner", merged),
        ("an_update_of_what_is_gone_is_not_found", gone),
        ("a_delete_is_done_once_and_stays_done", deletes),
        ("an_archive_is_refused", archive),
        ("rows_fail_alone", alone),
        ("partners_are_added_and_removed_row_by_row", partners),
        ("a_partner_that_somebody_added_meanwhile_stays", added_meanwhile),
        ("a_create_brings_its_partners", created_with_partners),
        ("more_rows_than_one_composite_holds_are_all_written", many),
        ("a_tier_is_written_by_the_id_of_the_level_in_its_programme", tier),
        ("amounts_keep_their_digits_and_their_currency", money),
        ("an_org_with_one_currency_refuses_another", one_currency),
        ("a_lost_answer_is_unknown_and_the_next_try_finds_its_own_work", lost),
        ("no_request_carries_a_credential_and_every_write_carries_the_mark", marks),
        ("white_space_and_order_come_back_as_the_vendor_keeps_them", lossy),
    ]
}

fn refused(answer: Result<Written, concord_connector::exchange::Refused>) -> Kind {
    answer.unwrap_err().kind
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
    fields.insert(Field::from("organization"), Some(Value::Ref(partner)));
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

fn composites(bench: &Bench) -> u64 {
    bench.org.served().get("POST /services/data/v67.0/composite").copied().unwrap_or(0)
}
fn queries(bench: &Bench) -> u64 {
    bench.org.served().get("GET /services/data/v67.0/queryAll").copied().unwrap_or(0)
}

fn one_request() {
    let mut bench = Bench::new();
    let id = bench.made("Account", json!({ "Name": "A", "Phone": "1" }));
    bench.pass(60);
    let seen = bench.one(Entity::Organization, &id);
    let (before, asked) = (composites(&bench), queries(&bench));
    let write = bench.update(&seen, texts(&[("phone", "2")]));
    let after = done(bench.write_one(Entity::Organization, write));
    assert_eq!((composites(&bench) - before, queries(&bench) - asked), (1, 0));
    assert_eq!(text(&after, "phone").as_deref(), Some("2"));
    assert!(after.version > seen.version);
}

fn moved() {
    let mut bench = Bench::new();
    let id = bench.made("Account", json!({ "Name": "A", "Phone": "1" }));
    bench.pass(60);
    let seen = bench.one(Entity::Organization, &id);
    let write = bench.update(&seen, texts(&[("phone", "2")]));
    bench.pass(10);
    bench.edited("Account", &id, json!({ "Phone": "3" }));
    let Written::Moved(now) = bench.write_one(Entity::Organization, write).unwrap() else { panic!() };
    assert_eq!(text(&now, "phone").as_deref(), Some("3"));
    assert_eq!(bench.row("Account", &id)["Phone"], "3", "not written");
}

/// The header cannot tell two changes of one second apart, so a row that we know from that very second is read again.
fn same_second() {
    let mut bench = Bench::new();
    let id = bench.made("Account", json!({ "Name": "A", "Phone": "1" }));
    let seen = bench.one(Entity::Organization, &id);
    let write = bench.update(&seen, texts(&[("phone", "2")]));
    bench.now = bench.now.plus(std::time::Duration::from_millis(600));
    bench.edited("Account", &id, json!({ "Phone": "3" }));
    bench.pass(90);
    assert!(matches!(bench.write_one(Entity::Organization, write).unwrap(), Written::Moved(_)));
    assert_eq!(bench.row("Account", &id)["Phone"], "3");
}

fn other_field() {
    let mut bench = Bench::new();
    let id = bench.made("Account", json!({ "Name": "A", "Phone": "1" }));
    let seen = bench.one(Entity::Organization, &id);
    let write = bench.update(&seen, texts(&[("phone", "2")]));
    bench.edited("Account", &id, json!({ "Industry": "Banking" }));
    bench.pass(5);
    let after = done(bench.write_one(Entity::Organization, write));
    assert_eq!((text(&after, "phone").as_deref(), text(&after, "industry").as_deref()), (Some("2"), Some("Banking")));
}

fn no_revision() {
    let mut bench = Bench::new();
    let id = bench.made("Account", json!({ "Name": "A", "Phone": "1" }));
    bench.pass(60);
    let mut seen = bench.one(Entity::Organization, &id);
    seen.revision = None;
    bench.edited("Account", &id, json!({ "Phone": "3" }));
    bench.pass(5);
    let write = bench.update(&seen, texts(&[("phone", "2")]));
    assert!(matches!(bench.write_one(Entity::Organization, write).unwrap(), Written::Moved(_)));
    let write = bench.update(&seen, texts(&[("industry", "Banking")]));
    done(bench.write_one(Entity::Organization, write));
}

fn merged() {
    for seconds in [0, 60] {
        let mut bench = Bench::new();
        let (winner, loser) =
            (bench.made("Account", json!({ "Name": "A" })), bench.made("Account", json!({ "Name": "B" })));
        bench.pass(seconds);
        let seen = bench.one(Entity::Organization, &loser);
        let write = bench.update(&seen, texts(&[("phone", "2")]));
        bench.org.act(bench.now, Act::Merge { object: "Account".into(), winner: winner.clone(), loser }).unwrap();
        assert_eq!(bench.write_one(Entity::Organization, write).unwrap(), Written::Exists(ExternalId::from(winner)));
    }
}

fn gone() {
    for seconds in [0, 60] {
        let mut bench = Bench::new();
        let id = bench.made("Contact", json!({ "LastName": "P" }));
        bench.pass(seconds);
        let seen = bench.one(Entity::Person, &id);
        let write = bench.update(&seen, texts(&[("phone", "2")]));
        bench.org.act(bench.now, Act::Delete { object: "Contact".into(), id }).unwrap();
        assert_eq!(refused(bench.write_one(Entity::Person, write)), Kind::NotFound);
    }
}

fn deletes() {
    let mut bench = Bench::new();
    let id = bench.made("Contact", json!({ "LastName": "P" }));
    let delete =
        |id: &str| Write { record: "r-1".into(), change: Change::Delete { id: id.into() }, fields: Fields::new() };
    for _ in 0..2 {
        assert_eq!(done(bench.write_one(Entity::Person, delete(&id))).presence, Presence::Deleted);
    }
    assert_eq!(refused(bench.write_one(Entity::Person, delete("003000000000009AAA"))), Kind::NotFound);
}

fn archive() {
    let mut bench = Bench::new();
    let id = bench.made("Contact", json!({ "LastName": "P" }));
    let write = Write { record: "r-1".into(), change: Change::Archive { id: id.into() }, fields: Fields::new() };
    assert_eq!(refused(bench.write_one(Entity::Person, write)), Kind::Rejected);
}

fn alone() {
    let mut bench = Bench::new();
    let mut orphan = texts(&[("family_name", "P")]);
    orphan.insert(
        Field::from("organization"),
        Some(Value::Ref(Reference::external(Entity::Organization, "001000000000009AAA"))),
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

fn with_roles(pairs: &[(&str, Option<&str>)]) -> Fields {
    let list = pairs.iter().map(|(id, role)| {
        let reference = Reference::external(Entity::Organization, *id);
        Value::Ref(role.map_or(reference.clone(), |role| reference.in_role(role)))
    });
    [(Field::from("partners"), Value::list(list.collect()))].into()
}

fn partners() {
    let mut bench = Bench::new();
    let (opportunity, _, one, two) = deal(&mut bench);
    let three = bench.made("Account", json!({ "Name": "Three" }));
    bench.pass(60);
    let seen = bench.one(Entity::Opportunity, &opportunity);
    let fields = with_roles(&[(&one, Some("distributor")), (&three, None), (&two, None)]);
    let write = bench.update(&seen, fields.clone());
    let after = done(bench.write_one(Entity::Opportunity, write));
    assert_eq!(after.fields["partners"], fields["partners"]);
    assert!(after.version > seen.version, "removed rows count");
    let listed = bench.row("Opportunity", &opportunity)["OpportunityPartners"].to_string();
    assert!(listed.contains("\"Distributor\"") && !listed.contains("VAR/Reseller"), "{listed}");
    bench.pass(60);
    let write = bench.update(&after, [(Field::from("partners"), None)].into());
    assert_eq!(done(bench.write_one(Entity::Opportunity, write)).fields["partners"], None);
}

fn added_meanwhile() {
    let mut bench = Bench::new();
    let (opportunity, _, one, two) = deal(&mut bench);
    bench.pass(60);
    let seen = bench.one(Entity::Opportunity, &opportunity);
    let mut fields = with_roles(&[(&one, Some("reseller"))]);
    fields.extend(texts(&[("next_step", "Call")]));
    let write = bench.update(&seen, fields);
    let three = bench.made("Account", json!({ "Name": "Three" }));
    let all = json!([{ "AccountToId": one, "Role": "VAR/Reseller" }, { "AccountToId": two }, { "AccountToId": three }]);
    bench.edited("Opportunity", &opportunity, json!({ "OpportunityPartners": all }));
    let Written::Moved(now) = bench.write_one(Entity::Opportunity, write).unwrap() else { panic!() };
    assert!(text(&now, "partners").unwrap().contains(&three));
    assert_eq!(bench.row("Opportunity", &opportunity)["NextStep"], Json::Null, "nothing was written");
}

pub(crate) fn opportunity(name: &str) -> Fields {
    let mut fields = texts(&[("name", name)]);
    fields.insert(Field::from("stage"), Some(Value::Enum("committed".into())));
    fields.insert(Field::from("close_date"), Some(Value::Date("2026-06-30".parse().unwrap())));
    fields
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

fn tier() {
    let mut bench = Bench::new();
    let partner = bench.made("Account", json!({ "Name": "P" }));
    let mut fields = texts(&[("program", "partner program"), ("tier", "Silver")]);
    fields.insert(
        Field::from("organization"),
        Some(Value::Ref(Reference::external(Entity::Organization, partner.as_str()))),
    );
    let seen = done(bench.write_one(Entity::Partnership, create("r-1", fields)));
    assert_eq!(text(&seen, "tier").as_deref(), Some("Silver"));
    bench.pass(60);
    let write = bench.update(&seen, texts(&[("tier", "Gold")]));
    let after = done(bench.write_one(Entity::Partnership, write));
    assert_eq!(
        (text(&after, "tier").as_deref(), text(&after, "program").as_deref()),
        (Some("Gold"), Some("Partner Program"))
    );
    let write = bench.update(&after, texts(&[("tier", "Unobtainium")]));
    let refused = bench.write_one(Entity::Partnership, write).unwrap_err();
    assert_eq!(refused.kind, Kind::Rejected);
    assert!(refused.message.contains("Unobtainium"));
}

fn amount(text: &str, code: &str) -> Fields {
    let money = Money::parse(text, Currency::parse(code).unwrap()).unwrap();
    [(Field::from("amount"), Some(Value::Money(money)))].into()
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

fn lossy() {
    let mut bench = Bench::new();
    let id = bench.made("Account", json!({ "Name": "  Acme  ", "Concord_Roles__c": "Prospect;Partner" }));
    let seen = bench.one(Entity::Organization, &id);
    assert_eq!(text(&seen, "name").as_deref(), Some("Acme"));
    assert_eq!(bench.row("Account", &id)["Concord_Roles__c"], "Partner;Prospect");
    let roles = Value::list(vec![Value::Enum("prospect".into()), Value::Enum("customer".into())]);
    let fields: Fields = [(Field::from("roles"), roles)].into();
    bench.pass(60);
    let write = bench.update(&seen, fields.clone());
    let after = done(bench.write_one(Entity::Organization, write));
    assert_eq!(after.fields["roles"], fields["roles"]);
    assert!(after.modified.is_some_and(|at| at > Instant::EPOCH));
}
