//! Who decided, why, and taking it back.

use super::world::{DOCUMENT, World, golden};
use concord_hub::{
    explain::{self, Explanation},
    people::{self, Word},
    record::Record,
    reviews,
};

async fn explained(world: &World, record: &Record) -> Explanation {
    explain::explain(&world.hub, &record.id).await.unwrap().unwrap()
}

fn because<'a>(explanation: &'a Explanation, field: &str) -> &'a str {
    &explanation.fields.iter().find(|story| story.field.as_str() == field).expect("the field").because
}

#[tokio::test]
async fn a_value_names_who_set_it_and_why() {
    let world = World::new();
    let record = world.sees("north", "1", &[("name", "Acme")]).await;
    let word = Word::of("anna", Some("as their letter says"));
    let record = people::set_by(&world.hub, &record.id, "name", Some("Acme Inc"), &word).await.unwrap();
    let said = explained(&world, &record).await;
    assert!(
        because(&said, "name").starts_with("a person in Concord (anna: \"as their letter says\") said it at "),
        "{}",
        because(&said, "name")
    );
    // Set again by somebody who gives no reason: the old one does not stand for the new value.
    let record = people::set(&world.hub, &record.id, "name", Some("Acme Ltd")).await.unwrap();
    assert!(because(&explained(&world, &record).await, "name").starts_with("a person in Concord said it at "));
}

#[tokio::test]
async fn a_value_set_under_an_owner_can_be_taken_back() {
    let owned =
        format!("{DOCUMENT}\n[policy.organization]\nname = {{ rule = \"owner\", order = [\"north\", \"south\"] }}\n");
    let world = World::with(&owned);
    let record = world.sees("north", "1", &[("name", "Acme"), ("domain", "acme.example")]).await;
    let none = people::withdraw(&world.hub, &record.id, "name", &Word::default()).await.unwrap_err();
    assert!(none.message().contains("there is nothing to take back"), "{none}");
    people::set_by(&world.hub, &record.id, "name", Some("Mine"), &Word::of("anna", None)).await.unwrap();
    let record = world.sees("north", "1", &[("name", "Acme Two"), ("domain", "acme.example")]).await;
    assert_eq!(golden(&record, "name"), "Mine", "a person is the first owner");
    let word = Word::of("bert", Some("anna was wrong"));
    let record = people::withdraw(&world.hub, &record.id, "name", &word).await.unwrap();
    assert_eq!(golden(&record, "name"), "Acme Two", "what the owner's people say counts again");
    let text = explained(&world, &record).await.text(Some("name"));
    assert!(text.contains("was taken back at") && text.contains("bert: \"anna was wrong\""), "{text}");
    let record = world.sees("north", "1", &[("name", "Acme Three"), ("domain", "acme.example")]).await;
    assert_eq!(golden(&record, "name"), "Acme Three");
    let record = people::set(&world.hub, &record.id, "name", Some("Again")).await.unwrap();
    assert_eq!(golden(&record, "name"), "Again", "and it can be set again");
}

#[tokio::test]
async fn taking_back_a_manual_decision_asks_again() {
    let manual = format!("{DOCUMENT}\n[policy.organization]\nname = {{ rule = \"manual\" }}\n");
    let world = World::with(&manual);
    world.sees("north", "1", &[("name", "Acme"), ("domain", "acme.example")]).await;
    let record = world.sees("south", "9", &[("name", "ACME"), ("domain", "acme.example")]).await;
    let open = async || reviews::list(&world.hub, None, 10).await.unwrap().reviews;
    let question = open().await.remove(0);
    let word = Word::of("anna", Some("called them"));
    let decided = reviews::decide_by(&world.hub, &question.id, "set", Some("Acme"), &word).await.unwrap();
    assert!(decided.decided.is_some());
    let kept = reviews::show(&world.hub, &question.id).await.unwrap().and_then(|review| review.decided).unwrap();
    assert_eq!((kept.by.as_deref(), kept.why.as_deref()), (Some("anna"), Some("called them")));
    assert_eq!(open().await.len(), 0);
    people::withdraw(&world.hub, &record.id, "name", &word).await.unwrap();
    assert_eq!(open().await.len(), 1, "the claims still differ");
}

#[tokio::test]
async fn a_merge_and_its_end_name_who_decided_and_why() {
    let world = World::new();
    let a = world.sees("north", "1", &[("name", "Acme")]).await;
    let b = world.sees("south", "9", &[("name", "ACME")]).await;
    people::merge_by(&world.hub, &a.id, &b.id, &Word::of("anna", Some("one address"))).await.unwrap();
    let text = explained(&world, &world.owner("north", "1").await).await.text(None);
    assert!(text.contains("a person joined them") && text.contains("anna: \"one address\""), "{text}");
    let one = world.owner("north", "1").await;
    people::unmerge_by(&world.hub, &one.id, None, &Word::of("bert", Some("two tax ids"))).await.unwrap();
    for (connection, id) in [("north", "1"), ("south", "9")] {
        let text = explained(&world, &world.owner(connection, id).await).await.text(None);
        assert!(text.contains("kept apart by a person") && text.contains("bert: \"two tax ids\""), "{text}");
    }
}

#[tokio::test]
async fn a_field_that_nobody_may_say_is_not_called_manual() {
    let only = format!(
        "{DOCUMENT}\n[policy.organization]\nindustry = {{ rule = \"owner\", order = [\"south\"], only = true }}\n"
    );
    let world = World::with(&only);
    let record = world.sees("north", "1", &[("name", "Acme"), ("industry", "Steel")]).await;
    let said = explained(&world, &record).await;
    let because = because(&said, "industry");
    assert!(!because.contains("manual"), "{because}");
    assert!(because.contains("nobody who may say it says anything") && because.contains("south"), "{because}");
}
