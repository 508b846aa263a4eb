//! Events of the running program, received and verified by the official libraries of two languages.

use crate::{
    hub::{Hub, PATIENCE},
    root,
};
use concord::sandbox_server::SandboxServer;
use concord_connector::sandbox::Act;
use libtest_mimic::Failed;
use serde_json::{Value as Json, json};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{SystemTime, UNIX_EPOCH},
};

/// Obviously fake: the base64 of 32 times the letter `n`, and `p`.
const NEW: &str = "whsec_bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4=";
const PREVIOUS: &str = "whsec_cHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHA=";

/// A server of one of the libraries.
struct Library {
    process: Child,
    port: String,
    lines: Receiver<String>,
}

impl Library {
    fn start(mut command: Command, secret: &str) -> Result<Self, Failed> {
        let mut process = command.env("SIGNING_SECRET", secret).stdout(Stdio::piped()).spawn()?;
        let output = BufReader::new(process.stdout.take().ok_or("no standard output")?);
        let (said, lines) = channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
        let port = lines.recv_timeout(PATIENCE).map_err(|_| "the receiver does not come up")?;
        Ok(Self { process, port, lines })
    }

    fn python(secret: &str) -> Result<Self, Failed> {
        let mut command = Command::new(root().join(".venv/standardwebhooks/bin/python"));
        command.arg(root().join("tests/standardwebhooks-sdk/receive.py"));
        Self::start(command, secret)
    }

    fn javascript(secret: &str) -> Result<Self, Failed> {
        let mut command = Command::new("node");
        command.arg(root().join(".venv/standardwebhooks-js/receive.mjs"));
        Self::start(command, secret)
    }

    /// The next event that tells of something, as the library saw it.
    fn next(&self) -> Result<Json, Failed> {
        let line = self.lines.recv_timeout(PATIENCE).map_err(|_| "no event arrived")?;
        let seen: Json = serde_json::from_str(&line)?;
        if seen["verified"] != true {
            return Err(format!("the library refuses an event: {seen}").into());
        }
        if seen["forged"] != json!([false, false, false, false]) {
            return Err(format!("the library takes a forged event for ours: {seen}").into());
        }
        Ok(seen)
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// While a secret is replaced, this subscriber has the new one already.
pub(crate) fn javascript() -> Result<(), Failed> {
    tokio::runtime::Runtime::new()?.block_on(verified(Library::javascript(NEW)?))
}

/// And this one has the one before still.
pub(crate) fn python() -> Result<(), Failed> {
    tokio::runtime::Runtime::new()?.block_on(verified(Library::python(PREVIOUS)?))
}

async fn verified(library: Library) -> Result<(), Failed> {
    let vendor = SandboxServer::start(concord_connectors::sandbox("hubspot", 5).ok_or("no sandbox")?).await?;
    let token = vendor.lock().credentials()["token"].clone();
    let configuration = format!(
        r#"
public_url = "{{url}}"
[connections.hubspot]
system = "hubspot"
auth = "private_app"
base_url = "{}"
allow_private = true
poll_every_s = 1
secrets = {{ token = "env:TOKEN" }}
[subscriptions.portal]
url = "http://127.0.0.1:{}/events"
allow_private = true
entities = ["organization"]
secrets = ["env:NEW", "env:PREVIOUS"]
previous_until = "2100-01-01T00:00:00Z"
"#,
        vendor.url, library.port
    );
    let hub = Hub::start(&configuration, &[("TOKEN", &token), ("NEW", NEW), ("PREVIOUS", PREVIOUS)]).await;
    let act = |act| -> Result<String, Failed> { Ok(vendor.lock().act(now()?, act)?) };
    let fields = json!({"properties": {"name": "Zoë ☃ GmbH", "domain": "zoe.example"}});
    let id = act(Act::Create { object: "companies".into(), fields })?;
    let first = library.next()?;
    let event = &first["event"];
    if event["specversion"] != "1.0"
        || event["type"] != "concord.organization.changed"
        || event["id"] != first["headers"]["webhook-id"]
        || event["data"]["fields"]["name"] != "Zoë ☃ GmbH"
        || event["subject"] != event["data"]["record"]
    {
        return Err(format!("no event of the company: {first}").into());
    }
    if event["source"] != format!("{}/subscriptions/portal", hub.url) {
        return Err(format!("a source that is not ours: {first}").into());
    }
    act(Act::Update { object: "companies".into(), id, fields: json!({"properties": {"phone": "+49 30 1"}}) })?;
    let second = library.next()?;
    let data = &second["event"]["data"];
    if data["changed"] != json!(["phone"])
        || data["fields"]["phone"] != "+49 30 1"
        || data["since"] != event["data"]["version"]
        || second["event"]["id"] == event["id"]
    {
        return Err(format!("no event of the new telephone number: {second}").into());
    }
    let view = hub.get("/api/subscriptions/portal").await;
    if view["state"] != "fine" || view["pending"] != 0 {
        return Err(format!("it is not fine: {view}").into());
    }
    Ok(())
}

fn now() -> Result<concord_connector::Instant, Failed> {
    #[expect(clippy::disallowed_methods, reason = "a vendor's clock is the real one")]
    let now = SystemTime::now();
    Ok(concord_connector::Instant::from_ms(i64::try_from(now.duration_since(UNIX_EPOCH)?.as_millis())?))
}
