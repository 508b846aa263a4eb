//! Webhooks signed by HubSpot's own SDK for Python.

use crate::{hub::Hub, root};
use concord::sandbox_server::SandboxServer;
use concord_connector::sandbox::Act;
use libtest_mimic::Failed;
use serde_json::json;
use std::{
    io::Write,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

const SECRET: &str = "fake-client-secret";

pub(crate) fn taken_in() -> Result<(), Failed> {
    tokio::runtime::Runtime::new()?.block_on(run())
}

async fn run() -> Result<(), Failed> {
    let portal = SandboxServer::start(concord_connectors::sandbox("hubspot", 5).ok_or("no sandbox")?).await?;
    let token = portal.lock().credentials()["token"].clone();
    let configuration = format!(
        "public_url = \"{{url}}\"\n[connections.hubspot]\nsystem = \"hubspot\"\nauth = \"private_app\"\nbase_url = \"{}\"\nallow_private = true\npoll_every_s = 86400\nsecrets = {{ token = \"env:TOKEN\", webhook = [\"env:SIGNED\"] }}\n",
        portal.url
    );
    let hub = Hub::start(&configuration, &[("TOKEN", &token), ("SIGNED", SECRET)]).await;
    // The number of the portal that the sandbox of seed 5 is: events of others are not ours.
    let act = Act::Create {
        object: "companies".into(),
        fields: json!({"properties": {"name": "Zoë ☃ GmbH", "domain": "zoe.example"}}),
    };
    let now = concord_connector::Instant::from_ms(now_ms()?);
    let id = portal.lock().act(now, act)?;
    let body = json!([{"eventId": 1, "subscriptionId": 2, "portalId": 1_000_005, "occurredAt": now.ms(), "subscriptionType": "company.creation", "attemptNumber": 0, "objectId": id.parse::<u64>()?}]).to_string();
    let uri = format!("{}/hooks/hubspot", hub.url);
    let stamp = now_ms()?.to_string();
    let signature = sign(&uri, &body, &stamp)?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let post = |body: String, signature: String| {
        client
            .post(&uri)
            .header("x-hubspot-signature-v3", signature)
            .header("x-hubspot-request-timestamp", &stamp)
            .body(body)
            .send()
    };
    let forged = post(body.replace("creation", "deletion"), signature.clone()).await?;
    if forged.status() != 401 {
        return Err(format!("a forged body was answered {}", forged.status()).into());
    }
    let taken = post(body, signature).await?;
    if !taken.status().is_success() {
        return Err(format!("the SDK's signature was answered {}", taken.status()).into());
    }
    hub.until("the company is a record", || async {
        hub.get("/api/records/organization").await.to_string().contains("Zoë ☃ GmbH")
    })
    .await;
    Ok(())
}

fn now_ms() -> Result<i64, Failed> {
    #[expect(clippy::disallowed_methods, reason = "a vendor's clock is the real one")]
    let now = SystemTime::now();
    Ok(i64::try_from(now.duration_since(UNIX_EPOCH)?.as_millis())?)
}

fn sign(uri: &str, body: &str, timestamp: &str) -> Result<String, Failed> {
    let asked = json!({"secret": SECRET, "method": "POST", "uri": uri, "body": body, "timestamp": timestamp});
    let mut python = Command::new(root().join(".venv/hubspot-sdk/bin/python"))
        .arg(root().join("tests/hubspot-sdk/sign.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    python.stdin.take().ok_or("no standard input")?.write_all(asked.to_string().as_bytes())?;
    let output = python.wait_with_output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
