//! Who is written to, and what is created where.

use crate::crm::{company, edit, text};
use concord_connector::{Entity, sandbox::Act};
use concord_hub::{
    events::Count,
    review::Subject,
    settings::{Mode, Scope},
    steps, views,
};
use concord_tests::world::{Account, World, account, links};
use serde_json::json;

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];

fn small<'a>(name: &'a str, system: &'a str) -> Account<'a> {
    Account { maps: ORGANIZATIONS, ..account(name, system) }
}

/// Requests that change something, by their shape.
fn writes(world: &World, name: &str) -> Vec<String> {
    let served = world.vendor(name, |vendor| vendor.served().clone());
    let reads = ["search", "read", "oauth", "token", "query", "schemas", "properties", "GET "];
    let changing = served.into_iter().filter(|(shape, _)| !reads.iter().any(|read| shape.contains(read)));
    changing.map(|(shape, times)| format!("{shape} x{times}")).collect()
}

fn scope(world: &World, name: &str, scope: Scope) {
    world.reconfigure(|settings| {
        let connection = settings.connections.get_mut(name).expect("a connection");
        connection.scope.insert(Entity::Organization, scope);
    });
}

fn partners_only() -> Scope {
    Scope::Where { field: "roles".into(), values: vec!["partner".into()] }
}

fn with_role(name: &str, domain: &str, role: &str) -> Act {
    let properties = json!({"name": name, "domain": domain, "concord_roles": role});
    Act::Create { object: "companies".into(), fields: json!({ "properties": properties }) }
}

#[tokio::test]
async fn a_connection_that_observes_is_never_written_to() {
    let observed = Account { mode: Mode::Observe, ..small("salesforce", "salesforce") };
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), observed]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.act(
        "salesforce",
        Act::Create { object: "Account".into(), fields: json!({"Name": "Acme Inc", "Website": "acme.example"}) },
    );
    world.act("hubspot-eu", company("Other", "other.example"));
    world.settle().await;
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "+49 30 1"}})));
    world.settle().await;
    let record = world
        .records(Entity::Organization)
        .await
        .into_iter()
        .find(|record| links(record).len() == 2)
        .expect("they are one by their domain");
    assert_eq!(text(&record, "phone"), "+49 30 1");
    assert_eq!(world.vendor("salesforce", |vendor| vendor.records()["Account"].len()), 1);
    assert_eq!(writes(&world, "salesforce"), Vec::<String>::new());
    // What it would do is shown, and done once the admin says so.
    let preview = views::preview(&world.hub, &"salesforce".into()).await.expect("a preview");
    let shown = format!("{preview:?}");
    assert!(shown.contains("phone"), "{shown}");
    world.reconfigure(|settings| settings.connections.get_mut("salesforce").expect("it").mode = Mode::Sync);
    steps::reconfigure::run(&world.hub).await.expect("a store");
    world.settle().await;
    assert_eq!(world.vendor("salesforce", |vendor| vendor.records()["Account"].len()), 2);
    assert_eq!(world.shown(&world.record(&record.id).await, "salesforce", "Account")["Phone"], "+49 30 1");
    assert!(!writes(&world, "salesforce").is_empty(), "a write would have been seen");
}

#[tokio::test]
async fn only_records_with_a_role_of_the_scope_are_created() {
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    scope(&world, "salesforce", partners_only());
    world.act("hubspot-eu", with_role("Partner", "partner.example", "partner;customer"));
    let late = world.act("hubspot-eu", with_role("Customer", "customer.example", "customer"));
    world.act("hubspot-eu", company("Nobody", "nobody.example"));
    world.settle().await;
    let there = |world: &World| world.vendor("salesforce", |vendor| vendor.records()["Account"].len());
    assert_eq!(links(&world.named(Entity::Organization, "Partner").await).len(), 2);
    assert_eq!(there(&world), 1);
    world.act("hubspot-eu", edit("companies", &late, json!({"properties": {"concord_roles": "customer;partner"}})));
    world.settle().await;
    assert_eq!(links(&world.named(Entity::Organization, "Customer").await).len(), 2, "it came into scope");
    assert_eq!(there(&world), 2);
}

#[tokio::test]
async fn leaving_the_scope_stops_updates_and_deletes_nothing() {
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    scope(&world, "salesforce", partners_only());
    let id = world.act("hubspot-eu", with_role("Acme", "acme.example", "partner"));
    world.settle().await;
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"concord_roles": "customer"}})));
    world.settle().await;
    let before = world.shown(&world.only(Entity::Organization).await, "salesforce", "Account");
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "2", "name": "Acme two"}})));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let after = world.shown(&record, "salesforce", "Account");
    assert_eq!((text(&record, "name"), after["Name"].as_str()), ("Acme two".into(), before["Name"].as_str()));
    assert_eq!(after["Phone"], before["Phone"]);
    assert!(record.pending().is_empty());
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"concord_roles": "partner"}})));
    world.settle().await;
    let back = world.shown(&world.only(Entity::Organization).await, "salesforce", "Account");
    assert_eq!((&back["Name"], &back["Phone"]), (&json!("Acme two"), &json!("2")), "back in scope it catches up");
}

#[tokio::test]
async fn a_linked_scope_updates_and_creates_nothing() {
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    scope(&world, "salesforce", Scope::Linked);
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.act("hubspot-eu", company("Other", "other.example"));
    let account = Act::Create { object: "Account".into(), fields: json!({"Name": "Acme", "Website": "acme.example"}) };
    world.act("salesforce", account);
    world.settle().await;
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "2"}})));
    world.settle().await;
    let record = world.named(Entity::Organization, "Acme").await;
    assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "2");
    assert_eq!(world.vendor("salesforce", |vendor| vendor.records()["Account"].len()), 1);
}

#[tokio::test]
async fn what_was_deleted_somewhere_is_not_created_there_again() {
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let there = world.shown(&world.only(Entity::Organization).await, "salesforce", "Account")["Id"].clone();
    let there = there.as_str().expect("an id").to_owned();
    world.act("salesforce", Act::Delete { object: "Account".into(), id: there });
    world.settle().await;
    for phone in ["1", "2", "3"] {
        world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": phone}})));
        world.settle().await;
    }
    steps::schedule::backfill(&world.hub, &world.hub.settings().connections["salesforce"]).await.expect("a store");
    world.settle().await;
    let left = world.vendor("salesforce", |vendor| vendor.records().get("Account").map_or(0, |found| found.len()));
    assert_eq!(left, 0);
    assert_eq!(world.vendor("hubspot-eu", |vendor| vendor.records()["companies"].len()), 1, "and the other is kept");
    let reviews = world.reviews().await;
    assert!(matches!(reviews.as_slice(), [one] if matches!(one.subject, Subject::Deleted { .. })), "{reviews:?}");
}

#[tokio::test]
async fn several_hits_of_a_search_are_a_question_and_nothing_is_created() {
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    // Two accounts of one domain that the hub has not read: only a search finds them.
    world.reconfigure(|settings| {
        let connection = settings.connections.get_mut("salesforce").expect("a connection");
        connection.poll_every_s = 1_000_000_000;
    });
    world.vendor("salesforce", |vendor| vendor.subscribe(None));
    steps::schedule::tick(&world.hub).await.expect("a tick that polls what is empty");
    world.settle().await;
    for name in ["Acme North", "Acme South"] {
        let fields = json!({"Name": name, "Website": "https://acme.example"});
        world.act("salesforce", Act::Create { object: "Account".into(), fields });
    }
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    assert_eq!(world.vendor("salesforce", |vendor| vendor.records()["Account"].len()), 2);
    assert_eq!(world.hub.tally.get(Count::Creates), 0);
    let reviews = world.reviews().await;
    let several = reviews.iter().find(|review| matches!(review.subject, Subject::SeveralFound { .. }));
    let several = several.unwrap_or_else(|| panic!("a question: {reviews:#?}"));
    assert!(several.sentence.contains("none was created"), "{}", several.sentence);
    assert_eq!(several.choices, ["adopt", "create", "dismiss"]);
}

#[tokio::test]
async fn a_placeholder_is_never_delivered() {
    let both = &[Entity::Organization, Entity::Opportunity];
    let sync = |name, system| Account { creates: both, maps: both, ..account(name, system) };
    let mut world = World::new(&[sync("hubspot-eu", "hubspot"), sync("salesforce", "salesforce")]).await;
    let meddler = crate::meddle::Meddler::enter(&mut world);
    let customer = world.act("hubspot-eu", company("Hidden", "hidden.example"));
    // The customer cannot be read: permissions of the app end there.
    let hidden = customer.clone();
    meddler.answers(move |request, response| {
        if !request.url.contains("/companies/") {
            return;
        }
        let Ok(mut body) = serde_json::from_slice::<serde_json::Value>(&response.body) else { return };
        if let Some(rows) = body["results"].as_array_mut() {
            rows.retain(|row| row["id"] != json!(hidden));
        }
        response.body = body.to_string().into_bytes();
    });
    world.act(
        "hubspot-eu",
        Act::Create {
            object: "deals".into(),
            fields: json!({
                "properties": {"dealname": "Deal", "dealstage": "qualifiedtobuy", "closedate": "2026-06-30T10:00:00Z"},
                "associations": [{"to": "companies", "id": customer, "label": "Primary"}]
            }),
        },
    );
    world.settle().await;
    assert_eq!(world.records(Entity::Organization).await.len(), 0, "only a placeholder is there");
    let accounts = world.vendor("salesforce", |vendor| vendor.records().get("Account").map_or(0, |found| found.len()));
    assert_eq!(accounts, 0, "nobody creates what nobody has seen");
    meddler.leave();
    world.act("hubspot-eu", edit("companies", &customer, json!({"properties": {"phone": "1"}})));
    world.settle().await;
    let deal = world.named(Entity::Opportunity, "Deal").await;
    let hidden = world.named(Entity::Organization, "Hidden").await;
    assert_eq!(
        world.shown(&deal, "salesforce", "Opportunity")["AccountId"],
        world.shown(&hidden, "salesforce", "Account")["Id"],
        "{:?}",
        deal.outbox
    );
}
