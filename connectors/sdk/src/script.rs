//! Writes an operation as it reads: one request after another. Each call of `next` replays the responses so far and
//! stops at the first request that has no response yet.

use crate::{Fault, Outcome, Request, Response, Result, Step};

/// Why a script stopped before its end.
pub enum Pause {
    /// At a request that has not been answered yet.
    Send(Box<Request>),
    /// At a failure of the whole operation.
    Fault(Fault),
}

impl From<Fault> for Pause {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What a part of a script gives.
pub type Run<T> = std::result::Result<T, Pause>;

/// The responses that are left to replay.
pub struct Script<'a> {
    seen: std::slice::Iter<'a, Response>,
}

impl<'a> Script<'a> {
    /// A script at its beginning.
    pub fn new(seen: &'a [Response]) -> Self {
        Self { seen: seen.iter() }
    }
    /// The response to a request, now or at a later replay.
    ///
    /// # Errors
    /// [`Pause::Send`] while there is no response yet.
    pub fn send(&mut self, request: Request) -> Run<&'a Response> {
        self.seen.next().ok_or_else(|| Pause::Send(Box::new(request)))
    }
}

/// Runs a script as far as the responses reach.
///
/// # Errors
/// The fault at which the script ended.
pub fn step<'a>(seen: &'a [Response], run: impl FnOnce(&mut Script<'a>) -> Run<Outcome>) -> Result<Step> {
    ended(run(&mut Script::new(seen)))
}

/// The step that the end of a script stands for.
///
/// # Errors
/// The fault at which the script ended.
pub fn ended(end: Run<Outcome>) -> Result<Step> {
    match end {
        Ok(outcome) => Ok(Step::Done(outcome)),
        Err(Pause::Send(request)) => Ok(Step::Send(*request)),
        Err(Pause::Fault(fault)) => Err(fault),
    }
}
