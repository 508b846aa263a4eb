//! Lets an operation of several calls be written straight down, with the context at hand.

pub(crate) use concord_connector::script::{Pause, ended as step};
use concord_connector::{Context, Request, Response, script};

/// The responses so far, handed out in order.
pub(crate) struct Script<'a> {
    pub(crate) cx: &'a Context,
    seen: script::Script<'a>,
}

impl<'a> Script<'a> {
    pub(crate) fn new(cx: &'a Context, seen: &'a [Response]) -> Self {
        Self { cx, seen: script::Script::new(seen) }
    }

    /// The response to a request.
    pub(crate) fn call(&mut self, request: Request) -> script::Run<&'a Response> {
        self.seen.send(request)
    }
}
