//! No echo: everything told once more, and read once more from the beginning, changes nothing and writes nothing.
//!
//! Two things may still be heard then of which nobody had told: when exactly an edit was made - which makes it older, never
//! later - and that a record which is gone is not referred to any more, or one that was merged is referred to by its new name.
//! Systems let go of references without a new version of whoever held them.

use super::{Stock, Violation, agreement};
use crate::run::Run;
use concord_connector::{Target, Value, snapshot::Presence};
use concord_hub::{record::Record, resolve::Golden};
use std::convert::Infallible;

pub(super) fn check(run: &mut Run<'_>, found: &mut Vec<Violation>) {
    let written = state(run);
    let before = Stock::of(run);
    run.tell_again();
    if let Err(why) = run.until_quiet() {
        found.push(Violation::new("not quiet", format!("after everything was told again: {why}")));
        return;
    }
    let now = Stock::of(run);
    let mut let_go = false;
    for (id, record) in &before.records {
        match now.records.get(id) {
            Some(after) if after.version == record.version => {}
            Some(after) => match heard(run, &before, record, after) {
                Some(Heard::Times) => run.count("times better known when all was told again"),
                Some(Heard::LetGo) => {
                    run.count("references let go of, seen when all was told again");
                    let_go = true;
                }
                None => found.push(Violation::new(
                    "echo",
                    format!(
                        "{id} has version {} after everything was told again, not {}",
                        after.version, record.version
                    ),
                )),
            },
            None => found.push(Violation::new("echo", format!("{id} is gone after everything was told again"))),
        }
    }
    let made: Vec<_> = now.records.keys().filter(|id| !before.records.contains_key(*id)).collect();
    if !made.is_empty() {
        found.push(Violation::new("echo", format!("{made:?} were made when everything was told again")));
    }
    if found.is_empty() {
        agreement::check(run, &now, true, found);
    }
    let after = state(run);
    // What is not referred to any more is taken out of the other systems as well.
    if after != written && !let_go {
        found.push(Violation::new(
            "echo",
            format!("requests that write: {written:?} before, {after:?} after everything was told again"),
        ));
    }
}

/// What a record has learnt that nobody had told before.
enum Heard {
    Times,
    LetGo,
}

/// What a record's new version is about, when that is something that could be heard only now.
fn heard(run: &Run<'_>, stock: &Stock, before: &Record, after: &Record) -> Option<Heard> {
    let mut heard = None;
    if before.golden.len() != after.golden.len() {
        return None;
    }
    for (field, was) in before.golden.iter() {
        let is = after.golden.get(field)?;
        if was == is {
            continue;
        }
        if was.value == is.value && was.value.as_ref().is_some_and(|value| !value.references().is_empty()) {
            // Somebody else's system leads there by its new name.
            heard = Some(Heard::LetGo);
        } else if was.value == is.value {
            if was.from != is.from || is.at > was.at {
                return None;
            }
            run.tell(|| {
                format!("checker    `{field}` of {}: {:?} was said at {:?}, not {:?}", is.from, is.value, is.at, was.at)
            });
            heard = heard.or(Some(Heard::Times));
        } else if was_let_go(stock, was, is) {
            heard = Some(Heard::LetGo);
        } else {
            return None;
        }
    }
    heard.or_else(|| lets_go(stock, before).then_some(Heard::LetGo))
}

/// Whether a system let go of a reference of a record, whose golden value stays.
fn lets_go(stock: &Stock, record: &Record) -> bool {
    let mut facets = record.facets.iter();
    facets.any(|facet| facet.view().cells.keys().any(|field| agreement::was_let_go(stock, facet, field)))
}

/// Whether a reference led to what is gone somewhere, or to what goes by another name now.
fn was_let_go(stock: &Stock, was: &Golden, is: &Golden) -> bool {
    let (Some(was), is) = (was.value.as_ref(), is.value.as_ref()) else { return false };
    let gone = |target: &Target| match target {
        Target::Record(id) => stock.record(id).is_none_or(|record| {
            let deleted = |facet: &concord_hub::facet::Facet| facet.view().presence != Presence::Live;
            record.removal.is_some() || record.facets.iter().any(deleted)
        }),
        Target::External(_) => false,
    };
    let references = was.references();
    !references.is_empty()
        && (is.is_none() && references.iter().all(|reference| gone(&reference.to))
            || led(stock, was) == is.and_then(|is| led(stock, is)))
}

/// A value with the records that its references lead to.
fn led(stock: &Stock, value: &Value) -> Option<Value> {
    let mapped = value.map_references::<Infallible>(&mut |reference| {
        let Target::Record(id) = &reference.to else { return Ok(Some(reference.clone())) };
        let to = stock.record(id).map_or_else(|| id.clone(), |record| record.id.clone());
        Ok(Some(concord_connector::Reference { to: Target::Record(to), ..reference.clone() }))
    });
    mapped.unwrap_or_else(|never| match never {})
}

fn state(run: &Run<'_>) -> Vec<(u64, u64, usize)> {
    let mut state = Vec::new();
    run.world
        .vendors
        .each(|vendor| state.push((vendor.writes.requests, vendor.writes.changed, vendor.writes.made.len())));
    state
}
