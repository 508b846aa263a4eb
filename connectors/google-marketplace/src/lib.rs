#![doc = include_str!("../README.md")]

mod entitlement;
mod events;
mod offer;
mod producer;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod usage;

use concord_connector::{
    Connector, Context, Cursor, Entity, Fault, Kind, Manifest, Operation, Outcome, Request, Response, Result, Signal,
    Step, Verified, Webhook,
    connector::{classify_status, no_jobs},
    exchange::{Account, Unfit, Write},
    script::{Run, Script, step},
    value::Currency,
};
use std::sync::LazyLock;

static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| match Manifest::parse(include_str!("../connector.toml")) {
    Ok(manifest) => manifest,
    Err(fault) => panic!("the manifest is compiled in and read by a test: {fault}"),
});

/// The connector for Google Cloud Marketplace.
pub fn connector() -> impl Connector {
    GoogleMarketplace
}

struct GoogleMarketplace;

impl Connector for GoogleMarketplace {
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
        // One message a request.
        Vec::new()
    }

    fn preflight(&self, cx: &Context, entity: Entity, write: &Write) -> Vec<Unfit> {
        match entity {
            Entity::UsageRecord => usage::preflight(write),
            Entity::Entitlement => entitlement::preflight(write),
            Entity::PrivateOffer => offer::preflight(cx, write),
            _ => Vec::new(),
        }
    }

    fn classify(&self, request: &Request, response: &Response) -> Fault {
        classify_status(&MANIFEST, request, response)
    }
}

fn run(script: &mut Script<'_>, cx: &Context, operation: &Operation) -> Run<Outcome> {
    match operation {
        Operation::Describe => {
            script.send(entitlement::list(cx, 1, None))?;
            let currency = Currency::parse("USD");
            Ok(Outcome::Account(Account { time_zone: Some("UTC".into()), currency, ..Account::default() }))
        }
        Operation::Fetch { entity: Entity::Entitlement, ids } => entitlement::fetch(script, cx, ids),
        Operation::Fetch { entity: Entity::PrivateOffer, ids } => offer::fetch(script, cx, ids),
        Operation::Fetch { .. } => Ok(Outcome::Records(Vec::new())),
        Operation::Poll { entity: Entity::Entitlement, cursor, .. } => entitlement::poll(script, cx, cursor.as_ref()),
        Operation::Poll { entity: Entity::PrivateOffer, cursor, until } => {
            offer::poll(script, cx, cursor.as_ref(), *until)
        }
        Operation::Poll { .. } => Ok(Outcome::Page { records: Vec::new(), cursor: Cursor::new(""), more: false }),
        Operation::Find { entity: Entity::PrivateOffer, record, .. } => offer::find(script, cx, record),
        Operation::Find { entity, keys, .. } => entitlement::find(script, cx, *entity, keys),
        Operation::Write { entity: Entity::UsageRecord, writes } => usage::write(script, cx, writes),
        Operation::Write { entity: Entity::PrivateOffer, writes } => offer::write(script, cx, writes),
        Operation::Write { writes, .. } => entitlement::write(script, cx, writes),
        Operation::Check { entity: Entity::PrivateOffer, operation, .. } => offer::check(script, cx, operation),
        Operation::Check { .. } => Err(no_jobs(&MANIFEST).into()),
        Operation::Deleted { .. } => {
            let sentence = "Google Cloud Marketplace has no list of deleted records";
            Err(Fault::new(Kind::Rejected, "google_marketplace.deleted", sentence).into())
        }
    }
}

/// A refusal in the vendor's words.
fn told(operation: &'static str, answer: &Response) -> Fault {
    let said = answer.text("/error/message").unwrap_or("without a reason").chars().take(300).collect::<String>();
    Fault::new(Kind::Rejected, operation, format!("Google says: {said}"))
}
