//! Carrying a plan out: one scheduler that picks what happens next, by lot, on a virtual clock.

mod acts;
mod asked;
mod happen;
mod poison;
mod tasks;
mod turns;
mod typing;
mod work;

use crate::{
    gate::Gate,
    ledger::Ledger,
    lot::Lot,
    plan::{Plan, What},
    vendors::Mail,
    world::{World, copy},
};
pub(crate) use acts::number;
use concord_connector::{Instant, sandbox::Push};
use concord_hub::{
    events::Count,
    hub::Hub,
    ports::{Index, Outgoing, QueueName, Table},
    settings::Settings,
};
use futures::FutureExt;
pub use happen::OLD_MESSAGES;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
pub(crate) use tasks::{Done, Task};

const SECOND: i64 = 1000;
/// A history that is not quiet that long after its last trouble never will be.
const PATIENCE: i64 = 14 * 24 * 3600 * SECOND;
/// More scheduler steps than this are a loop without end.
const MOST_STEPS: u64 = 3_000_000;

/// A history that is being carried out.
pub struct Run<'p> {
    pub(crate) plan: &'p Plan,
    pub(crate) world: World,
    pub(crate) hub: Arc<Hub>,
    /// The settings in force, for the next process.
    pub(crate) settings: Settings,
    pub(crate) ledger: Ledger,
    /// Whose record is which: by connection, entity name and id.
    pub(crate) known: BTreeMap<(String, &'static str, String), usize>,
    /// What happened, by kind.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// Troubles that the plan holds, by kind: not each finds something to trouble.
    pub(crate) planned: BTreeMap<&'static str, u64>,
    /// Counts of hubs that are gone.
    pub(crate) before: BTreeMap<&'static str, u64>,
    /// Webhooks that were taken in, to be told once more at the end.
    pub(crate) told: Vec<(String, Push)>,
    /// When the last trouble is over.
    pub(crate) healed: i64,
    /// Scheduler steps.
    pub(crate) steps: u64,
    tasks: Vec<Task>,
    lot: Lot,
    next: usize,
    later: Vec<(i64, What)>,
    cursor: Option<String>,
    fed: usize,
    tick_at: i64,
    tick_gap: i64,
    work: u64,
    queues: Vec<QueueName>,
    stalls: [i64; 4],
    redeliver: [u64; 3],
    redelivered: BTreeMap<String, u32>,
    holds: [(u64, i64); 2],
    limbo: Vec<(i64, QueueName, Outgoing)>,
    reconfigure_at: Option<i64>,
    backfill_at: BTreeMap<String, i64>,
    rotations: Vec<(i64, String)>,
    /// Troubles that were left at vendors when it was last looked.
    troubles: usize,
}

/// Kinds of queues, by number.
fn kind(queue: &QueueName) -> usize {
    match queue {
        QueueName::Signals(_) => 0,
        QueueName::Observations => 1,
        QueueName::Deliveries(_) | QueueName::Events(_) => 2,
    }
}

impl<'p> Run<'p> {
    /// A plan before its beginning.
    pub fn new(plan: &'p Plan, told: bool) -> Self {
        let (world, settings) = World::new(plan);
        let hub = world.start(copy(&settings));
        let systems: BTreeSet<_> =
            settings.connections.values().map(|connection| connection.connector.system().clone()).collect();
        let mut queues = vec![QueueName::Observations];
        for system in systems {
            queues.push(QueueName::Signals(system.clone()));
            queues.push(QueueName::Deliveries(system));
        }
        let ledger = Ledger { things: vec![Default::default(); plan.things.len()], ..Ledger::default() };
        let start = world.clock.ms();
        if told {
            world.gate.listen();
        }
        Self {
            plan,
            hub,
            settings,
            ledger,
            known: BTreeMap::new(),
            counts: BTreeMap::new(),
            planned: BTreeMap::new(),
            before: BTreeMap::new(),
            told: Vec::new(),
            healed: start,
            steps: 0,
            tasks: Vec::new(),
            lot: Lot::new(plan.seed, 2),
            next: 0,
            later: Vec::new(),
            cursor: None,
            fed: 0,
            tick_at: start,
            tick_gap: SECOND,
            work: 0,
            queues,
            stalls: [0; 4],
            redeliver: [0; 3],
            redelivered: BTreeMap::new(),
            holds: [(0, 0); 2],
            limbo: Vec::new(),
            reconfigure_at: None,
            backfill_at: BTreeMap::new(),
            rotations: Vec::new(),
            troubles: 0,
            world,
        }
    }

    pub(crate) fn now(&self) -> i64 {
        self.world.clock.ms()
    }
    /// What happened, a line each.
    pub fn story(&self) -> Vec<String> {
        self.world.gate.story()
    }
    /// Equal for equal histories, and for no others.
    pub fn hash(&self) -> u64 {
        for item in self.world.table.items() {
            self.gate().note(item.key.partition.as_bytes());
            self.gate().note(&item.body);
        }
        self.gate().note(&self.steps.to_be_bytes());
        self.gate().note(&self.now().to_be_bytes());
        self.gate().hash()
    }
    fn gate(&self) -> &Gate {
        &self.world.gate
    }
    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
    /// Tells what happens, when somebody listens.
    pub(crate) fn tell(&self, line: impl FnOnce() -> String) {
        self.gate().tell(self.now(), line);
    }
    /// What the hubs did so far, counted.
    pub(crate) fn tally(&self, count: Count) -> u64 {
        let names = self.hub.tally.get(count);
        names + self.before.get(name(count)).copied().unwrap_or(0)
    }

    /// Carries the plan out, until all is quiet. What was not quiet in time, else.
    pub fn play(&mut self) -> Result<(), String> {
        self.until_quiet()
    }

    /// Works until nothing is left to do and every system was asked twice since the last trouble.
    pub(crate) fn until_quiet(&mut self) -> Result<(), String> {
        let mut quiet_since: Option<(i64, u64)> = None;
        let poll = i64::try_from(self.plan.poll_s).unwrap_or(3600) * SECOND;
        loop {
            self.steps += 1;
            if self.steps > MOST_STEPS {
                return Err(format!("no end after {MOST_STEPS} steps: {}", self.open_work()));
            }
            self.events();
            self.collect();
            match self.choose() {
                Some(choice) => {
                    self.carry_out(choice);
                    let more = self.lot.between(0, 2);
                    self.world.clock.set(self.now() + more);
                }
                None => {
                    self.outlast_troubles();
                    let now = self.now();
                    let planned = self.next < self.plan.events.len() || !self.later.is_empty();
                    if !planned && now > self.healed + PATIENCE {
                        return Err(format!("not quiet in time: {}", self.open_work()));
                    }
                    let calm = !planned && now > self.healed && self.nothing_open();
                    let work = self.work_done();
                    match quiet_since.filter(|(_, before)| *before == work && !planned && now > self.healed) {
                        Some((since, _)) if calm && now - since > 2 * poll + 600 * SECOND => return Ok(()),
                        Some(_) => {}
                        None => quiet_since = Some((now, work)),
                    }
                    let next = self.next_time();
                    self.world.clock.set(next.max(now + 1));
                    self.tasks.iter_mut().for_each(|task| task.blocked = false);
                }
            }
        }
    }

    /// A trouble lasts until a call has met it: with its end begins the time in which every system is asked twice.
    fn outlast_troubles(&mut self) {
        let left = self.trouble_left();
        if left < self.troubles {
            self.healed = self.healed.max(self.now());
        }
        self.troubles = left;
    }

    fn work_done(&self) -> u64 {
        let counts = [Count::Commits, Count::Deliveries, Count::Refusals, Count::Creates, Count::DeadLetters];
        counts.into_iter().map(|count| self.tally(count)).sum()
    }

    /// Whether no work is open but what waits for people.
    fn nothing_open(&self) -> bool {
        self.tasks.is_empty()
            && self.limbo.is_empty()
            && self.reconfigure_at.is_none()
            && self.backfill_at.is_empty()
            && self.fed >= self.world.table.changed()
            && self.queues.iter().all(|queue| self.world.queue.due(queue).is_none())
            && self.world.table.waiting(Index::Pending, |partition| !partition.starts_with("parked#")) == 0
            && self.mail_at().is_none()
            && self.trouble_left() == 0
            && !self.held_back()
    }

    /// Troubles that are planned at vendors and that no call has met yet.
    fn trouble_left(&self) -> usize {
        let mut left = 0;
        self.world.vendors.each(|vendor| {
            left += vendor.sandbox.faults().left() + usize::from(vendor.orphan_at().is_some());
        });
        left
    }

    /// What is open, for a person.
    pub(crate) fn open_work(&self) -> String {
        let mut open = Vec::new();
        open.extend(self.tasks.iter().map(|task| format!("task {}", task.what)));
        for queue in &self.queues {
            if let Some(due) = self.world.queue.due(queue) {
                open.push(format!("{queue} due {}", due.rfc3339()));
            }
        }
        let pending = self.world.table.waiting(Index::Pending, |partition| !partition.starts_with("parked#"));
        open.push(format!("{pending} pending, mail {:?}, limbo {}", self.mail_at(), self.limbo.len()));
        open.push(format!("{:?}", self.hub.tally.counts()));
        open.join("; ")
    }

    fn mail_at(&self) -> Option<i64> {
        let mut next: Option<i64> = None;
        self.world.vendors.each(|vendor| {
            let waiting = vendor.sandbox.next_push().map(|at| at.ms());
            let stalled = vendor.dirty.then_some(vendor.stall_until);
            let waiting = waiting.into_iter().chain(stalled).map(|at| at.max(vendor.stall_until));
            next = vendor.mail.iter().map(|mail| mail.at).chain(waiting).chain(vendor.orphan_at()).chain(next).min();
        });
        next
    }

    /// Takes what the vendors have to send and decides when it arrives.
    fn collect(&mut self) {
        let now = self.now();
        let lot = &mut self.lot;
        let mut lost = 0;
        let gate = &self.world.gate;
        let mut late = false;
        self.world.vendors.each(|vendor| {
            vendor.adopt_orphans(now, gate);
            late |= vendor.orphan_at().is_some();
            let waits = vendor.sandbox.next_push().is_some_and(|at| at.ms() <= now);
            if !(vendor.dirty || waits) || vendor.stall_until > now {
                return;
            }
            vendor.dirty = false;
            // What signs webhooks has a better clock than what edits records.
            let signs = Instant::from_ms(now + vendor.skew_ms.clamp(-120_000, 50_000));
            for push in vendor.sandbox.pushes(signs) {
                // HubSpot says of deletes and merges only once and lists none: what is lost there is found by sweeps.
                let text = String::from_utf8_lossy(&push.request.body);
                let once = text.contains(".deletion\"") || text.contains(".merge\"");
                if vendor.lose_until > now && !once {
                    lost += 1;
                    continue;
                }
                let shuffled = vendor.shuffle_until > now;
                if shuffled {
                    let again = now + lot.between(0, 90_000);
                    vendor.mail.push(Mail { at: again, push: push.clone() });
                }
                let wait = if shuffled { lot.between(0, 60_000) } else { lot.between(20, 3000) };
                vendor.mail.push(Mail { at: now + wait, push });
            }
        });
        if late {
            // Nobody waits for what was given up: the next try is as soon as it may be.
            self.tick_at = self.tick_at.min(now + SECOND / 4);
            self.tick_gap = SECOND / 4;
        }
        if lost > 0 {
            *self.counts.entry("webhooks lost").or_default() += lost;
            self.tell(|| format!("fate       {lost} webhooks are lost"));
        }
    }

    /// What the table says of a breaker, to know whether to look again soon.
    fn held_back(&self) -> bool {
        let keys: Vec<_> = self.settings.connections.keys().map(concord_hub::keys::breaker).collect();
        let items = self.world.table.get(&keys).now_or_never();
        items.and_then(Result::ok).is_some_and(|items| items.iter().any(Option::is_some))
    }
}

pub(crate) fn name(count: Count) -> &'static str {
    match count {
        Count::Commits => "commits",
        Count::Deliveries => "deliveries",
        Count::Refusals => "refusals",
        Count::Creates => "creates",
        Count::DeadLetters => "dead_letters",
        Count::VendorCalls => "vendor_calls",
        Count::Adopted => "adopted",
        Count::Moved => "moved",
        Count::Merges => "merges",
        Count::Splits => "splits",
        Count::Conflicts => "conflicts",
        _ => "others",
    }
}
