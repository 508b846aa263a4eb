//! The life of a stack.

use super::{items, make, rename};
use crate::stage::{STACK, Stage};
use serde_json::json;
use std::{thread, time::Duration};

/// Companies that are made while the stack is updated.
const MADE: usize = 8;

pub(crate) fn updated(stage: &mut Stage) {
    let id = make(stage, "hubspot-eu", "flight.example", "Flight 0");
    stage.until_all_have("flight.example", "Flight 0");
    let shared: &Stage = stage;
    thread::scope(|scope| {
        let update = scope.spawn(|| shared.deploy(&["Workers=3", "LogRetention=7", "Tryton=on", "Subscriptions=on"]));
        let mut n = 0;
        while !update.is_finished() {
            // Each create asks the other systems first, within their limits: a few are enough.
            if n < MADE {
                n += 1;
                make(shared, "hubspot-eu", &format!("flight-{n}.example"), "In flight");
                rename(shared, "hubspot-eu", &id, &format!("Flight {n}"));
            }
            thread::sleep(Duration::from_secs(2));
        }
        update.join().expect("the update");
        assert!(n > 2, "the update was over too soon to be flown through");
        shared.until_all_have("flight.example", &format!("Flight {n}"));
        for n in 1..=n {
            shared.until_all_have(&format!("flight-{n}.example"), "In flight");
        }
    });
    let functions = stage.cloud("left", &json!([STACK]))["functions"].to_string();
    assert!(functions.contains("connector-tryton") && functions.contains("subscriptions"), "{functions}");
}

pub(crate) fn removed(stage: &mut Stage) {
    make(stage, "hubspot-eu", "kept.example", "Kept");
    stage.until_all_have("kept.example", "Kept");
    let records = items(stage, "R#").len();
    let status = stage.cloud("delete", &json!([STACK]));
    assert_eq!(status, "DELETE_COMPLETE");
    let left = stage.cloud("left", &json!([STACK]));
    for gone in ["queues", "functions", "mappings"] {
        assert_eq!(left[gone], json!([]), "{gone}");
    }
    assert_eq!(left["tables"], json!([STACK]), "the truth is kept");
    assert_eq!(left["buckets"].as_array().map(Vec::len), Some(1), "{left}");
    assert_eq!(items(stage, "R#").len(), records, "all of it");
}
