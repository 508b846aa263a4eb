//! No echo: everything told once more, and read once more from the beginning, changes nothing and writes nothing.

use super::{Stock, Violation};
use crate::run::Run;

pub(super) fn check(run: &mut Run<'_>, found: &mut Vec<Violation>) {
    let before = state(run);
    let versions: Vec<_> = Stock::of(run).records.into_values().map(|record| (record.id, record.version)).collect();
    run.tell_again();
    if let Err(why) = run.until_quiet() {
        found.push(Violation::new("not quiet", format!("after everything was told again: {why}")));
        return;
    }
    let after = state(run);
    if after != before {
        found.push(Violation::new(
            "echo",
            format!("requests that write: {before:?} before, {after:?} after everything was told again"),
        ));
    }
    let now: Vec<_> = Stock::of(run).records.into_values().map(|record| (record.id, record.version)).collect();
    let moved: Vec<_> = versions.iter().filter(|one| !now.contains(one)).collect();
    if now != versions {
        found.push(Violation::new(
            "echo",
            format!(
                "{moved:?} have other versions after everything was told again; {} records before, {} after",
                versions.len(),
                now.len()
            ),
        ));
    }
}

fn state(run: &Run<'_>) -> Vec<(u64, u64, usize)> {
    let mut state = Vec::new();
    run.world
        .vendors
        .each(|vendor| state.push((vendor.writes.requests, vendor.writes.changed, vendor.writes.made.len())));
    state
}
