//! Fetch, find, describe.

use crate::{
    Test,
    bench::{Bench, first, text},
};
use concord_connector::{
    Entity, ExternalId, Kind, Operation, Outcome, Retry,
    key::{Key, KeyKind},
    sandbox::{Act, Sandbox, Trouble},
    snapshot::Presence,
};
use serde_json::json;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("a_description_names_zone_currency_fields_and_prefixes", description),
        ("an_account_is_read_with_roles_address_and_money", account),
        ("roles_come_from_type_and_partner_switch_where_nobody_chose", roles),
        ("partners_of_an_opportunity_are_read_without_their_mirrors", partners),
        ("a_removed_partner_makes_a_newer_version", removed_partner),
        ("a_short_id_names_the_same_record", short_id),
        ("what_is_gone_says_so_and_what_is_unknown_stays_away", gone),
        ("a_merged_account_names_the_winner", merged),
        ("all_ids_of_a_batch_are_one_request", batched),
        ("pages_of_wide_rows_are_followed", paged),
        ("an_unmapped_stage_is_a_fault_beside_its_neighbours", unknown_stage),
        ("membership_is_read_with_the_names_of_programme_and_level", membership),
        ("search_goes_by_marker_then_by_keys", search),
        ("search_cannot_be_injected", injection),
        ("errors_are_told_apart", errors),
        ("an_object_that_the_org_lacks_is_left_alone", absent),
        ("a_query_too_long_for_a_uri_goes_into_a_body", too_long),
    ]
}

fn description() {
    let mut bench = Bench::blank();
    let Outcome::Account(account) = bench.run(&Operation::Describe).unwrap() else { panic!() };
    assert_eq!(account.time_zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(account.currency.unwrap().code(), "USD");
    assert!(account.fields["Account"].contains("Concord_Tax_Id__c"));
    assert_eq!(account.facts["prefix.Deal_Registration__c"], "a01");
    assert!(account.facts["no_update.Lead"].contains("PartnerAccountId"), "the vendor keeps it itself");
}

fn account() {
    let mut bench = Bench::new();
    let id = bench.made(
        "Account",
        json!({ "Name": "Acme", "Website": "https://www.acme.example.com/x", "BillingCity": "Ulm", "BillingCountry": "Germany",
            "AnnualRevenue": 1234.5, "CurrencyIsoCode": "EUR", "Concord_Roles__c": "Customer;Partner",
            "Concord_External_Keys__c": "hubspot-eu/77\nnetsuite/12" }),
    );
    let young = bench.one(Entity::Organization, &id);
    assert_eq!(young.revision, None, "in that second it may change once more under the same stamp");
    bench.pass(60);
    let seen = bench.one(Entity::Organization, &id);
    assert_eq!(text(&seen, "name").as_deref(), Some("Acme"));
    assert_eq!(text(&seen, "domain").as_deref(), Some("acme.example.com"));
    assert_eq!(text(&seen, "annual_revenue").as_deref(), Some("1234.50 EUR"));
    assert_eq!(text(&seen, "billing_address").as_deref(), Some("Ulm, Germany"));
    assert_eq!(text(&seen, "roles").as_deref(), Some("customer, partner"));
    assert_eq!(seen.fields.get("phone"), Some(&None), "empty there");
    assert_eq!(seen.keys, vec![Key::external("hubspot-eu", "77"), Key::external("netsuite", "12")]);
    assert_eq!(seen.revision.as_deref(), Some("2026-01-02T09:00:00.000+0000"));
    assert_eq!(seen.version.0, 1_767_344_400_000_000);
}

fn roles() {
    let mut bench = Bench::new();
    let mut of = |kind: &str| {
        let id = bench.made("Account", json!({ "Name": kind, "Type": kind }));
        text(&bench.one(Entity::Organization, &id), "roles")
    };
    assert_eq!(of("Customer - Direct").as_deref(), Some("customer"));
    assert_eq!(of("Channel Partner / Reseller").as_deref(), Some("partner"));
    assert_eq!(of("Other"), None);
}

pub(crate) fn deal(bench: &mut Bench) -> (String, String, String, String) {
    let customer = bench.made("Account", json!({ "Name": "Customer" }));
    let (one, two) = (bench.made("Account", json!({ "Name": "One" })), bench.made("Account", json!({ "Name": "Two" })));
    let opportunity = bench.made(
        "Opportunity",
        json!({ "Name": "Deal", "AccountId": customer, "StageName": "Prospecting", "CloseDate": "2026-06-30", "Amount": 100.0,
            "OpportunityPartners": [{ "AccountToId": one, "Role": "VAR/Reseller" }, { "AccountToId": two }] }),
    );
    (opportunity, customer, one, two)
}

fn partners() {
    let mut bench = Bench::new();
    let (opportunity, customer, one, two) = deal(&mut bench);
    let seen = bench.one(Entity::Opportunity, &opportunity);
    let partners = text(&seen, "partners").unwrap();
    assert_eq!(partners, format!("organization/{one} (reseller), organization/{two}"));
    assert!(!partners.contains(&customer));
    assert_eq!(text(&seen, "stage").as_deref(), Some("prospect"));
}

fn removed_partner() {
    let mut bench = Bench::new();
    let (opportunity, _, one, _) = deal(&mut bench);
    bench.pass(60);
    let before = bench.one(Entity::Opportunity, &opportunity);
    bench.pass(60);
    bench.edited(
        "Opportunity",
        &opportunity,
        json!({ "OpportunityPartners": [{ "AccountToId": one, "Role": "VAR/Reseller" }] }),
    );
    let after = bench.one(Entity::Opportunity, &opportunity);
    assert_eq!(after.revision, before.revision, "the opportunity's own stamp did not move");
    assert!(after.version > before.version);
    assert_eq!(text(&after, "partners"), Some(format!("organization/{one} (reseller)")));
}

fn short_id() {
    let mut bench = Bench::new();
    let id = bench.made("Account", json!({ "Name": "Acme" }));
    assert_eq!(bench.one(Entity::Organization, &id[..15]).id.as_str(), id);
}

fn gone() {
    let mut bench = Bench::new();
    let id = bench.made("Opportunity", json!({ "Name": "D", "StageName": "Prospecting", "CloseDate": "2026-06-30" }));
    bench.pass(5);
    bench.org.act(bench.now, Act::Delete { object: "Opportunity".into(), id: id.clone() }).unwrap();
    assert_eq!(bench.one(Entity::Opportunity, &id).presence, Presence::Deleted);
    assert!(bench.fetch(Entity::Opportunity, &["006000000000000AAA", "no id at all"]).is_empty());
}

fn merged() {
    let mut bench = Bench::new();
    let (winner, loser) =
        (bench.made("Account", json!({ "Name": "A" })), bench.made("Account", json!({ "Name": "B" })));
    bench.pass(5);
    bench
        .org
        .act(bench.now, Act::Merge { object: "Account".into(), winner: winner.clone(), loser: loser.clone() })
        .unwrap();
    assert_eq!(bench.one(Entity::Organization, &loser).presence, Presence::MergedInto(ExternalId::from(winner)));
}

fn batched() {
    let mut bench = Bench::new();
    let ids: Vec<String> = (0..200).map(|n| bench.made("Contact", json!({ "LastName": format!("P{n}") }))).collect();
    let before: u64 = bench.org.served().values().sum();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(bench.fetch(Entity::Person, &ids).len(), 200);
    assert_eq!(bench.org.served().values().sum::<u64>() - before, 1);
}

fn paged() {
    let mut bench = Bench::new();
    let ids: Vec<String> = (0..7).map(|n| bench.made("Contact", json!({ "LastName": format!("P{n}") }))).collect();
    bench.org.page_size(3);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(bench.fetch(Entity::Person, &ids).len(), 7);
}

fn unknown_stage() {
    let mut bench = Bench::new();
    let deal = |stage: &str| json!({ "Name": stage, "StageName": stage, "CloseDate": "2026-06-30" });
    let (good, bad) = (bench.made("Opportunity", deal("Closed Won")), bench.made("Opportunity", deal("Handshake")));
    let seen = bench.fetch(Entity::Opportunity, &[&good, &bad]);
    let refused = seen.iter().find(|(id, _)| id.as_str() == bad).unwrap().1.clone().unwrap_err();
    assert_eq!(refused.kind, Kind::Malformed);
    assert!(refused.message.contains("Handshake") && refused.message.contains("/StageName"), "{}", refused.message);
    assert!(seen.iter().any(|(id, answer)| id.as_str() == good && answer.is_ok()));
}

fn membership() {
    let mut bench = Bench::new();
    let partner = bench.made("Account", json!({ "Name": "Partner" }));
    let find = |bench: &Bench, object: &str, name: &str| -> String {
        let rows = bench.org.records().remove(object).unwrap();
        rows.into_iter().find(|(_, row)| row["Name"] == name).unwrap().0
    };
    let (program, level) =
        (find(&bench, "ChannelProgram", "Partner Program"), find(&bench, "ChannelProgramLevel", "Gold"));
    let id =
        bench.made("ChannelProgramMember", json!({ "PartnerId": partner, "ProgramId": program, "LevelId": level }));
    let seen = bench.one(Entity::Partnership, &id);
    assert_eq!(text(&seen, "program").as_deref(), Some("Partner Program"));
    assert_eq!(text(&seen, "tier").as_deref(), Some("Gold"));
    assert_eq!(text(&seen, "organization"), Some(format!("organization/{partner}")));
    let bare = bench.made("ChannelProgramMember", json!({ "PartnerId": partner, "ProgramId": program }));
    assert_eq!(bench.one(Entity::Partnership, &bare).fields.get("tier"), Some(&None), "no level is an empty tier");
}

fn found(bench: &mut Bench, entity: Entity, record: &str, keys: Vec<Key>) -> Vec<String> {
    match bench.run(&Operation::Find { entity, record: record.into(), keys }).unwrap() {
        Outcome::Found(ids) => ids.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

fn search() {
    let mut bench = Bench::new();
    let marked = bench.made("Account", json!({ "Name": "M", "Concord_Id__c": "r-9" }));
    let acme = bench.made("Account", json!({ "Name": "A", "Website": "https://shop.acme.example.com" }));
    bench.made("Account", json!({ "Name": "N", "Website": "https://notacme.example.com" }));
    let taxed = bench.made("Account", json!({ "Name": "T", "Concord_Tax_Id__c": "DE123456789" }));
    let keyed = bench.made("Account", json!({ "Name": "K", "Concord_External_Keys__c": "hubspot-eu/77\nerp/1" }));
    bench.made("Account", json!({ "Name": "L", "Concord_External_Keys__c": "hubspot-eu/775" }));
    let person = bench.made("Contact", json!({ "LastName": "P", "Email": "Ana@Example.com" }));
    let domain = Key::new(KeyKind::Domain, "acme.example.com");
    assert_eq!(found(&mut bench, Entity::Organization, "r-9", vec![domain.clone()]), [marked]);
    assert_eq!(found(&mut bench, Entity::Organization, "r-0", vec![domain]), [acme]);
    let tax = Key::new(KeyKind::TaxId, "de123456789");
    assert_eq!(found(&mut bench, Entity::Organization, "r-0", vec![tax]), [taxed]);
    assert_eq!(found(&mut bench, Entity::Organization, "r-0", vec![Key::external("hubspot-eu", "77")]), [keyed]);
    assert_eq!(found(&mut bench, Entity::Person, "r-0", vec![Key::new(KeyKind::Email, "ana@example.com")]), [person]);
    assert!(found(&mut bench, Entity::Organization, "r-0", vec![]).is_empty());
}

fn injection() {
    let mut bench = Bench::new();
    bench.made("Account", json!({ "Name": "A", "Website": "a.example.com", "Concord_Tax_Id__c": "X" }));
    for nasty in ["' OR Name != '", "\\' OR Name != \\'", "%", "_", "a\\", "') OR (Name != '"] {
        for kind in [KeyKind::TaxId, KeyKind::Domain, KeyKind::External] {
            assert!(found(&mut bench, Entity::Organization, nasty, vec![Key::new(kind, nasty)]).is_empty(), "{nasty}");
        }
    }
}

fn errors() {
    let operation = Operation::Fetch { entity: Entity::Person, ids: vec!["003000000000001AAA".into()] };
    let fault = |arrange: &dyn Fn(&mut Bench)| {
        let mut bench = Bench::new();
        arrange(&mut bench);
        bench.run(&operation).unwrap_err()
    };
    let expired = fault(&|bench| bench.org.expire_tokens());
    assert_eq!((expired.kind, expired.retry), (Kind::Unauthorized, Retry::AfterRefresh));
    let exhausted = fault(&|bench| bench.org.exhaust(true));
    assert_eq!(exhausted.kind, Kind::RateLimited);
    assert!(matches!(exhausted.retry, Retry::After(Some(wait)) if wait.as_secs() >= 60), "minutes, not seconds");
    for status in [406, 420, 500, 503] {
        let edge = fault(&|bench| bench.org.faults().plan("/queryAll", Trouble::Fail(status)));
        assert_eq!((edge.kind, edge.retry), (Kind::Unavailable, Retry::After(None)), "{status}");
    }
    let hidden = fault(&|bench| {
        bench.cx.vendor_fields.get_mut("Contact").unwrap().insert("Gone__c".into());
        bench.cx.mappings.get_mut(&Entity::Person).unwrap().fields[0].vendor = "/Gone__c".into();
    });
    assert_eq!(hidden.kind, Kind::Forbidden);
}

fn absent() {
    let mut bench = Bench::new();
    bench.cx.vendor_fields.insert("ChannelProgramMember".into(), Default::default());
    let before: u64 = bench.org.served().values().sum();
    assert!(bench.poll_all(Entity::Partnership, None).0.is_empty());
    assert!(bench.fetch(Entity::Partnership, &["0iQ000000000001AAA"]).is_empty());
    assert_eq!(bench.org.served().values().sum::<u64>(), before, "nothing is asked for");
}

fn too_long() {
    let mut bench = Bench::new();
    let ids: Vec<ExternalId> = (0..200).map(|n| format!("00100000000{n:04}").into()).collect();
    let fetch = Operation::Fetch { entity: Entity::Organization, ids };
    let request = first(bench.connector.as_ref(), &bench.cx, &fetch);
    assert_eq!(request.path, "/services/data/v67.0/queryAll", "a full batch fits");
    let key = Key::new(KeyKind::TaxId, "9".repeat(13_000));
    let find = Operation::Find { entity: Entity::Organization, record: "r-0".into(), keys: vec![key] };
    let Outcome::Found(ids) = bench.run(&find).unwrap() else { panic!() };
    assert!(ids.is_empty());
    assert_eq!(bench.org.served()["POST /services/data/v67.0/composite"], 1);
}
