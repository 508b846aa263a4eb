#![doc = include_str!("../README.md")]

#[cfg(feature = "sandbox")]
pub mod sandbox;

use concord_connector::{
    Connector, Context, Entity, Fault, Field, Manifest, Operation, Outcome, Request, Response, Result, Signal, Step,
    Value, Verified, Webhook, rest::Rest,
};
use std::sync::LazyLock;

static REST: LazyLock<Rest> = LazyLock::new(|| {
    let rest = Manifest::parse(include_str!("../connector.toml")).and_then(Rest::new);
    match rest {
        Ok(rest) => rest,
        Err(fault) => panic!("the manifest is compiled in and read by a test: {fault}"),
    }
});

/// Hosts of addresses that everybody can have: they say nothing about the partner's own domain.
const MAIL_FOR_ALL: [&str; 12] = [
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "yahoo.com",
    "icloud.com",
    "me.com",
    "aol.com",
    "proton.me",
    "protonmail.com",
    "gmx.de",
];

/// The connector for PartnerStack: its `connector.toml`, and two quirks.
pub fn connector() -> impl Connector {
    PartnerStack
}

struct PartnerStack;

impl Connector for PartnerStack {
    fn manifest(&self) -> &Manifest {
        REST.manifest()
    }

    /// PartnerStack has no domain of a partner, but the address with which somebody signed up for it. That address is the
    /// partner's domain unless everybody can have one there.
    fn next(&self, cx: &Context, operation: &Operation, seen: &[Response]) -> Result<Step> {
        Ok(match REST.next(cx, operation, seen)? {
            Step::Done(Outcome::Records(mut rows)) => {
                rows.iter_mut().filter_map(|(_, row)| row.as_mut().ok()).for_each(own_domain);
                Step::Done(Outcome::Records(rows))
            }
            Step::Done(Outcome::Page { mut records, cursor, more }) => {
                records.iter_mut().filter_map(|(_, row)| row.as_mut().ok()).for_each(own_domain);
                Step::Done(Outcome::Page { records, cursor, more })
            }
            step => step,
        })
    }

    /// Events of the first generation name customers by a number that the API does not take. Such an event leads nowhere:
    /// the next poll finds what changed.
    fn signals(&self, cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
        match REST.signals(cx, hook) {
            Err(fault) if fault.message() == "the event has no id" => Ok(Vec::new()),
            signals => signals,
        }
    }

    fn split(&self, hook: &Webhook<Verified>) -> Vec<Webhook<Verified>> {
        REST.split(hook)
    }

    fn classify(&self, request: &Request, response: &Response) -> Fault {
        REST.classify(request, response)
    }

    fn image(&self, cx: &Context, entity: Entity, field: &Field, value: Option<&Value>) -> Result<Option<Value>> {
        REST.image(cx, entity, field, value)
    }
}

fn own_domain(snapshot: &mut concord_connector::Snapshot) {
    let everybodys =
        |value: &Option<Value>| value.as_ref().and_then(Value::as_str).is_some_and(|host| MAIL_FOR_ALL.contains(&host));
    if snapshot.entity == Entity::Organization && snapshot.fields.get("domain").is_some_and(everybodys) {
        snapshot.fields.remove("domain");
    }
}
