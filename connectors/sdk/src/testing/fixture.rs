//! Fixtures: recorded exchanges with the operation before and the outcome after them, replayed without a server.

use super::{drive::learn, holds};
use crate::{
    Connector, Context, Fault, Operation, Outcome, Request, Response, Step,
    exchange::Account,
    fault::{Kind, Retry},
};
use serde::Deserialize;
use serde_json::Value as Json;
use std::{collections::BTreeMap, path::Path};

/// The most exchanges that a recorded operation may take.
const EXCHANGES: usize = 16;

/// One file of `fixtures/`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// What the recording shows, in one sentence.
    #[serde(default)]
    pub about: Option<String>,
    /// What a description of the account had found.
    #[serde(default)]
    pub account: Option<Account>,
    /// Settings of the connection.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// The operation.
    pub operation: Operation,
    /// What went over the wire.
    pub exchanges: Vec<Exchange>,
    /// What came of it, unless it failed.
    #[serde(default)]
    pub outcome: Option<Outcome>,
    /// How it failed, unless it succeeded.
    #[serde(default)]
    pub fault: Option<Failure>,
}

/// One request and its response.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The request; `accept`, `limit` and `writes` are compared where they are given.
    pub request: Json,
    /// The response.
    pub response: Response,
}

/// How an operation failed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// What happened.
    pub kind: Kind,
    /// What to do; compared where it is given.
    #[serde(default)]
    pub retry: Option<Retry>,
    /// A part of the sentence; compared where it is given.
    #[serde(default)]
    pub message: Option<String>,
}

impl Fixture {
    /// Reads a file.
    ///
    /// # Errors
    /// A sentence that names it.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))
    }

    /// The context in which the recording was made.
    pub fn context(&self, cx: &Context) -> Context {
        let mut cx = cx.clone();
        cx.options.extend(self.options.clone());
        if let Some(account) = &self.account {
            learn(&mut cx, account);
        }
        cx
    }

    /// Replays the exchanges: each request has to be equal, and so has the end. Gives the requests.
    ///
    /// # Errors
    /// A sentence that names the first difference.
    pub fn replay(&self, connector: &dyn Connector, cx: &Context) -> Result<Vec<Request>, String> {
        holds(self.exchanges.len() <= EXCHANGES, || format!("more than {EXCHANGES} exchanges"))?;
        holds(self.outcome.is_some() != self.fault.is_some(), || "needs either `outcome` or `fault`".into())?;
        let cx = self.context(cx);
        let (mut seen, mut sent) = (Vec::new(), Vec::new());
        loop {
            let step = match connector.next(&cx, &self.operation, &seen) {
                Ok(Step::Send(request)) => request,
                Ok(Step::Done(outcome)) => return self.ended(seen.len(), Ok(outcome)).map(|()| sent),
                Err(fault) => return self.ended(seen.len(), Err(fault)).map(|()| sent),
            };
            let at = seen.len();
            let shown = serde_json::to_string_pretty(&step).unwrap_or_default();
            let exchange = self.exchanges.get(at).ok_or_else(|| format!("one request too many: {shown}"))?;
            same(&step, &exchange.request).map_err(|mistake| format!("request {}: {mistake}; sent {shown}", at + 1))?;
            let accepted = step.accept.contains(&exchange.response.status);
            let fault = (!accepted).then(|| connector.classify(&step, &exchange.response));
            sent.push(step);
            seen.push(exchange.response.clone());
            if let Some(fault) = fault {
                return self.ended(seen.len(), Err(fault)).map(|()| sent);
            }
        }
    }

    fn ended(&self, exchanges: usize, end: Result<Outcome, Fault>) -> Result<(), String> {
        let recorded = self.exchanges.len();
        holds(exchanges == recorded, || format!("ended after {exchanges} of {recorded} exchanges: {end:?}"))?;
        match (end, &self.outcome, &self.fault) {
            (Ok(outcome), Some(expected), _) => holds(outcome == *expected, || {
                let show = |outcome| serde_json::to_string_pretty(outcome).unwrap_or_default();
                format!("the outcome is {}, expected {}", show(&outcome), show(expected))
            }),
            (Err(fault), _, Some(expected)) => {
                let same = fault.kind == expected.kind
                    && expected.retry.is_none_or(|retry| retry == fault.retry)
                    && expected.message.as_ref().is_none_or(|part| fault.to_string().contains(part.as_str()));
                holds(same, || format!("the fault is {fault:?}, expected {expected:?}"))
            }
            (end, _, _) => Err(format!("ended otherwise than recorded: {end:?}")),
        }
    }
}

/// Whether a request is the recorded one. What the recording leaves out has to be empty, but for `accept`, `limit` and
/// `writes`, which say nothing about the wire.
fn same(request: &Request, recorded: &Json) -> Result<(), String> {
    let sent = serde_json::to_value(request).map_err(|e| e.to_string())?;
    let expected: Request = {
        let mut whole = recorded.clone();
        if let Some(object) = whole.as_object_mut() {
            for free in ["accept", "limit", "writes"] {
                if let (false, Some(value)) = (object.contains_key(free), sent.get(free)) {
                    object.insert(free.to_owned(), value.clone());
                }
            }
        }
        serde_json::from_value(whole).map_err(|e| format!("the recorded request is none: {e}"))?
    };
    holds(*request == expected, || {
        format!("differs from the recorded {}", serde_json::to_string(&expected).unwrap_or_default())
    })
}
