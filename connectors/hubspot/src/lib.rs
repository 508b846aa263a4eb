#![doc = include_str!("../README.md")]

mod account;
mod association;
mod change;
mod errors;
mod events;
mod find;
pub mod journal;
mod link;
mod read;
mod row;
mod search;
mod write;

#[cfg(feature = "sandbox")]
pub mod sandbox;

use concord_connector::script::{self, Script, step};
use concord_connector::{
    Connector, Context, Entity, Fault, Field, Manifest, Operation, Request, Response, Result, Signal, Step, Value,
    Verified, Webhook,
};
use std::sync::LazyLock;

static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| match Manifest::parse(include_str!("../connector.toml")) {
    Ok(manifest) => manifest,
    Err(fault) => panic!("the manifest is compiled in and read by a test: {fault}"),
});

/// The connector for HubSpot.
pub fn connector() -> impl Connector {
    HubSpot
}

struct HubSpot;

impl Connector for HubSpot {
    fn manifest(&self) -> &Manifest {
        &MANIFEST
    }

    fn next(&self, cx: &Context, operation: &Operation, seen: &[Response]) -> Result<Step> {
        step(seen, |script: &mut Script<'_>| match operation {
            Operation::Fetch { entity, ids } => read::fetch(script, cx, *entity, ids),
            Operation::Poll { entity, cursor, until } => search::poll(script, cx, *entity, cursor.as_ref(), *until),
            Operation::Find { entity, record, keys } => find::find(script, cx, *entity, record, keys),
            Operation::Write { entity, writes } => write::write(script, cx, *entity, writes),
            Operation::Describe => account::describe(script, cx),
            Operation::Check { .. } => Err(concord_connector::connector::no_jobs(&MANIFEST).into()),
            Operation::Deleted { .. } => {
                Err(Fault::malformed("hubspot.deleted", "HubSpot has no list of deleted records by time").into())
            }
        })
    }

    fn signals(&self, cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
        events::signals(cx, hook.body())
    }

    /// HubSpot's errors say more than their status: which limit was hit, which scope is missing, which record exists.
    fn classify(&self, request: &Request, response: &Response) -> Fault {
        errors::classify(self.manifest(), request, response)
    }

    /// A partner's role on a deal is an association label; a role without label comes back as the first label's.
    fn image(&self, cx: &Context, entity: Entity, field: &Field, value: Option<&Value>) -> Result<Option<Value>> {
        let mapping = cx.mapping(entity)?;
        let image = mapping.image(cx, entity, field, value)?;
        Ok(match mapping.rule(field.as_str()) {
            Some(rule) => link::image(cx, &rule.vendor, image),
            None => image,
        })
    }
}
