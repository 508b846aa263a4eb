//! A change from one system to another, through every function.

use crate::cloud::Cloud;
use concord_connector::{
    ConnectionName, exchange,
    sandbox::{Act, Trouble},
};
use concord_hub::{
    config,
    events::Count,
    keys,
    ports::{Condition, Item, TableChange},
};
use concord_tests::world::account;
use serde_json::json;

pub(crate) fn cloud<F: Future>(work: impl FnOnce() -> F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work())
}

pub(crate) fn company(name: &str) -> Act {
    let fields = serde_json::json!({ "properties": { "name": name, "domain": "acme.example.com" } });
    Act::Create { object: "companies".into(), fields }
}

#[test]
fn a_change_reaches_the_other_systems_and_its_echo_ends() {
    cloud(|| async {
        let accounts = [account("crm", "hubspot"), account("erp", "tryton"), account("sales", "salesforce")];
        let mut cloud = Cloud::new(&accounts, |table| table).await;
        cloud.world.act("crm", company("Acme"));
        cloud.settle().await;
        let records = cloud.named("Acme").await;
        assert_eq!(records.len(), 1, "one company");
        let mut there: Vec<&str> = records[0].facets.iter().map(|facet| facet.link.connection.as_str()).collect();
        there.sort_unstable();
        assert_eq!(there, ["crm", "erp", "sales"]);
        assert!(records[0].pending().is_empty(), "nothing is left to do");
        let tally = &cloud.booted.hub.tally;
        assert_eq!(tally.get(Count::DeadLetters), 0);
        assert!(tally.get(Count::EchoesSuppressed) > 0, "the others told of it, and that was nothing new");
    });
}

#[test]
fn what_an_account_says_counts_without_another_configuration() {
    cloud(|| async {
        let cloud = Cloud::new(&[account("crm", "hubspot")], |table| table).await;
        let (booted, name) = (&cloud.booted, ConnectionName::from("crm"));
        let zone = || booted.hub.settings().connections[&name].context.time_zone.iana_name().map(str::to_owned);
        let text = "public_url = \"https://hub.example.com\"\n[connections.crm]\nsystem = \"hubspot\"\nauth = \"private_app\"\ncurrency = \"EUR\"\n";
        // The world's own configuration is one that nobody stored.
        config::install(&*booted.hub.table, "").await.unwrap();
        assert_eq!(config::install(&*booted.hub.table, text).await.unwrap(), 2);
        booted.refresh().await;
        assert_eq!(booted.hub.settings().revision, 2);
        assert_eq!(zone().as_deref(), Some("UTC"), "the configuration is there before the credentials");
        // `concord connect`.
        let said = exchange::Account { time_zone: Some("Europe/Berlin".into()), ..Default::default() };
        let item = Item::new(keys::account(&name), serde_json::to_vec(&said).unwrap());
        booted.hub.table.transact(vec![TableChange::Put(item, Condition::None)]).await.unwrap();
        cloud.world.clock.advance(std::time::Duration::from_secs(11));
        booted.refresh().await;
        assert_eq!(zone().as_deref(), Some("Europe/Berlin"));
    });
}

#[test]
fn the_trace_of_a_webhook_is_that_of_the_deliveries_that_it_led_to() {
    cloud(|| async {
        let accounts = [account("crm", "hubspot"), account("erp", "tryton")];
        let mut cloud = Cloud::new(&accounts, |table| table).await;
        cloud.settle().await;
        cloud.attributes.lock().unwrap().clear();
        cloud.trace = Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1".into());
        cloud.world.act("crm", company("Acme"));
        cloud.world.clock.advance(std::time::Duration::from_secs(5));
        // Signal, observation, delivery: without a tick of the scheduler, which belongs to no webhook.
        for _ in 0..8 {
            cloud.push().await;
            cloud.drain().await;
            cloud.stream().await;
            cloud.pass_on().await;
        }
        let traces: Vec<_> = cloud.attributes.lock().unwrap().iter().map(|sent| sent["trace"].clone()).collect();
        assert!(traces.len() >= 3, "{traces:?}");
        assert!(traces.iter().all(|trace| *trace == *cloud.trace.as_ref().unwrap()), "{traces:?}");
    });
}

#[test]
fn what_is_worked_on_in_one_batch_keeps_the_traces_of_its_own_webhooks() {
    cloud(|| async {
        let accounts = [account("crm", "hubspot"), account("erp", "tryton")];
        let mut cloud = Cloud::new(&accounts, |table| table).await;
        cloud.settle().await;
        let ids: Vec<String> = (0..4)
            .map(|n| {
                let fields = json!({ "properties": { "name": "Traced", "domain": format!("traced-{n}.example.com") } });
                cloud.world.act("crm", Act::Create { object: "companies".into(), fields })
            })
            .collect();
        cloud.settle().await;
        cloud.attributes.lock().unwrap().clear();
        let trace = |n: usize| format!("Root=1-5759e988-bd862e3fe1be46a99427279{n};Sampled=1");
        for (n, id) in ids.iter().enumerate() {
            cloud.trace = Some(trace(n));
            let fields = json!({ "properties": { "name": format!("Traced {n} Ltd") } });
            cloud.world.act("crm", Act::Update { object: "companies".into(), id: id.clone(), fields });
            cloud.world.clock.advance(std::time::Duration::from_secs(5));
            cloud.push().await;
        }
        // By now all four signals wait in one queue, and go on together.
        cloud.trace = None;
        for _ in 0..8 {
            cloud.drain().await;
            cloud.stream().await;
            cloud.pass_on().await;
        }
        let sent = cloud.attributes.lock().unwrap().clone();
        let mut found = Vec::new();
        for one in &sent {
            let Some(record) = one["group"].as_str().and_then(|group| group.strip_suffix("@erp")) else { continue };
            let (record, _) = cloud.booted.hub.record(&record.into()).await.unwrap().unwrap();
            found.push((
                record.value("name").unwrap().to_string(),
                one["trace"].as_str().unwrap_or_default().to_owned(),
            ));
        }
        found.sort_unstable();
        let wanted: Vec<_> = (0..4).map(|n| (format!("Traced {n} Ltd"), trace(n))).collect();
        assert_eq!(found, wanted, "each delivery has the trace of its own webhook: {sent:#?}");
    });
}

#[test]
fn a_system_that_asks_for_a_second_gets_its_changes_without_waiting_for_the_scheduler() {
    cloud(|| async {
        let accounts = [account("crm", "hubspot"), account("sales", "salesforce")];
        let mut cloud = Cloud::new(&accounts, |table| table).await;
        cloud.settle().await;
        cloud.world.vendor("sales", |vendor| vendor.faults().plan("/services/data", Trouble::Throttle(Some(1))));
        cloud.world.act("crm", company("Acme"));
        // No tick of the scheduler: everything comes from webhooks, queues and the stream.
        for _ in 0..30 {
            cloud.world.clock.advance(std::time::Duration::from_secs(1));
            cloud.push().await;
            cloud.drain().await;
            cloud.stream().await;
            cloud.pass_on().await;
        }
        assert_eq!(cloud.world.vendor("sales", |vendor| vendor.faults().left()), 0, "it throttled nobody");
        let records = cloud.named("Acme").await;
        assert!(records[0].facets.iter().any(|facet| facet.link.connection.as_str() == "sales"), "it got nothing");
    });
}
