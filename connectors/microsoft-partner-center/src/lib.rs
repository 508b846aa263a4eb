#![doc = include_str!("../README.md")]

mod check;
mod events;
mod read;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod view;
mod write;

use concord_connector::{
    Connector, Context, Entity, Fault, Kind, Manifest, Operation, Outcome, Request, Response, Result, Signal, Step,
    Verified, Webhook,
    connector::{classify_status, no_jobs},
    exchange::{Account, Unfit, Write},
    script::{Run, Script, step},
};
use std::sync::LazyLock;

static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| match Manifest::parse(include_str!("../connector.toml")) {
    Ok(manifest) => manifest,
    Err(fault) => panic!("the manifest is compiled in and read by a test: {fault}"),
});

/// The connector for the referrals (co-sell deals) of Microsoft Partner Center.
pub fn connector() -> impl Connector {
    PartnerCenter
}

struct PartnerCenter;

impl Connector for PartnerCenter {
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
        // One event a request.
        Vec::new()
    }

    fn preflight(&self, _cx: &Context, entity: Entity, write: &Write) -> Vec<Unfit> {
        if entity == Entity::CosellDeal { check::preflight(write) } else { Vec::new() }
    }

    fn classify(&self, request: &Request, response: &Response) -> Fault {
        classify_status(&MANIFEST, request, response)
    }
}

fn run(script: &mut Script<'_>, cx: &Context, operation: &Operation) -> Run<Outcome> {
    match operation {
        Operation::Describe => {
            script.send(read::list(None, 1, 0, "createdDateTime desc"))?;
            Ok(Outcome::Account(Account { time_zone: Some("UTC".into()), ..Account::default() }))
        }
        Operation::Fetch { ids, .. } => read::fetch(script, cx, ids),
        Operation::Poll { cursor, until, .. } => read::poll(script, cx, cursor.as_ref(), *until),
        Operation::Find { record, keys, .. } => read::find(script, cx, record, keys),
        Operation::Write { writes, .. } => write::write(script, cx, writes),
        Operation::Check { .. } => Err(no_jobs(&MANIFEST).into()),
        Operation::Deleted { .. } => {
            let sentence = "Partner Center has no list of deleted referrals";
            Err(Fault::new(Kind::Rejected, "microsoft_partner_center.deleted", sentence).into())
        }
    }
}
