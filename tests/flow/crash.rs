//! Law 2, and failure F9: after ingest answered 2xx the change reaches every subscribed system, whatever fails in between.
//!
//! Every call of every port is broken in turn: it is refused, or it is carried out and nobody is told; once, or - as when
//! the process dies - together with everything after it until the hub is started again. Cases are dealt to several tests
//! so that they run side by side.

use crate::crm::{company, edit, text};
use concord_connector::Entity;
use concord_hub::{events::Count, steps, testing::When};
use concord_tests::world::{Account, World, account, links};
use serde_json::json;
use std::time::Duration;

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];
/// What breaks.
#[derive(Clone, Copy, Debug)]
enum Break {
    /// Nothing.
    Never,
    /// This call alone.
    Call(u64, When),
    /// This call and all after it, until a round has passed.
    From(u64, When),
}

/// Where messages are: apart from the records as in the cloud, or with them as in the embedded hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stores {
    Apart,
    One,
}

fn small<'a>(name: &'a str, system: &'a str) -> Account<'a> {
    Account { maps: ORGANIZATIONS, ..account(name, system) }
}

/// Waits that cover every retry, search lag and poll, each twice as long as the one before, in seconds.
const WAITS: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 64, 64];

/// Works until nothing was committed, delivered or refused during all of the waits. What died is started again once a
/// round has passed.
async fn settle(world: &mut World) {
    for _ in 0..50 {
        let before = work_done(world);
        for wait in WAITS {
            while world.round().await {
                start_again(world);
            }
            start_again(world);
            if work_done(world) != before {
                break;
            }
            world.clock.advance(Duration::from_secs(wait));
            // A tick that fails is tried again.
            let _ticked = steps::schedule::tick(&world.hub).await;
        }
        while world.round().await {}
        if work_done(world) == before {
            return;
        }
    }
    panic!("no quiet: {:?}", world.hub.tally.counts());
}

fn start_again(world: &World) {
    if world.plan.fired() {
        world.plan.heal();
    }
}

fn work_done(world: &World) -> [u64; 4] {
    [Count::Commits, Count::Deliveries, Count::Refusals, Count::Outages].map(|count| world.hub.tally.get(count))
}

/// A company is made in one system and edited in both; then everybody has to agree. How many port calls that took.
async fn history(stores: Stores, broken: Break) -> u64 {
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    if stores == Stores::One {
        world.in_one_store();
    }
    match broken {
        Break::Never => world.plan.fail(u64::MAX, When::Before),
        Break::Call(call, when) => world.plan.fail(call, when),
        Break::From(call, when) => world.plan.crash(call, when),
    }
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    settle(&mut world).await;
    let there =
        world.vendor("salesforce", |vendor| vendor.records()["Account"].keys().next().cloned()).expect("an account");
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "+49 30 1"}})));
    world.act("salesforce", edit("Account", &there, json!({"Industry": "Energy"})));
    settle(&mut world).await;
    let calls = world.plan.calls();
    world.plan.heal();
    let record = world.only(Entity::Organization).await;
    assert_eq!(links(&record).len(), 2, "{broken:?}: {:?}", links(&record));
    let known = (text(&record, "phone"), text(&record, "industry"));
    assert_eq!(known, ("+49 30 1".into(), "Energy".into()), "{broken:?}");
    for (name, object) in [("salesforce", "Account"), ("hubspot-eu", "companies")] {
        let there = world.vendor(name, |vendor| vendor.records()[object].len());
        assert_eq!(there, 1, "{broken:?}: created twice at {name}");
    }
    let account = world.shown(&record, "salesforce", "Account");
    assert_eq!((&account["Phone"], &account["Industry"]), (&json!("+49 30 1"), &json!("Energy")), "{broken:?}");
    let company = world.shown(&record, "hubspot-eu", "companies");
    assert_eq!(company["properties"]["concord_industry"], "Energy", "{broken:?}");
    assert!(record.pending().is_empty(), "{broken:?}: {:?}", record.outbox);
    calls
}

/// Each share's cases: every call whose number leaves this rest, broken in both ways.
async fn share(stores: Stores, (rest, of): (u64, u64), broken: impl Fn(u64, When) -> Break) {
    let calls = history(stores, Break::Never).await;
    assert!(calls > 40, "the history is worth breaking: {calls} calls");
    for call in (1..=calls).filter(|call| call % of == rest) {
        for when in [When::Before, When::After] {
            history(stores, broken(call, when)).await;
        }
    }
}

macro_rules! shares {
    ($($name:ident: ($rest:expr, $of:expr), $broken:path, $stores:ident;)+) => {$(
        #[tokio::test]
        async fn $name() {
            share(Stores::$stores, ($rest, $of), $broken).await;
        }
    )+};
}

// A process dies at every third call, beginning with the first: a death differs from one failing call in what follows
// it, which is the same for neighbours.
shares! {
    f09_nothing_is_lost_whichever_port_call_fails_1_of_4: (0, 4), Break::Call, Apart;
    f09_nothing_is_lost_whichever_port_call_fails_2_of_4: (1, 4), Break::Call, Apart;
    f09_nothing_is_lost_whichever_port_call_fails_3_of_4: (2, 4), Break::Call, Apart;
    f09_nothing_is_lost_whichever_port_call_fails_4_of_4: (3, 4), Break::Call, Apart;
    f09_nothing_is_lost_wherever_the_process_dies_1_of_2: (1, 6), Break::From, Apart;
    f09_nothing_is_lost_wherever_the_process_dies_2_of_2: (4, 6), Break::From, Apart;
    f09_nothing_is_lost_in_one_store_whichever_port_call_fails: (1, 3), Break::Call, One;
    f09_nothing_is_lost_in_one_store_wherever_the_process_dies: (2, 6), Break::From, One;
}
