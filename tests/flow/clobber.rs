//! Law 4: a delivery never writes over an edit that it has not seen.

use crate::{
    crm::{company, edit, text},
    meddle::Meddler,
};
use concord_connector::{Entity, System, sandbox::Act};
use concord_hub::ports::{Clock, QueueName};
use concord_tests::world::{World, account};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

/// Works until a delivery to a system is ready to be made.
pub(crate) async fn until_ordered(world: &mut World, system: &str) -> QueueName {
    let queue = QueueName::Deliveries(System::from(system));
    for _ in 0..200 {
        let ordered = world.queue.due(&queue).is_some();
        if ordered {
            return queue;
        }
        world.push().await;
        for other in world.queue.queues() {
            if other != queue {
                world.drain(&other).await;
            }
        }
        world.feed().await;
        world.clock.advance(std::time::Duration::from_millis(100));
    }
    panic!("no delivery was ordered");
}

#[tokio::test]
async fn an_edit_between_the_order_and_the_write_survives_at_a_system_with_preconditions() {
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "1"}})));
    let queue = until_ordered(&mut world, "salesforce").await;
    // A person is faster than our write, on the very field that it carries.
    world.clock.advance(std::time::Duration::from_secs(2));
    world.act("salesforce", edit("Account", &there, json!({"Phone": "2", "Description": "by hand"})));
    world.drain(&queue).await;
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!((text(&record, "phone"), text(&record, "description")), ("2".into(), "by hand".into()));
    assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], "2");
    assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "2");
}

/// A telephone number was edited at Salesforce, its delivery to HubSpot is ordered, and a person there was faster: that
/// delivery will cover the number that they typed.
pub(crate) async fn about_to_cover() -> (World, QueueName) {
    let mut world = World::new(&[account("salesforce", "salesforce"), account("hubspot-eu", "hubspot")]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
    world.act("salesforce", edit("Account", &there, json!({"Phone": "1"})));
    let queue = until_ordered(&mut world, "hubspot").await;
    world.clock.advance(std::time::Duration::from_secs(2));
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "2"}})));
    (world, queue)
}

#[tokio::test]
async fn an_edit_that_our_write_covers_is_found_in_the_history_and_wins() {
    let (mut world, queue) = about_to_cover().await;
    world.drain(&queue).await;
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(text(&record, "phone"), "2", "the later edit wins although our write covered it for a moment");
    assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], "2");
    assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "2");
}

/// An edit made right after the hub's write was answered, and before the hub reads it back.
struct Covering {
    at: &'static str,
    system: &'static str,
    object: &'static str,
    is_write: fn(&str) -> bool,
    /// What somebody changes at Salesforce, so that the hub writes.
    ours: Value,
    /// What the person changes on top of it, given the record as it is there.
    by_hand: fn(&Value) -> Value,
    /// The field, its name at Salesforce, and what it is in the end.
    field: (&'static str, &'static str, &'static str),
}

impl Covering {
    async fn heard(self) {
        let mut world = World::new(&[account("salesforce-a", "salesforce"), account(self.at, self.system)]).await;
        let fields = json!({"Name": "Acme", "Website": "https://acme.example", "Phone": "+49 30 900001"});
        let id = world.act("salesforce-a", Act::Create { object: "Account".into(), fields });
        world.settle().await;
        let record = world.named(Entity::Organization, "Acme").await;
        let there = record.live_at(&self.at.into()).next().expect("a facet").link.id.as_str().to_owned();
        let by_hand = edit(self.object, &there, (self.by_hand)(&world.shown(&record, self.at, self.object)));
        let meddler = Meddler::enter(&mut world);
        let (vendors, clock) = (world.vendors.clone(), world.clock.clone());
        let (done, is_write, at) = (AtomicBool::new(false), self.is_write, self.at);
        meddler.answers(move |request, _| {
            let asked = format!("{} {}", request.url, String::from_utf8_lossy(&request.body));
            if is_write(&asked) && !done.swap(true, Ordering::SeqCst) {
                clock.advance(std::time::Duration::from_millis(1500));
                vendors.with(at, |vendor| vendor.act(clock.now(), by_hand.clone())).expect("an edit");
            }
        });
        world.act("salesforce-a", edit("Account", &id, self.ours));
        world.settle().await;
        let record = world.record(&record.id).await;
        let (field, there, expected) = self.field;
        assert_eq!(text(&record, field), expected, "whoever edits on top of a value wins over it");
        assert_eq!(world.shown(&record, "salesforce-a", "Account")[there], expected);
    }
}

fn written_at_tryton(asked: &str) -> bool {
    asked.contains("model.party.party.write")
}

#[tokio::test]
async fn an_edit_between_write_and_read_back_is_not_taken_for_what_hubspot_makes_of_our_value() {
    let covering = Covering {
        at: "hubspot-eu",
        system: "hubspot",
        object: "companies",
        is_write: |asked| asked.contains("/batch/update"),
        ours: json!({"Name": "Acme by us"}),
        by_hand: |_| json!({"properties": {"name": "By hand"}}),
        field: ("name", "Name", "By hand"),
    };
    covering.heard().await;
}

#[tokio::test]
async fn an_edit_between_write_and_read_back_is_not_taken_for_what_tryton_makes_of_our_value() {
    let covering = Covering {
        at: "tryton",
        system: "tryton",
        object: "party.party",
        is_write: written_at_tryton,
        ours: json!({"Name": "Acme by us"}),
        by_hand: |_| json!({"name": "By hand"}),
        field: ("name", "Name", "By hand"),
    };
    covering.heard().await;
}

#[tokio::test]
async fn another_telephone_number_is_not_taken_for_how_tryton_writes_ours() {
    let covering = Covering {
        at: "tryton",
        system: "tryton",
        object: "party.party",
        is_write: written_at_tryton,
        ours: json!({"Phone": "+49 30 900002"}),
        by_hand: |party| {
            let phone = &party["contact_mechanisms"][0]["id"];
            json!({"contact_mechanisms": [["write", [phone], {"type": "phone", "value": "+49 30 900003"}]]})
        },
        field: ("phone", "Phone", "+49 30 900003"),
    };
    covering.heard().await;
}
