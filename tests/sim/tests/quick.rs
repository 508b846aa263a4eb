//! The simulation as part of the tests: some histories here, where nothing is optimised; two hundred in `make test`, as many
//! as anybody likes in `make sim`.

use concord_hub::message::Message;
use concord_sim::{
    check::check,
    many::Many,
    plan::{self, Stores},
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
