//! What later histories of the simulation found, each as the scenario that shows it (tests/sim/FOUND.md).

use crate::{
    clobber::about_to_cover,
    crm::{company, crms, edit, small, text},
    meddle::Meddler,
};
use concord_connector::{
    Entity, Field, Snapshot, SourceVersion, System, Value,
    sandbox::{Act, Trouble},
};
use concord_hub::{explain, message::Observation, people, ports::QueueName, settings::OnDelete, steps};
use concord_tests::world::{Account, World, account};
use serde_json::{Value as Json, json};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Tells the hub what happened in a system and lets it look, but deliver nothing.
async fn hear(world: &mut World, system: &str) {
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(1));
        world.push().await;
        while world.drain(&QueueName::Signals(System::from(system))).await {}
        while world.drain(&QueueName::Observations).await {}
        while world.feed().await {}
    }
}

#[tokio::test]
async fn an_edit_that_a_write_without_its_receipt_covered_is_found_by_the_next_write_of_something_else() {
    let (mut world, queue) = about_to_cover().await;
    world.vendor("hubspot-eu", |vendor| vendor.faults().plan("/batch/update", Trouble::LoseAnswer));
    world.drain(&queue).await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], "1", "our write is there");
    world.clock.advance(Duration::from_secs(300));
    steps::schedule::tick(&world.hub).await.expect("a store");
    hear(&mut world, "hubspot").await;
    // Before it is written once more, something else is to be there.
    people::set(&world.hub, &record.id, "phone", Some("3")).await.expect("a store");
    for _ in 0..4 {
        world.settle().await;
        world.clock.advance(Duration::from_secs(300));
    }
    let record = world.only(Entity::Organization).await;
    assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], "3");
    let story = explain::of(&record, &world.hub.settings());
    let phone = story.fields.iter().find(|story| story.field.as_str() == "phone").expect("a story");
    let lost: Vec<&str> = phone.lost.iter().filter_map(|said| said.value.as_deref()).collect();
    assert!(lost.contains(&"2"), "what was typed there lost, and is told: {lost:?}");
}

#[tokio::test]
async fn what_a_poll_lists_and_is_not_shown_is_asked_for_again() {
    let mut world = World::new(&[small("hubspot-eu", "hubspot")]).await;
    world.vendor("hubspot-eu", |vendor| vendor.faults().lose_webhooks = true);
    world.settle().await;
    let meddler = Meddler::enter(&mut world);
    let (listed, hidden) = (AtomicBool::new(false), AtomicBool::new(false));
    meddler.answers(move |request, response| {
        let Ok(mut body) = serde_json::from_slice::<Json>(&response.body) else { return };
        let shows = body["results"].as_array().is_some_and(|rows| !rows.is_empty());
        listed.fetch_or(shows && request.url.contains("/search"), Ordering::SeqCst);
        let hides = shows && listed.load(Ordering::SeqCst) && request.url.contains("/batch/read");
        if hides && !hidden.swap(true, Ordering::SeqCst) {
            body["results"] = json!([]);
            response.body = body.to_string().into_bytes();
        }
    });
    world.act("hubspot-eu", company("Acme", "acme.example"));
    for _ in 0..12 {
        world.clock.advance(Duration::from_secs(300));
        world.settle().await;
    }
    assert_eq!(text(&world.only(Entity::Organization).await, "name"), "Acme");
}

#[tokio::test]
async fn a_reference_that_a_system_let_go_of_is_there_again_when_the_company_is_back() {
    let maps = &[Entity::Organization, Entity::Person];
    let people = |name, system| Account { maps, creates: maps, ..account(name, system) };
    let mut world = World::new(&[people("hubspot-eu", "hubspot"), people("salesforce", "salesforce")]).await;
    let employer = world.act("hubspot-eu", company("Acme", "acme.example"));
    let fields = json!({
        "properties": {"lastname": "Doe", "email": "doe@acme.example"},
        "associations": [{"to": "companies", "id": employer, "label": "Primary"}]
    });
    let person = world.act("hubspot-eu", Act::Create { object: "contacts".into(), fields });
    world.settle().await;
    world.act("hubspot-eu", Act::Delete { object: "companies".into(), id: employer });
    world.settle().await;
    // It is back under another id, and the same by its domain.
    let again = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    assert_eq!(world.records(Entity::Organization).await.len(), 1, "they are one");
    for title in ["Buyer", "Head buyer", "Owner", "Founder"] {
        world.act("hubspot-eu", edit("contacts", &person, json!({"properties": {"jobtitle": title}})));
        world.settle().await;
    }
    let record = world.only(Entity::Person).await;
    assert!(world.shown(&record, "salesforce", "Contact")["AccountId"].is_string(), "nobody has emptied it");
    let there = world.shown(&record, "hubspot-eu", "contacts").to_string();
    assert!(there.contains(&format!("\"{again}\"")), "it leads to the company that is there now: {there}");
    assert!(record.pending().is_empty(), "{:?}", record.outbox);
    assert!(record.facets.iter().all(|facet| facet.parked.is_empty()), "nothing was written back again and again");
}

#[tokio::test]
async fn who_types_what_was_to_be_written_before_their_own_edit_has_said_so() {
    let mut world = World::new(&[account("north", "salesforce"), account("south", "salesforce")]).await;
    let fields = json!({"Name": "Acme", "Website": "https://acme.example"});
    let north = world.act("north", Act::Create { object: "Account".into(), fields });
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let south = world.shown(&record, "south", "Account")["Id"].as_str().expect("an id").to_owned();
    world.act("north", edit("Account", &north, json!({"Phone": "1"})));
    hear(&mut world, "salesforce").await;
    world.act("south", edit("Account", &south, json!({"Phone": "2"})));
    hear(&mut world, "salesforce").await;
    assert_eq!(text(&world.record(&record.id).await, "phone"), "2", "the later edit wins, and nothing was written");
    world.act("south", edit("Account", &south, json!({"Phone": "1"})));
    hear(&mut world, "salesforce").await;
    world.settle().await;
    assert_eq!(text(&world.record(&record.id).await, "phone"), "1", "they have changed their mind");
    assert_eq!(world.shown(&record, "north", "Account")["Phone"], "1");
    assert_eq!(world.shown(&record, "south", "Account")["Phone"], "1");
}

#[tokio::test]
async fn what_was_sent_without_a_receipt_is_written_over_when_something_else_is_to_be_there_again() {
    let (mut world, queue) = about_to_cover().await;
    let record = world.only(Entity::Organization).await;
    let id = record.live_at(&"hubspot-eu".into()).next().expect("a facet").link.id.clone();
    let edited_at = world.now();
    // Nobody tells of anything there. Our write covers what was typed, and its answer is lost.
    for vendor in ["hubspot-eu", "salesforce"] {
        world.vendor(vendor, |vendor| vendor.faults().lose_webhooks = true);
    }
    world.vendor("hubspot-eu", |vendor| vendor.faults().plan("/batch/update", Trouble::LoseAnswer));
    world.drain(&queue).await;
    assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], "1", "our write is there");
    // A poll had read what was typed before we wrote, and it is golden.
    let mut snapshot = Snapshot::new(Entity::Organization, id, SourceVersion::from_instant(edited_at));
    snapshot.modified = Some(edited_at);
    snapshot.fields.insert(Field::from("phone"), Some(Value::Text("2".into())));
    let observation = Observation::of_read(&"hubspot-eu".into(), snapshot, edited_at);
    steps::reconcile::observe(&world.hub, &observation).await.expect("a store");
    assert_eq!(text(&world.record(&record.id).await, "phone"), "2");
    // The delivery looks again before anybody reads the company.
    for _ in 0..6 {
        world.clock.advance(Duration::from_secs(60));
        while world.feed().await {}
        steps::schedule::tick(&world.hub).await.expect("a store");
        while world.drain(&queue).await {}
    }
    for _ in 0..4 {
        world.settle().await;
        world.clock.advance(Duration::from_secs(300));
    }
    let record = world.record(&record.id).await;
    assert_eq!(text(&record, "phone"), "2", "nobody but we had written the other");
    assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], "2");
    assert!(record.pending().is_empty(), "{:?}", record.outbox);
}

#[tokio::test]
async fn what_somebody_makes_after_a_delete_is_not_taken_out_with_what_was_deleted() {
    for system in ["hubspot-eu", "salesforce"] {
        let mut world = crms().await;
        world.reconfigure(|settings| {
            for connection in settings.connections.values_mut() {
                connection.on_delete.insert(Entity::Organization, OnDelete::Archive);
            }
        });
        let there = |world: &World| {
            let count =
                |name, object| world.vendor(name, |vendor| vendor.records().get(object).map_or(0, |all| all.len()));
            (count("hubspot-eu", "companies"), count("salesforce", "Account"))
        };
        let id = world.act("hubspot-eu", company("Acme", "acme.example"));
        world.settle().await;
        assert_eq!(there(&world), (1, 1));
        world.act("hubspot-eu", Act::Delete { object: "companies".into(), id });
        world.settle().await;
        assert_eq!(there(&world), (0, 0));
        world.clock.advance(Duration::from_secs(864_000));
        let account =
            Act::Create { object: "Account".into(), fields: json!({"Name": "Acme", "Website": "acme.example"}) };
        let again = if system == "salesforce" { account } else { company("Acme", "acme.example") };
        world.act(system, again);
        for _ in 0..4 {
            world.settle().await;
            world.clock.advance(Duration::from_secs(300));
        }
        assert_eq!(there(&world), if system == "salesforce" { (0, 1) } else { (1, 0) }, "it stays at {system}");
        let asked: Vec<String> = world.reviews().await.into_iter().map(|review| review.sentence).collect();
        assert!(asked.iter().any(|sentence| sentence.contains("and stays")), "{asked:?}");
    }
}

/// A person with a company at Salesforce, who is made at HubSpot by a request whose answer is lost. HubSpot takes the company
/// in a request of its own, which nobody sent any more.
async fn half_made() -> (World, Json) {
    let maps = &[Entity::Organization, Entity::Person];
    let people = |name, system| Account { maps, creates: maps, ..account(name, system) };
    let mut world = World::new(&[people("hubspot-eu", "hubspot"), people("salesforce", "salesforce")]).await;
    let fields = json!({"Name": "Acme", "Website": "https://acme.example"});
    let employer = world.act("salesforce", Act::Create { object: "Account".into(), fields });
    world.settle().await;
    world.vendor("hubspot-eu", |vendor| vendor.faults().plan("/contacts/batch/upsert", Trouble::LoseAnswer));
    let fields = json!({"LastName": "Doe", "Email": "doe@acme.example", "AccountId": employer});
    world.act("salesforce", Act::Create { object: "Contact".into(), fields });
    hear(&mut world, "salesforce").await;
    world.drain(&QueueName::Deliveries("hubspot".into())).await;
    hear(&mut world, "hubspot").await;
    (world, json!(employer))
}

/// The company's id at Salesforce, the company at HubSpot, and those that both show of the person when nothing is on its way.
async fn in_the_end(world: &mut World) -> (Json, String) {
    for _ in 0..6 {
        world.clock.advance(Duration::from_secs(300));
        steps::schedule::tick(&world.hub).await.expect("a store");
        world.settle().await;
    }
    let person = world.only(Entity::Person).await;
    assert!(person.pending().is_empty(), "{:?}", person.outbox);
    let shown = world.shown(&person, "hubspot-eu", "contacts")["associations"].to_string();
    (world.shown(&person, "salesforce", "Contact")["AccountId"].clone(), shown)
}

#[tokio::test]
async fn what_a_create_had_not_written_yet_was_emptied_by_nobody() {
    let (mut world, employer) = half_made().await;
    let (at_salesforce, at_hubspot) = in_the_end(&mut world).await;
    assert_eq!(at_salesforce, employer, "nobody has emptied it");
    let company = world.only(Entity::Organization).await;
    let there = world.shown(&company, "hubspot-eu", "companies")["id"].to_string();
    assert!(at_hubspot.contains(&there), "{there}: {at_hubspot}");
}

#[tokio::test]
async fn under_a_reference_that_landed_without_its_receipt_nobody_looks_for_a_history() {
    let (mut world, _) = half_made().await;
    let answered = "/associations/contacts/companies/batch/create";
    world.vendor("hubspot-eu", |vendor| vendor.faults().plan(answered, Trouble::LoseAnswer));
    world.clock.advance(Duration::from_secs(300));
    steps::schedule::tick(&world.hub).await.expect("a store");
    world.drain(&QueueName::Deliveries("hubspot".into())).await;
    hear(&mut world, "hubspot").await;
    // It is there, as it was to be; and before that is acknowledged, somebody empties it elsewhere.
    let person = world.only(Entity::Person).await;
    let id = world.shown(&person, "salesforce", "Contact")["Id"].as_str().expect("an id").to_owned();
    world.act("salesforce", edit("Contact", &id, json!({"AccountId": null})));
    hear(&mut world, "salesforce").await;
    assert_eq!(in_the_end(&mut world).await, (Json::Null, "null".to_owned()));
}
