//! A plan says what is to be written, and applying it writes exactly that.

use crate::crm::{company, edit, text};
use concord_connector::{Entity, sandbox::Act};
use concord_hub::{
    events::Count,
    plan::{self, Action, Asked, Plan},
    settings::Mode,
    steps,
};
use concord_tests::world::{Account, World, account, links};
use serde_json::json;

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];
const BOTH: &[Entity] = &[Entity::Organization, Entity::Opportunity];

fn small<'a>(name: &'a str, system: &'a str) -> Account<'a> {
    Account { maps: ORGANIZATIONS, ..account(name, system) }
}

/// HubSpot in step, Salesforce only observed: one company in both, with different names; one in HubSpot only.
async fn observed() -> (World, String) {
    let mut world = World::new(&[
        small("hubspot-eu", "hubspot"),
        Account { mode: Mode::Observe, ..small("salesforce", "salesforce") },
    ])
    .await;
    let fields = json!({"Name": "Acme Inc", "Website": "https://acme.example"});
    world.act("salesforce", Act::Create { object: "Account".into(), fields });
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.act("hubspot-eu", company("Other", "other.example"));
    world.settle().await;
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "+49 30 1"}})));
    world.settle().await;
    (world, id)
}

async fn planned(world: &World, connection: &str) -> Plan {
    let asked = Asked { connection: Some(connection.into()), ..Asked::default() };
    plan::make(&world.hub, &asked).await.expect("a plan")
}

fn accounts(world: &World) -> serde_json::Value {
    json!(world.vendor("salesforce", |vendor| vendor.records()["Account"].clone()))
}

fn shape(plan: &Plan) -> Vec<(Action, Vec<&str>)> {
    let fields = |write: &'_ plan::PlannedWrite| write.fields.len();
    assert!(plan.writes.iter().all(|write| fields(write) > 0));
    let mut shape: Vec<_> = plan
        .writes
        .iter()
        .map(|write| (write.action, write.fields.iter().map(|field| field.field.as_str()).collect::<Vec<_>>()))
        .collect();
    shape.sort();
    shape
}

#[tokio::test]
async fn a_plan_of_an_observed_connection_says_what_sync_would_write_and_applying_it_writes_exactly_that() {
    let (mut world, id) = observed().await;
    let before = accounts(&world);
    let plan = planned(&world, "salesforce").await;
    let shapes = shape(&plan);
    assert_eq!(shapes.len(), 2, "{shapes:?}");
    let create = plan.writes.iter().find(|write| write.action == Action::Create).expect("a create");
    let update = plan.writes.iter().find(|write| write.action == Action::Update).expect("an update");
    let phone = update.fields.iter().find(|field| field.field.as_str() == "phone").expect("the phone");
    assert_eq!((phone.now.as_deref(), phone.then.as_deref()), (None, Some("+49 30 1")));
    assert!(
        phone.because.contains(&format!("hubspot-eu/{id}")) && phone.because.contains("rule `latest`"),
        "{}",
        phone.because
    );
    assert!(create.because.contains("missing there"), "{}", create.because);
    let share = &plan.connections["salesforce"];
    assert_eq!((share.creates, share.updates, share.removals, share.held_back), (1, 1, 0, 0));
    assert_eq!((share.cost.searches, share.cost.batches), (1, 1), "two rows of one kind are one batch");
    assert!(plan.text().contains("limits all: 100 requests in 1000 ms"), "{}", plan.text());
    assert_eq!(accounts(&world), before, "a plan writes nothing");

    let calls = world.hub.tally.get(Count::Deliveries);
    plan::keep(&world.hub, &plan).await.expect("a store");
    let kept = plan::kept(&world.hub, &plan.id).await.expect("a store").expect("it was kept");
    assert_eq!(kept, plan, "a plan survives its shelf");
    let applied = plan::apply(&world.hub, &kept, "anna").await.expect("nothing moved");
    assert_eq!((applied.approved, applied.moved.len()), (2, 0));
    world.settle().await;
    assert_eq!(world.hub.tally.get(Count::Deliveries) - calls, 2, "two writes, and no other");
    let standing = plan::standing(&world.hub, &plan).await.expect("a store");
    assert_eq!((standing.done, standing.pending), (2, 0), "{standing:?}");
    let acme = world.named(Entity::Organization, "Acme").await;
    assert_eq!(world.shown(&acme, "salesforce", "Account")["Phone"], "+49 30 1");
    assert_eq!(links(&world.named(Entity::Organization, "Other").await).len(), 2);
    assert!(acme.approvals.is_empty() && acme.pending().is_empty(), "{:?} {:?}", acme.approvals, acme.pending());

    // The connection still only observes: what comes later is not written.
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "+49 30 2"}})));
    world.settle().await;
    assert_eq!(world.shown(&acme, "salesforce", "Account")["Phone"], "+49 30 1");
    let later = planned(&world, "salesforce").await;
    assert_eq!(shape(&later), [(Action::Update, vec!["phone"])]);
    assert!(!share.cost.measured && later.connections["salesforce"].cost.measured, "what batches cost is known by now");
    let again = plan::apply(&world.hub, &plan, "anna").await.expect_err("it was applied");
    assert!(again.message().contains("the world moved") || again.message().contains("The world moved"), "{again}");
}

#[tokio::test]
async fn applying_refuses_before_the_first_write_when_anything_moved_and_names_it() {
    let (mut world, id) = observed().await;
    let plan = planned(&world, "salesforce").await;
    let before = accounts(&world);
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "+49 30 9"}})));
    world.settle().await;
    let refused = plan::apply(&world.hub, &plan, "anna").await.expect_err("the phone moved");
    let said = refused.message();
    assert!(said.contains("`phone` was to become `+49 30 1` and now `+49 30 9`"), "{said}");
    world.settle().await;
    assert_eq!(accounts(&world), before, "nothing was written, also not what had not moved");

    // What is held there counts as much as what is to be written.
    let plan = planned(&world, "salesforce").await;
    let acme = world.named(Entity::Organization, "Acme").await;
    let there = world.shown(&acme, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
    world.act("salesforce", edit("Account", &there, json!({"Phone": "7"})));
    world.settle().await;
    let refused = plan::apply(&world.hub, &plan, "anna").await.expect_err("the account moved");
    assert!(refused.message().contains(acme.id.as_str()), "{refused}");

    // So does the configuration.
    let plan = planned(&world, "salesforce").await;
    world.reconfigure(|_| {});
    let refused = plan::apply(&world.hub, &plan, "anna").await.expect_err("another configuration");
    assert!(refused.message().contains("the configuration was of revision 1 and is of revision 2"), "{refused}");
}

#[tokio::test]
async fn a_plan_that_somebody_changed_is_refused() {
    let (world, _) = observed().await;
    let mut plan = planned(&world, "salesforce").await;
    plan.writes[0].fields[0].then = Some("Something nicer".into());
    let refused = plan::apply(&world.hub, &plan, "anna").await.expect_err("another text");
    assert!(refused.message().contains("changed after it was made"), "{refused}");
}

#[tokio::test]
async fn what_changes_between_approval_and_delivery_is_not_written_with_other_values() {
    let (mut world, id) = observed().await;
    let plan = planned(&world, "salesforce").await;
    plan::apply(&world.hub, &plan, "anna").await.expect("nothing moved");
    // Before any delivery runs, somebody edits the phone in HubSpot and the edit is committed.
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "+49 30 5"}})));
    world.push().await;
    for queue in world.queue.queues() {
        if !queue.to_string().starts_with("deliveries") {
            while world.drain(&queue).await {}
        }
    }
    while world.drain(&concord_hub::ports::QueueName::Observations).await {}
    world.settle().await;
    let acme = world.named(Entity::Organization, "Acme").await;
    assert_eq!(text(&acme, "phone"), "+49 30 5");
    let shown = world.shown(&acme, "salesforce", "Account");
    assert_ne!(shown["Phone"], "+49 30 5", "nobody agreed to that");
    assert!(acme.pending().is_empty() && acme.approvals.is_empty(), "{:?}", acme.approvals);
    let standing = plan::standing(&world.hub, &plan).await.expect("a store");
    assert_eq!((standing.pending, standing.overtaken.len()), (0, 1), "{standing:?}");
}

#[tokio::test]
async fn in_mode_sync_a_plan_is_the_open_work_and_what_an_idle_folder_delivers() {
    let sync = |name, system| Account { creates: BOTH, maps: BOTH, ..account(name, system) };
    let mut world = World::new(&[sync("hubspot-eu", "hubspot"), sync("salesforce", "salesforce")]).await;
    steps::reconfigure::run(&world.hub).await.expect("a store");
    let customer = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.act(
        "hubspot-eu",
        Act::Create {
            object: "deals".into(),
            fields: json!({
                "properties": {"dealname": "Deal", "dealstage": "qualifiedtobuy", "closedate": "2026-06-30T00:00:00Z"},
                "associations": [{"to": "companies", "id": customer, "label": "Primary"}]
            }),
        },
    );
    // Everything but the deliveries.
    world.decide().await;
    assert_eq!(planned(&world, "hubspot-eu").await.writes, []);
    let plan = planned(&world, "salesforce").await;
    assert_eq!(plan.connections["salesforce"].creates, 2, "{}", plan.text());
    let deal = plan.writes.iter().find(|write| write.entity == Entity::Opportunity).expect("the deal");
    assert_eq!(deal.waits_for.len(), 1, "its customer is made first: {deal:?}");
    plan::apply(&world.hub, &plan, "anna").await.expect("nothing moved");
    let standing = plan::carry_out(&world.hub, &plan, |_| {}).await.expect("a store");
    assert_eq!((standing.done, standing.pending), (2, 0), "{standing:?}");
    let creates = world.hub.tally.get(Count::Creates);
    world.settle().await;
    assert_eq!(world.hub.tally.get(Count::Creates), creates, "the hub that comes up later makes nothing twice");
    let deal = world.only(Entity::Opportunity).await;
    let acme = world.only(Entity::Organization).await;
    assert_eq!(
        world.shown(&deal, "salesforce", "Opportunity")["AccountId"],
        world.shown(&acme, "salesforce", "Account")["Id"]
    );
    assert_eq!(planned(&world, "salesforce").await.writes, []);
}
