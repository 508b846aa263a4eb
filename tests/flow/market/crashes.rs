//! One offer, whatever breaks: every call of every port is broken in turn, and answers of AWS get lost.

use super::*;
use concord_connector::sandbox::Trouble;
use concord_hub::testing::When;

/// An offer is made and extended; how many port calls that took.
async fn history(call: u64, when: When, dies: bool) -> u64 {
    let mut world = World::new(&[seller()]).await;
    minutes(&mut world, 1).await;
    if dies {
        world.plan.crash(call, when)
    } else {
        world.plan.fail(call, when)
    }
    let Ok(offer) = people::make(&world.hub, OFFER, &year(), &people::Word::default()).await else {
        // The person was told that it is not there, and it is not - or it is, and nobody was told.
        return 0;
    };
    minutes(&mut world, 10).await;
    let extended = people::set(&world.hub, &offer.id, "accept_by", Some("2026-02-28")).await;
    minutes(&mut world, 20).await;
    let calls = world.plan.calls();
    world.plan.heal();
    let story = format!("call {call}, {when:?}, {}", if dies { "all after it" } else { "alone" });
    let offers = there(&world);
    assert_eq!(offers.len(), 1, "{story}: exactly one offer: {offers:#?}");
    let record = world.record(&offer.id).await;
    assert_eq!(word(&record, "status"), "open", "{story}");
    if extended.is_ok() {
        assert!(offers[0].to_string().contains("2026-02-28"), "{story}: {offers:#?}");
    }
    assert!(record.pending().is_empty(), "{story}: {:?}", record.outbox);
    calls
}

async fn share(rest: u64, of: u64, dies: bool) {
    let calls = history(u64::MAX, When::Before, false).await;
    assert!(calls > 60, "the history is worth breaking: {calls} calls");
    // What follows is the same looking again and again.
    for call in (1..=calls.min(240)).filter(|call| call % of == rest) {
        for when in [When::Before, When::After] {
            history(call, when, dies).await;
        }
    }
}

#[tokio::test]
async fn one_offer_is_made_whichever_port_call_fails_1_of_2() {
    share(0, 4, false).await;
}

#[tokio::test]
async fn one_offer_is_made_whichever_port_call_fails_2_of_2() {
    share(2, 4, false).await;
}

#[tokio::test]
async fn one_offer_is_made_wherever_the_process_dies() {
    share(1, 4, true).await;
}

#[tokio::test]
async fn an_answer_that_gets_lost_makes_no_second_offer() {
    for lost in ["/StartChangeSet", "/DescribeChangeSet", "/DescribeEntity", "/ListChangeSets", "/ListEntities"] {
        let mut world = World::new(&[seller()]).await;
        minutes(&mut world, 1).await;
        world.vendor("seller", |vendor| vendor.faults().plan(lost, Trouble::LoseAnswer));
        let offer = make(&world, year()).await;
        minutes(&mut world, 20).await;
        the_offer(&world);
        assert_eq!(word(&world.record(&offer.id).await, "status"), "open", "{lost}");
    }
}

#[tokio::test]
async fn throttled_at_every_turn_it_is_made_once() {
    let mut world = World::new(&[seller()]).await;
    for path in ["/ListEntities", "/StartChangeSet", "/StartChangeSet", "/DescribeChangeSet", "/DescribeEntity"] {
        world.vendor("seller", |vendor| vendor.faults().plan(path, Trouble::Throttle(Some(2))));
    }
    let offer = make(&world, year()).await;
    minutes(&mut world, 30).await;
    the_offer(&world);
    assert_eq!(word(&world.record(&offer.id).await, "status"), "open");
    assert!(world.vendor("seller", |vendor| vendor.faults().is_empty()), "it throttled nobody");
}
