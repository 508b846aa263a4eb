//! A private offer by the command line, at a marketplace that takes its minutes, with the hub killed in between.

use crate::hub::Hub;
use concord::sandbox_server::SandboxServer;
use concord_connector::{
    Instant,
    sandbox::{Act, Hurried},
};
use libtest_mimic::Failed;
use serde_json::{Value as Json, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// How much faster the vendor's minutes pass.
const HURRY: i64 = 30;

pub(crate) fn offer() -> Result<(), Failed> {
    tokio::runtime::Runtime::new()?.block_on(made())
}

async fn made() -> Result<(), Failed> {
    let seller = concord_connectors::sandbox("aws-marketplace", 5).ok_or("no sandbox")?;
    let vendor = SandboxServer::start(Box::new(Hurried::new(seller, now()?, HURRY))).await?;
    let keys = vendor.lock().credentials();
    let configuration = format!(
        r#"
public_url = "{{url}}"
[connections.seller]
system = "aws-marketplace"
mode = "sync"
currency = "USD"
time_zone = "UTC"
base_url = "{}"
allow_private = true
poll_every_s = 2
secrets = {{ access_key_id = "env:ID", secret_access_key = "env:KEY", webhook = "env:HOOK" }}
[connections.seller.scope]
private_offer = "all"
"#,
        vendor.url
    );
    let secret = "not-a-real-secret-0123456789abcdef";
    let environment = [("ID", &*keys["access_key_id"]), ("KEY", &*keys["secret_access_key"]), ("HOOK", secret)];
    let mut hub = Hub::start(&configuration, &environment).await;
    vendor.lock().subscribe(Some(hub.subscriber("seller", secret)));

    let in_days = |days: i64| -> Result<String, Failed> {
        let at = Instant::from_ms(now()?.ms() + days * 86_400_000);
        Ok(at.rfc3339()[..10].to_owned())
    };
    let (accept_by, first, second) = (in_days(60)?, in_days(50)?, in_days(200)?);
    let wrong = [
        "offer",
        "new",
        "name=Contoso",
        "product=prod-sandboxexampl",
        "buyers=12345",
        "kind=new",
        "eula=standard",
        "pricing=contract",
        "amount=24000.00 USD",
        "grants=BasicService 100",
        "duration=P12M",
    ];
    let dates = [
        format!("accept_by={accept_by}"),
        format!("installments={first} 12000.00 USD"),
        format!("installments={second} 12000.00 USD"),
    ];
    let mut arguments: Vec<&str> = wrong.to_vec();
    arguments.extend(dates.iter().map(String::as_str));
    arguments.push("--json");
    let (good, text) = hub.command(&arguments);
    let made: Json = serde_json::from_str(&text).map_err(|_| text.clone())?;
    ensure(good, &text)?;
    let id = made["id"].as_str().ok_or("no id")?.to_owned();

    let (good, text) = hub.command(&["offer", "check", &id]);
    ensure(!good && text.contains("buyers:") && text.contains("12 digits"), &text)?;
    let (good, text) = hub.command(&["set", &id, "buyers", "222233334444"]);
    ensure(good, &text)?;
    // The delivery may be on its way already; killed, it goes on, and makes no second one.
    hub.die().await;
    let status = || {
        let (_, text) = hub.command(&["offer", "list", "--json"]);
        let listed: Json = serde_json::from_str(&text).unwrap_or_default();
        let all = listed["offers"].as_array().cloned().unwrap_or_default();
        all.iter().find(|one| one["id"] == *id).map(|one| one["fields"]["status"]["value"].clone()).unwrap_or_default()
    };
    hub.until("the offer is open", || async { status() == "open" }).await;
    let ours = || {
        let records = vendor.lock().records();
        let offers = records.get("Offer").cloned().unwrap_or_default();
        offers.into_values().filter(|offer| offer["Name"] == "Contoso").collect::<Vec<_>>()
    };
    ensure(ours().len() == 1, &format!("{:#?}", ours()))?;

    let (good, text) = hub.command(&["offer", "diff", &id]);
    ensure(good && text.contains("seller: equal."), &text)?;
    let extended = in_days(90)?;
    let (good, text) = hub.command(&["set", &id, "accept_by", &extended]);
    ensure(good, &text)?;
    let (good, text) = hub.command(&["offer", "push", &id]);
    ensure(good && text.contains("seller: done"), &text)?;
    ensure(ours()[0].to_string().contains(&extended), &format!("{:#?}", ours()))?;

    let at_aws = ours()[0]["Id"].as_str().ok_or("no id")?.to_owned();
    let fields = json!({ "OfferId": at_aws });
    let at = Instant::from_ms(now()?.ms());
    vendor.lock().act(at, Act::Create { object: "Agreement".into(), fields })?;
    hub.until("the offer is accepted", || async { status() == "accepted" }).await;
    Ok(())
}

fn ensure(holds: bool, told: &str) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(told.to_owned().into()) }
}

fn now() -> Result<Instant, Failed> {
    #[expect(clippy::disallowed_methods, reason = "a vendor's clock is the real one")]
    let now = SystemTime::now();
    Ok(Instant::from_ms(i64::try_from(now.duration_since(UNIX_EPOCH)?.as_millis())?))
}
