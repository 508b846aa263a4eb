//! Making a failing history shorter: what it does not need to fail is left out.

use crate::{
    check::{Violation, check},
    plan::Plan,
    run::Run,
};

/// How many shorter histories are tried at most.
const TRIES: usize = 400;

/// A history of the same seed that still fails in the same way, without what it can do without.
pub fn shrink(plan: &Plan, kind: &'static str) -> Plan {
    let mut best = plan.clone();
    let mut tries = 0;
    let mut chunk = best.events.len().div_ceil(2).max(1);
    while chunk > 0 && tries < TRIES {
        let mut at = 0;
        let mut shorter = false;
        while at < best.events.len() && tries < TRIES {
            let mut candidate = best.clone();
            candidate.events.drain(at..(at + chunk).min(candidate.events.len()));
            tries += 1;
            if fails(&candidate, kind) {
                best = candidate;
                shorter = true;
            } else {
                at += chunk;
            }
        }
        if chunk == 1 && !shorter {
            break;
        }
        chunk = if chunk == 1 { 1 } else { chunk / 2 };
    }
    simpler(best, kind)
}

/// Without policies, skewed clocks, the one store and connections that it does not need.
fn simpler(mut best: Plan, kind: &'static str) -> Plan {
    for at in (0..best.policies.len()).rev() {
        let mut candidate = best.clone();
        candidate.policies.remove(at);
        if fails(&candidate, kind) {
            best = candidate;
        }
    }
    for at in 0..best.accounts.len() {
        let mut candidate = best.clone();
        candidate.accounts[at].skew_ms = 0;
        if best.accounts[at].skew_ms != 0 && fails(&candidate, kind) {
            best = candidate;
        }
    }
    if best.one_store {
        let candidate = Plan { one_store: false, ..best.clone() };
        if fails(&candidate, kind) {
            best = candidate;
        }
    }
    // The last connections can go: the others keep their numbers.
    while best.accounts.len() > 2 {
        let mut candidate = best.clone();
        candidate.accounts.pop();
        if !fails(&candidate, kind) {
            break;
        }
        best = candidate;
    }
    for at in (1..best.entities.len()).rev() {
        let mut candidate = best.clone();
        candidate.entities.remove(at);
        if fails(&candidate, kind) {
            best = candidate;
        }
    }
    best
}

fn fails(plan: &Plan, kind: &'static str) -> bool {
    check(&mut Run::new(plan, false)).iter().any(|one| one.kind == kind)
}

/// A history told line by line, with what is wrong at its end.
pub fn tell(plan: &Plan) -> (Vec<String>, Vec<Violation>) {
    let mut run = Run::new(plan, true);
    let found = check(&mut run);
    let mut lines: Vec<String> = Vec::new();
    for account in &plan.accounts {
        lines.push(format!(
            "connection {}: {:?}, creates {}, on delete {:?}, clock {:+} s",
            account.name,
            account.mode,
            account.creates,
            account.on_delete,
            account.skew_ms / 1000
        ));
    }
    let entities: Vec<&str> = plan.entities.iter().map(|entity| entity.name()).collect();
    let sweeps = if plan.sweeps { "sweeps" } else { "never sweeps" };
    let stores = if plan.one_store { "one store" } else { "queues and table apart" };
    lines.push(format!("maps {}; polls every {} s, {sweeps}; {stores}", entities.join(", "), plan.poll_s));
    for said in &plan.policies {
        lines.push(format!("policy {}.{}: {said:?}", said.entity, said.field));
    }
    lines.extend(run.story());
    (lines, found)
}
