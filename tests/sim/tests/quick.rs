//! The simulation as part of the tests: some histories here, where nothing is optimised; two hundred in `make test`, as many
//! as anybody likes in `make sim`.

use concord_connector::Entity;
use concord_hub::{
    message::Message,
    settings::{Mode, OnDelete},
};
use concord_sim::{
    check::check,
    many::Many,
    plan::{self, Account, Event, Plan, Stores, What},
    run::{OLD_MESSAGES, Run},
};

/// Unoptimised, each takes half a second of a processor.
const HISTORIES: u64 = 20;

fn many(first: u64, seeds: u64) -> Many {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    Many { first, seeds, threads, stop: false, mutation: None, stores: Stores::Drawn }
}

#[test]
fn histories_hold() {
    let summary = many(1, HISTORIES).run(|_, _| {});
    let failed: Vec<String> =
        summary.failed.iter().map(|(seed, one)| format!("seed {seed}: {}: {}", one.kind, one.what)).collect();
    assert!(failed.is_empty(), "`make sim SEED=<seed> SEEDS=1` tells the history.\n{}", failed.join("\n"));
    assert_eq!(summary.histories, HISTORIES);
}

#[test]
fn a_seed_is_one_history() {
    let hash = |seed: u64| {
        let plan = plan::draw(seed);
        let mut run = Run::new(&plan, false);
        check(&mut run);
        run.hash()
    };
    let again = |seed: u64| std::thread::spawn(move || hash(seed)).join().expect("a history");
    for seed in [3, 17] {
        let first = hash(seed);
        assert_eq!(first, again(seed), "seed {seed}");
        assert_ne!(first, hash(seed + 1), "another seed is another history");
    }
}

#[test]
fn messages_of_the_version_before_are_read() {
    let lines: Vec<&str> = OLD_MESSAGES.lines().collect();
    assert_eq!(lines.len(), 5);
    for line in lines {
        let text = line.replace("$ENTITY", "organization");
        Message::decode(&text).unwrap_or_else(|fault| panic!("{fault}: {line}"));
    }
}

fn account(name: &str, system: &str, on_delete: OnDelete) -> Account {
    let (name, system) = (name.into(), system.into());
    Account { name, system, oauth: false, mode: Mode::Sync, creates: true, on_delete, skew_ms: 0 }
}

const MINUTE: i64 = 60_000;

/// Somebody makes a company at one CRM, and somebody else the same at the other, so many milliseconds later: within some of
/// them the hub makes it there as well, and a person is asked. Then the first is deleted, everywhere.
fn made_at_once(later: i64) -> Plan {
    Plan {
        seed: 56_607,
        accounts: vec![
            account("hubspot-0", "hubspot", OnDelete::Archive),
            account("salesforce-1", "salesforce", OnDelete::Unlink),
        ],
        entities: vec![Entity::Organization],
        things: vec![Entity::Organization],
        poll_s: 3600,
        sweeps: false,
        one_store: false,
        policies: Vec::new(),
        events: vec![
            Event { at: 5_000, what: What::Create { at: 0, thing: 0, number: 1 } },
            Event { at: 5_000 + later, what: What::Create { at: 1, thing: 0, number: 2 } },
            Event { at: 10 * MINUTE, what: What::Delete { at: 0, thing: 0 } },
            Event { at: 20 * MINUTE, what: What::Edit { at: 1, thing: 0, choice: 1, number: 3 } },
            Event { at: 21 * MINUTE, what: What::Edit { at: 1, thing: 0, choice: 2, number: 4 } },
        ],
    }
}

#[test]
fn what_a_person_makes_at_the_moment_at_which_we_do_is_a_question() {
    for later in (0..3_000).step_by(100) {
        let plan = made_at_once(later);
        let mut run = Run::new(&plan, false);
        let found = check(&mut run);
        assert!(found.is_empty(), "{later} ms later: {found:#?}");
    }
}

/// The same between a CRM and an ERP that is asked twice a day. What the hub makes at a third system is deleted there before
/// anybody knows that there are two.
fn made_at_once_and_deleted_elsewhere(later: i64) -> Plan {
    Plan {
        seed: 68_534,
        accounts: vec![
            account("hubspot-0", "hubspot", OnDelete::Unlink),
            account("tryton-1", "tryton", OnDelete::Unlink),
            account("tryton-2", "tryton", OnDelete::Archive),
        ],
        poll_s: 43_200,
        events: vec![
            Event { at: 5_000, what: What::Create { at: 0, thing: 0, number: 1 } },
            Event { at: 5_000 + later, what: What::Create { at: 2, thing: 0, number: 2 } },
            Event { at: 60 * MINUTE, what: What::Delete { at: 1, thing: 0 } },
        ],
        ..made_at_once(later)
    }
}

#[test]
fn the_second_record_of_such_a_thing_may_come_where_the_first_was_deleted() {
    for later in (0..3_000).step_by(300) {
        let plan = made_at_once_and_deleted_elsewhere(later);
        let mut run = Run::new(&plan, false);
        let found = check(&mut run);
        assert!(found.is_empty(), "{later} ms later: {found:#?}");
    }
}
