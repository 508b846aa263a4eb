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

pub(crate) fn verified() -> Result<(), Failed> {
    tokio::runtime::Runtime::new()?.block_on(run())
}

async fn run() -> Result<(), Failed> {
    let portal = SandboxServer::start(concord_connectors::sandbox("hubspot", 5).ok_or("no sandbox")?).await?;
    let token = portal.lock().credentials()["token"].clone();
    // While a secret is replaced, one subscriber has the new one already and the other has not.
    let libraries = [Library::python(PREVIOUS)?, Library::javascript(NEW)?];
    let mut configuration = format!(
        "public_url = \"{{url}}\"\n[connections.hubspot]\nsystem = \"hubspot\"\nauth = \"private_app\"\nbase_url = \"{}\"\nallow_private = true\npoll_every_s = 1\nsecrets = {{ token = \"env:TOKEN\" }}\n",
        portal.url
    );
    for (name, library) in ["python", "javascript"].iter().zip(&libraries) {
        configuration.push_str(&format!(
            "[subscriptions.{name}]\nurl = \"http://127.0.0.1:{}/events\"\nallow_private = true\nentities = [\"organization\"]\nsecrets = [\"env:NEW\", \"env:PREVIOUS\"]\nprevious_until = \"2100-01-01T00:00:00Z\"\n",
            library.port
        ));
    }
    let hub = Hub::start(&configuration, &[("TOKEN", &token), ("NEW", NEW), ("PREVIOUS", PREVIOUS)]).await;
    let act = |act| -> Result<String, Failed> { Ok(portal.lock().act(now()?, act)?) };
    let fields = json!({"properties": {"name": "Zoë ☃ GmbH", "domain": "zoe.example"}});
    let id = act(Act::Create { object: "companies".into(), fields })?;
    let mut ids = Vec::new();
    for library in &libraries {
        let seen = library.next()?;
        let event = &seen["event"];
        let data = &event["data"];
        if event["specversion"] != "1.0"
            || event["type"] != "concord.organization.changed"
            || event["id"] != seen["headers"]["webhook-id"]
            || data["fields"]["name"] != "Zoë ☃ GmbH"
            || event["subject"] != data["record"]
        {
            return Err(format!("no event of the company: {seen}").into());
        }
        if !event["source"].as_str().is_some_and(|source| source.starts_with(&hub.url)) {
            return Err(format!("a source that is not ours: {seen}").into());
        }
        ids.push(event["id"].clone());
    }
    act(Act::Update { object: "companies".into(), id, fields: json!({"properties": {"phone": "+49 30 1"}}) })?;
    for (library, before) in libraries.iter().zip(ids) {
        let seen = library.next()?;
        let data = &seen["event"]["data"];
        if data["changed"] != json!(["phone"]) || data["fields"]["phone"] != "+49 30 1" || seen["event"]["id"] == before
        {
            return Err(format!("no event of the new telephone number: {seen}").into());
        }
    }
    let views = hub.get("/api/subscriptions").await;
    if views["subscriptions"]
        .as_array()
        .is_none_or(|all| all.len() != 2 || all.iter().any(|one| one["state"] != "fine"))
    {
        return Err(format!("not both are fine: {views}").into());
    }
    Ok(())
}

fn now() -> Result<concord_connector::Instant, Failed> {
    #[expect(clippy::disallowed_methods, reason = "a vendor's clock is the real one")]
    let now = SystemTime::now();
    Ok(concord_connector::Instant::from_ms(i64::try_from(now.duration_since(UNIX_EPOCH)?.as_millis())?))
}
