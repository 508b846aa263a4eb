#![doc = include_str!("../README.md")]

mod check;
mod events;
mod read;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod view;
mod write;

use concord_connector::{
    Connector, Context, Cursor, Entity, Fault, Kind, Manifest, Operation, Outcome, Request, Response, Result, Signal,
    Step, Verified, Webhook,
    connector::{classify_status, no_jobs},
    exchange::{Account, Unfit, Write},
    script::{Run, Script, step},
};
use std::sync::LazyLock;

static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| match Manifest::parse(include_str!("../connector.toml")) {
    Ok(manifest) => manifest,
    Err(fault) => panic!("the manifest is compiled in and read by a test: {fault}"),
});

/// The connector for opportunities of Google's Cloud Channel API.
pub fn connector() -> impl Connector {
    GoogleCosell
}

struct GoogleCosell;

impl Connector for GoogleCosell {
    fn manifest(&self) -> &Manifest {
        &MANIFEST
    }

    fn next(&self, cx: &Context, operation: &Operation, seen: &[Response]) -> Result<Step> {
        step(seen, |script| run(script, cx, operation))
    }

    fn signals(&self, _cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
        events::signals(hook)
    }

    fn split(&self, _hook: &Webhook<Verified>) -> Vec<Webhook<Verified>> {
        // One message a request.
        Vec::new()
    }

    fn preflight(&self, cx: &Context, entity: Entity, write: &Write) -> Vec<Unfit> {
        if entity == Entity::CosellDeal { check::preflight(cx, write) } else { Vec::new() }
    }

    fn classify(&self, request: &Request, response: &Response) -> Fault {
        classify_status(&MANIFEST, request, response)
    }
}

/// Whether the connection says that Google lets it in.
fn is_on(cx: &Context) -> bool {
    cx.option("channel_api") == Some("true")
}

fn run(script: &mut Script<'_>, cx: &Context, operation: &Operation) -> Run<Outcome> {
    match operation {
        Operation::Describe => {
            if is_on(cx) {
                script.send(read::list(cx, 1, None))?;
            }
            Ok(Outcome::Account(Account { time_zone: Some("UTC".into()), ..Account::default() }))
        }
        // Where Google has not let us in there is nothing to be asked.
        Operation::Fetch { .. } if !is_on(cx) => Ok(Outcome::Records(Vec::new())),
        Operation::Poll { .. } if !is_on(cx) => {
            Ok(Outcome::Page { records: Vec::new(), cursor: Cursor::new(""), more: false })
        }
        Operation::Find { .. } if !is_on(cx) => Ok(Outcome::Found(Vec::new())),
        Operation::Fetch { ids, .. } => read::fetch(script, cx, ids),
        Operation::Poll { cursor, .. } => read::poll(script, cx, cursor.as_ref()),
        Operation::Find { record, .. } => read::find(script, cx, record),
        Operation::Write { writes, .. } => write::write(script, cx, writes),
        Operation::Check { .. } => Err(no_jobs(&MANIFEST).into()),
        Operation::Deleted { .. } => {
            let sentence = "Google has no list of deleted opportunities";
            Err(Fault::new(Kind::Rejected, "google_cosell.deleted", sentence).into())
        }
    }
}
