//! How the story is written in HubSpot.

use super::{About, CITIES, Written, domain, name};
use crate::demo::story::{Edited, Kind, Thing};
use serde_json::{Value as Json, json};

pub(super) fn object(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Organization => "companies",
        Kind::Person => "contacts",
        Kind::Opportunity => "deals",
        Kind::Registration => "p_deal_registrations",
        Kind::Order => "orders",
    })
}

pub(super) fn create((kind, n): Thing, about: &About) -> Option<Written> {
    let company =
        |id: &Option<String>| id.as_ref().map(|id| json!({ "to": "companies", "id": id, "label": "Primary" }));
    let partner = || about.partner.as_ref().map(|id| json!({ "to": "companies", "id": id, "label": "Partner" }));
    let (properties, associations): (Json, Vec<Json>) = match kind {
        Kind::Organization => {
            let (city, zip, country, _) = CITIES[n % CITIES.len()];
            let properties = json!({
                "name": name(n, 0), "domain": domain(n), "website": format!("https://{}", domain(n)),
                "phone": format!("+49 30 {:06}", 100_000 + n), "address": format!("Hauptstrasse {}", n + 1),
                "city": city, "zip": zip, "country": country,
                "concord_roles": if n % 3 == 0 { "partner" } else { "partner;customer" },
            });
            (properties, Vec::new())
        }
        Kind::Person => {
            let properties = json!({
                "firstname": "Robin", "lastname": format!("Example {n}"), "email": format!("robin{n}@people.example"),
                "jobtitle": "Partner manager",
            });
            (properties, company(&about.organization).into_iter().collect())
        }
        Kind::Opportunity => {
            let properties = json!({
                "dealname": format!("Deal {n:03}"), "amount": format!("{}", 10_000 + 37 * n), "deal_currency_code": "EUR",
                "dealstage": "appointmentscheduled", "pipeline": "default", "closedate": "2027-03-31T00:00:00Z",
                "dealtype": "newbusiness",
            });
            let partner = partner().filter(|_| about.partner != about.organization);
            (properties, company(&about.organization).into_iter().chain(partner).collect())
        }
        Kind::Registration => {
            let properties = json!({
                "name": format!("Registration {n:03}"), "customer_name": format!("Customer {n}"), "status": "submitted",
                "amount": format!("{}", 5_000 + n), "currency_code": "EUR", "close_date": "2027-06-30",
            });
            (properties, partner().into_iter().collect())
        }
        Kind::Order => return None,
    };
    let fields = json!({ "properties": properties, "associations": associations });
    Some(Written { object: object(kind)?, fields })
}

pub(super) fn edit((kind, n): Thing, field: Edited, number: usize) -> Option<Written> {
    const STAGES: [&str; 6] =
        ["qualifiedtobuy", "presentationscheduled", "decisionmakerboughtin", "contractsent", "closedwon", "closedlost"];
    const STATES: [&str; 4] = ["in_review", "approved", "rejected", "submitted"];
    let properties = match (kind, field) {
        (Kind::Organization, Edited::Name) => json!({ "name": name(n, number) }),
        (Kind::Organization, Edited::City) => json!({ "address": format!("Neue Strasse {number}") }),
        (Kind::Organization | Kind::Person, Edited::Phone) => {
            json!({ "phone": format!("+49 30 {:06}", 200_000 + number) })
        }
        (_, Edited::Description) => json!({ "description": format!("Note {number}.") }),
        (Kind::Person, Edited::Title) => json!({ "jobtitle": format!("Partner manager {number}") }),
        (Kind::Opportunity, Edited::Amount) => {
            json!({ "amount": format!("{}.50", 20_000 + number), "deal_currency_code": "EUR" })
        }
        (Kind::Opportunity, Edited::Stage) => json!({ "dealstage": STAGES[number % STAGES.len()] }),
        (Kind::Opportunity, Edited::NextStep) => json!({ "hs_next_step": format!("Step {number}") }),
        (Kind::Registration, Edited::Status) => json!({ "status": STATES[number % STATES.len()] }),
        (Kind::Order, Edited::Reference) => json!({ "concord_reference": format!("PO-{number}") }),
        _ => return None,
    };
    Some(Written { object: object(kind)?, fields: json!({ "properties": properties }) })
}
