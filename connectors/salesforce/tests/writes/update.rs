//! Updates: preconditions, what somebody edited meanwhile, partners, what is gone.

use super::{composites, queries, refused, with_roles};
use crate::{
    Test,
    bench::{Bench, create, done, text, texts},
    reads::deal,
};
use concord_connector::{
    Entity, ExternalId, Field, Instant, Kind, Reference, Value,
    exchange::Written,
    sandbox::{Act, Sandbox},
    snapshot::Fields,
};
use serde_json::{Value as Json, json};

pub(super) fn tests() -> Vec<Test> {
    vec![
        ("an_update_is_one_request_when_our_knowledge_is_older_than_the_grain", one_request),
        ("an_update_on_top_of_another_edit_is_moved", moved),
        ("an_edit_in_the_second_of_our_own_write_is_not_lost", same_second),
        ("an_edit_of_another_field_lets_the_write_through_after_a_look", other_field),
        ("without_a_revision_the_row_is_read_first", no_revision),
        ("an_update_of_a_merged_record_names_the_winner", merged),
        ("an_update_of_what_is_gone_is_not_found", gone),
        ("partners_are_added_and_removed_row_by_row", partners),
        ("a_partner_that_somebody_added_meanwhile_stays", added_meanwhile),
        ("a_tier_is_written_by_the_id_of_the_level_in_its_programme", tier),
        ("white_space_and_order_come_back_as_the_vendor_keeps_them", lossy),
    ]
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

fn tier() {
    let mut bench = Bench::new();
    let partner = bench.made("Account", json!({ "Name": "P" }));
    let mut fields = texts(&[("program", "partner program"), ("tier", "Silver")]);
    fields.insert(
        Field::from("organization"),
        Some(Value::from(Reference::external(Entity::Organization, partner.as_str()))),
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
    bench.pass(60);
    let write = bench.update(&after, texts(&[("tier", "Unobtainium")]));
    let refused = bench.write_one(Entity::Partnership, write).unwrap_err();
    assert_eq!(refused.kind, Kind::Rejected);
    assert!(refused.message.contains("Unobtainium"));
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
