//! The match report: a new connection is observed, a person works through what it would bring, then it is switched on.

use crate::crm::company;
use concord_connector::{Entity, sandbox::Act};
use concord_hub::{
    matches::{Asked, Choice, Line, Report, Verdict, decide, report},
    settings::Mode,
    steps,
};
use concord_tests::world::{Account, World, account, links};
use serde_json::json;

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];

fn there(world: &World, name: &str, fields: serde_json::Value) {
    let mut all = json!({ "Name": name });
    for (field, value) in fields.as_object().into_iter().flatten() {
        all[field] = value.clone();
    }
    world.act("salesforce", Act::Create { object: "Account".into(), fields: all });
}

async fn world() -> World {
    let small = |name, system| Account { maps: ORGANIZATIONS, ..account(name, system) };
    let observed = Account { mode: Mode::Observe, ..small("salesforce", "salesforce") };
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), observed]).await;
    for (name, domain) in [("Acme GmbH", "acme.example"), ("Müller & Söhne KG", ""), ("Only Here", "here.example")] {
        world.act("hubspot-eu", company(name, domain));
    }
    world.reconfigure(|settings| {
        settings.connections.get_mut("salesforce").expect("a connection").hold_new = true;
    });
    there(&world, "ACME Inc.", json!({ "Website": "https://www.acme.example", "Phone": "1" }));
    there(&world, "Mueller & Soehne", json!({}));
    there(&world, "Only There", json!({}));
    world.settle().await;
    world
}

async fn all(world: &World) -> Report {
    let asked = Asked { limit: 100, ..Asked::default() };
    report(&world.hub, &"salesforce".into(), &asked).await.expect("a report")
}

fn line(report: &Report, verdict: Verdict) -> &Line {
    let mut found = report.lines.iter().filter(|line| line.verdict == verdict);
    let line = found.next().unwrap_or_else(|| panic!("no line is {verdict:?}: {:#?}", report.lines));
    assert!(found.next().is_none() || verdict == Verdict::OnlyHere, "{:#?}", report.lines);
    line
}

async fn choose(world: &World, line: &Line, choice: &str) {
    let choices = [Choice { id: line.id.clone(), choice: choice.into() }];
    let done = decide(&world.hub, &"salesforce".into(), &choices).await.expect("a store");
    assert_eq!(done.decided, std::slice::from_ref(&line.id), "{:?}", done.refused);
}

fn accounts(world: &World) -> usize {
    world.vendor("salesforce", |vendor| vendor.records()["Account"].len())
}

fn companies(world: &World) -> usize {
    world.vendor("hubspot-eu", |vendor| vendor.records()["companies"].len())
}

#[tokio::test]
async fn each_record_of_a_new_connection_has_a_line_that_says_why() {
    let world = world().await;
    let report = all(&world).await;
    let matched = line(&report, Verdict::Matched);
    assert!(matched.reasons.iter().any(|reason| reason.contains("acme.example")), "{matched:?}");
    assert!(!matched.differences.is_empty(), "{matched:?}");
    let near = line(&report, Verdict::Near);
    assert_eq!(near.here.as_ref().map(|side| side.name.as_str()), Some("Müller & Söhne KG"));
    assert!(near.reasons[0].contains("`mueller soehne`"), "{near:?}");
    assert_eq!(line(&report, Verdict::OnlyThere).there.as_ref().map(|side| side.name.as_str()), Some("Only There"));
    let here: Vec<&str> = report
        .lines
        .iter()
        .filter(|line| line.verdict == Verdict::OnlyHere)
        .filter_map(|line| Some(line.here.as_ref()?.name.as_str()))
        .collect();
    assert!(here.contains(&"Only Here"), "{here:?}");
    let again = all(&world).await;
    assert_eq!(report, again, "the same line has the same id");
    let mut pieces = Vec::new();
    let mut asked = Asked { limit: 1, ..Asked::default() };
    loop {
        let piece = concord_hub::matches::report(&world.hub, &"salesforce".into(), &asked).await.expect("a report");
        pieces.extend(piece.lines);
        match piece.next {
            Some(next) => asked.after = Some(next),
            None => break,
        }
    }
    assert_eq!(pieces, report.lines, "piece by piece it is the same");
}

#[tokio::test]
async fn what_a_person_decides_is_what_switching_on_does() {
    let mut world = world().await;
    let report = all(&world).await;
    choose(&world, line(&report, Verdict::Near), "link").await;
    choose(&world, line(&report, Verdict::OnlyThere), "ignore").await;
    let ignored = report
        .lines
        .iter()
        .find(|line| line.here.as_ref().is_some_and(|side| side.name == "Only Here"))
        .expect("a line");
    choose(&world, ignored, "ignore").await;
    let open = Asked { limit: 100, open: true, ..Asked::default() };
    let left = concord_hub::matches::report(&world.hub, &"salesforce".into(), &open).await.expect("a report");
    assert_eq!(left.lines.iter().filter(|line| line.verdict == Verdict::Near).count(), 0, "{:#?}", left.lines);
    let before = companies(&world);
    world.reconfigure(|settings| {
        let connection = settings.connections.get_mut("salesforce").expect("a connection");
        (connection.mode, connection.hold_new) = (Mode::Sync, false);
    });
    steps::reconfigure::run(&world.hub).await.expect("a store");
    world.settle().await;
    assert_eq!(accounts(&world), 3, "`Only Here` is not made there");
    assert_eq!(companies(&world), before, "`Only There` is made nowhere");
    let mueller = world.named(Entity::Organization, "Müller & Söhne KG").await;
    assert_eq!(links(&mueller).len(), 2, "{:?}", links(&mueller));
    let all = all(&world).await;
    let linked = all.lines.iter().find(|line| line.here.as_ref().is_some_and(|side| side.name.starts_with("Müller")));
    assert_eq!(linked.map(|line| line.verdict), Some(Verdict::Matched));
}

#[tokio::test]
async fn who_is_said_not_to_be_the_same_is_not_suggested_again() {
    let world = world().await;
    let report = all(&world).await;
    choose(&world, line(&report, Verdict::Near), "not_the_same").await;
    let again = all(&world).await;
    assert_eq!(again.lines.iter().filter(|line| line.verdict == Verdict::Near).count(), 0);
    let matched = line(&again, Verdict::Matched);
    choose(&world, matched, "not_the_same").await;
    let parted = all(&world).await;
    assert_eq!(parted.lines.iter().filter(|line| line.verdict == Verdict::Matched).count(), 0, "{:#?}", parted.lines);
    let wrong = [Choice { id: "nothing".into(), choice: "link".into() }];
    let done = decide(&world.hub, &"salesforce".into(), &wrong).await.expect("a store");
    assert_eq!((done.decided.len(), done.refused.len()), (0, 1));
}
