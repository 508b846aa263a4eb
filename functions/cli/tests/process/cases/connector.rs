//! Systems that a file of the admin's own describes.

use crate::program::{Up, client, json, run, run_with, stderr, stdout};
use concord::sandbox_server::SandboxServer;
use concord_connector::{
    Manifest,
    testing::{Derived, sign},
};
use concord_hub::{embedded::SystemClock, ports::Clock as _};
use serde_json::{Value as Json, json as object};
use std::{path::Path, time::Duration};
use tempfile::TempDir;

const GUIDE: &str = include_str!("../../../../../docs/connector-toml.md");
const WHSEC: &str = "whsec_dHdlbnR5LWZvdXIgYnl0ZXMgb2Yga2V5";

/// A file of the guide.
fn file(system: &str) -> &'static str {
    let at = GUIDE.find(&format!("```toml\nsystem = \"{system}\"")).expect("the guide has it") + "```toml\n".len();
    GUIDE[at..].split("```").next().expect("it ends")
}

fn home() -> TempDir {
    let home = TempDir::new().expect("room");
    std::fs::create_dir(home.path().join("files")).expect("room");
    for system in ["orbit", "source", "sink"] {
        std::fs::write(home.path().join(format!("files/{system}.toml")), file(system)).expect("room");
    }
    home
}

fn configure(home: &Path, more: &str) {
    let text = format!(
        "[connections.source]\nconnector = \"files/source.toml\"\nmode = \"sync\"\n\
         [connections.sink]\nconnector = \"files/sink.toml\"\nmode = \"sync\"\nallow_private = true\n\
         scope = {{ organization = \"all\" }}\n{more}"
    );
    std::fs::write(home.join("concord.toml"), text).expect("room");
}

#[test]
fn check_names_the_mistakes_of_the_file_that_a_connection_names() {
    let home = home();
    configure(home.path(), "");
    let output = run(home.path(), &["check"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "concord.toml is good: 2 connections.\n"));

    configure(home.path(), "base_url = \"http://127.0.0.1:1\"\n");
    std::fs::write(home.path().join("files/source.toml"), file("source").replace("version =", "vresion =")).unwrap();
    let output = run(home.path(), &["check"]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("files/source.toml:18:1: `vresion` is no key of `api`; did you mean `version`?"), "{said}");

    let gone = home.path().join("files/sink.toml");
    std::fs::remove_file(gone).unwrap();
    let said = stdout(&run(home.path(), &["check"]));
    assert!(said.contains("concord.toml:5:13: ") && said.contains("sink.toml cannot be read"), "{said}");

    std::fs::write(home.path().join("files/sink.toml"), file("sink").replace("\"sink\"", "\"hubspot\"")).unwrap();
    std::fs::write(home.path().join("files/source.toml"), file("source")).unwrap();
    configure(home.path(), "");
    let said = stdout(&run(home.path(), &["check"]));
    assert!(said.contains("`hubspot`, and so does Concord itself; give the file another `system`"), "{said}");
}

#[test]
fn a_record_is_tried_and_a_file_is_tested() {
    let home = home();
    let good = json(home.path(), &["connector", "check", "files/orbit.toml", "--json"]);
    assert_eq!(good, object!({ "ok": true, "mistakes": [] }));
    let record = r#"{"id": "c1", "revision": 4, "name": "Example", "kinds": ["RESELLER"], "owner": 7}"#;
    std::fs::write(home.path().join("sample.json"), record).unwrap();
    let args =
        ["connector", "try", "files/orbit.toml", "--record", "sample.json", "--entity", "organization", "--json"];
    let tried = json(home.path(), &args);
    assert_eq!(
        (&tried["id"], &tried["version"], &tried["unmapped"]),
        (&object!("c1"), &object!(4), &object!(["/owner"]))
    );
    assert_eq!(tried["image"]["kinds"], object!(["PARTNER"]));
    let output = run(home.path(), &["connector", "try", "files/orbit.toml", "--record", "sample.json"]);
    assert_eq!(output.status.code(), Some(2), "what it is has to be said: {}", stderr(&output));
    let bad = run_with(home.path(), &args[..7], "");
    assert_eq!(bad.status.code(), Some(0), "{}", stderr(&bad));
    std::fs::write(home.path().join("sample.json"), record.replace("RESELLER", "UNHEARD")).unwrap();
    let output = run(home.path(), &args[..7]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("`UNHEARD` is not in the value map"), "{}", stdout(&output));

    let tested = json(home.path(), &["connector", "test", "files/orbit.toml", "--json"]);
    assert_eq!((&tested["ok"], &tested["broken"]), (&object!(true), &object!([])));
    let output = run(home.path(), &["connector", "test", "files/orbit.toml", "--base-url", "http://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(2), "a real system is only read, and the admin says so");
}

/// A real address is read and never written to.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_system_is_looked_at() {
    use concord_connector::sandbox::{Act, Sandbox as _};
    let home = home();
    let mut derived = Derived::new(&Manifest::parse(file("orbit")).expect("a manifest"));
    for n in 0..120 {
        let fields = object!({ "name": format!("Company {n}") });
        derived.act(SystemClock.now(), Act::Create { object: "companies".into(), fields }).expect("a company");
    }
    let token = derived.credentials()["token"].clone();
    let server = SandboxServer::start(Box::new(derived)).await.expect("a port");
    let (url, set) = (server.url.clone(), format!("token={token}"));
    let dir = home.path().to_owned();
    let looked = tokio::task::spawn_blocking(move || {
        let args =
            ["connector", "test", "files/orbit.toml", "--base-url", &url, "--read-only", "--set", &set, "--json"];
        let output = run(&dir, &args);
        assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
        serde_json::from_slice::<Json>(&output.stdout).expect("JSON")
    })
    .await
    .expect("it runs");
    let found: Vec<&str> = looked["read"].as_array().unwrap().iter().filter_map(|one| one["found"].as_str()).collect();
    assert_eq!(found[0], "time zone Europe/Berlin, EUR");
    assert_eq!(found[1], "120 records on 3 pages, 5 read again by id");
    let served = server.lock().served().clone();
    assert!(served.keys().all(|call| call.starts_with("GET ")), "{served:?}");
}

/// The way of a load test: signed webhooks in, plain calls of another system out, both described by files alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_payload_reaches_a_plain_endpoint() {
    let home = home();
    let sink = Derived::new(&Manifest::parse(file("sink")).expect("a manifest"));
    let server = SandboxServer::start(Box::new(sink)).await.expect("a port");
    configure(home.path(), &format!("base_url = \"{}\"\n", server.url));
    let kept = run_with(home.path(), &["vault", "set", "source/webhook"], WHSEC);
    assert!(kept.status.success(), "{}", stderr(&kept));
    let up = Up::start(home.path()).await;
    let scheme = Manifest::parse(file("source")).expect("a manifest").webhooks.remove(0);
    let post = async |body: Json| {
        let (uri, bytes) = (format!("{}/hooks/source", up.url), body.to_string());
        let proof = sign(&scheme, WHSEC, "POST", &uri, bytes.as_bytes(), SystemClock.now());
        let mut request = client().post(&uri).body(bytes);
        for (name, value) in proof.headers {
            request = request.header(name, value);
        }
        request.send().await.expect("an answer").status().as_u16()
    };
    let name = || {
        let records = server.lock().records();
        let organizations = records.get("organizations")?;
        assert!(organizations.len() <= 1, "{organizations:?}");
        organizations.values().next()?["name"].as_str().map(str::to_owned)
    };
    assert_eq!(post(object!({ "id": "o1", "revision": 1, "name": "First", "domain": "o1.example.com" })).await, 200);
    arrives(&name, "First").await;
    assert_eq!(post(object!({ "id": "o1", "revision": 3, "name": "Third" })).await, 200);
    arrives(&name, "Third").await;
    // Late, and older: its revision says so.
    assert_eq!(post(object!({ "id": "o1", "revision": 2, "name": "Second" })).await, 200);
    assert_eq!(post(object!({ "id": "o1", "revision": 4, "name": "Fourth" })).await, 200);
    arrives(&name, "Fourth").await;
    let served = server.lock().served().clone();
    assert!(served.keys().all(|call| call.starts_with("PUT ")), "nothing is read: {served:?}");

    // The text of the files is kept with the configuration.
    drop(up);
    std::fs::remove_dir_all(home.path().join("files")).unwrap();
    let status = run(home.path(), &["records", "organization", "--json"]);
    assert!(stdout(&status).contains("Fourth"), "{}{}", stdout(&status), stderr(&status));
}

async fn arrives(name: &dyn Fn() -> Option<String>, wanted: &str) {
    for _ in 0..600 {
        if name().as_deref() == Some(wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{wanted} does not arrive; there is {:?}", name());
}
