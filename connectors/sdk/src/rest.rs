//! The generic connector: a system whose manifest says by which calls its records are reached. No code belongs to it.

mod account;
mod errors;
mod fetch;
mod fill;
mod find;
mod hook;
mod poll;
mod row;
mod trial;
mod write;

pub use trial::{Line, Trial, trial};

use crate::{
    Connector, Context, Entity, Fault, Kind, Manifest, Operation, Request, Response, Result, Signal, Step, Verified,
    Webhook,
    manifest::Api,
    mapping::Mapping,
    script::{Run, Script, step},
};

/// A system that is reached as its manifest says.
#[derive(Clone, Debug)]
pub struct Rest {
    manifest: Manifest,
}

impl Rest {
    /// The connector of a manifest.
    ///
    /// # Errors
    /// `Malformed` when an entity of the manifest has no `api`.
    pub fn new(manifest: Manifest) -> Result<Self> {
        match manifest.entity.iter().find(|(_, mapping)| mapping.api.is_none()) {
            None => Ok(Self { manifest }),
            Some((entity, _)) => {
                Err(Fault::malformed("manifest", format!("entity.{entity} has no `api`: nothing says how to reach it")))
            }
        }
    }

    fn run<'a>(&self, script: &mut Script<'a>, cx: &'a Context, operation: &'a Operation) -> Run<crate::Outcome> {
        match operation {
            Operation::Describe => account::describe(script, cx, &self.manifest),
            Operation::Fetch { entity, ids } => fetch::fetch(script, &Place::of(cx, *entity)?, ids),
            Operation::Poll { entity, cursor, until } => {
                let look_back_s = self.manifest.capabilities.look_back_s;
                poll::poll(script, &Place::of(cx, *entity)?, cursor.as_ref(), *until, look_back_s)
            }
            Operation::Find { entity, record, keys } => find::find(script, &Place::of(cx, *entity)?, record, keys),
            Operation::Write { entity, writes } => write::write(script, &Place::of(cx, *entity)?, writes),
            Operation::Check { .. } => Err(crate::connector::no_jobs(&self.manifest).into()),
            Operation::Deleted { .. } => {
                let sentence = format!("{} has no list of deleted records", self.manifest.title);
                Err(Fault::new(Kind::Rejected, "rest.deleted", sentence).into())
            }
        }
    }
}

impl Connector for Rest {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn next(&self, cx: &Context, operation: &Operation, seen: &[Response]) -> Result<Step> {
        step(seen, |script| self.run(script, cx, operation))
    }

    fn signals(&self, cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
        hook::signals(&self.manifest, cx, hook)
    }

    fn split(&self, hook: &Webhook<Verified>) -> Vec<Webhook<Verified>> {
        match self.manifest.events.as_ref().and_then(|events| events.each.as_deref()) {
            Some(pointer) => hook.split_at(pointer),
            None => hook.split(),
        }
    }

    fn classify(&self, request: &Request, response: &Response) -> Fault {
        errors::classify(&self.manifest, request, response)
    }
}

/// One kind of record at one connection.
pub(crate) struct Place<'a> {
    cx: &'a Context,
    entity: Entity,
    mapping: &'a Mapping,
    api: &'a Api,
}

impl<'a> Place<'a> {
    fn of(cx: &'a Context, entity: Entity) -> Result<Self> {
        let mapping = cx.mapping(entity)?;
        let api = mapping.api.as_ref().ok_or_else(|| {
            Fault::malformed("rest", format!("the manifest does not say how {entity} is reached: `api` is missing"))
        })?;
        Ok(Self { cx, entity, mapping, api })
    }
}
