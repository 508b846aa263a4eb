#![doc = include_str!("../README.md")]

mod account;
mod answer;
mod events;
mod find;
mod ingestion;
mod listing;
mod offer;
mod read;
mod saas;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod usage;
mod write;

use concord_connector::{
    Connector, Context, Entity, Fault, Kind, Manifest, Operation, Request, Response, Result, Signal, Step, Verified,
    Webhook,
    connector::classify_status,
    exchange::{Unfit, Write},
    script::{Run, Script, step},
};
use std::sync::LazyLock;

static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| match Manifest::parse(include_str!("../connector.toml")) {
    Ok(manifest) => manifest,
    Err(fault) => panic!("the manifest is compiled in and read by a test: {fault}"),
});

/// The connector for Microsoft's commercial marketplace.
pub fn connector() -> impl Connector {
    MicrosoftMarketplace
}

struct MicrosoftMarketplace;

impl Connector for MicrosoftMarketplace {
    fn manifest(&self) -> &Manifest {
        &MANIFEST
    }

    fn next(&self, cx: &Context, operation: &Operation, seen: &[Response]) -> Result<Step> {
        step(seen, |script| run(script, cx, operation))
    }

    fn signals(&self, cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
        events::signals(cx, hook)
    }

    fn split(&self, _hook: &Webhook<Verified>) -> Vec<Webhook<Verified>> {
        // One event a request.
        Vec::new()
    }

    fn preflight(&self, cx: &Context, entity: Entity, write: &Write) -> Vec<Unfit> {
        write::preflight(cx, entity, write)
    }

    fn classify(&self, request: &Request, response: &Response) -> Fault {
        classify(request, response)
    }
}

fn classify(request: &Request, response: &Response) -> Fault {
    let fault = classify_status(&MANIFEST, request, response);
    if fault.kind != Kind::Forbidden {
        return fault;
    }
    let sentence = match request.host {
        None => {
            "Microsoft Marketplace takes only tokens of the tenant and application that the offer's technical \
             configuration names: compare `tenant_id` and `app_id`"
        }
        Some(_) => "the application is no user of Partner Center with the role Manager or Developer",
    };
    fault
        .context()
        .iter()
        .fold(Fault::new(Kind::Forbidden, "exchange", sentence), |told, (name, value)| told.with(name, value))
}

fn run(script: &mut Script<'_>, cx: &Context, operation: &Operation) -> Run<concord_connector::Outcome> {
    match operation {
        Operation::Describe => account::describe(script),
        Operation::Fetch { entity, ids } => read::fetch(script, cx, *entity, ids),
        Operation::Poll { entity, cursor, .. } => read::poll(script, cx, *entity, cursor.as_ref()),
        Operation::Find { entity, record, keys } => find::find(script, cx, *entity, record, keys),
        Operation::Write { entity, writes } => write::write(script, cx, *entity, writes),
        Operation::Check { entity, operation, write } => write::check(script, cx, *entity, operation, write),
        Operation::Deleted { .. } => {
            let sentence = "Microsoft Marketplace has no list of deleted records";
            Err(Fault::new(Kind::Rejected, "microsoft_marketplace.deleted", sentence).into())
        }
    }
}
