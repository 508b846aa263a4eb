//! The configuration in flight: what changes with it is delivered, and nobody goes back to an older one.

use crate::crm::{company, edit, text};
use concord_connector::{Entity, Field};
use concord_hub::{
    events::Count,
    hub::Hub,
    policy::{FieldPolicy, Others, Rule},
    settings::Mode,
    steps,
};
use concord_tests::world::{Account, World, account};
use serde_json::json;

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];

async fn crms() -> World {
    let small = |name, system| Account { maps: ORGANIZATIONS, ..account(name, system) };
    World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await
}

fn owned_by(world: &World, field: &str, owner: &str) {
    let policy = FieldPolicy { rule: Rule::Owner, order: vec![owner.into()], only: true, others: Others::Revert };
    world.reconfigure(|settings| settings.policy.set(Entity::Organization, Field::from(field), policy));
}

/// Companies whose phone was edited at Salesforce, and later at HubSpot.
async fn edited(world: &mut World, many: usize) {
    let mut ids = Vec::new();
    for n in 0..many {
        ids.push(world.act("hubspot-eu", company(&format!("Company {n}"), &format!("company-{n}.example"))));
    }
    world.settle().await;
    for record in world.records(Entity::Organization).await {
        let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
        world.act("salesforce", edit("Account", &there, json!({"Phone": "from salesforce"})));
    }
    world.settle().await;
    for id in &ids {
        world.act("hubspot-eu", edit("companies", id, json!({"properties": {"phone": "from hubspot"}})));
    }
    world.settle().await;
}

#[tokio::test]
async fn another_policy_resolves_every_record_again_and_delivers_the_difference() {
    let mut world = crms().await;
    // More than one page of the job.
    edited(&mut world, 60).await;
    let before = world.hub.tally.get(Count::Deliveries);
    owned_by(&world, "phone", "salesforce");
    assert_eq!(steps::reconfigure::run(&world.hub).await.expect("a store"), 60);
    world.settle().await;
    let revision = world.hub.settings().revision;
    for record in world.records(Entity::Organization).await {
        assert_eq!((text(&record, "phone"), record.configuration), ("from salesforce".into(), revision));
        assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], "from salesforce");
        assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "from salesforce");
    }
    assert_eq!(world.hub.tally.get(Count::Deliveries) - before, 120, "one delivery for each of both systems");
    assert_eq!(steps::reconfigure::run(&world.hub).await.expect("a store"), 0, "once is enough");
}

#[tokio::test]
async fn a_policy_that_changes_nothing_delivers_nothing() {
    let mut world = crms().await;
    edited(&mut world, 3).await;
    let before = world.hub.tally.get(Count::Deliveries);
    owned_by(&world, "phone", "hubspot-eu");
    steps::reconfigure::run(&world.hub).await.expect("a store");
    world.settle().await;
    assert_eq!(world.hub.tally.get(Count::Deliveries), before);
}

#[tokio::test]
async fn the_job_goes_on_where_it_was_broken_off() {
    let mut world = crms().await;
    edited(&mut world, 60).await;
    owned_by(&world, "phone", "salesforce");
    for call in [3, 40, 160, 220] {
        world.plan.crash(call, concord_hub::testing::When::Before);
        let _broken = steps::reconfigure::run(&world.hub).await;
        world.plan.heal();
    }
    steps::reconfigure::run(&world.hub).await.expect("a store");
    world.settle().await;
    for record in world.records(Entity::Organization).await {
        assert_eq!(text(&record, "phone"), "from salesforce");
        assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], "from salesforce");
    }
}

/// A worker that was started with the configuration in force now, and never hears of another one.
fn old_worker(world: &World) -> Hub {
    Hub::new(world.ports(), (*world.hub.settings()).clone())
}

#[tokio::test]
async fn a_worker_with_an_older_configuration_never_commits_over_a_newer_one() {
    let mut world = crms().await;
    edited(&mut world, 1).await;
    let old = old_worker(&world);
    owned_by(&world, "phone", "salesforce");
    steps::reconfigure::run(&world.hub).await.expect("a store");
    world.settle().await;
    let newer = world.only(Entity::Organization).await;
    let id = newer.live_at(&"hubspot-eu".into()).next().expect("it is there").link.id.to_string();
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "again", "description": "new"}})));
    world.push().await;
    // The old worker is the first to get everything.
    let mut refused = 0;
    for queue in world.queue.queues() {
        use concord_hub::{broker::Inbox, ports::Disposition, ports::QueueName};
        let batch = world.queue.receive(&queue, 10, std::time::Duration::from_secs(1)).await.expect("a queue");
        let dispositions = match &queue {
            QueueName::Signals(_) => steps::translate::translate(&old, &batch).await,
            QueueName::Observations => steps::reconcile::reconcile(&old, &batch).await,
            QueueName::Deliveries(_) => steps::deliver::deliver(&old, &batch).await,
            QueueName::Events(_) => steps::publish::publish(&old, &batch).await,
        };
        for (message, disposition) in batch.iter().zip(dispositions) {
            match disposition {
                Disposition::Done => world.queue.delete(&queue, std::slice::from_ref(&message.id)).await.expect("it"),
                Disposition::Retry { .. } => refused += 1,
            }
        }
    }
    let batch = {
        use concord_hub::broker::Inbox;
        let queue = concord_hub::ports::QueueName::Observations;
        world.queue.receive(&queue, 10, std::time::Duration::from_secs(1)).await.expect("a queue")
    };
    refused += steps::reconcile::reconcile(&old, &batch)
        .await
        .iter()
        .filter(|one| !matches!(one, concord_hub::ports::Disposition::Done))
        .count();
    assert!(refused > 0, "the old worker gives back what it may not commit");
    let record = world.only(Entity::Organization).await;
    assert_eq!((record.configuration, record.version), (newer.configuration, newer.version));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!((text(&record, "phone"), text(&record, "description")), ("from salesforce".into(), "new".into()));
    assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], "from salesforce");
}

#[tokio::test]
async fn a_field_that_is_mapped_later_enters_as_a_baseline() {
    let mut world = crms().await;
    let mappings = world.hub.settings().connections["hubspot-eu"].context.mappings.clone();
    world.reconfigure(|settings| {
        let context = &mut settings.connections.get_mut("hubspot-eu").expect("a connection").context;
        let mapping = context.mappings.get_mut(&Entity::Organization).expect("a mapping");
        mapping.fields.retain(|rule| rule.field.as_str() != "phone");
    });
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "old"}})));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
    world.act("salesforce", edit("Account", &there, json!({"Phone": "known"})));
    world.settle().await;
    world.reconfigure(|settings| {
        settings.connections.get_mut("hubspot-eu").expect("a connection").context.mappings = mappings;
    });
    let connection = world.hub.settings().connections["hubspot-eu"].clone();
    steps::schedule::backfill(&world.hub, &connection).await.expect("a store");
    steps::reconfigure::run(&world.hub).await.expect("a store");
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(text(&record, "phone"), "known", "an edit wins over what was just first seen");
    assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], "known");
}

#[tokio::test]
async fn going_back_to_observing_stops_what_is_on_its_way() {
    let mut world = crms().await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    world.reconfigure(|settings| settings.connections.get_mut("salesforce").expect("it").mode = Mode::Observe);
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "1"}})));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], serde_json::Value::Null);
    world.reconfigure(|settings| settings.connections.get_mut("salesforce").expect("it").mode = Mode::Sync);
    steps::reconfigure::run(&world.hub).await.expect("a store");
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "1");
}
