//! The gate that every port call passes: here the scheduler takes over, here calls fail and processes die.

use crate::lot::Lot;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

/// Where in a call it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the port did anything.
    Before,
    /// After the port did it; the caller does not learn that.
    After,
}

/// What breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// The call fails, and the next so many of any port.
    Fail(u64),
    /// The process dies, with everything that it had in memory.
    Die,
    /// Of a batch to send, only the first half is sent.
    Half,
}

/// A break that is planned for the `call`th call from now on.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    /// How many calls from now.
    pub call: u64,
    /// What.
    pub what: Break,
    /// Where.
    pub when: When,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is carried out.
    Go,
    /// It fails.
    Fail(When),
    /// The process dies.
    Die(When),
    /// Half of it.
    Half,
}

#[derive(Debug)]
struct State {
    calls: u64,
    planned: Vec<(u64, Break, When)>,
    dead: bool,
    fired: Vec<&'static str>,
    turns: u64,
    hash: u64,
    lot: Lot,
    story: Option<Vec<String>>,
    ambush: Option<String>,
}

/// The gate of a hub. Clones are one.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Mutex<State>>);

impl Gate {
    /// A gate at which nothing breaks yet.
    pub fn new(lot: Lot) -> Self {
        Self(Arc::new(Mutex::new(State {
            calls: 0,
            planned: Vec::new(),
            dead: false,
            fired: Vec::new(),
            turns: 0,
            hash: 0xcbf2_9ce4_8422_2325,
            lot,
            story: None,
            ambush: None,
        })))
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Plans a break.
    pub fn plan(&self, planned: Planned) {
        let mut state = self.state();
        let call = state.calls + planned.call.max(1);
        state.planned.push((call, planned.what, planned.when));
    }
    /// The process dies when it is about to send a message with this text.
    pub fn ambush(&self, text: String) {
        self.state().ambush = Some(text);
    }
    /// A message is about to be sent: the next call is the last one, if it is the one that was waited for.
    pub fn is_sending(&self, body: &str) {
        let mut state = self.state();
        if state.ambush.as_ref().is_some_and(|text| body.contains(text.as_str())) {
            state.ambush = None;
            let call = state.calls;
            state.fired.push("death with a poll in hand");
            state.planned.insert(0, (call, Break::Die, When::Before));
        }
    }
    /// Nothing breaks any more.
    pub fn heal(&self) {
        self.state().planned.clear();
    }
    /// Whether the process died; it is alive again afterwards.
    pub fn died(&self) -> bool {
        std::mem::take(&mut self.state().dead)
    }
    /// What broke since it was last asked.
    pub fn fired(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.state().fired)
    }
    /// How often a task was stopped at the gate.
    pub fn turns(&self) -> u64 {
        self.state().turns
    }
    /// Port calls so far.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }
    /// Adds something that happened to the hash of the history.
    pub fn note(&self, bytes: &[u8]) {
        let mut state = self.state();
        let mut hash = state.hash;
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().fold(chunk.len() as u64, |word, byte| word << 8 | u64::from(*byte));
            hash = (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
        }
        state.hash = hash;
    }
    /// From now on the history is told.
    pub fn listen(&self) {
        self.state().story = Some(Vec::new());
    }
    /// Tells what happens at a time, when somebody listens.
    pub fn tell(&self, ms: i64, line: impl FnOnce() -> String) {
        let mut state = self.state();
        if let Some(story) = &mut state.story {
            story.push(format!("{}  {}", concord_connector::Instant::from_ms(ms).rfc3339(), line()));
        }
    }
    /// What was told, a line each.
    pub fn story(&self) -> Vec<String> {
        self.state().story.clone().unwrap_or_default()
    }
    /// The hash of everything that happened.
    pub fn hash(&self) -> u64 {
        self.state().hash
    }
    /// A number for latencies.
    pub fn lot<T>(&self, draw: impl FnOnce(&mut Lot) -> T) -> T {
        draw(&mut self.state().lot)
    }

    /// Waits for its turn, then says what happens to the call.
    pub async fn enter(&self, often: bool) -> Verdict {
        if often || self.lot(|lot| lot.percent(30)) {
            Turn { gate: self, taken: false }.await;
        }
        let mut state = self.state();
        state.calls += 1;
        let calls = state.calls;
        let Some(at) = state.planned.iter().position(|(call, ..)| *call <= calls) else { return Verdict::Go };
        let (call, what, when) = state.planned[at];
        let last = match what {
            Break::Fail(times) => calls + 1 >= call + times,
            _ => true,
        };
        if last {
            state.planned.remove(at);
        }
        let (name, verdict) = match what {
            Break::Fail(_) => ("port call failed", Verdict::Fail(when)),
            Break::Die => ("crash", Verdict::Die(when)),
            Break::Half => ("half a batch sent", Verdict::Half),
        };
        state.fired.push(name);
        verdict
    }
    /// The process is gone: nothing returns from here.
    pub async fn die<T>(&self) -> T {
        self.state().dead = true;
        std::future::pending().await
    }
}

/// Lets the scheduler choose who goes on.
struct Turn<'a> {
    gate: &'a Gate,
    taken: bool,
}

impl Future for Turn<'_> {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.taken {
            return Poll::Ready(());
        }
        self.taken = true;
        self.gate.state().turns += 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
