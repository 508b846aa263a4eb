//! Writes: creates once, updates on top of edits, associations, refused rows beside good ones.

use crate::drive::{World, create, done, fields, text, update};
use concord_connector::{
    Entity, Money, Reference, Value,
    exchange::{Change, Write, Written},
    sandbox::{Act, Sandbox, Trouble},
    snapshot::Presence,
    time::Date,
    value::{Address, AddressPart, Currency},
};
use serde_json::json;

fn company(id: &str) -> Value {
    Value::from(Reference::external(Entity::Organization, id))
}
fn partner(id: &str, role: &str) -> Value {
    Value::from(Reference::external(Entity::Organization, id).in_role(role))
}
fn money(decimal: &str, code: &str) -> Option<Value> {
    Some(Value::Money(Money::parse(decimal, Currency::parse(code).unwrap()).unwrap()))
}

#[test]
fn the_same_create_twice_makes_one_record() {
    let mut world = World::new();
    let write = create("r1", fields([("name", text("Acme")), ("domain", text("acme.example.com"))]));
    let first = world.write(Entity::Organization, vec![write.clone()]);
    let second = world.write(Entity::Organization, vec![write]);
    let (after, _, created) = done(&first[0]);
    assert!(created);
    assert_eq!(after.marker.as_ref().unwrap().as_str(), "r1");
    let (again, _, created) = done(&second[0]);
    assert!(!created, "the second attempt finds the first one's record");
    assert_eq!(after.id, again.id);
    assert_eq!(world.portal.records()["companies"].len(), 1);
}

#[test]
fn a_lost_answer_and_a_second_attempt_make_one_record() {
    let mut world = World::new();
    world.portal.faults().plan("/batch/upsert", Trouble::LoseAnswer);
    let write = create("r1", fields([("name", text("Acme"))]));
    let operation = concord_connector::Operation::Write { entity: Entity::Organization, writes: vec![write.clone()] };
    assert!(world.run(&operation).is_err(), "the answer is lost");
    assert!(!done(&world.write(Entity::Organization, vec![write])[0]).2);
    assert_eq!(world.portal.records()["companies"].len(), 1);
}

#[test]
fn every_mapped_field_of_an_organization_comes_back_as_it_was_written() {
    let mut world = World::new();
    let address =
        [(AddressPart::Street, "Am Markt 1\nHaus 2"), (AddressPart::City, "Bonn"), (AddressPart::Country, "DE")];
    let address = Address::from_parts(address.map(|(part, text)| (part, text.to_owned())));
    let roles = Value::list(["partner", "customer"].map(|role| Value::Enum(role.into())).into());
    let wanted = fields([
        ("name", text("Acme")),
        ("legal_name", text("Acme GmbH")),
        ("domain", text("acme.example.com")),
        ("website", text("https://acme.example.com/de")),
        ("phone", text("+49 228 1234")),
        ("email", text("info@acme.example.com")),
        ("tax_id", text("DE123456789")),
        ("lei", text("529900T8BM49AURSDO55")),
        ("duns", text("123456789")),
        ("roles", roles),
        ("industry", text("Machinery")),
        ("description", text("Makes everything.")),
        ("billing_address", address.map(Value::Address)),
        ("annual_revenue", money("1200.50", "EUR")),
    ]);
    let rows = world.write(Entity::Organization, vec![create("r1", wanted.clone())]);
    let (after, ..) = done(&rows[0]);
    for (field, value) in wanted {
        assert_eq!(after.fields[&field], value, "{field}");
        assert_eq!(after.field_times.get(&field), Some(&world.now), "{field} has an edit time from its history");
    }
}

#[test]
fn a_deal_keeps_its_customer_apart_from_its_partners() {
    let mut world = World::new();
    let [customer, reseller, referrer] =
        ["Customer", "Reseller", "Referrer"].map(|name| world.made("companies", json!({ "name": name }), json!([])));
    let partners = |pairs: &[(&str, &str)]| Value::list(pairs.iter().map(|(id, role)| partner(id, role)).collect());
    let first = partners(&[(&reseller, "reseller"), (&reseller, "partner"), (&referrer, "referral")]);
    let wanted = fields([
        ("name", text("Deal")),
        ("organization", Some(company(&customer))),
        ("partners", first),
        ("stage", Some(Value::Enum("qualified".into()))),
        ("close_date", Some(Value::Date(Date::constant(2026, 6, 30)))),
        ("amount", money("1000", "JPY")),
    ]);
    let rows = world.write(Entity::Opportunity, vec![create("o1", wanted.clone())]);
    let after = done(&rows[0]).0.clone();
    for (field, value) in &wanted {
        assert_eq!(&after.fields[field], value, "{field}");
    }
    // One partner goes, one role of another goes, the customer changes.
    let second = partners(&[(&reseller, "reseller")]);
    let wanted = fields([("organization", Some(company(&referrer))), ("partners", second)]);
    let rows = world.write(Entity::Opportunity, vec![update("o1", &after, world.now, wanted.clone())]);
    let after = done(&rows[0]).0;
    for (field, value) in &wanted {
        assert_eq!(&after.fields[field], value, "{field}");
    }
    let deal = &world.portal.records()["deals"][after.id.as_str()];
    assert_eq!(deal["associations"]["companies"].as_array().unwrap().len(), 2, "no bare association is left: {deal}");
}

#[test]
fn a_role_without_label_comes_back_as_the_first_labels_role() {
    use concord_connector::Connector;
    let mut world = World::new();
    let id = world.made("companies", json!({ "name": "P" }), json!([]));
    let golden = Value::list(vec![partner(&id, "astronaut")]);
    let connector = concord_hubspot::connector();
    let image = connector.image(&world.cx, Entity::Opportunity, &"partners".into(), golden.as_ref()).unwrap();
    let wanted = fields([("name", text("D")), ("partners", golden)]);
    let rows = world.write(Entity::Opportunity, vec![create("o1", wanted)]);
    assert_eq!(done(&rows[0]).0.fields["partners"], image);
    assert_eq!(image, Value::list(vec![partner(&id, "partner")]));
}

#[test]
fn an_edit_that_our_write_hides_is_reported_with_its_own_time() {
    let mut world = World::new();
    let id = world.made("companies", json!({ "name": "Acme", "phone": "1" }), json!([]));
    let read = world.fetch(Entity::Organization, &id);
    let held_at = world.now;
    world.tick(5000);
    world.edited("companies", &id, json!({ "name": "Acme by hand" }));
    let edited_at = world.now;
    world.tick(5000);
    let write = update("r1", &read, held_at, fields([("name", text("Acme by us")), ("phone", text("2"))]));
    let rows = world.write(Entity::Organization, vec![write]);
    let (after, overwritten, _) = done(&rows[0]);
    assert_eq!(after.fields["name"], text("Acme by us"));
    assert_eq!(overwritten.len(), 1);
    assert_eq!(overwritten[0].fields, fields([("name", text("Acme by hand"))]));
    assert_eq!(overwritten[0].field_times["name"], edited_at);
    assert!(overwritten[0].version < after.version);
}

#[test]
fn an_edit_on_top_of_our_write_is_no_image_of_it() {
    let mut world = World::new();
    let id = world.made("companies", json!({ "name": "Acme", "phone": "1" }), json!([]));
    let read = world.fetch(Entity::Organization, &id);
    let held_at = world.now;
    world.tick(5000);
    let fields_by_hand = json!({ "properties": { "name": "Acme by hand", "phone": "3" } });
    let act = Act::Update { object: "companies".into(), id: id.clone(), fields: fields_by_hand };
    world.meddle = Some(("/batch/update", act));
    let write = update("r1", &read, held_at, fields([("name", text("Acme by us")), ("phone", None)]));
    let rows = world.write(Entity::Organization, vec![write]);
    let (after, later, _) = done(&rows[0]);
    assert_eq!(after.fields["name"], text("Acme by us"), "the receipt is of what we wrote");
    assert_eq!(after.fields["phone"], None, "also where we cleared it");
    assert_eq!(later.len(), 1, "{later:?}");
    assert_eq!(later[0].fields["name"], text("Acme by hand"));
    assert_eq!(later[0].fields["phone"], text("3"));
    assert_eq!(later[0].field_times["name"], world.now);
    assert!(later[0].version > after.version);
}

#[test]
fn what_was_seen_before_is_not_reported_as_overwritten() {
    let mut world = World::new();
    let id = world.made("companies", json!({ "name": "First" }), json!([]));
    world.tick(1000);
    world.edited("companies", &id, json!({ "name": "Second" }));
    let read = world.fetch(Entity::Organization, &id);
    // The vendor's clock may be ahead of ours: `held_at` lies before the edit that the read has shown.
    let held_at = concord_connector::Instant::from_ms(world.now.ms() - 600_000);
    world.tick(1000);
    let write = update("r1", &read, held_at, fields([("name", text("Third"))]));
    let rows = world.write(Entity::Organization, vec![write]);
    assert_eq!(done(&rows[0]).1, &[]);
}

#[test]
fn an_edit_of_what_was_empty_is_reported_whatever_the_clocks_say() {
    let mut world = World::new();
    let id = world.made("companies", json!({ "name": "Acme" }), json!([]));
    let read = world.fetch(Entity::Organization, &id);
    // The vendor's clock is behind ours: the edit seems older than the read that did not show it.
    let held_at = concord_connector::Instant::from_ms(world.now.ms() + 600_000);
    world.tick(1000);
    world.edited("companies", &id, json!({ "description": "by hand" }));
    world.tick(1000);
    let write = update("r1", &read, held_at, fields([("description", text("by us"))]));
    let rows = world.write(Entity::Organization, vec![write]);
    let (_, overwritten, _) = done(&rows[0]);
    assert_eq!(overwritten.len(), 1, "{overwritten:?}");
    assert_eq!(overwritten[0].fields, fields([("description", text("by hand"))]));
}

#[test]
fn what_a_person_covered_with_the_very_value_that_we_write_was_not_covered_by_us() {
    let mut world = World::new();
    let id = world.made("companies", json!({ "name": "Acme" }), json!([]));
    let read = world.fetch(Entity::Organization, &id);
    let held_at = world.now;
    for name in ["First thought", "Second thought"] {
        world.tick(1000);
        world.edited("companies", &id, json!({ "name": name }));
    }
    world.tick(1000);
    let write = update("r1", &read, held_at, fields([("name", text("Second thought"))]));
    let rows = world.write(Entity::Organization, vec![write]);
    assert_eq!(done(&rows[0]).1, &[], "our write changed nothing");
}

#[test]
fn an_edit_of_an_amount_is_reported_with_its_currency() {
    let mut world = World::new();
    let deal = json!({ "dealname": "D", "amount": "10", "deal_currency_code": "EUR", "dealstage": "closedwon" });
    let id = world.made("deals", deal, json!([]));
    let read = world.fetch(Entity::Opportunity, &id);
    let held_at = world.now;
    world.tick(1000);
    world.edited("deals", &id, json!({ "amount": "20", "deal_currency_code": "USD" }));
    world.tick(1000);
    let write = update("o1", &read, held_at, fields([("amount", money("30", "EUR"))]));
    let rows = world.write(Entity::Opportunity, vec![write]);
    let (_, overwritten, _) = done(&rows[0]);
    assert_eq!(overwritten.len(), 1);
    assert_eq!(overwritten[0].fields["amount"], money("20", "USD"));
}

#[test]
fn a_changed_association_is_passed_on_and_nothing_is_written() {
    let mut world = World::new();
    let ids = [0, 1, 2].map(|n| world.made("companies", json!({ "name": format!("C{n}") }), json!([])));
    let primary = json!([{ "to": "companies", "id": ids[0], "label": "Primary" }]);
    let deal = world.made("deals", json!({ "dealname": "D" }), primary);
    let read = world.fetch(Entity::Opportunity, &deal);
    let held_at = world.now;
    world.tick(1000);
    let associations = json!({ "associations": [{ "to": "companies", "id": ids[1], "label": "Primary" }] });
    world.human(Act::Update { object: "deals".into(), id: deal.clone(), fields: associations });
    let wanted = fields([("organization", Some(company(&ids[2]))), ("name", text("New"))]);
    match &world.write(Entity::Opportunity, vec![update("o1", &read, held_at, wanted)])[0] {
        Ok(Written::Moved(there)) => {
            assert_eq!(there.fields["organization"], Some(company(&ids[1])));
            assert_eq!(there.fields["name"], text("D"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_refused_row_does_not_stop_its_neighbours() {
    let mut world = World::new();
    let person = |n: usize, email: &str| create(&format!("p{n}"), fields([("email", text(email))]));
    let rows = world
        .write(Entity::Person, vec![person(1, "a@example.com"), person(2, "no address"), person(3, "c@example.com")]);
    assert!(done(&rows[0]).2);
    assert!(rows[1].as_ref().unwrap_err().contains("no address"), "{:?}", rows[1]);
    assert!(done(&rows[2]).2);
    assert_eq!(world.portal.records()["contacts"].len(), 2);
}

#[test]
fn a_contact_with_a_known_email_is_the_one_that_exists() {
    let mut world = World::new();
    let id = world.made("contacts", json!({ "email": "Ana@example.com" }), json!([]));
    let colliding = create("p1", fields([("email", text("ana@example.com"))]));
    let other = create("p2", fields([("email", text("other@example.com"))]));
    let rows = world.write(Entity::Person, vec![colliding, other]);
    assert_eq!(rows[0], Ok(Written::Exists(id.into())));
    assert!(done(&rows[1]).2, "a batch that is refused as a whole is sent row by row");
}

#[test]
fn two_writes_of_one_record_in_one_batch_come_one_after_the_other() {
    let mut world = World::new();
    let id = world.made("companies", json!({ "name": "A" }), json!([]));
    let read = world.fetch(Entity::Organization, &id);
    let twin = |name: &str| update("r1", &read, world.now, fields([("name", text(name))]));
    let writes = vec![twin("B"), twin("C")];
    let rows = world.write(Entity::Organization, writes);
    assert_eq!(done(&rows[0]).0.fields["name"], text("B"));
    assert!(rows[1].as_ref().unwrap_err().contains("same record"));
}

#[test]
fn clearing_a_field_sends_an_empty_text() {
    let mut world = World::new();
    let id = world.made("companies", json!({ "name": "A", "phone": "1" }), json!([]));
    let read = world.fetch(Entity::Organization, &id);
    let rows = world.write(Entity::Organization, vec![update("r1", &read, world.now, fields([("phone", None)]))]);
    assert_eq!(done(&rows[0]).0.fields["phone"], None);
}

#[test]
fn a_lead_is_made_together_with_its_contact_and_only_once() {
    let mut world = World::new();
    let contact = world.made("contacts", json!({ "email": "a@example.com" }), json!([]));
    let bare = fields([("name", text("L"))]);
    let rows = world.write(Entity::Lead, vec![create("l0", bare)]);
    assert!(rows[0].as_ref().unwrap_err().contains("only with a contact or a company"));
    let person = Value::from(Reference::external(Entity::Person, contact.as_str()));
    let state = Some(Value::Enum("working".into()));
    let wanted = fields([("name", text("L")), ("person", Some(person)), ("status", state)]);
    let rows = world.write(Entity::Lead, vec![create("l1", wanted.clone())]);
    let (after, _, created) = done(&rows[0]);
    assert!(created);
    for (field, value) in &wanted {
        assert_eq!(&after.fields[field], value, "{field}");
    }
    let id = after.id.clone();
    assert_eq!(world.write(Entity::Lead, vec![create("l1", wanted)])[0], Ok(Written::Exists(id)));
}

#[test]
fn archive_and_delete_answer_with_a_tombstone() {
    let mut world = World::new();
    let id = world.made("companies", json!({ "name": "A" }), json!([]));
    let change = Change::Archive { id: id.as_str().into() };
    let rows =
        world.write(Entity::Organization, vec![Write { token: None, record: "r1".into(), change, fields: fields([]) }]);
    assert_eq!(done(&rows[0]).0.presence, Presence::Deleted);
    assert!(!world.portal.records().contains_key("companies"));
}

#[test]
fn every_entity_can_be_created_and_read_back() {
    let mut world = World::new();
    let acme = world.made("companies", json!({ "name": "A" }), json!([]));
    let at = |entity, id: &str| Some(Value::from(Reference::external(entity, id)));
    let of = |value: &str| Some(Value::Enum(value.into()));
    let day = Some(Value::Date(Date::constant(2026, 3, 29)));
    let mut put = |entity: Entity, wanted: Vec<(&'static str, Option<Value>)>| {
        let rows = world.write(entity, vec![create(entity.name(), fields(wanted.clone()))]);
        let (after, ..) = done(&rows[0]);
        for (field, value) in wanted {
            assert_eq!(after.fields[field], value, "{entity}.{field}");
        }
        after.id.as_str().to_owned()
    };
    let organization = at(Entity::Organization, &acme);
    let deal = put(Entity::Opportunity, vec![("name", text("D")), ("organization", organization.clone())]);
    put(
        Entity::Partnership,
        vec![
            ("organization", organization.clone()),
            ("program", text("Gold")),
            ("status", of("active")),
            ("started_on", day.clone()),
        ],
    );
    put(
        Entity::DealRegistration,
        vec![
            ("name", text("R")),
            ("partner", organization.clone()),
            ("opportunity", at(Entity::Opportunity, &deal)),
            ("status", of("in_review")),
            ("amount", money("7.5", "KWD")),
            ("submitted_on", day.clone()),
        ],
    );
    let order = put(
        Entity::Order,
        vec![
            ("number", text("SO-1")),
            ("organization", organization.clone()),
            ("opportunity", at(Entity::Opportunity, &deal)),
            ("status", of("confirmed")),
            ("total", money("11.9", "EUR")),
            ("untaxed_total", money("10", "EUR")),
            ("order_date", day.clone()),
        ],
    );
    put(
        Entity::Invoice,
        vec![
            ("number", text("INV-1")),
            ("organization", organization),
            ("order", at(Entity::Order, &order)),
            ("status", of("posted")),
            ("total", money("11.9", "EUR")),
            ("open_amount", money("1.9", "EUR")),
            ("issued_on", day.clone()),
            ("due_on", day),
        ],
    );
}
