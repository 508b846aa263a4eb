//! How the story is written in Tryton.

use super::{About, CITIES, Written, domain, name};
use crate::demo::story::{Edited, Kind, Thing};
use serde_json::{Value as Json, json};

/// The buttons of a sale, the later ones first: exactly one of them can be pressed.
pub(super) const BUTTONS: [&str; 3] = ["process", "confirm", "quote"];
/// The sandbox's second currency.
const EURO: i64 = 2;

pub(super) fn object(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Organization => Some("party.party"),
        Kind::Order => Some("sale.sale"),
        _ => None,
    }
}

pub(super) fn create((kind, n): Thing, about: &About, address: Option<String>) -> Option<Written> {
    let fields = match kind {
        Kind::Organization => {
            let (city, zip, _, country) = CITIES[n % CITIES.len()];
            json!({
                "name": name(n, 0),
                "contact_mechanisms": [["create", [
                    { "type": "website", "value": format!("https://{}", domain(n)) },
                    { "type": "phone", "value": format!("+49 30 {:06}", 100_000 + n) },
                ]]],
                "addresses": [["create", [{
                    "street_unstructured": format!("Hauptstrasse {}", n + 1), "city": city, "postal_code": zip, "country": country,
                }]]],
            })
        }
        Kind::Order => {
            let number = |id: &Option<String>| -> Option<i64> { id.as_ref()?.parse().ok() };
            let price = json!({ "__class__": "Decimal", "decimal": format!("{}.00", 900 + n) });
            json!({
                "company": 1, "currency": EURO, "party": number(&about.organization)?, "invoice_address": number(&address),
                "shipment_address": number(&address), "description": format!("Licences {n:03}"), "reference": format!("PO-{n:03}"),
                "lines": [["create", [{ "type": "line", "product": 1, "unit": 1, "quantity": 1, "unit_price": price, "description": "Licences" }]]],
            })
        }
        _ => return None,
    };
    Some(Written { object: object(kind)?, fields })
}

pub(super) fn edit((kind, n): Thing, field: Edited, number: usize) -> Option<Written> {
    let fields: Json = match (kind, field) {
        (Kind::Organization, Edited::Name) => json!({ "name": name(n, number) }),
        (Kind::Order, Edited::Reference) => json!({ "reference": format!("PO-{number}") }),
        _ => return None,
    };
    Some(Written { object: object(kind)?, fields })
}
