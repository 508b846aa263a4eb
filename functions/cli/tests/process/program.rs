//! Starting the program.

use serde_json::Value as Json;
use std::{
    io::Write as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

/// The program, with nothing of the machine's own configuration.
pub(crate) fn concord(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_concord"));
    command.current_dir(home).env("XDG_CONFIG_HOME", home.join("config")).env("HOME", home);
    command.env_remove("CONCORD_VAULT_KEY_FILE").env_remove("CONCORD_TOKEN");
    command
}

/// Runs a command to its end.
pub(crate) fn run(home: &Path, args: &[&str]) -> Output {
    concord(home).args(args).stdin(Stdio::null()).output().expect("the program starts")
}

/// Runs a command with something on its standard input.
pub(crate) fn run_with(home: &Path, args: &[&str], input: &str) -> Output {
    let mut child = concord(home)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("the program reads");
    child.wait_with_output().expect("the program ends")
}

/// Runs a command that has to succeed; its JSON.
pub(crate) fn json(home: &Path, args: &[&str]) -> Json {
    let output = run(home, args);
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON on standard output")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `concord up`, killed when it is dropped.
pub(crate) struct Up {
    child: Child,
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Up {
    /// Starts it on a free port and waits until it answers.
    pub(crate) async fn start(home: &Path) -> Self {
        let mut child = concord(home)
            .args(["up", "--listen", "127.0.0.1:0", "--log-level", "warn"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let run = home.join("concord-data").join("run.json");
        for _ in 0..600 {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("`concord up` ended: {status}");
            }
            let file = std::fs::read(&run).ok().and_then(|bytes| serde_json::from_slice::<Json>(&bytes).ok());
            // An earlier process may have left its file: the process id tells.
            if let Some(file) = file.filter(|file| file["pid"] == child.id()) {
                let text = |name: &str| file[name].as_str().expect("a text").to_owned();
                return Self { child, url: text("url"), token: text("token") };
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("`concord up` does not come up");
    }
    /// Ends it as a power loss would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
    /// Calls its API.
    pub(crate) async fn get(&self, target: &str) -> (u16, Json) {
        let request = client().get(format!("{}{target}", self.url)).bearer_auth(&self.token);
        let response = request.send().await.expect("it answers");
        let status = response.status().as_u16();
        let bytes = response.bytes().await.expect("a body");
        (status, serde_json::from_slice(&bytes).unwrap_or(Json::Null))
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}
