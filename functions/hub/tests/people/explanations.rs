//! Every value names its source, time and rule, and every difference its reason.

use super::world::{DOCUMENT, World};
use concord_connector::{Entity, Snapshot, SourceVersion, Value};
use concord_hub::{explain::explain, people};
use std::time::Duration;

async fn text(world: &World, id: &concord_connector::RecordId) -> String {
    explain(&world.hub, id).await.unwrap().unwrap().text(None)
}

#[tokio::test]
async fn a_value_names_who_said_it_when_and_by_which_rule_and_who_lost() {
    let world = World::new();
    world.sees("north", "1", &[("name", "Acme"), ("domain", "acme.example")]).await;
    world.sees("south", "1", &[("name", "ACME"), ("domain", "acme.example")]).await;
    let record = world.sees("south", "1", &[("name", "Acme Ltd"), ("domain", "acme.example")]).await;
    let shown = text(&world, &record.id).await;
    assert!(
        shown.contains(
            "name = `Acme Ltd`\n  south/1 said it at 2026-01-01T00:03:00.000Z; rule `latest`: the latest edit wins"
        ),
        "{shown}"
    );
    assert!(shown.contains("north/1 said `Acme` at first sight"), "{shown}");
    assert!(shown.contains("north/1 holds `Acme`: on its way since 2026-01-01T00:03:00.000Z"), "{shown}");
    assert!(shown.contains("joined by domain:acme.example"), "{shown}");
    assert!(shown.contains("name is to be written to north/1"), "{shown}");
    let record = people::set(&world.hub, &record.id, "name", Some("Acme Inc")).await.unwrap();
    let shown = text(&world, &record.id).await;
    assert!(shown.contains("a person in Concord said it at"), "{shown}");
    assert!(shown.contains("south/1 said `Acme Ltd` at 2026-01-01T00:03:00.000Z"), "{shown}");
    let only = explain(&world.hub, &record.id).await.unwrap().unwrap().text(Some("domain"));
    assert!(!only.contains("name =") && only.contains("domain ="), "{only}");
}

#[tokio::test]
async fn a_difference_names_its_reason() {
    let world = World::with(&format!(
        "{DOCUMENT}\n[policy.organization]\nname = {{ rule = \"owner\", order = [\"north\"], only = true, others = \"leave\" }}\n"
    ));
    world
        .sees("north", "1", &[("name", "Acme"), ("tax_id", "DE136695976"), ("industry", "Manufacturing of steel")])
        .await;
    world.sees("south", "1", &[("name", "ACME"), ("tax_id", "DE136695976"), ("industry", "-")]).await;
    let record =
        world.sees("erp", "1", &[("name", "Acme GmbH"), ("tax_id", "DE136695976"), ("annual_revenue", "5 EUR")]).await;
    let record = people::set(&world.hub, &record.id, "industry", Some("Machine tools")).await.unwrap();
    let explanation = explain(&world.hub, &record.id).await.unwrap().unwrap();
    let why = |field: &str, at: &str| {
        let story = explanation.fields.iter().find(|story| story.field.as_str() == field).unwrap();
        let held = story.elsewhere.iter().find(|held| held.at.connection.as_str() == at);
        held.map_or_else(|| "it agrees".to_owned(), |held| held.why.clone())
    };
    assert_eq!(why("name", "south"), "the policy leaves this connection its own value");
    assert_eq!(why("name", "erp"), "the connection only observes; `mode = \"sync\"` would write it");
    assert_eq!(why("industry", "erp"), "not mapped at Erp");
    assert!(why("industry", "north").starts_with("on its way since"), "{}", why("industry", "north"));
    assert!(why("annual_revenue", "north").starts_with("never shown to us"), "{}", why("annual_revenue", "north"));
    assert_eq!(why("tax_id", "north"), "it agrees");
    let lost = &explanation.fields.iter().find(|story| story.field.as_str() == "name").unwrap().lost;
    assert!(lost.iter().all(|said| !said.counts), "nobody else may say the name");
}

#[tokio::test]
async fn an_uncertain_time_is_called_so() {
    let world = World::new();
    world.sees("north", "1", &[("name", "A"), ("domain", "acme.example")]).await;
    world.sees("south", "1", &[("name", "A"), ("domain", "acme.example")]).await;
    world.sees("south", "1", &[("name", "B"), ("domain", "acme.example")]).await;
    // An edit that was seen only now may be older than the one that it beats.
    world.clock.advance(Duration::from_secs(600));
    let mut snapshot = Snapshot::new(Entity::Organization, "1", SourceVersion(u64::MAX / 2));
    snapshot.fields.insert("name".into(), Value::text("C"));
    snapshot.fields.insert("domain".into(), Value::text("acme.example"));
    world.observes("north", snapshot).await;
    let record = world.owner("north", "1").await;
    let shown = text(&world, &record.id).await;
    assert!(shown.contains("name = `C`") && shown.contains("time uncertain"), "{shown}");
}

#[tokio::test]
async fn an_open_question_is_explained() {
    let world = World::with(&format!("{DOCUMENT}\n[policy.organization]\nindustry = \"manual\"\n"));
    world.sees("north", "1", &[("domain", "acme.example"), ("industry", "Steel")]).await;
    let record = world.sees("south", "1", &[("domain", "acme.example"), ("industry", "Iron")]).await;
    let shown = text(&world, &record.id).await;
    assert!(
        shown.contains("industry = (empty)\n  the claims differ and the rule is `manual`: a person has to decide"),
        "{shown}"
    );
    assert!(shown.contains("north/1 said `Steel`") && shown.contains("south/1 said `Iron`"), "{shown}");
}
