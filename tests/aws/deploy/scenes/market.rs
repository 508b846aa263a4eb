//! A deal that is won, at a cloud marketplace.

use super::dead_letters;
use crate::stage::Stage;
use concord_connector::sandbox::Act;
use serde_json::{Value as Json, json};

const DEAL: &str = "Contoso for a year";

pub(crate) fn sold(stage: &mut Stage) {
    let before = dead_letters(stage);
    let deal = json!({ "properties": {
        "dealname": DEAL, "amount": "24000", "deal_currency_code": "USD", "dealstage": "contractsent", "pipeline": "default",
    } });
    let id = stage.cast.act("hubspot-eu", Act::Create { object: "deals".into(), fields: deal });
    let won = json!({ "properties": { "dealstage": "closedwon" } });
    stage.cast.act("hubspot-eu", Act::Update { object: "deals".into(), id, fields: won });
    stage.until("the offer is open", || ours(stage, "private_offer", "name", DEAL, "status") == "open");
    let offers = stage.seller.offers(DEAL);
    assert_eq!(offers.len(), 1, "one offer: {offers:#?}");
    let offer = ours(stage, "private_offer", "name", DEAL, "id");

    stage.seller.accept(&offers[0]);
    // Polls are an hour apart: what is known now came as an event, by the deployed rule.
    stage.until("everybody knows that it is accepted", || {
        ours(stage, "private_offer", "name", DEAL, "status") == "accepted"
    });
    stage.until("the agreement is active", || ours(stage, "agreement", "private_offer", &offer, "status") == "active");
    let agreement = ours(stage, "agreement", "private_offer", &offer, "id");
    stage.until("what the buyer may use is there", || {
        !ours(stage, "entitlement", "agreement", &agreement, "id").is_empty()
    });
    assert_eq!(stage.seller.offers(DEAL).len(), 1, "still one");
    assert_eq!(dead_letters(stage), before, "no dead letter");
}

/// A field, or the id, of the record of an entity that has a text in another field; empty while there is none. What the
/// seller's account told meanwhile goes first where the deployed rules send it.
fn ours(stage: &Stage, entity: &str, field: &str, has: &str, wanted: &str) -> String {
    let events = stage.seller.events();
    if !events.is_empty() {
        let told = events.len();
        assert_eq!(stage.cloud("events", &json!([events])), json!(told), "each has its rule");
    }
    let listed = stage.concord(&["records", entity], "");
    let all = listed["records"].as_array().into_iter().flatten();
    let mut found = all.filter(|record| record["fields"][field]["value"].to_string().contains(has));
    let record = found.next().unwrap_or(&Json::Null);
    let value = if wanted == "id" { &record["id"] } else { &record["fields"][wanted]["value"] };
    value.as_str().unwrap_or_default().to_owned()
}
