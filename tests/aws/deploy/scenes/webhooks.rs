//! Webhooks to the deployed endpoint.

use super::{dead_letters, items, make, rename};
use crate::stage::Stage;
use concord_connector::sandbox::Act;
use serde_json::{Value as Json, json};

pub(crate) fn reach(stage: &mut Stage) {
    make(stage, "hubspot-eu", "acme.example", "Acme");
    stage.until_all_have("acme.example", "Acme");
    // And back: what a person edits in another system.
    let account = stage.cast.record("salesforce", "Account", "acme.example");
    let fields = json!({ "Name": "Acme Corporation" });
    stage.cast.act("salesforce", Act::Update { object: "Account".into(), id: account, fields });
    // Salesforce tells nobody: the poll that an admin asks for by `concord backfill` does.
    stage.poll("salesforce");
    stage.until_all_have("acme.example", "Acme Corporation");
    assert_eq!(items(stage, "R#").len(), 1, "one golden record");
    assert_eq!(dead_letters(stage), Vec::<Json>::new(), "no dead letter");
}

pub(crate) fn unsigned(stage: &mut Stage) {
    let body = json!([{ "objectId": 1, "subscriptionType": "company.creation", "portalId": 1_000_001, "eventId": 1 }]);
    let url = format!("{}/hooks/hubspot-eu", stage.public_url);
    let before = (items(stage, "S#").len(), items(stage, "R#").len());
    let sent = stage.runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let unsigned = client.post(&url).body(body.to_string()).send().await.expect("an answer").status();
        let forged = client.post(&url).body(body.to_string()).header("x-hubspot-signature-v3", "Zm9yZ2Vk");
        let forged = forged.header("x-hubspot-request-timestamp", "1700000000000").send().await;
        let nobody = client.post(format!("{url}-nobody")).body("[]").send().await.expect("an answer").status();
        (unsigned, forged.expect("an answer").status(), nobody)
    });
    assert_eq!(sent.0, 401, "unsigned");
    assert_eq!(sent.1, 401, "forged");
    assert_eq!(sent.2, 401, "for nobody: the same answer");
    assert_eq!(before, (items(stage, "S#").len(), items(stage, "R#").len()), "nothing was kept of them");
}

pub(crate) fn twice(stage: &mut Stage) {
    stage.cast.faults("hubspot-eu", |faults| faults.duplicate_webhooks = true);
    let id = make(stage, "hubspot-eu", "twice.example", "Twice");
    stage.until_all_have("twice.example", "Twice");
    rename(stage, "hubspot-eu", &id, "Twice and again");
    stage.until_all_have("twice.example", "Twice and again");
    stage.cast.faults("hubspot-eu", |faults| faults.duplicate_webhooks = false);
    assert_eq!(items(stage, "R#").len(), 2, "two companies by now");
}
