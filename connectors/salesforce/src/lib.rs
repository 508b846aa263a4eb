#![doc = include_str!("../README.md")]

mod ask;
mod columns;
mod composite;
mod describe;
mod errors;
mod events;
mod ids;
mod poll;
mod read;
mod roles;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod shape;
mod soql;
mod write;

use ask::Asked;
use concord_connector::{
    Connector, Context, Entity, Fault, Field, Kind, Manifest, Operation, Outcome, Request, Response, Result, Signal,
    Step, Value, Verified, Webhook, exchange::Account, webhook::Answer,
};

/// The connector.
pub fn connector() -> impl Connector {
    let manifest = Manifest::parse(include_str!("../connector.toml")).expect("a test parses this crate's own manifest");
    Salesforce { manifest }
}

struct Salesforce {
    manifest: Manifest,
}

impl Connector for Salesforce {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn next(&self, cx: &Context, operation: &Operation, seen: &[Response]) -> Result<Step> {
        ask::step(run(cx, operation, &mut Asked::new(seen)))
    }

    fn signals(&self, cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
        events::signals(cx, hook.scheme() == OUTBOUND_MESSAGE, hook.body())
    }

    /// EventBridge is content with any 2xx. An outbound message is repeated for a day unless the answer says `Ack`.
    fn acknowledge(&self, hook: &Webhook<Verified>) -> Answer {
        match hook.scheme() {
            OUTBOUND_MESSAGE => Answer::text(200, "text/xml; charset=utf-8", ACKNOWLEDGED),
            _ => Answer::empty(200),
        }
    }

    fn classify(&self, request: &Request, response: &Response) -> Fault {
        errors::classify(&self.manifest, request, response)
    }

    /// An org with one currency cannot hold an amount in another.
    fn image(&self, cx: &Context, entity: Entity, field: &Field, value: Option<&Value>) -> Result<Option<Value>> {
        let mapping = cx.mapping(entity)?;
        shape::can_hold(cx, mapping, field.as_str(), value)?;
        mapping.image(cx, entity, field, value)
    }
}

/// The scheme of outbound messages, as the manifest names it.
const OUTBOUND_MESSAGE: &str = "outbound_message";

/// What a receiver of outbound messages answers.
const ACKNOWLEDGED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
<notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>true</Ack></notificationsResponse>\
</soapenv:Body></soapenv:Envelope>";

fn run(cx: &Context, operation: &Operation, asked: &mut Asked<'_>) -> ask::Result<Outcome> {
    match operation {
        Operation::Describe => describe::describe(cx, asked),
        Operation::Fetch { entity, .. }
        | Operation::Poll { entity, .. }
        | Operation::Deleted { entity, .. }
        | Operation::Find { entity, .. }
            if columns::is_absent(cx, *entity) =>
        {
            Ok(nothing(operation))
        }
        Operation::Fetch { entity, ids } => read::fetch(cx, *entity, ids, asked),
        Operation::Poll { entity, cursor, until } => poll::changed(cx, *entity, cursor.as_ref(), *until, asked),
        Operation::Deleted { entity, cursor, until } => poll::deleted(cx, *entity, cursor.as_ref(), *until, asked),
        Operation::Find { entity, record, keys } => read::find(cx, *entity, record, keys, asked),
        Operation::Write { entity, writes } => write::write(cx, *entity, writes, asked),
        Operation::Check { .. } => {
            Err(Fault::new(Kind::Rejected, "salesforce.check", "Salesforce has no jobs that could be asked after")
                .into())
        }
    }
}

/// What an org says of a kind of record that it does not have.
fn nothing(operation: &Operation) -> Outcome {
    match operation {
        Operation::Fetch { .. } => Outcome::Records(Vec::new()),
        Operation::Poll { .. } => Outcome::Page { records: Vec::new(), cursor: poll::start(), more: false },
        Operation::Deleted { until, .. } => {
            Outcome::Page { records: Vec::new(), cursor: until.rfc3339().into(), more: false }
        }
        Operation::Find { .. } => Outcome::Found(Vec::new()),
        Operation::Write { .. } | Operation::Check { .. } => Outcome::Written(Vec::new()),
        Operation::Describe => Outcome::Account(Account::default()),
    }
}
