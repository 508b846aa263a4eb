//! What a change costs, counted in the SDK's clients: requests by operation, and units as DynamoDB says them.

use crate::{
    cloud::Cloud,
    flow::cloud,
    prices::{self, Needs},
};
use concord_aws::count::Counted;
use concord_connector::sandbox::Act;
use concord_hub::events::Count;
use concord_tests::world::account;
use serde_json::json;
use std::time::Duration;

fn company(n: usize) -> Act {
    let fields =
        json!({ "properties": { "name": format!("Company {n}"), "domain": format!("company-{n}.example.com") } });
    Act::Create { object: "companies".into(), fields }
}

/// What so many edits at once cost, from webhook to receipt.
async fn edits(count: usize) -> Counted {
    let accounts = [account("crm", "hubspot"), account("erp", "tryton")];
    let mut cloud = Cloud::new(&accounts, |table| table).await;
    let ids: Vec<String> = (0..count).map(|n| cloud.world.act("crm", company(n))).collect();
    cloud.settle().await;
    for (n, id) in ids.iter().enumerate() {
        let fields = json!({ "properties": { "name": format!("Company {n} Ltd") } });
        cloud.world.act("crm", Act::Update { object: "companies".into(), id: id.clone(), fields });
    }
    cloud.world.clock.advance(Duration::from_secs(5));
    let (before, delivered) = (cloud.booted.counts.counted(), cloud.booted.hub.tally.get(Count::Deliveries));
    while cloud.booted.hub.tally.get(Count::Deliveries) - delivered < count as u64 {
        let mut busy = cloud.push().await;
        busy |= cloud.drain().await;
        busy |= !cloud.stream().await.is_empty();
        cloud.pass_on().await;
        assert!(busy, "every edit is delivered");
    }
    let after = cloud.booted.counts.counted();
    let requests = after.requests.iter().map(|(name, many)| {
        let before = before.requests.get(name).copied().unwrap_or_default();
        (name.clone(), many - before)
    });
    Counted {
        requests: requests.filter(|(_, many)| *many > 0).collect(),
        read_units: after.read_units - before.read_units,
        write_units: after.write_units - before.write_units,
    }
}

/// Milliseconds that functions of 128 MB work on a change, all of them together, waits for AWS included; taken to be no less.
const WORKS_MS: f64 = 60.0;
/// Bytes of logs and metrics of a change; taken to be no less.
const LOGGED: f64 = 400.0;

/// What one of so many changes needs: each webhook has one, batches have ten.
fn needs(counted: &Counted, count: usize) -> Needs {
    let each = |many: f64| many / count as f64;
    let sent = counted.requests.get("SQS.SendMessageBatch").copied().unwrap_or_default() as f64;
    // What is sent in one request is received and deleted in one request each, by the mapping.
    let batches = each(sent * 3.0);
    Needs {
        read_units: each(counted.read_units),
        write_units: each(counted.write_units),
        queue_requests: batches,
        webhooks: 1.0,
        // The door, and every batch of a queue or of the stream.
        invocations: 1.0 + each(sent) + 0.1,
        gigabyte_seconds: WORKS_MS / 1000.0 * 0.125,
        log_bytes: LOGGED,
    }
}

#[test]
fn a_change_costs_what_the_budget_allows() {
    cloud(|| async {
        for count in [1, 10, 100] {
            let counted = edits(count).await;
            let needs = needs(&counted, count);
            let price = prices::of_a_million(needs);
            println!(
                "{count} edits at once, each: {needs:?}; requests of all {:?}; ${price:.2} a million",
                counted.requests
            );
            if count == 10 {
                let puts = counted.requests["DynamoDB.PutItem"];
                assert_eq!(puts, 20, "a commit and a receipt each, neither of them a transaction");
                assert!(!counted.requests.contains_key("DynamoDB.TransactWriteItems"));
                assert!(needs.queue_requests <= 1.2, "{needs:?}");
                // Link, record, record at delivery; half a unit for the mark of the webhook; how the connection is doing.
                assert!(needs.read_units <= 3.75, "{needs:?}");
                // Two records of two units with a place in an index each, a history entry, a mark.
                assert!(needs.write_units <= 9.0, "{needs:?}");
                assert!(price < 8.0, "${price:.2}");
            }
        }
    });
}
