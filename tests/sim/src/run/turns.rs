//! Whose turn it is, by lot, and when nobody's is.

/// What can happen next.
pub(super) enum Choice {
    Task(usize),
    Mail(String, usize),
    Queue(usize),
    Feed,
    Tick,
    Reconfigure,
    Backfill(String),
}

use super::{Run, kind};
use concord_hub::ports::QueueName;

impl Run<'_> {
    /// The next time at which anything can happen.
    pub(super) fn next_time(&self) -> i64 {
        let events = self.plan.events.get(self.next).map(|event| crate::clock::START + event.at);
        let later = self.later.iter().map(|(at, _)| *at).min();
        let limbo = self.limbo.iter().map(|(at, ..)| *at).min();
        let rotations = self.rotations.iter().map(|(at, _)| *at).min();
        let queues = self.queues.iter().filter(|queue| self.in_flight(queue) < 2).filter_map(|queue| {
            let due = self.world.queue.due(queue)?.ms();
            Some(due.max(self.stalls[kind(queue)]))
        });
        let fed = (self.fed < self.world.table.changed()).then_some(self.stalls[3]);
        let backfill = self.backfill_at.values().copied().min();
        let tasks = self.tasks.iter().map(|task| task.deadline).min();
        [
            events,
            later,
            limbo,
            rotations,
            fed,
            self.mail_at(),
            self.world.clock.next(),
            self.reconfigure_at,
            backfill,
            tasks,
        ]
        .into_iter()
        .flatten()
        .chain(queues)
        .chain([self.tick_at])
        .min()
        .unwrap_or(self.tick_at)
    }

    pub(super) fn in_flight(&self, queue: &QueueName) -> usize {
        self.tasks.iter().filter(|task| task.queue.as_ref() == Some(queue)).count()
    }

    pub(super) fn choose(&mut self) -> Option<Choice> {
        let now = self.now();
        if self.world.clock.next().is_some_and(|at| at <= now) {
            self.tasks.iter_mut().for_each(|task| task.blocked = false);
        }
        let mut choices: Vec<Choice> = Vec::new();
        choices.extend((0..self.tasks.len()).filter(|at| !self.tasks[*at].blocked).map(Choice::Task));
        self.world.vendors.each(|vendor| {
            let due = vendor.mail.iter().enumerate().filter(|(_, mail)| mail.at <= now);
            choices.extend(due.map(|(at, _)| Choice::Mail(vendor.name.clone(), at)));
        });
        for (at, queue) in self.queues.iter().enumerate() {
            if self.stalls[kind(queue)] <= now
                && self.world.queue.due(queue).is_some_and(|due| due.ms() <= now)
                && self.in_flight(queue) < 2
            {
                choices.push(Choice::Queue(at));
            }
        }
        let running = |what: &str| self.tasks.iter().any(|task| task.what == what);
        if self.stalls[3] <= now && self.fed < self.world.table.changed() && !running("fanout") {
            choices.push(Choice::Feed);
        }
        if self.tick_at <= now && !running("tick") {
            choices.push(Choice::Tick);
        }
        if self.reconfigure_at.is_some_and(|at| at <= now) && !running("reconfigure") {
            choices.push(Choice::Reconfigure);
        }
        choices.extend(
            self.backfill_at.iter().filter(|(_, at)| **at <= now).map(|(name, _)| Choice::Backfill(name.clone())),
        );
        let at = self.lot.place(choices.len());
        (at < choices.len()).then(|| choices.swap_remove(at))
    }

    pub(super) fn carry_out(&mut self, choice: Choice) {
        match choice {
            Choice::Task(at) => self.go_on(at),
            Choice::Mail(name, at) => {
                let mail = self.world.vendors.with(&name, |vendor| vendor.mail.swap_remove(at));
                self.deliver_mail(name, mail.push);
            }
            Choice::Queue(at) => self.receive(at),
            Choice::Feed => self.feed(),
            Choice::Tick => self.tick(),
            Choice::Reconfigure => self.reconfigure(),
            Choice::Backfill(name) => self.backfill(name),
        }
    }
}
