#![doc = include_str!("../README.md")]

mod describe;
mod read;
mod row;
mod rpc;
mod script;
mod tax;
mod wire;
mod write;

#[cfg(feature = "sandbox")]
pub mod sandbox;

use concord_connector::{
    Connector, Context, Entity, Fault, Field, Manifest, Operation, Outcome, Request, Response, Result, Signal, Step,
    Value, Verified, Webhook, connector::classify_status, fault::Kind,
};
use script::Script;

/// The connector of Tryton 8.2.
pub fn connector() -> impl Connector {
    match Manifest::parse(include_str!("../connector.toml")) {
        Ok(manifest) => Tryton { manifest },
        // The text is part of the program and a test parses it.
        Err(fault) => unreachable!("connector.toml: {fault}"),
    }
}

struct Tryton {
    manifest: Manifest,
}

impl Connector for Tryton {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn next(&self, cx: &Context, operation: &Operation, seen: &[Response]) -> Result<Step> {
        let script = &mut Script::new(cx, seen);
        let look_back_s = self.manifest.capabilities.look_back_s;
        let outcome = match operation {
            Operation::Fetch { entity, ids } => read::fetch(script, *entity, ids),
            Operation::Poll { entity, cursor, until } => {
                let limit = self.manifest.capabilities.read_batch;
                read::poll(script, *entity, cursor.as_ref(), *until, limit, look_back_s)
            }
            Operation::Find { entity, record, keys } => read::find(script, *entity, record, keys),
            Operation::Write { entity, writes } => write::write(script, *entity, writes),
            Operation::Describe => describe::describe(script),
            Operation::Check { .. } => Err(concord_connector::connector::no_jobs(self.manifest()).into()),
            Operation::Deleted { .. } => {
                Err(Fault::new(Kind::Unexpected, "tryton.deleted", "Tryton has no list of deleted records").into())
            }
        };
        script::step(outcome)
    }

    /// A tax number comes back without blanks and in capitals; what has no form of one is not read back at all.
    fn image(&self, cx: &Context, entity: Entity, field: &Field, value: Option<&Value>) -> Result<Option<Value>> {
        image(cx, entity, field, value)
    }

    /// Tryton sends no webhooks: whatever arrives is not its.
    fn signals(&self, _cx: &Context, _hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
        Err(Fault::malformed("tryton.signals", "Tryton sends no webhooks; it is polled"))
    }

    /// Wrong passwords are slowed down and end in 429; 403 is a method that a model does not offer, 422 a call of the
    /// wrong shape. All of them come as HTML.
    fn classify(&self, request: &Request, response: &Response) -> Fault {
        classify_status(&self.manifest, request, response)
    }
}

fn image(cx: &Context, entity: Entity, field: &Field, value: Option<&Value>) -> Result<Option<Value>> {
    let image = cx.mapping(entity)?.image(cx, entity, field, value)?;
    Ok(match image {
        Some(Value::Text(number)) if field.as_str() == "tax_id" => {
            let (kind, code) = tax::identifier(&number);
            tax::number(kind, &code).map(|number| Value::Text(number.into()))
        }
        other => other,
    })
}

/// What an operation comes to; see [`script`].
type Scripted = std::result::Result<Outcome, script::Pause>;
