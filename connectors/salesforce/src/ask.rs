//! Operations are written as if they were sent at once: `ask` takes the answer from the history, or ends the run with the
//! request that has to be sent next. Equal histories run equally.

use concord_connector::{Fault, Outcome, Request, Response, Step};

/// Why a run ended before its outcome.
pub(crate) enum Pause {
    /// Send this and run again.
    Send(Box<Request>),
    /// The operation as a whole cannot go on.
    Fault(Fault),
}

impl From<Fault> for Pause {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What functions that ask return.
pub(crate) type Result<T> = std::result::Result<T, Pause>;

/// The responses so far, read in order.
pub(crate) struct Asked<'a> {
    seen: std::slice::Iter<'a, Response>,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(seen: &'a [Response]) -> Self {
        Self { seen: seen.iter() }
    }

    /// The answer to a request, if it is there.
    pub(crate) fn ask(&mut self, request: Request) -> Result<&'a Response> {
        self.seen.next().ok_or_else(|| Pause::Send(Box::new(request)))
    }
}

/// The step that the end of a run stands for.
pub(crate) fn step(end: Result<Outcome>) -> concord_connector::Result<Step> {
    match end {
        Ok(outcome) => Ok(Step::Done(outcome)),
        Err(Pause::Send(request)) => Ok(Step::Send(*request)),
        Err(Pause::Fault(fault)) => Err(fault),
    }
}
