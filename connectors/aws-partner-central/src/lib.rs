#![doc = include_str!("../README.md")]

mod ask;
mod check;
mod deal;
mod errors;
mod events;
mod invitation;
mod poll;
mod read;
mod submit;
mod write;

#[cfg(feature = "sandbox")]
pub mod sandbox;

use concord_connector::{
    Connector, Context, Entity, Fault, Kind, Manifest, Operation, Outcome, Request, Response, Result, Signal, Step,
    Verified, Webhook,
    exchange::{Account, Unfit, Write},
    script::{Run, Script, step},
};
use serde_json::json;

/// The connector of AWS Partner Central.
pub fn connector() -> impl Connector {
    match Manifest::parse(include_str!("../connector.toml")) {
        Ok(manifest) => Partner { manifest },
        // The text is part of the program and a test parses it.
        Err(fault) => unreachable!("connector.toml: {fault}"),
    }
}

struct Partner {
    manifest: Manifest,
}

impl Connector for Partner {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn next(&self, cx: &Context, operation: &Operation, seen: &[Response]) -> Result<Step> {
        step(seen, |script| self.run(cx, operation, script))
    }

    fn preflight(&self, cx: &Context, entity: Entity, write: &Write) -> Vec<Unfit> {
        if entity == Entity::CosellDeal { check::write(cx, write) } else { Vec::new() }
    }

    fn signals(&self, cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
        events::signals(cx, hook.body())
    }

    fn classify(&self, request: &Request, response: &Response) -> Fault {
        errors::classify(&self.manifest, request, response)
    }
}

impl Partner {
    fn run(&self, cx: &Context, operation: &Operation, script: &mut Script<'_>) -> Run<Outcome> {
        match operation {
            Operation::Fetch { ids, .. } => Ok(Outcome::Records(read::fetch(cx, script, ids)?)),
            Operation::Poll { cursor, until, .. } => {
                poll::poll(cx, script, cursor.as_ref(), *until, self.manifest.capabilities.look_back_s)
            }
            Operation::Find { record, .. } => Ok(Outcome::Found(read::find(cx, script, record)?)),
            Operation::Write { writes, .. } => write::write(cx, script, writes),
            Operation::Check { operation, write, .. } => submit::check(cx, script, operation, write),
            // The account says nothing of itself; that it lets us in is what is worth knowing.
            Operation::Describe => {
                script.send(ask::read(cx, "ListOpportunities", json!({ "MaxResults": 1 })))?;
                Ok(Outcome::Account(Account::default()))
            }
            Operation::Deleted { .. } => {
                let sentence = "Partner Central deletes nothing, and has no list of it";
                Err(Fault::new(Kind::Unexpected, "aws-partner-central.deleted", sentence).into())
            }
        }
    }
}
