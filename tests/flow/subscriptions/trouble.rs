//! Subscribers that answer slowly, badly or not at all.

use super::{
    SIGNING, phone,
    receiver::{answer, asking},
    world,
};
use crate::crm::company;
use concord_connector::Entity;
use concord_hub::{
    events::Count,
    ports::{HttpError, HttpResponse},
    review::Subject,
    reviews, steps, subscription, views,
};
use concord_tests::world::World;
use std::time::Duration;

fn broken() -> Result<HttpResponse, HttpError> {
    Err(HttpError::NotSent("No connection: refused.".into()))
}

/// Lets time pass as the scheduler sees it.
async fn pass(world: &mut World, time: Duration, step: Duration) {
    let end = world.now().plus(time);
    while world.now() < end {
        world.clock.advance(step);
        let _ticked = steps::schedule::tick(&world.hub).await;
        while world.round().await {}
    }
}

#[tokio::test]
async fn what_was_not_accepted_comes_again_with_the_same_id_as_the_schedule_says() {
    let (mut world, [inbox]) = world(["portal"]).await;
    inbox.answers([answer(500), broken(), answer(404), answer(302), answer(204)]);
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    pass(&mut world, Duration::from_secs(4 * 3600), Duration::from_secs(10)).await;
    let events = inbox.all();
    assert_eq!(events.iter().map(|event| event.status).collect::<Vec<_>>(), [500, 0, 404, 302, 204]);
    for (two, slot) in events.windows(2).zip(subscription::SLOTS) {
        let waited = two[1].at.since(two[0].at);
        assert!(waited >= slot && waited <= slot * 13 / 10 + Duration::from_secs(40), "{waited:?} for {slot:?}");
        assert_eq!(two[0].header("webhook-id"), two[1].header("webhook-id"));
        assert_eq!(two[0].body, two[1].body);
        assert_ne!(two[0].header("webhook-timestamp"), two[1].header("webhook-timestamp"), "signed anew");
    }
    events.iter().for_each(|event| drop(event.verified(&[SIGNING])));
}

/// Security line 23.
#[tokio::test]
async fn s23_whoever_asks_to_be_left_alone_is_but_not_for_ever() {
    for status in [429, 503] {
        let (mut world, [inbox]) = world(["portal"]).await;
        inbox.answers([asking(status, 1_000_000), answer(204)]);
        world.act("hubspot-eu", company("Acme", "acme.example"));
        while inbox.all().is_empty() {
            world.round().await;
        }
        // What comes meanwhile waits as well.
        world.act("hubspot-eu", company("Umbrella", "umbrella.example"));
        pass(&mut world, Duration::from_secs(9), Duration::from_secs(1)).await;
        assert_eq!(inbox.all().len(), 1, "twice the slot of five seconds is not over");
        world.settle().await;
        assert_eq!(inbox.accepted().len(), 2);
        let waited = inbox.all()[1].at.since(inbox.all()[0].at);
        assert!((10..=14).contains(&waited.as_secs()), "{waited:?}");
    }
}

/// Security line 23.
#[tokio::test]
async fn s23_410_disables_until_a_person_says_otherwise_and_then_nothing_is_missing() {
    let (mut world, [inbox, other]) = world(["portal", "other"]).await;
    inbox.answers([answer(204), answer(410), answer(204)]);
    let acme = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    for number in ["1", "2", "3"] {
        phone(&world, &acme, number);
        world.settle().await;
    }
    world.act("hubspot-eu", company("Umbrella", "umbrella.example"));
    world.settle().await;
    assert_eq!(inbox.all().len(), 2, "nothing is sent after a 410");
    assert_eq!(other.accepted().len(), 5, "others are told");
    let view = views::subscription(&world.hub, &"portal".into()).await.unwrap();
    assert_eq!((view.state, view.pending), ("disabled", Some(2)), "one for each record that changed");
    let asked = world.reviews().await;
    let [review] = asked.as_slice() else { panic!("{asked:#?}") };
    assert!(matches!(&review.subject, Subject::Stopped { .. }) && review.sentence.contains("410 Gone"), "{review:?}");
    reviews::decide(&world.hub, &review.id, "enable", None).await.unwrap();
    world.settle().await;
    assert_eq!(inbox.accepted().len(), 3, "{:#?}", inbox.accepted());
    let told: Vec<_> = inbox.accepted()[1..].iter().map(|event| event.verified(&[SIGNING])).collect();
    assert!(told.iter().any(|event| event["data"]["fields"]["phone"] == "3"));
    assert!(told.iter().any(|event| event["data"]["fields"]["name"] == "Umbrella"));
    assert!(world.reviews().await.is_empty());
}

#[tokio::test]
async fn a_dead_subscriber_blocks_nobody_and_catches_up_with_one_event_for_each_record() {
    let (mut world, [dead, alive]) = world(["dead", "alive"]).await;
    dead.answers([broken()]);
    let ids: Vec<String> =
        (0..12).map(|n| world.act("hubspot-eu", company(&format!("Company {n}"), &format!("c{n}.example")))).collect();
    world.settle().await;
    for round in 0..10 {
        for id in &ids {
            phone(&world, id, &format!("+49 {round}"));
        }
        world.settle().await;
        pass(&mut world, Duration::from_secs(2 * 3600), Duration::from_secs(60)).await;
    }
    assert!(alive.accepted().len() >= 12 * 11, "{}", alive.accepted().len());
    let knocks = dead.all().len();
    assert!(knocks < 300, "20 hours of outage, a probe every five minutes: {knocks}");
    let view = views::subscription(&world.hub, &"dead".into()).await.unwrap();
    assert_eq!((view.state, view.pending), ("in trouble", Some(12)));
    assert!(view.reason.is_some_and(|reason| reason.contains("No connection")));
    dead.answers([answer(204)]);
    let back = world.now();
    pass(&mut world, Duration::from_secs(400), Duration::from_secs(1)).await;
    let caught_up = dead.accepted();
    assert_eq!(caught_up.len(), 12, "the newest state of each record, not the backlog");
    assert!(caught_up.iter().all(|event| event.verified(&[SIGNING])["data"]["fields"]["phone"] == "+49 9"));
    let took = caught_up.last().unwrap().at.since(back);
    assert!(took <= subscription::LONGEST * 2, "{took:?}");
    assert_eq!(views::subscription(&world.hub, &"dead".into()).await.unwrap().state, "fine");
}

#[tokio::test]
async fn a_record_that_a_subscriber_cannot_stand_stops_no_other_and_ends_as_a_dead_letter() {
    let (mut world, [inbox]) = world(["portal"]).await;
    inbox.refuses("Poison");
    world.act("hubspot-eu", company("Poison", "poison.example"));
    let acme = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    for day in 0..5 {
        phone(&world, &acme, &format!("+49 {day}"));
        world.settle().await;
        pass(&mut world, Duration::from_secs(86_400), Duration::from_secs(300)).await;
    }
    let acme_events = inbox.accepted();
    assert_eq!(acme_events.len(), 6, "its neighbour is told at once");
    let refused = inbox.all().len() - acme_events.len();
    assert_eq!(refused, subscription::SLOTS.len() + 1, "as often as the schedule says");
    let letters = views::dead_letters(&world.hub, None, 10).await.unwrap().letters;
    let [letter] = letters.as_slice() else { panic!("{letters:#?}") };
    assert!(letter.reason.contains("answered 500") && letter.reason.contains("10 times"), "{}", letter.reason);
    assert!(!format!("{letter:?}").contains("Poison"), "no values");
    inbox.answers([answer(204)]);
    let redriven = views::redrive(&world.hub, Some(&letter.id)).await.unwrap();
    assert_eq!(redriven.redriven.len(), 1);
    world.settle().await;
    assert_eq!(inbox.accepted().len(), 7);
    assert_eq!(world.hub.tally.get(Count::DeadLetters), 1);
}

#[tokio::test]
async fn who_takes_nothing_for_five_days_is_disabled_and_a_person_is_told() {
    let (mut world, [inbox]) = world(["portal"]).await;
    inbox.answers([broken()]);
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    pass(&mut world, Duration::from_secs(7 * 86_400), Duration::from_secs(600)).await;
    assert!(world.reviews().await.iter().any(|review| review.sentence.contains("nothing for five days")));
    assert!(views::dead_letters(&world.hub, None, 10).await.unwrap().letters.is_empty(), "nothing is given up");
    inbox.answers([answer(204)]);
    subscription::enable(&world.hub, &"portal".into()).await.unwrap();
    world.settle().await;
    assert_eq!(inbox.accepted().len(), 1);
    assert!(world.reviews().await.is_empty());
    assert_eq!(world.records(Entity::Organization).await.len(), 1);
}
