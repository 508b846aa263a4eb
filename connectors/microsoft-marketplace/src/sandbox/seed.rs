//! What is there in the beginning, and values that the vendor takes.

use super::{Cloud, ingest::Submission};
use concord_connector::{Entity, Instant, Value};
use serde_json::{Value as Json, json};

/// Plans of the product: what SaaS calls them, and their GUIDs' ends.
pub(super) const PLANS: [(&str, &str); 2] = [("flat-rate-1", "0000000000d1"), ("flat-rate-2", "0000000000d2")];
pub(super) const METERS: [&str; 2] = ["api_calls", "storage_gb"];
pub(super) const OFFER_ID: &str = "contoso-sync";

pub(super) fn product(seed: u64) -> String {
    format!("product/{}", guid(seed, "0000000000c1"))
}

fn guid(seed: u64, end: &str) -> String {
    format!("{seed:08x}-0000-4000-8000-{end}")
}

fn plan(seed: u64, end: &str) -> String {
    format!("plan/{}/{}", guid(seed, "0000000000c1"), guid(seed, end))
}

/// Whether a durable id is a plan of the product.
pub(super) fn is_plan(seed: u64, id: &str) -> bool {
    PLANS.iter().any(|(_, end)| plan(seed, end) == id)
}

fn schema(name: &str) -> String {
    format!("https://schema.mp.microsoft.com/schema/{name}")
}

impl Cloud {
    pub(super) fn plant(&mut self) {
        let product = product(self.seed);
        let guid = product.trim_start_matches("product/").to_owned();
        let mut tree = vec![
            json!({ "$schema": schema("product/2022-03-01-preview3"), "id": product, "identity": { "externalID": OFFER_ID },
                "type": "softwareAsAService", "alias": "Contoso Sync", "lifecycleState": "generallyAvailable" }),
            json!({ "$schema": schema("property/2022-03-01-preview5"), "id": format!("property/{guid}/public/main"),
                "product": product, "kind": "azureSaaS", "categories": { "analytics": ["data-insights"] } }),
            json!({ "$schema": schema("listing/2022-03-01-preview5"), "id": format!("listing/{guid}/public/main/default/en-us"),
                "product": product, "kind": "azureSaaS", "languageId": "en-us", "title": "Contoso Sync",
                "searchResultSummary": "Keeps partner data in step", "description": "Longer text",
                "searchKeywords": ["partner"], "privacyPolicyLink": "https://example.com/privacy",
                "globalSupportWebsite": "https://example.com/support",
                "supportContact": { "name": "Support", "email": "support@example.com", "phone": "2025550123" } }),
            json!({ "$schema": schema("software-as-a-service-technical-configuration/2022-03-01-preview3"),
                "id": format!("software-as-a-service-technical-configuration/{guid}"), "product": product,
                "landingPageUrl": "https://example.com/landing", "connectionWebhook": "https://example.com/hook",
                "azureAdTenantId": self.tenant, "azureAdAppId": self.app }),
            json!({ "$schema": schema("price-and-availability-custom-meter/2022-03-01-preview3"),
                "id": format!("price-and-availability-custom-meter/{guid}"), "product": product,
                "customMeters": { "api_calls": { "displayName": "API calls", "unitOfMeasure": "call" },
                    "storage_gb": { "displayName": "Storage", "unitOfMeasure": "GB" } } }),
        ];
        for (name, end) in PLANS {
            let id = plan(self.seed, end);
            tree.push(json!({ "$schema": schema("plan/2022-03-01-preview2"), "id": id, "product": product,
                "identity": { "externalID": name }, "alias": name }));
            tree.push(json!({ "$schema": schema("plan-listing/2022-03-01-preview5"), "product": product, "plan": id,
                "kind": "azureSaaS", "languageId": "en-us", "name": name, "description": "A flat rate" }));
        }
        let live = Submission { id: format!("submission/{guid}/1"), target: "live".into(), until: Instant::EPOCH };
        self.resources.insert(product.clone(), tree);
        self.submissions.insert(product, vec![live]);
        let id = self.purchase(&json!({ "planId": PLANS[0].0 }));
        self.activated(Instant::from_ms(1_767_225_600_000), &id);
        self.waiting.clear();
    }
}

/// What is in a purchase unless the buyer says otherwise.
pub(super) fn subscription(id: &str, tenant: &str, number: u64) -> Json {
    json!({
        "id": id, "publisherId": "contoso", "offerId": OFFER_ID, "name": format!("Contoso Sync {number}"),
        "saasSubscriptionStatus": "PendingFulfillmentStart", "planId": PLANS[0].0, "quantity": 5,
        "beneficiary": { "emailId": format!("buyer{number}@example.com"), "objectId": id, "tenantId": tenant, "puid": "1003" },
        "purchaser": { "emailId": format!("buyer{number}@example.com"), "objectId": id, "tenantId": tenant, "puid": "1003" },
        "term": { "termUnit": "P1Y" }, "autoRenew": true, "isTest": true, "isFreeTrial": false,
        "allowedCustomerOperations": ["Read", "Update", "Delete"], "sandboxType": "None", "sessionMode": "None",
    })
}

/// See [`concord_connector::sandbox::Sandbox::plausible`].
pub(super) fn plausible(seed: u64, entity: Entity, field: &str, n: u64) -> Option<Option<Value>> {
    let text = |text: &str| Some(Value::text(text));
    let day = |day: &str| Some(day.parse().ok().map(Value::Date));
    match (entity, field) {
        (Entity::PrivateOffer, "product") => text(&product(seed)),
        (Entity::PrivateOffer, "plan") => text(&plan(seed, PLANS[0].1)),
        (Entity::PrivateOffer, "buyers") => {
            let account = format!("{}:{}_2019-05-31", guid(seed, "0000000000e1"), guid(seed, &format!("{n:012x}")));
            Some(Value::list(vec![Value::text(&account)?]))
        }
        // One of the two ways to say a price.
        (Entity::PrivateOffer, "discount") => Some(None),
        (Entity::PrivateOffer, "duration") => text("P12M"),
        (Entity::PrivateOffer, "accept_by") => day("2030-06-30"),
        (Entity::PrivateOffer, "starts_on") => day("2030-07-01"),
        (Entity::PrivateOffer, "ends_on") => day("2031-06-30"),
        (Entity::PrivateOffer, "eula") => text("standard"),
        (Entity::UsageRecord, "dimension") => text(METERS[0]),
        (Entity::UsageRecord, "plan") => text(PLANS[0].0),
        (Entity::UsageRecord, "quantity") => text("5"),
        (Entity::UsageRecord, "hour") => {
            let back = i64::try_from(n % 20).unwrap_or(0) * 3_600_000;
            Some(Some(Value::Instant(Instant::from_ms(1_767_225_600_000 - back))))
        }
        _ => None,
    }
}
