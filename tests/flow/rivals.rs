//! Two records that could be one thing: until a person says whether they are, the second is not made where the first is.

use crate::{
    crm::{company, crms, text},
    meddle::Meddler,
};
use concord_connector::{Entity, sandbox::Act};
use concord_hub::{events::Count, ports::Clock, reviews};
use concord_tests::world::{Account, World, account, links};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Two companies of one HubSpot with one domain, the second made when the first is everywhere.
async fn two_of_one_domain() -> World {
    let mut world = crms().await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    // Salesforce holds no domain and was given no website: its own search does not find the first.
    world.act("hubspot-eu", company("Acme GmbH", "acme.example"));
    world.settle().await;
    world
}

fn accounts(world: &World) -> usize {
    world.vendor("salesforce", |vendor| vendor.records()["Account"].len())
}

#[tokio::test]
async fn what_could_be_a_record_that_is_there_is_not_made_a_second_time() {
    let mut world = two_of_one_domain().await;
    assert_eq!(accounts(&world), 1, "the second waits for a person");
    let asked = world.reviews().await;
    let question = asked.iter().find(|review| review.sentence.contains("could be")).expect("a question");
    assert!(world.records(Entity::Organization).await.iter().all(|record| record.pending().is_empty()));
    reviews::decide(&world.hub, &question.id, "create", None).await.expect("a choice");
    for _ in 0..3 {
        world.settle().await;
        world.clock.advance(Duration::from_secs(300));
    }
    assert_eq!(accounts(&world), 2, "a person says that they are two");
}

#[tokio::test]
async fn of_two_that_are_made_at_once_and_could_be_one_only_one_is_made_elsewhere() {
    let mut world = crms().await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.act("hubspot-eu", company("Acme GmbH", "acme.example"));
    for _ in 0..4 {
        world.settle().await;
        world.clock.advance(Duration::from_secs(300));
    }
    assert_eq!(accounts(&world), 1, "and not two");
    assert_eq!(world.hub.tally.get(Count::DeadLetters), 0);
}

#[tokio::test]
async fn two_with_tax_numbers_of_their_own_share_a_domain_and_are_both_made() {
    let mut world = crms().await;
    for (name, tax_id) in [("Acme", "DE136695976"), ("Acme Austria", "ATU13585627")] {
        let properties = json!({"name": name, "domain": "acme.example", "tax_id": tax_id});
        world
            .act("hubspot-eu", Act::Create { object: "companies".into(), fields: json!({ "properties": properties }) });
        world.settle().await;
    }
    for _ in 0..2 {
        world.clock.advance(Duration::from_secs(300));
        world.settle().await;
    }
    assert_eq!(accounts(&world), 2, "nothing is unclear about these");
}

#[tokio::test]
async fn what_a_create_found_there_already_was_not_made_by_it() {
    let maps = &[Entity::Person];
    let people = |name, system| Account { maps, creates: maps, ..account(name, system) };
    let mut world = World::new(&[people("salesforce", "salesforce"), people("hubspot-eu", "hubspot")]).await;
    let meddler = Meddler::enter(&mut world);
    let (vendors, clock) = (world.vendors.clone(), world.clock.clone());
    let done = Arc::new(AtomicBool::new(false));
    let made = Arc::clone(&done);
    // Between the search, which finds nobody, and our create somebody makes the same person.
    meddler.answers(move |request, _| {
        let asked = String::from_utf8_lossy(&request.body);
        let is_search = asked.contains("doe@acme.example") && !request.url.ends_with("/upsert");
        if request.url.contains("/contacts/") && is_search && !made.swap(true, Ordering::SeqCst) {
            let fields = json!({"properties": {"email": "doe@acme.example", "lastname": "Doe"}});
            let act = Act::Create { object: "contacts".into(), fields };
            vendors.with("hubspot-eu", |vendor| vendor.act(clock.now(), act)).expect("a contact");
        }
    });
    let fields = json!({"LastName": "Doe", "Email": "doe@acme.example", "Phone": "1"});
    world.act("salesforce", Act::Create { object: "Contact".into(), fields });
    for _ in 0..4 {
        world.settle().await;
        world.clock.advance(Duration::from_secs(300));
    }
    assert!(done.load(Ordering::SeqCst), "somebody was faster");
    let record = world.only(Entity::Person).await;
    assert_eq!(links(&record).len(), 2, "{:?}", links(&record));
    assert_eq!(text(&record, "phone"), "1", "nobody has emptied it");
}
