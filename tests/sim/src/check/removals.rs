//! No record is taken out of a system unless somebody has deleted the thing somewhere.

use super::Violation;
use crate::{
    ledger::Place,
    run::{Run, number},
};
use concord_connector::Entity;
use serde_json::Value as Json;

pub(super) fn check(run: &Run<'_>, found: &mut Vec<Violation>) {
    let company_went = run.ledger.company_went(run.plan);
    run.world.vendors.each(|vendor| {
        for (at, object, id, row) in &vendor.writes.removed {
            let Some(thing) = thing(row) else { continue };
            let Some(known) = run.ledger.things.get(thing).filter(|known| known.muddled.is_none()) else { continue };
            // What goes with a company is gone without a word of its own.
            if company_went && run.plan.things.get(thing) != Some(&Entity::Organization) {
                continue;
            }
            let made = known.made.iter().find(|(_, (place, made))| *place == vendor.name && made == id);
            let since = |(made, _): &(i64, Place)| known.gone.values().all(|gone| gone < made);
            let kind = match made {
                _ if known.gone.is_empty() => "removed without cause",
                Some(made) if since(made) => "removed with what went before",
                _ => continue,
            };
            let seconds = (at - crate::clock::START) / 1000;
            let what = format!("{object} {id} of thing {thing} at {} in second {seconds}", vendor.name);
            found.push(Violation::new(kind, what));
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
