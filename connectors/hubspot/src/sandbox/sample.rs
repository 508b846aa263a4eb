//! Sample webhooks, written from the vendor's description of its events; the connector's side of them is another piece
//! of code.

use concord_connector::{
    Entity,
    sandbox::{About, Samples},
};
use serde_json::json;

/// What HubSpot would send.
pub const SAMPLES: Samples = Samples {
    events: &[
        ("company.created", Entity::Organization),
        ("company.updated", Entity::Organization),
        ("company.deleted", Entity::Organization),
        ("contact.created", Entity::Person),
        ("contact.updated", Entity::Person),
        ("contact.deleted", Entity::Person),
        ("deal.created", Entity::Opportunity),
        ("deal.updated", Entity::Opportunity),
        ("deal.deleted", Entity::Opportunity),
        ("lead.updated", Entity::Lead),
        ("order.updated", Entity::Order),
        ("invoice.updated", Entity::Invoice),
    ],
    body,
};

/// HubSpot numbers its records.
fn body(event: &str, about: &About<'_>) -> Option<Vec<u8>> {
    let id: u64 = about.id.parse().ok()?;
    let (word, what) = event.split_once('.')?;
    // Objects without a word of their own are `object.*` with their type id.
    let type_id = match word {
        "lead" => Some("0-136"),
        "order" => Some("0-123"),
        "invoice" => Some("0-53"),
        _ => None,
    };
    let what = match what {
        "created" => "creation",
        "updated" => "propertyChange",
        "deleted" => "deletion",
        _ => return None,
    };
    let portal: u64 = about.options.get("portal_id").and_then(|id| id.parse().ok()).unwrap_or(1);
    let mut sample = json!({
        "eventId": about.serial,
        "subscriptionId": 1,
        "portalId": portal,
        "appId": 1,
        "occurredAt": about.now.ms(),
        "subscriptionType": format!("{}.{what}", if type_id.is_some() { "object" } else { word }),
        "attemptNumber": 0,
        "objectId": id,
        "changeSource": "CRM_UI",
        "sourceId": "userId:1",
    });
    if let Some(type_id) = type_id {
        sample["objectTypeId"] = json!(type_id);
    }
    if what == "propertyChange" {
        // A property that nobody maps: the sample says look here, and never what to find.
        sample["propertyName"] = json!("notes_last_updated");
        sample["propertyValue"] = json!(about.now.ms().to_string());
    }
    Some(json!([sample]).to_string().into_bytes())
}
