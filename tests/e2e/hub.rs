//! The program `concord`, running on a folder of its own.

use concord_connector::sandbox::Subscriber;
use serde_json::Value as Json;
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The longest that anything here may take before the test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The program: beside this test's own folder.
pub(crate) fn program() -> PathBuf {
    let own = std::env::current_exe().expect("the test's own path");
    let profile = own.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    let program = profile.join("concord");
    assert!(program.exists(), "{} is missing: run `make e2e`, which builds it", program.display());
    program
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port()
}

/// A running hub.
pub(crate) struct Hub {
    process: Child,
    pub(crate) url: String,
    token: String,
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Hub {
    /// Starts `concord up` under a configuration (`{url}` is filled in) and environment, and waits until it is ready.
    pub(crate) async fn start(configuration: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listen = format!("127.0.0.1:{}", free_port());
        let url = format!("http://{listen}");
        fs::write(folder.path().join("concord.toml"), configuration.replace("{url}", &url)).expect("a configuration");
        let environment: Vec<(String, String)> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let process = up(folder.path(), &url, &environment);
        let mut hub = Self { process, url, token: String::new(), folder, environment };
        hub.ready().await;
        hub
    }

    /// Kills it as a power cut does, and starts it again on its folder.
    pub(crate) async fn die(&mut self) {
        self.process.kill().and_then(|()| self.process.wait()).expect("it was there");
        self.process = up(self.folder.path(), &self.url, &self.environment);
        self.ready().await;
    }

    async fn ready(&mut self) {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let (asked, begun) = (format!("{}/healthz?ready=1", self.url), Instant::now());
        while !client.get(&asked).send().await.is_ok_and(|answer| answer.status() == 200) {
            assert!(self.process.try_wait().expect("a process").is_none(), "the hub ended: {}", self.log());
            assert!(begun.elapsed() < PATIENCE, "never ready\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let run = fs::read_to_string(self.folder.path().join("data/run.json")).expect("run.json");
        let run: Json = serde_json::from_str(&run).expect("JSON");
        run["token"].as_str().expect("the admin token").clone_into(&mut self.token);
    }

    /// A command on its folder: whether it ended well, and what it printed.
    pub(crate) fn command(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(program())
            .args(arguments)
            .args(["--data", "data"])
            .current_dir(self.folder.path())
            .envs(self.environment.iter().cloned())
            .env("CONCORD_VAULT_KEY_FILE", self.folder.path().join("vault.key"))
            .output()
            .expect("the program starts");
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.success(), text)
    }

    /// Waits until something holds; shows the log when it never does.
    pub(crate) async fn until<F: Future<Output = bool>>(&self, what: &str, mut holds: impl FnMut() -> F) {
        let begun = Instant::now();
        while !holds().await {
            assert!(begun.elapsed() < PATIENCE, "never: {what}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// GET of the API.
    pub(crate) async fn get(&self, path: &str) -> Json {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer =
            client.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "GET {path}");
        serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn subscriber(&self, connection: &str, secret: &str) -> Subscriber {
        Subscriber { url: format!("{}/hooks/{connection}", self.url), secret: secret.into() }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let stopped = self.process.kill().and_then(|()| self.process.wait());
        assert!(stopped.is_ok(), "{stopped:?}");
    }
}

/// `concord up` on a folder.
fn up(folder: &Path, url: &str, environment: &[(String, String)]) -> Child {
    let log = fs::File::options().create(true).append(true).open(folder.join("log")).expect("a log");
    Command::new(program())
        .args(["up", "--data", "data", "--config", "concord.toml", "--listen", url.trim_start_matches("http://")])
        .current_dir(folder)
        .envs(environment.iter().cloned())
        .env("CONCORD_VAULT_KEY_FILE", key_file(folder))
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the program starts")
}

fn key_file(folder: &Path) -> PathBuf {
    let path = folder.join("vault.key");
    fs::write(&path, "0f".repeat(32)).expect("a key file");
    path
}
