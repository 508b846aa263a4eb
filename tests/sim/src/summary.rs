//! The figures of many histories.

use crate::{check::Violation, run::Run};
use concord_hub::events::Count;
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

/// What came of histories.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// How many.
    pub histories: u64,
    /// What people did and what fate did, by kind.
    pub happened: BTreeMap<&'static str, u64>,
    /// Troubles that plans held, by kind; what of them found something to trouble is in `happened`.
    pub planned: BTreeMap<&'static str, u64>,
    /// What the hub did.
    pub hub: BTreeMap<&'static str, u64>,
    /// Records that the hub changed or made at vendors.
    pub writes: u64,
    /// Requests of the hub that could write and changed nothing.
    pub empty_writes: u64,
    /// Edits that people made.
    pub edits: u64,
    /// Edits that were overwritten between a delivery's own read and its write, at systems without a precondition.
    pub covered: u64,
    /// Virtual hours.
    pub hours: u64,
    /// Violations by kind.
    pub violations: BTreeMap<&'static str, u64>,
    /// Seeds that failed, with the first violation of each.
    pub failed: BTreeMap<u64, Violation>,
}

impl Summary {
    /// Adds a history.
    pub fn add(&mut self, run: &Run<'_>, found: &[Violation]) {
        self.histories += 1;
        for (what, count) in &run.counts {
            *self.happened.entry(what).or_default() += count;
        }
        for (what, count) in &run.planned {
            *self.planned.entry(what).or_default() += count;
        }
        for count in [
            Count::Commits,
            Count::Deliveries,
            Count::Creates,
            Count::Adopted,
            Count::Moved,
            Count::Merges,
            Count::Conflicts,
            Count::VendorCalls,
        ] {
            *self.hub.entry(crate::run::name(count)).or_default() += run.tally(count);
        }
        run.world.vendors.each(|vendor| {
            self.writes += vendor.writes.changed + vendor.writes.made.len() as u64;
            self.empty_writes += vendor.writes.empty;
            self.covered += vendor.covered.len() as u64;
            for (what, count) in &vendor.met {
                *self.happened.entry(what).or_default() += count;
            }
        });
        let edits = run.ledger.things.iter().flat_map(|thing| thing.edits.values());
        self.edits += edits.map(|edits| edits.len() as u64).sum::<u64>();
        self.hours += u64::try_from((run.now() - crate::clock::START) / 3_600_000).unwrap_or(0);
        for one in found {
            *self.violations.entry(one.kind).or_default() += 1;
        }
        if let Some(first) = found.first() {
            self.failed.insert(run.plan.seed, first.clone());
        }
    }
    /// Adds the figures of others.
    pub fn join(&mut self, other: Self) {
        self.histories += other.histories;
        self.writes += other.writes;
        self.empty_writes += other.empty_writes;
        self.edits += other.edits;
        self.covered += other.covered;
        self.hours += other.hours;
        for (mine, theirs) in [
            (&mut self.planned, other.planned),
            (&mut self.happened, other.happened),
            (&mut self.hub, other.hub),
            (&mut self.violations, other.violations),
        ] {
            for (what, count) in theirs {
                *mine.entry(what).or_default() += count;
            }
        }
        self.failed.extend(other.failed);
    }
    /// For a terminal.
    pub fn text(&self, took: Duration) -> String {
        let mut out = String::new();
        let list = |counts: &BTreeMap<&'static str, u64>| {
            counts.iter().map(|(what, count)| format!("{what} {count}")).collect::<Vec<_>>().join(", ")
        };
        let each = took.as_secs_f64() / self.histories.max(1) as f64;
        let _ok = writeln!(out, "histories    {} in {:.1} s, {:.1} a second; {} simulated hours", self.histories, took.as_secs_f64(), 1.0 / each.max(1e-9), self.hours)
            .and_then(|()| writeln!(out, "planned      {}", list(&self.planned)))
            .and_then(|()| writeln!(out, "happened     {}", list(&self.happened)))
            .and_then(|()| writeln!(out, "people       {} values edited", self.edits))
            .and_then(|()| writeln!(out, "hub          {}", list(&self.hub)))
            .and_then(|()| writeln!(out, "vendors      {} records written, {} requests changed nothing", self.writes, self.empty_writes))
            .and_then(|()| writeln!(out, "covered      {} edits overwritten between a delivery's own read and write where a system has no precondition", self.covered))
            .and_then(|()| match self.violations.is_empty() {
                true => writeln!(out, "violations   none"),
                false => writeln!(out, "violations   {}", list(&self.violations)),
            });
        out
    }
    /// For programs.
    pub fn json(&self, took: Duration) -> Json {
        json!({
            "histories": self.histories,
            "milliseconds": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "simulated_hours": self.hours,
            "planned": self.planned,
            "happened": self.happened,
            "hub": self.hub,
            "edits": self.edits,
            "vendor_writes": self.writes,
            "empty_write_requests": self.empty_writes,
            "overwritten_in_window": self.covered,
            "violations": self.violations,
            "failed_seeds": self.failed.keys().collect::<Vec<_>>(),
        })
    }
}
