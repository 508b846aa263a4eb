//! Looking at what flows, sample webhooks, and subscriptions on the command line.

use crate::{
    place::Place,
    program::{Up, client, json, run, stderr, stdout},
};
use serde_json::Value as Json;
use std::{fmt::Write as _, time::Duration};

/// The tap of a hub, line by line.
struct Tapping {
    response: reqwest::Response,
    text: String,
}

impl Tapping {
    /// Listens from the moment at which this returns.
    async fn start(up: &Up, query: &str, accept: &str) -> Self {
        let request = client().get(format!("{}/api/tap?{query}", up.url)).bearer_auth(&up.token);
        let response = request.header("accept", accept).send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        let mut tapping = Self { response, text: String::new() };
        let first = tapping.next().await;
        assert_eq!((&first["stage"], &first["what"]), (&Json::from("tap"), &Json::from("listening")));
        tapping
    }

    async fn next(&mut self) -> Json {
        loop {
            if let Some((line, rest)) = self.text.split_once('\n') {
                let (line, rest) = (line.trim_start_matches("data: ").to_owned(), rest.to_owned());
                self.text = rest;
                if let Ok(json) = serde_json::from_str(&line) {
                    return json;
                }
                continue;
            }
            let chunk = tokio::time::timeout(Duration::from_secs(60), self.response.chunk()).await;
            let chunk = chunk.expect("a line in time").expect("a connection").expect("the stream goes on");
            write!(self.text, "{}", String::from_utf8_lossy(&chunk)).expect("a text");
        }
    }

    /// Lines up to the first of a stage.
    async fn until(&mut self, stage: &str) -> Vec<Json> {
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &Json| line["stage"] != stage) {
            lines.push(self.next().await);
        }
        lines
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tap_shows_what_flows_and_values_only_to_who_asks() {
    let place = Place::new().await;
    let up = Up::start(place.home()).await;
    let stranger = client().get(format!("{}/api/tap", up.url)).send().await.expect("an answer");
    assert_eq!(stranger.status(), 401);
    let wrong = client().get(format!("{}/api/tap?stage=comit", up.url)).bearer_auth(&up.token).send().await.unwrap();
    assert_eq!(wrong.status(), 422);

    let mut plain = Tapping::start(&up, "", "*/*").await;
    let mut curious = Tapping::start(&up, "values=1&stage=observation,commit", "text/event-stream").await;
    place.company("Recognizable GmbH", "recognizable.example");
    place.arrives("Recognizable GmbH").await;
    let lines = plain.until("receipt").await;
    let stages: Vec<&str> = lines.iter().filter_map(|line| line["stage"].as_str()).collect();
    for stage in ["observation", "commit", "delivery", "receipt"] {
        assert!(stages.contains(&stage), "{stage}: {lines:#?}");
    }
    assert!(!format!("{lines:?}").contains("Recognizable GmbH"), "no values: {lines:#?}");
    let receipt = lines.last().expect("a receipt");
    assert_eq!((&receipt["what"], &receipt["connection"]), (&Json::from("created"), &Json::from("west")));
    let shown = curious.until("commit").await;
    assert!(format!("{shown:?}").contains("Recognizable GmbH"), "{shown:#?}");

    // The command itself: a line for a person, then the hub goes and it ends.
    let tap = run(place.home(), &["tap", "--limit", "0"]);
    assert!(tap.status.success(), "{}", stderr(&tap));
    up.kill();
    let idle = run(place.home(), &["tap"]);
    assert_eq!(idle.status.code(), Some(2), "{}", stderr(&idle));
    assert!(stderr(&idle).contains("concord up"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_webhook_is_signed_as_the_system_would_and_taken_in() {
    let place = Place::new().await;
    let up = Up::start(place.home()).await;
    let id = place.company("Acme", "acme.example");
    place.arrives("Acme").await;
    let listed = json(place.home(), &["trigger", "--list", "--json"]);
    assert!(listed.to_string().contains("deal.updated"), "{listed}");
    let several = run(place.home(), &["trigger", "hubspot", "company.updated"]);
    assert!(stderr(&several).contains("--connection"), "{}", stderr(&several));

    let mut tapping = Tapping::start(&up, "stage=signal&connection=east", "*/*").await;
    let sent =
        json(place.home(), &["trigger", "hubspot", "company.updated", "--connection", "east", "--id", &id, "--json"]);
    assert_eq!((&sent["status"], &sent["accepted"]), (&Json::from(200), &Json::from(true)), "{sent}");
    let signal = tapping.until("signal").await.pop().expect("a signal");
    assert_eq!((signal["external"].as_str(), &signal["what"]), (Some(id.as_str()), &Json::from("changed")));
    assert_eq!(signal["entity"], "organization");
    // Without an id it is about a record that is known there.
    let known = json(place.home(), &["trigger", "east", "company.updated", "--json"]);
    assert_eq!(known["id"], id.as_str(), "{known}");

    for (args, says) in [
        (["trigger", "east", "company.exploded"], "no event of east"),
        (["trigger", "east", "deal.updated"], "name one with --id"),
        (["trigger", "east", "company.deleted"], "A delete is believed"),
        (["trigger", "nobody", "deal.updated"], "No connection is of the system"),
    ] {
        let output = run(place.home(), &args);
        assert!(!output.status.success() && stderr(&output).contains(says), "{args:?}: {}", stderr(&output));
    }
    up.kill();
    let idle = run(place.home(), &["trigger", "east", "company.updated"]);
    assert!(stderr(&idle).contains("concord up"), "{}", stderr(&idle));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_works_with_subscriptions() {
    let place = Place::new().await;
    let file = place.home().join("concord.toml");
    let mut text = std::fs::read_to_string(&file).expect("a configuration");
    text.push_str("[subscriptions.portal]\nurl = \"http://127.0.0.1:9/events\"\nallow_private = true\nentities = [\"organization\"]\n");
    std::fs::write(&file, text).expect("room");
    assert!(run(place.home(), &["check"]).status.success());
    let up = Up::start(place.home()).await;
    let listed = json(place.home(), &["subscription", "list", "--json"]);
    assert_eq!(listed["subscriptions"][0]["state"], "no secret", "{listed}");
    let rotated = json(place.home(), &["subscription", "rotate", "portal", "--json"]);
    let secret = rotated["secret"].as_str().expect("a secret");
    assert!(secret.starts_with("whsec_"), "{rotated}");
    let again = json(place.home(), &["subscription", "rotate", "portal", "--grace-s", "60", "--json"]);
    assert!(again["previous_until"].is_string(), "{again}");
    // Nobody listens at that port.
    let ping = run(place.home(), &["subscription", "ping", "portal"]);
    assert_eq!(ping.status.code(), Some(1), "{}", stderr(&ping));
    assert!(stdout(&ping).contains("No connection"), "{}", stdout(&ping));
    let off = json(place.home(), &["subscription", "disable", "portal", "--json"]);
    assert_eq!(off["state"], "disabled", "{off}");
    let status = run(place.home(), &["status"]);
    let told = stdout(&status);
    assert!(told.contains("portal") && told.contains("subscription enable portal"), "{told}");
    let on = json(place.home(), &["subscription", "enable", "portal", "--json"]);
    assert_ne!(on["state"], "disabled", "{on}");
    let (status, view) = up.get("/api/subscriptions/portal").await;
    assert_eq!((status, view["keys"].as_array().map(Vec::len)), (200, Some(2)), "both sign: {view}");
    assert!(!view.to_string().contains(secret) && !view.to_string().contains("/events"), "{view}");
    assert_eq!(up.get("/api/subscriptions/nobody").await.0, 404);
}
