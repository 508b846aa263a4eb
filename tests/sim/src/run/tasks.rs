//! Tasks: steps that are under way, stopped at the gate between two port calls.

use super::{
    Run, SECOND, kind,
    work::{short, work},
};
use crate::world::copy;
use concord_connector::{Fault, sandbox::Push};
use concord_hub::{
    broker::Inbox,
    ports::{Outgoing, Queue, QueueName, Received, Table},
    steps,
};
use futures::{FutureExt, task::noop_waker};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// A message is hidden that long while it is worked on; a step is given up after half of it.
const VISIBILITY: Duration = Duration::from_secs(120);
/// Received more often than this, a message is a dead letter.
pub(super) const RECEIVES: u32 = 8;

/// How a task ended.
pub(crate) enum Done {
    Batch(QueueName, Vec<(String, After)>),
    Fed(Option<(Option<String>, usize)>),
    Ticked(bool),
    Answered(String, Push, u16),
    Reconfigured(bool),
    Backfilled(String, bool),
    Person(super::asked::Asked, Result<String, Fault>),
}

/// What becomes of a message.
pub(crate) enum After {
    Delete,
    Release(Duration),
}

/// A step under way.
pub(crate) struct Task {
    pub(crate) what: String,
    pub(crate) queue: Option<QueueName>,
    /// It waits for the clock or for another task.
    pub(crate) blocked: bool,
    /// Given up after this.
    pub(crate) deadline: i64,
    messages: Vec<Received>,
    mail: Option<(String, Push)>,
    person: Option<super::asked::Asked>,
    future: Pin<Box<dyn Future<Output = Done>>>,
}

impl Task {
    pub(crate) fn new(what: impl Into<String>, deadline: i64, future: impl Future<Output = Done> + 'static) -> Self {
        Self {
            what: what.into(),
            queue: None,
            blocked: false,
            deadline,
            messages: Vec::new(),
            mail: None,
            person: None,
            future: Box::pin(future),
        }
    }
    pub(crate) fn of_person(self, asked: super::asked::Asked) -> Self {
        Self { person: Some(asked), ..self }
    }
}

impl Run<'_> {
    pub(crate) fn start(&mut self, task: Task) {
        self.tasks.push(task);
    }

    /// Lets a task go on up to its next port call.
    pub(super) fn go_on(&mut self, at: usize) {
        let turns = self.gate().turns();
        let waker = noop_waker();
        let polled = self.tasks[at].future.as_mut().poll(&mut Context::from_waker(&waker));
        let fired = self.gate().fired();
        if !fired.is_empty() {
            self.healed = self.healed.max(self.now());
        }
        for what in fired {
            self.count(what);
            let task = self.tasks[at].what.clone();
            self.tell(|| format!("fate       {what} in {task}"));
        }
        if self.gate().died() {
            self.restart("the process dies");
            return;
        }
        match polled {
            Poll::Ready(done) => {
                let task = self.tasks.swap_remove(at);
                self.tasks.iter_mut().for_each(|task| task.blocked = false);
                drop(task.future);
                self.finish(done);
            }
            Poll::Pending => {
                let now = self.now();
                let task = &mut self.tasks[at];
                task.blocked = self.world.gate.turns() == turns;
                if task.deadline <= now {
                    let task = self.tasks.swap_remove(at);
                    self.give_up(task);
                }
            }
        }
    }

    /// A step that took too long: its messages come again.
    fn give_up(&mut self, task: Task) {
        self.count("timeouts");
        self.tell(|| format!("hub        gives {} up", task.what));
        if let Some(queue) = &task.queue {
            let after: Vec<_> = task
                .messages
                .iter()
                .map(|message| (message.id.clone(), After::Release(Duration::from_secs(1 << message.receives.min(9)))))
                .collect();
            self.settle_messages(queue, after);
        }
        self.unanswered(task);
    }

    fn unanswered(&mut self, task: Task) {
        let Task { what, mail, person, future, .. } = task;
        drop(future);
        if let Some((name, push)) = mail {
            self.not_taken(&name, push);
        }
        if let Some(asked) = person {
            self.ask_again(asked);
        }
        if let Some(name) = what.strip_prefix("backfill ") {
            let again = self.now() + 60 * SECOND;
            self.backfill_at.insert(name.to_owned(), again);
        }
        if what == "reconfigure" {
            self.reconfigure_at = Some(self.now() + 60 * SECOND);
        }
        if what == "tick" {
            self.tick_at = self.now() + SECOND;
        }
    }

    /// The process dies or is replaced: all that was in memory is gone.
    pub(crate) fn restart(&mut self, why: &str) {
        let tasks = std::mem::take(&mut self.tasks);
        let names: Vec<&str> = tasks.iter().map(|task| task.what.as_str()).collect();
        let during = names.join(", ");
        self.tell(|| format!("fate       {why}, in the middle of: {during}"));
        for task in tasks {
            self.unanswered(task);
        }
        for (name, count) in self.hub.tally.counts() {
            *self.before.entry(name).or_default() += count;
        }
        self.hub = self.world.start(copy(&self.settings));
        self.tick_at = self.now() + self.lot.between(0, 5 * SECOND);
        self.tick_gap = SECOND;
        self.reconfigure_at = Some(self.now());
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Batch(queue, after) => self.settle_messages(&queue, after),
            Done::Fed(Some((cursor, seen))) => {
                self.cursor = cursor;
                self.fed += seen;
            }
            Done::Fed(None) => {}
            Done::Ticked(true) => self.ticked(),
            Done::Ticked(false) => self.tick_at = self.now() + SECOND,
            Done::Answered(name, push, status) if (200..300).contains(&status) => self.told.push((name, push)),
            Done::Answered(name, push, status) => {
                self.tell(|| format!("{name}  a webhook is answered {status}"));
                self.not_taken(&name, push);
            }
            Done::Reconfigured(true) => {}
            Done::Reconfigured(false) => self.reconfigure_at = Some(self.now() + 60 * SECOND),
            Done::Backfilled(_, true) => {}
            Done::Backfilled(name, false) => {
                let again = self.now() + 60 * SECOND;
                self.backfill_at.insert(name, again);
            }
            Done::Person(asked, outcome) => self.answered(asked, outcome),
        }
    }

    fn settle_messages(&mut self, queue: &QueueName, after: Vec<(String, After)>) {
        let mut gone = Vec::new();
        let mut again = Vec::new();
        for (id, what) in after {
            match what {
                After::Delete if self.redeliver[kind(queue)] > 0 && self.may_come_again(&id) => {
                    self.redeliver[kind(queue)] -= 1;
                    self.count("messages redelivered");
                    self.tell(|| format!("fate       message {id} of {queue} is delivered again"));
                }
                After::Delete => gone.push(id),
                After::Release(wait) => again.push((id, wait)),
            }
        }
        self.world.queue.delete(queue, &gone).now_or_never();
        self.world.queue.release(queue, &again).now_or_never();
    }

    /// A queue repeats a message now and then, not for ever.
    fn may_come_again(&mut self, id: &str) -> bool {
        let times = self.redelivered.entry(id.to_owned()).or_default();
        *times += 1;
        *times <= 2
    }

    fn not_taken(&mut self, name: &str, push: Push) {
        let now = concord_connector::Instant::from_ms(self.now());
        self.world.vendors.with(name, |vendor| vendor.sandbox.failed(now, push));
    }

    pub(super) fn deliver_mail(&mut self, name: String, push: Push) {
        let hub = Arc::clone(&self.hub);
        let request = push.request.clone();
        let target = request.target.strip_prefix(crate::vendors::PUBLIC_URL).unwrap_or(&request.target).to_owned();
        let own = format!("/hooks/{name}/");
        let incoming = steps::ingest::Incoming {
            method: request.method,
            path_secret: target.split('?').next().and_then(|path| path.strip_prefix(&own)).map(str::to_owned),
            path_and_query: target,
            headers: request.headers.into_iter().collect(),
            body: request.body,
            source: None,
        };
        self.tell(|| format!("{name}  a webhook arrives: {}", String::from_utf8_lossy(&incoming.body)));
        let (to, sent) = (name.clone(), push.clone());
        let mut task = Task::new("ingest", self.now() + 30 * SECOND, async move {
            let answer = steps::ingest::ingest(&hub, &to, incoming).await;
            Done::Answered(to, sent, answer.status)
        });
        task.mail = Some((name, push));
        self.start(task);
    }

    pub(super) fn receive(&mut self, at: usize) {
        let queue = self.queues[at].clone();
        let most = 1 + self.lot.place(10);
        let received = self.world.queue.receive(&queue, most, VISIBILITY).now_or_never();
        let mut batch = received.and_then(Result::ok).unwrap_or_default();
        self.hold(&queue, &mut batch);
        if batch.is_empty() {
            return;
        }
        let worth: Vec<&Received> = batch.iter().filter(|message| !message.body.starts_with("{\"poll")).collect();
        if !worth.is_empty() {
            self.tell(|| {
                let bodies: Vec<String> = worth.iter().map(|message| short(&message.body)).collect();
                format!("hub        {queue}: {}", bodies.join(" | "))
            });
        }
        let hub = Arc::clone(&self.hub);
        let messages = batch.clone();
        let to = queue.clone();
        let spread = self.lot.between(0, 255);
        let deadline = self.now() + i64::try_from(VISIBILITY.as_millis() / 2).unwrap_or(60_000);
        let mut task = Task::new(queue.to_string(), deadline, async move { work(&hub, to, batch, spread).await });
        task.queue = Some(queue);
        task.messages = messages;
        self.start(task);
    }

    /// Messages that something holds up on their way.
    fn hold(&mut self, queue: &QueueName, batch: &mut Vec<Received>) {
        let kind = kind(queue);
        if kind > 1 || self.holds[kind].0 == 0 {
            return;
        }
        let (many, until) = self.holds[kind];
        let held: Vec<Received> = batch.drain(..batch.len().min(usize::try_from(many).unwrap_or(0))).collect();
        self.holds[kind].0 -= held.len() as u64;
        for message in held {
            self.count("messages held");
            self.tell(|| format!("fate       held up: {}", short(&message.body)));
            let outgoing = Outgoing { group: message.group.clone(), ..Outgoing::new(message.body.clone()) };
            self.limbo.push((until, queue.clone(), outgoing));
            self.world.queue.delete(queue, &[message.id]).now_or_never();
        }
    }

    /// Messages that were held up go on.
    pub(super) fn let_go(&mut self) {
        let now = self.now();
        let (due, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.limbo).into_iter().partition(|(at, ..)| *at <= now);
        self.limbo = rest;
        for (_, queue, outgoing) in due {
            self.world.queue.send(&queue, vec![outgoing]).now_or_never();
        }
    }

    pub(super) fn feed(&mut self) {
        let hub = Arc::clone(&self.hub);
        let (table, after) = (self.world.table.clone(), self.cursor.clone());
        let most = 1 + self.lot.place(20);
        self.start(Task::new("fanout", self.now() + 60 * SECOND, async move {
            let Ok(feed) = table.changes(after.as_deref(), most).await else { return Done::Fed(None) };
            let seen = feed.entries.len();
            match steps::fanout::fanout(&hub, &feed.entries).await {
                Ok(()) => Done::Fed(Some((feed.cursor, seen))),
                Err(_) => Done::Fed(None),
            }
        }));
    }

    pub(super) fn tick(&mut self) {
        let hub = Arc::clone(&self.hub);
        self.start(Task::new("tick", self.now() + 60 * SECOND, async move {
            Done::Ticked(steps::schedule::tick(&hub).await.is_ok())
        }));
    }

    fn ticked(&mut self) {
        let work = self.work_done();
        let open = self.held_back()
            || self.world.table.waiting(concord_hub::ports::Index::Pending, |name| !name.starts_with("parked#")) > 0;
        let poll = i64::try_from(self.plan.poll_s).unwrap_or(3600) * SECOND;
        if work != self.work {
            self.work = work;
            self.tick_gap = SECOND;
        }
        self.tick_gap = (self.tick_gap * 3 / 2).min(if open { 300 * SECOND } else { (poll / 3).max(120 * SECOND) });
        self.tick_at = self.now() + self.tick_gap;
    }

    pub(super) fn reconfigure(&mut self) {
        self.reconfigure_at = None;
        let hub = Arc::clone(&self.hub);
        let deadline = self.now() + 3600 * SECOND;
        self.start(Task::new("reconfigure", deadline, async move {
            Done::Reconfigured(steps::reconfigure::run(&hub).await.is_ok())
        }));
    }

    pub(super) fn backfill(&mut self, name: String) {
        self.backfill_at.remove(&name);
        let hub = Arc::clone(&self.hub);
        self.start(Task::new(format!("backfill {name}"), self.now() + 60 * SECOND, async move {
            let settings = hub.settings();
            let Some(connection) = settings.connections.get(name.as_str()) else { return Done::Backfilled(name, true) };
            let done = steps::schedule::backfill(&hub, connection).await.is_ok();
            Done::Backfilled(name, done)
        }));
    }
}
