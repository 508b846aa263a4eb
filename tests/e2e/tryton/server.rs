//! A real trytond on loopback, and what its people do, over its own JSON-RPC.

use crate::{hub::free_port, root};
use libtest_mimic::Failed;
use serde_json::{Value as Json, json};
use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// How often readiness is asked for, at most.
const TRIES: u32 = 900;

pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
    pub(crate) boot: Json,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts it on a copy of the prepared database.
    pub(crate) async fn start() -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let port = free_port();
        let log = fs::File::create(folder.path().join("log"))?;
        let process = Command::new(root().join("tests/tryton/serve"))
            .args([folder.path().as_os_str(), port.to_string().as_ref()])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let mut server =
            Self { process, url: format!("http://127.0.0.1:{port}"), boot: Json::Null, client, _folder: folder };
        let version = json!({"id": 1, "method": "common.server.version", "params": []}).to_string();
        for _ in 0..TRIES {
            let asked = server.client.post(format!("{}/rpc/", server.url)).header("content-type", "application/json");
            if asked.body(version.clone()).send().await.is_ok_and(|answer| answer.status() == 200) {
                server.boot = serde_json::from_slice(&fs::read(server._folder.path().join("boot.json"))?)?;
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("trytond does not answer".into())
    }

    /// Calls a method as the server's own user.
    pub(crate) async fn rpc(&self, method: &str, params: Json) -> Result<Json, Failed> {
        let body = json!({"id": 1, "method": method, "params": params}).to_string();
        let text = |name: &str| self.boot[name].as_str().unwrap_or_default().to_owned();
        let request =
            self.client.post(format!("{}/tryton/rpc/", self.url)).basic_auth(text("username"), Some(text("password")));
        let answer = request.header("content-type", "application/json").body(body).send().await?;
        let answer: Json = serde_json::from_slice(&answer.bytes().await?)?;
        match answer.get("error") {
            Some(error) if !error.is_null() => Err(format!("{method}: {error}").into()),
            _ => Ok(answer["result"].clone()),
        }
    }

    fn context(&self) -> Json {
        json!({"company": self.boot["company"]})
    }

    pub(crate) async fn search(&self, model: &str, domain: Json) -> Option<i64> {
        let found =
            self.rpc(&format!("model.{model}.search"), json!([domain, 0, 1, null, self.context()])).await.ok()?;
        found[0].as_i64()
    }

    pub(crate) async fn read(&self, model: &str, id: i64, fields: &[&str]) -> Json {
        let read = self.rpc(&format!("model.{model}.read"), json!([[id], fields, self.context()])).await;
        read.map(|rows| rows[0].clone()).unwrap_or_default()
    }

    pub(crate) async fn write(&self, model: &str, id: i64, fields: Json) -> Result<(), Failed> {
        self.rpc(&format!("model.{model}.write"), json!([[id], fields, self.context()])).await.map(drop)
    }

    /// Presses a button of a workflow.
    pub(crate) async fn press(&self, model: &str, button: &str, id: i64) -> Result<(), Failed> {
        self.rpc(&format!("model.{model}.{button}"), json!([[id], self.context()])).await.map(drop)
    }

    /// A party's first telephone number.
    pub(crate) async fn phone(&self, party: i64) -> Option<String> {
        let domain = json!([["party", "=", party], ["type", "in", ["phone", "mobile"]]]);
        let id = self.search("party.contact_mechanism", domain).await?;
        self.read("party.contact_mechanism", id, &["value"]).await["value"].as_str().map(str::to_owned)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `serve` gave its place to the server: the id is the server's.
        let stopped = self.process.kill().and_then(|()| self.process.wait());
        assert!(stopped.is_ok(), "{stopped:?}");
    }
}
