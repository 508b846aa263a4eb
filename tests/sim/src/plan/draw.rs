//! Drawing a history from a seed.

use super::{Account, Event, Plan, Said, What};
use crate::{
    gate::{Break, When},
    lot::Lot,
    systems,
};
use concord_connector::{Entity, Field};
use concord_hub::{
    policy::{Others, Rule},
    settings::{Mode, OnDelete},
};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// Clocks are wrong by at most that.
const SKEW: i64 = 10 * MINUTE;

/// The history of a seed.
pub fn draw(seed: u64) -> Plan {
    let mut lot = Lot::new(seed, 1);
    let accounts = accounts(&mut lot);
    let entities = entities(&mut lot);
    let mut things = vec![Entity::Organization; 1 + lot.place(3)];
    for entity in entities.iter().filter(|entity| **entity != Entity::Organization) {
        things.extend(std::iter::repeat_n(*entity, 1 + lot.place(2)));
    }
    let calm = lot.percent(15);
    let mut plan = Plan {
        seed,
        poll_s: *lot.pick(&[1800, 3600, 6 * 3600, 12 * 3600]).unwrap_or(&3600),
        // With clocks that are wrong a poll may miss what a sweep finds.
        sweeps: lot.percent(70) || accounts.iter().any(|account| account.skew_ms != 0),
        // A stream of its own: the histories of two stores are what they were before there was a choice.
        one_store: Lot::new(seed, 4).percent(30),
        policies: Vec::new(),
        events: Vec::new(),
        accounts,
        entities,
        things,
    };
    if lot.percent(50) {
        for _ in 0..=lot.place(4) {
            let said = policy(&mut lot, &plan);
            plan.policies.extend(said);
        }
    }
    let end = acts(&mut lot, &mut plan);
    if !calm {
        for _ in 0..lot.place(9) {
            let at = lot.between(0, end + MINUTE);
            let what = trouble(&mut lot, &plan);
            // What comes late is a create: most of them are at the beginning.
            let late = matches!(what, What::LoseAnswer { late: true, .. });
            let at = if late { at.min(lot.between(0, 20 * SECOND)) } else { at };
            plan.events.push(Event { at, what });
        }
    }
    flurry(&mut Lot::new(seed, 5), &mut plan, end);
    plan.events.sort_by_key(|event| event.at);
    plan
}

/// In some histories several people are at one thing in two systems at once, for a few seconds: reads, writes and edits of one
/// second. Drawn from a stream of its own: histories without are what they were.
fn flurry(lot: &mut Lot, plan: &mut Plan, end: i64) {
    if !lot.percent(15) {
        return;
    }
    let mut at =
        if lot.percent(50) { lot.between(30 * SECOND, 2 * MINUTE) } else { lot.between(MINUTE, end.max(2 * MINUTE)) };
    let thing = lot.place(plan.things.len());
    let two = [lot.place(plan.accounts.len()), lot.place(plan.accounts.len())];
    for step in 0..6 + lot.below(10) {
        at += lot.between(0, 600);
        let choice = lot.draw();
        plan.events.push(Event { at, what: What::Edit { at: two[lot.place(2)], thing, choice, number: 1000 + step } });
    }
}

fn accounts(lot: &mut Lot) -> Vec<Account> {
    let many = match lot.below(100) {
        0..40 => 2,
        40..75 => 3,
        75..90 => 4,
        90..96 => 5,
        _ => 6,
    };
    let systems = systems::names();
    let skewed = lot.percent(40);
    let mut accounts: Vec<Account> = Vec::new();
    for n in 0..many {
        let system = lot.pick(&systems).copied().unwrap_or("hubspot");
        accounts.push(Account {
            name: format!("{system}-{n}"),
            system: system.to_owned(),
            oauth: lot.percent(40),
            mode: if n > 1 && lot.percent(10) { Mode::Observe } else { Mode::Sync },
            creates: lot.percent(80),
            on_delete: *lot
                .pick(&[OnDelete::Unlink, OnDelete::Unlink, OnDelete::Archive, OnDelete::Propagate])
                .unwrap_or(&OnDelete::Unlink),
            skew_ms: if skewed { lot.between(-SKEW, SKEW) } else { 0 },
        });
    }
    accounts
}

fn entities(lot: &mut Lot) -> Vec<Entity> {
    let mut entities = vec![Entity::Organization];
    for (entity, percent) in [(Entity::Person, 25), (Entity::Opportunity, 30), (Entity::DealRegistration, 35)] {
        if lot.percent(percent) {
            entities.push(entity);
        }
    }
    entities
}

pub(super) fn policy(lot: &mut Lot, plan: &Plan) -> Option<Said> {
    let entity = *lot.pick(&plan.entities)?;
    let spec = lot.pick(entity.fields())?;
    // Who is who is not a matter of opinion here; sums and unions have oracles of their own.
    if systems::is_key(spec.name) || !systems::is_plain(spec.ty) {
        return None;
    }
    let required = systems::is_required(entity, spec.name);
    let mut rule = *lot.pick(&[Rule::Latest, Rule::Latest, Rule::Owner, Rule::Owner, Rule::Manual])?;
    if required && rule == Rule::Manual {
        rule = Rule::Latest;
    }
    let mut order: Vec<usize> = (0..plan.accounts.len()).collect();
    for at in (1..order.len()).rev() {
        order.swap(at, lot.place(at + 1));
    }
    let only = lot.percent(40) && !required;
    if only {
        order.truncate(1 + lot.place(order.len()));
    }
    let others = if lot.percent(50) { Others::Leave } else { Others::Revert };
    Some(Said { entity, field: Field::from(spec.name), rule, order, only, others })
}

/// How long people wait between two acts.
fn pause(lot: &mut Lot) -> i64 {
    match lot.below(100) {
        0..35 => lot.between(0, 500),
        35..65 => lot.between(SECOND, 30 * SECOND),
        65..90 => lot.between(MINUTE, 30 * MINUTE),
        90..97 => lot.between(HOUR, 12 * HOUR),
        _ => lot.between(12 * HOUR, 48 * HOUR),
    }
}

fn acts(lot: &mut Lot, plan: &mut Plan) -> i64 {
    let mut number = 0;
    let many = plan.accounts.len();
    let mut events = Vec::new();
    for thing in 0..plan.things.len() {
        let at = lot.between(0, 20 * SECOND);
        number += 1;
        let first = lot.place(many);
        events.push(Event { at, what: What::Create { at: first, thing, number } });
        // The same company is made on both sides.
        if systems::has_key(plan.things[thing]) && lot.percent(35) {
            let later = if lot.percent(70) { lot.between(0, 10 * SECOND) } else { lot.between(MINUTE, 6 * HOUR) };
            number += 1;
            events.push(Event { at: at + later, what: What::Create { at: lot.place(many), thing, number } });
        }
    }
    let mut now = if lot.percent(60) { 5 * MINUTE } else { lot.between(0, MINUTE) };
    let many_acts = match lot.below(10) {
        0..6 => 3 + lot.place(8),
        6..9 => 8 + lot.place(16),
        _ => 20 + lot.place(20),
    };
    for _ in 0..many_acts {
        now += pause(lot);
        number += 1;
        let thing = lot.place(plan.things.len());
        let at = lot.place(many);
        let choice = lot.draw();
        let what = match lot.below(1000) {
            0..760 => What::Edit { at, thing, choice, number },
            760..800 => What::Clear { at, thing, choice },
            800..820 => What::Delete { at, thing },
            820..840 => What::Twin { at, thing, number },
            840..850 => What::Merge { at, thing },
            850..910 => What::Set { thing, choice, number },
            910..920 => What::Join { thing, other: lot.place(plan.things.len()) },
            920..930 => What::Part { thing },
            930..970 => match policy(lot, plan) {
                Some(said) => What::Policy(said),
                None => What::Edit { at, thing, choice, number },
            },
            970..985 => What::Map {
                at,
                entity: *lot.pick(&plan.entities).unwrap_or(&Entity::Organization),
                choice,
                mapped: lot.percent(50),
            },
            _ => What::Create { at, thing, number },
        };
        events.push(Event { at: now, what });
        // Somebody else is at the same thing at the same time.
        if lot.percent(25) {
            number += 1;
            let choice = if lot.percent(50) { choice } else { lot.draw() };
            let also = What::Edit { at: lot.place(many), thing, choice, number };
            events.push(Event { at: now + lot.between(0, 3 * SECOND), what: also });
        }
    }
    plan.events = events;
    now
}

fn long(lot: &mut Lot, most_hours: i64) -> i64 {
    match lot.below(10) {
        0..5 => lot.between(1, 120),
        5..8 => lot.between(120, 3600),
        _ => lot.between(3600, most_hours * 3600),
    }
}

fn trouble(lot: &mut Lot, plan: &Plan) -> What {
    let at = lot.place(plan.accounts.len());
    let when = if lot.percent(50) { When::Before } else { When::After };
    let thing = lot.place(plan.things.len());
    match lot.below(1000) {
        0..60 => What::Outage { at, seconds: long(lot, 72) },
        60..130 => What::Throttle {
            at,
            times: 1 + lot.below(6),
            after: if lot.percent(50) { Some(lot.below(60)) } else { None },
        },
        130..200 => What::LoseAnswer { at, late: lot.percent(40) },
        200..240 => What::Slow { at, seconds: long(lot, 6) },
        240..300 => What::LoseWebhooks { at, seconds: long(lot, 24) },
        300..350 => What::StallWebhooks { at, seconds: long(lot, 72) },
        350..400 => What::ShuffleWebhooks { at, seconds: long(lot, 24) },
        400..440 => What::ExpireTokens { at },
        440..480 => What::Rotate { at, seconds: long(lot, 24) },
        480..510 if plan.sweeps => What::Skew { at, skew_ms: lot.between(-SKEW, SKEW) },
        480..680 => What::Port { call: 1 + lot.below(400), what: Break::Die, when },
        680..760 => What::Port { call: 1 + lot.below(400), what: Break::Fail(1 + lot.below(6)), when },
        760..790 => What::Port { call: 1 + lot.below(400), what: Break::Half, when },
        790..850 => What::Redeliver { queue: lot.place(3), messages: 1 + lot.below(5) },
        850..885 => What::Hold { queue: lot.place(2), messages: 1 + lot.below(6), seconds: long(lot, 72) },
        885..920 => What::Stall { worker: lot.place(4), seconds: long(lot, 48) },
        920..940 => What::Blink {
            at,
            thing,
            times: 1 + u32::from(lot.percent(50)),
            choice: lot.draw(),
            number: 500 + lot.below(400),
        },
        940..965 => What::Unheard { at, thing, choice: lot.draw(), number: 500 + lot.below(400) },
        965..985 => What::Poison { at, thing, kind: lot.below(3) },
        _ => What::Upgrade { thing },
    }
}
