//! How the story is written in PartnerStack.

use super::{Written, domain, name};
use crate::demo::story::{Edited, Kind, Thing};
use serde_json::json;

pub(super) fn object(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Organization => Some("partnerships"),
        Kind::Registration => Some("deals"),
        Kind::Person | Kind::Opportunity | Kind::Order => None,
    }
}

/// A partner signs up for the programme, under an address of its own domain.
pub(super) fn create((kind, n): Thing) -> Option<Written> {
    let fields = match kind {
        Kind::Organization => json!({
            "partner_key": format!("partner-{n:03}"), "email": format!("signup@{}", domain(n)),
            "first_name": "Sam", "last_name": format!("Signup {n}"),
            "team": { "key": format!("stck_{n:03}"), "name": name(n, 0) },
        }),
        _ => return None,
    };
    Some(Written { object: object(kind)?, fields })
}

pub(super) fn edit((kind, _): Thing, field: Edited, number: usize) -> Option<Written> {
    const STAGES: [&str; 5] = ["new", "review", "qualified", "won", "lost"];
    let fields = match (kind, field) {
        (Kind::Registration, Edited::Status) => json!({ "stage": STAGES[number % STAGES.len()] }),
        _ => return None,
    };
    Some(Written { object: object(kind)?, fields })
}
