#![doc = include_str!("../README.md")]

mod agreement;
mod catalog;
mod change_set;
mod check;
mod entity;
mod errors;
mod events;
mod fields;
mod landing;
mod listing;
mod notices;
mod offer;
mod poll;
mod read;
mod resale;
mod terms;
mod usage;
mod write;

#[cfg(test)]
mod samples;
#[cfg(feature = "sandbox")]
pub mod sandbox;

use concord_connector::{
    Connector, Context, Entity, Fault, Kind, Manifest, Operation, Outcome, Request, Response, Result, Signal, Step,
    Verified, Webhook,
    exchange::{Account, Unfit, Write},
    script::{Run, Script, step},
    webhook::landed,
};

/// The connector of AWS Marketplace, for sellers.
pub fn connector() -> impl Connector {
    match Manifest::parse(include_str!("../connector.toml")) {
        Ok(manifest) => Marketplace { manifest },
        // The text is part of the program and a test parses it.
        Err(fault) => unreachable!("connector.toml: {fault}"),
    }
}

struct Marketplace {
    manifest: Manifest,
}

impl Connector for Marketplace {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn next(&self, cx: &Context, operation: &Operation, seen: &[Response]) -> Result<Step> {
        step(seen, |script| self.run(cx, operation, script))
    }

    fn preflight(&self, _cx: &Context, entity: Entity, write: &Write) -> Vec<Unfit> {
        check::write(entity, write)
    }

    fn signals(&self, cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
        match hook.scheme() {
            "landing" => Ok(landed(hook, "x-amzn-marketplace-token")),
            "sns" => notices::signals(cx, hook.body()),
            _ => events::signals(cx, hook.body()),
        }
    }

    fn classify(&self, request: &Request, response: &Response) -> Fault {
        errors::classify(&self.manifest, request, response)
    }
}

impl Marketplace {
    fn run(&self, cx: &Context, operation: &Operation, script: &mut Script<'_>) -> Run<Outcome> {
        match operation {
            Operation::Fetch { entity, ids } => read::fetch(cx, script, *entity, ids),
            Operation::Poll { entity, cursor, until } => {
                let look_back_s = self.manifest.capabilities.look_back_s;
                poll::poll(cx, script, *entity, cursor.as_ref(), *until, look_back_s)
            }
            Operation::Find { entity, record, .. } => change_set::find(cx, script, *entity, record),
            Operation::Write { entity: Entity::UsageRecord, writes } => usage::meter(cx, script, writes),
            Operation::Write { entity, writes } => write::write(cx, script, *entity, writes),
            Operation::Check { entity, operation, write } => change_set::check(cx, script, *entity, operation, write),
            // The account says nothing of itself; that it lets us in is what is worth knowing.
            Operation::Describe => {
                script.send(catalog::list("SaaSProduct", 1))?;
                Ok(Outcome::Account(Account::default()))
            }
            Operation::Deleted { .. } => {
                let sentence = "AWS Marketplace deletes nothing, and has no list of it";
                Err(Fault::new(Kind::Unexpected, "aws-marketplace.deleted", sentence).into())
            }
        }
    }
}
