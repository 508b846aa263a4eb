//! Lets an operation of several calls be written straight down: a call gives the response that was seen, or stops the
//! function because the request has to be sent first.

use concord_connector::{Context, Fault, Outcome, Request, Response, Result, Step};

/// Why an operation stops before its outcome.
pub(crate) enum Pause {
    /// This has to be sent.
    Send(Box<Request>),
    /// It cannot go on.
    Fault(Fault),
}

impl From<Fault> for Pause {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The responses so far, handed out in order.
pub(crate) struct Script<'a> {
    pub(crate) cx: &'a Context,
    seen: std::slice::Iter<'a, Response>,
}

impl<'a> Script<'a> {
    pub(crate) fn new(cx: &'a Context, seen: &'a [Response]) -> Self {
        Self { cx, seen: seen.iter() }
    }

    /// The response to a request.
    pub(crate) fn call(&mut self, request: Request) -> std::result::Result<&'a Response, Pause> {
        self.seen.next().ok_or_else(|| Pause::Send(Box::new(request)))
    }
}

/// The step that a scripted operation stands at.
pub(crate) fn step(outcome: std::result::Result<Outcome, Pause>) -> Result<Step> {
    match outcome {
        Ok(outcome) => Ok(Step::Done(outcome)),
        Err(Pause::Send(request)) => Ok(Step::Send(*request)),
        Err(Pause::Fault(fault)) => Err(fault),
    }
}
