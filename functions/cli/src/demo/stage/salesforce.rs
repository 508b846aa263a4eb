//! How the story is written in Salesforce.

use super::{About, CITIES, Written, domain, name};
use crate::demo::story::{Edited, Kind, Thing};
use serde_json::json;

pub(super) fn object(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Organization => "Account",
        Kind::Person => "Contact",
        Kind::Opportunity => "Opportunity",
        Kind::Registration => "Deal_Registration__c",
        Kind::Order => return None,
    })
}

pub(super) fn create((kind, n): Thing, about: &About) -> Option<Written> {
    let mut fields = match kind {
        Kind::Organization => {
            let (city, zip, country, _) = CITIES[n % CITIES.len()];
            json!({
                "Name": name(n, 0), "Website": format!("https://{}", domain(n)), "Phone": format!("+49 30 {:06}", 100_000 + n),
                "BillingStreet": format!("Hauptstrasse {}", n + 1), "BillingCity": city, "BillingPostalCode": zip,
                "BillingCountry": country, "Concord_Roles__c": "Partner",
            })
        }
        Kind::Person => json!({
            "FirstName": "Robin", "LastName": format!("Example {n}"), "Email": format!("robin{n}@people.example"),
            "Title": "Partner manager", "AccountId": about.organization,
        }),
        Kind::Opportunity => json!({
            "Name": format!("Deal {n:03}"), "Amount": 10_000 + 37 * n, "CurrencyIsoCode": "EUR", "StageName": "Prospecting",
            "CloseDate": "2027-03-31", "Type": "New Customer", "AccountId": about.organization,
        }),
        Kind::Registration => json!({
            "Name": format!("Registration {n:03}"), "Customer_Name__c": format!("Customer {n}"), "Status__c": "Submitted",
            "Amount__c": 5_000 + n, "CurrencyIsoCode": "EUR", "Close_Date__c": "2027-06-30", "Partner__c": about.partner,
        }),
        Kind::Order => return None,
    };
    if let (Kind::Opportunity, Some(partner)) =
        (kind, about.partner.as_ref().filter(|_| about.partner != about.organization))
    {
        fields["OpportunityPartners"] = json!([{ "AccountToId": partner, "Role": "VAR/Reseller" }]);
    }
    Some(Written { object: object(kind)?, fields })
}

pub(super) fn edit((kind, n): Thing, field: Edited, number: usize) -> Option<Written> {
    const STAGES: [&str; 6] = [
        "Needs Analysis",
        "Id. Decision Makers",
        "Proposal/Price Quote",
        "Negotiation/Review",
        "Closed Won",
        "Closed Lost",
    ];
    const STATES: [&str; 4] = ["In Review", "Approved", "Rejected", "Submitted"];
    let fields = match (kind, field) {
        (Kind::Organization, Edited::Name) => json!({ "Name": name(n, number) }),
        (Kind::Organization, Edited::City) => json!({ "BillingStreet": format!("Neue Strasse {number}") }),
        (Kind::Organization | Kind::Person, Edited::Phone) => {
            json!({ "Phone": format!("+49 30 {:06}", 200_000 + number) })
        }
        (Kind::Registration, Edited::Description) => json!({ "Description__c": format!("Note {number}.") }),
        (Kind::Organization | Kind::Opportunity, Edited::Description) => {
            json!({ "Description": format!("Note {number}.") })
        }
        (Kind::Person, Edited::Title) => json!({ "Title": format!("Partner manager {number}") }),
        (Kind::Opportunity, Edited::Amount) => json!({ "Amount": 20_000 + number }),
        (Kind::Opportunity, Edited::Stage) => json!({ "StageName": STAGES[number % STAGES.len()] }),
        (Kind::Opportunity, Edited::NextStep) => json!({ "NextStep": format!("Step {number}") }),
        (Kind::Registration, Edited::Status) => json!({ "Status__c": STATES[number % STATES.len()] }),
        _ => return None,
    };
    Some(Written { object: object(kind)?, fields })
}
