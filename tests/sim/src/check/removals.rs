//! No record is taken out of a system unless somebody has deleted the thing somewhere.

use super::Violation;
use crate::run::{Run, number};
use serde_json::Value as Json;

pub(super) fn check(run: &Run<'_>, found: &mut Vec<Violation>) {
    if run.ledger.company_went(run.plan) {
        return;
    }
    run.world.vendors.each(|vendor| {
        for (at, object, id, row) in &vendor.writes.removed {
            let Some(thing) = thing(row) else { continue };
            let Some(known) = run.ledger.things.get(thing) else { continue };
            if known.gone.is_empty() && known.muddled.is_none() {
                let seconds = (at - crate::clock::START) / 1000;
                let what = format!("{object} {id} of thing {thing} at {} in second {seconds}", vendor.name);
                found.push(Violation::new("removed without cause", what));
            }
        }
    });
}

/// The number of the thing that a row shows: the names of all of them begin with it.
fn thing(row: &Json) -> Option<usize> {
    match row {
        Json::String(text) if text.contains(" number ") => number(text),
        Json::Array(list) => list.iter().find_map(thing),
        Json::Object(members) => members.values().find_map(thing),
        _ => None,
    }
}
