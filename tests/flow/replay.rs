//! F15, the golden replay: history resolved again is the truth that was, and under another policy precisely the
//! difference.

use crate::crm::{company, edit, text};
use concord_connector::{Entity, Field, Instant, sandbox::Act};
use concord_hub::{
    people,
    policy::{FieldPolicy, Others, Rule},
    replay::{self, Piece, Window},
    settings::Settings,
};
use concord_tests::world::{Account, World, account};
use serde_json::json;
use std::time::Duration;

const BOTH: &[Entity] = &[Entity::Organization, Entity::Opportunity];

/// Two systems whose people edit this and that, a merge, and a value that somebody set.
async fn lived() -> World {
    let sync = |name, system| Account { creates: BOTH, maps: BOTH, ..account(name, system) };
    let mut world = World::new(&[sync("hubspot-eu", "hubspot"), sync("salesforce", "salesforce")]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    let other = world.act("hubspot-eu", company("Bolt", "bolt.example"));
    world.act(
        "hubspot-eu",
        Act::Create {
            object: "deals".into(),
            fields: json!({
                "properties": {"dealname": "Deal", "dealstage": "qualifiedtobuy", "amount": "10", "deal_currency_code": "EUR", "closedate": "2026-06-30T00:00:00Z"},
                "associations": [{"to": "companies", "id": id, "label": "Primary"}]
            }),
        },
    );
    world.settle().await;
    let acme = world.named(Entity::Organization, "Acme").await;
    let there = world.shown(&acme, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
    world.act("salesforce", edit("Account", &there, json!({"Phone": "1", "Industry": "Energy"})));
    world.settle().await;
    // In both at once: the later edit wins.
    world.act("salesforce", edit("Account", &there, json!({"Phone": "2"})));
    world.clock.advance(Duration::from_secs(5));
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "3", "concord_roles": "partner"}})));
    world.settle().await;
    world.clock.advance(Duration::from_secs(3600));
    world.act("hubspot-eu", edit("companies", &other, json!({"properties": {"phone": "9"}})));
    world.settle().await;
    people::set(&world.hub, &acme.id, "industry", Some("Steel")).await.expect("a value");
    world.settle().await;
    let bolt = world.named(Entity::Organization, "Bolt").await;
    people::merge(&world.hub, &acme.id, &bolt.id).await.expect("a merge");
    world.settle().await;
    world
}

async fn replayed(world: &World, window: Window, other: &Settings) -> Piece {
    let (mut whole, mut after) = (Piece::default(), None);
    loop {
        // Pages of one, so that every seam is crossed.
        let piece = replay::replay(&world.hub, window, other, after.as_deref(), 1).await.expect("a store");
        whole.records += piece.records;
        whole.versions += piece.versions;
        whole.unknown += piece.unknown;
        whole.differences.extend(piece.differences);
        for (name, count) in piece.versions_that_differ {
            *whole.versions_that_differ.entry(name).or_default() += count;
        }
        match piece.next {
            Some(next) => after = Some(next),
            None => return whole,
        }
    }
}

fn with(world: &World, change: impl FnOnce(&mut Settings)) -> Settings {
    let now = world.hub.settings();
    let mut other = Settings { revision: now.revision + 1, ..Settings::clone(&now) };
    change(&mut other);
    other
}

fn salesforce_owns(field: &str) -> impl FnOnce(&mut Settings) {
    let field = Field::from(field);
    move |settings: &mut Settings| {
        let policy = FieldPolicy {
            rule: Rule::Owner,
            order: vec!["salesforce".into(), "hubspot-eu".into()],
            only: false,
            others: Others::Revert,
        };
        settings.policy.set(Entity::Organization, field, policy);
    }
}

const ALL: Window = Window { from: Instant::EPOCH, to: Instant::MAX };

#[tokio::test]
async fn golden_replay_under_the_same_policy_shows_no_difference() {
    let world = lived().await;
    let settings = world.hub.settings();
    let before = world.table.items();
    let piece = replayed(&world, ALL, &settings).await;
    assert!(piece.records == 3 && piece.versions > 6, "also those of the record that was merged: {piece:?}");
    assert_eq!((piece.unknown, &piece.differences), (0, &Vec::new()));
    assert!(piece.versions_that_differ.is_empty(), "{:?}", piece.versions_that_differ);
    assert_eq!(world.table.items(), before, "a replay writes nothing");
    assert_eq!(replayed(&world, ALL, &settings).await, piece, "and says the same twice");
}

#[tokio::test]
async fn golden_replay_under_another_policy_shows_precisely_the_difference() {
    let world = lived().await;
    let other = with(&world, salesforce_owns("phone"));
    let piece = replayed(&world, ALL, &other).await;
    let shapes: Vec<(String, Option<&str>, Option<&str>)> = piece
        .differences
        .iter()
        .map(|one| (format!("{}.{}", one.entity, one.field), one.now.as_deref(), one.then.as_deref()))
        .collect();
    let truth = world.records(Entity::Organization).await.into_iter().find(|one| one.facets.len() > 2).expect("Acme");
    let now = text(&truth, "phone");
    assert_eq!(shapes.len(), 1, "{shapes:?}");
    assert_eq!(shapes[0].0, "organization.phone");
    assert_eq!(shapes[0].1, Some(now.as_str()), "now is what the store says");
    assert_eq!(shapes[0].2, Some("2"), "the last that Salesforce's people said");
    let one = &piece.differences[0];
    assert!(one.then_because.contains("rule `owner`") && one.because.contains("rule `latest`"), "{one:?}");
    assert_eq!(piece.versions_that_differ.keys().collect::<Vec<_>>(), ["organization.phone"]);

    // The policy put into force has the same outcome as the shadow said.
    world.reconfigure(salesforce_owns("phone"));
    concord_hub::steps::reconfigure::run(&world.hub).await.expect("a store");
    assert_eq!(text(&world.record(&truth.id).await, "phone"), "2");
}

#[tokio::test]
async fn another_mapping_and_a_window_are_honoured() {
    let world = lived().await;
    let other = with(&world, |settings| {
        let hubspot = settings.connections.get_mut("hubspot-eu").expect("it");
        let mapping = hubspot.context.mappings.get_mut(&Entity::Organization).expect("it");
        mapping.fields.retain(|rule| rule.field.as_str() != "roles");
    });
    let piece = replayed(&world, ALL, &other).await;
    let fields: Vec<&str> = piece.differences.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["roles"], "{:?}", piece.differences);
    assert_eq!(replay::blind_spots(&world.hub.settings(), &other), Vec::<String>::new());
    let spots = replay::blind_spots(&other, &world.hub.settings());
    assert!(spots.len() == 1 && spots[0].contains("roles"), "{spots:?}");

    let first = world.hub.settings();
    let early = Window { from: Instant::EPOCH, to: world.now().minus(Duration::from_secs(100 * 86_400)) };
    assert_eq!(replayed(&world, early, &first).await.versions, 0, "nothing was there then");
    let late = Window { from: world.now(), to: Instant::MAX };
    assert_eq!(replayed(&world, late, &first).await.records, 0, "nothing happened since");
}
