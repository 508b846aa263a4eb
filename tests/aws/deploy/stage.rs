//! The deployed stack with its vendors.

use crate::{
    cast::{CAST, Cast, SIGNED_WITH},
    emulator::{Emulator, PATIENCE},
    market::{SELLER, Seller},
};
use serde_json::{Value as Json, json};
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

pub(crate) const STACK: &str = "concord-e2e";
/// Package folders of the functions, which are their binaries' names as well.
pub(crate) const FUNCTIONS: [&str; 5] = ["ingest", "connector", "reconcile", "fanout", "scheduler"];

pub(crate) struct Stage {
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) cast: Cast,
    pub(crate) seller: Seller,
    /// What vendors call.
    pub(crate) public_url: String,
    emulator: Emulator,
}

/// Where a function's binary is; beside this test's own folder.
pub(crate) fn binary(function: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the test's own path");
    let target = own.ancestors().nth(3).expect("target/<profile>/deps/<test>");
    target.join("ci-lambda").join(function)
}

/// The program with its AWS half, built into the same folder as this test.
pub(crate) fn program() -> PathBuf {
    let own = std::env::current_exe().expect("the test's own path");
    own.ancestors().nth(2).expect("target/<profile>/deps/<test>").join("concord")
}

impl Stage {
    /// Deploys the template as it is, but for where the binaries are; gives the stack its configuration and secrets.
    pub(crate) fn set(tools: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let (cast, seller) = runtime.block_on(async { (Cast::start().await, Seller::start().await) });
        let emulator = Emulator::start(tools);
        let mut stage = Self { runtime, cast, seller, public_url: String::new(), emulator };
        stage.lay_out();
        stage.deploy(&[]);
        let api = stage.cloud("api", &json!([STACK]));
        let api = api.as_str().expect("an API");
        stage.public_url = format!("{}/_aws/execute-api/{api}", stage.emulator.url());
        stage.connect();
        stage
    }

    fn folder(&self) -> PathBuf {
        self.emulator.folder().join("stack")
    }

    fn lay_out(&self) {
        let (root, folder) = (concord_tests_aws::root(), self.folder());
        fs::create_dir_all(folder.join("infra")).expect("a folder");
        let mut replaced = 0;
        let mut copy = |file: &str| {
            let text = fs::read_to_string(root.join(file)).expect("a template");
            for (from, to) in
                [("CodeUri: functions/", "CodeUri: artifacts/"), ("Code: ../functions/", "Code: ../artifacts/")]
            {
                replaced += text.matches(from).count();
                let text = text.replace(from, to);
                if text.contains(to) {
                    fs::write(folder.join(file), text).expect("a file");
                    return;
                }
            }
            fs::write(folder.join(file), text).expect("a file");
        };
        for file in ["template.yaml", "samconfig.toml", "infra/connector.yaml", "infra/alarms.yaml"] {
            copy(file);
        }
        for file in ["infra/dashboard.yaml", "infra/budget.yaml"] {
            copy(file);
        }
        assert_eq!(replaced, 6, "every function's code is replaced by what was built, and nothing else");
        for function in FUNCTIONS {
            let to = folder.join("artifacts").join(function);
            fs::create_dir_all(&to).expect("a folder");
            fs::copy(binary(function), to.join("bootstrap")).expect("a binary");
        }
    }

    /// `sam deploy`, with some parameters changed.
    pub(crate) fn deploy(&self, changes: &[&str]) {
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let output = self
            .emulator
            .tool("sam")
            .current_dir(self.folder())
            .args(["deploy", "--no-confirm-changeset", "--stack-name", STACK, "--parameter-overrides"])
            .args(["HubSpot=on", "Salesforce=on", &format!("Architecture={architecture}")])
            .args(["AwsMarketplace=on", "AwsEventBus=default", &format!("AwsMarketplaceConnection={}", SELLER.0)])
            .args(changes)
            .output()
            .expect("sam starts");
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(output.status.success(), "sam deploy failed: {text}\n{}", self.emulator.log());
        assert!(self.cloud("batches", &json!([STACK])).as_u64() > Some(4), "roles of functions");
    }

    /// As docs/aws.md says it: the configuration, then each connection with its credentials. One secret is there before,
    /// because the configuration names it.
    fn connect(&self) {
        let text = self.cast.configuration(&self.public_url) + &self.seller.configuration();
        fs::write(self.emulator.folder().join("concord.toml"), text).expect("a file");
        self.concord(&["vault", "set", "hubspot-us/webhook"], SIGNED_WITH);
        let names = CAST.map(|(name, ..)| name).into_iter().chain([SELLER.0]).collect::<Vec<_>>();
        let pushed = self.concord(&["config", "push"], "");
        assert_eq!(pushed, json!({ "before": 0, "connections": names.len(), "revision": 1 }));
        for name in &names {
            let parts = if *name == SELLER.0 { self.seller.credentials() } else { self.cast.credentials(name) };
            let set = parts.iter().map(|(part, secret)| format!("--set={part}={secret}"));
            let words: Vec<String> = ["connect".to_owned(), (*name).to_owned()].into_iter().chain(set).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let account = self.concord(&words, "");
            assert_eq!(account["hook"], format!("{}/hooks/{name}", self.public_url), "{account}");
        }
        let status = self.concord(&["status"], "");
        let connections = status["connections"].as_array().expect("connections");
        assert_eq!(connections.len(), names.len());
        assert!(connections.iter().all(|one| one["missing_secrets"] == json!([])), "{status}");
        assert!(status["queues"]["observations"].is_object(), "{status}");
        self.cast.subscribe(&self.public_url);
    }

    /// `concord --stack` with the rights of the account's admin; what it says.
    pub(crate) fn concord(&self, words: &[&str], input: &str) -> Json {
        let (status, text, told) = self.concord_says(words, input);
        assert!(status, "concord {words:?} failed: {told}\n{}", self.emulator.log());
        serde_json::from_str(&text).expect("JSON")
    }

    /// The same, also when it fails: whether it did well, what it says, and what it complains of.
    pub(crate) fn concord_says(&self, words: &[&str], input: &str) -> (bool, String, String) {
        let mut command = self.emulator.tool(program());
        command.current_dir(self.emulator.folder()).args(["--stack", STACK]).args(words).arg("--json");
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // A command that reads nothing may be over by now.
        drop(process.stdin.take().expect("its input").write_all(input.as_bytes()));
        let output = process.wait_with_output().expect("it ends");
        let [text, told] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (output.status.success(), text, told)
    }

    /// Asks the emulated account something.
    pub(crate) fn cloud(&self, what: &str, arguments: &Json) -> Json {
        let script = concord_tests_aws::root().join("tests/aws/deploy/cloud.py");
        let output = self.emulator.tool("python").arg(script).args([what, &arguments.to_string()]).output();
        let output = output.expect("python starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what} {arguments}: {told}\n{}", self.emulator.log());
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Waits until something holds; shows what went on when it never does.
    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < PATIENCE, "never: {what}\n{:#?}\n{}", self.cast.companies(), self.logs());
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until a company has a name in every system, once.
    pub(crate) fn until_all_have(&self, domain: &str, name: &str) {
        self.until(&format!("{domain} is {name} everywhere"), || {
            let companies = self.cast.companies();
            companies.values().all(|of| of.get(domain).is_some_and(|found| found == name))
        });
        let twice = format!("{domain} again");
        let companies = self.cast.companies();
        assert!(companies.values().all(|of| !of.contains_key(&twice)), "made twice: {companies:#?}");
    }

    /// Has a connection's companies looked for, as the scheduler does when a poll is due.
    pub(crate) fn poll(&self, connection: &str) {
        let system = connection.split('-').next().unwrap_or_default();
        let message = json!({ "poll_v1": { "connection": connection, "entity": "organization" } });
        self.cloud("send", &json!([Self::queue(&format!("signals-{system}")), message.to_string()]));
    }

    /// Kills the running environments of a function; how many there were.
    pub(crate) fn kill(&self, function: &str) -> usize {
        let processes = self.emulator.processes_of(&format!("{STACK}-{function}"));
        for id in &processes {
            let killed = std::process::Command::new("kill").args(["-KILL", &id.to_string()]).status();
            // It may have ended by itself meanwhile.
            killed.expect("kill starts");
        }
        processes.len()
    }

    /// The name of a queue.
    pub(crate) fn queue(name: &str) -> String {
        format!("{STACK}-{name}")
    }

    pub(crate) fn logs(&self) -> String {
        let mut text = self.emulator.log();
        let connectors = ["connector-hubspot", "connector-salesforce", "connector-aws-marketplace"];
        for function in ["ingest", "reconcile", "fanout", "scheduler"].into_iter().chain(connectors) {
            let lines = self.cloud("log", &json!([format!("{STACK}-{function}")]));
            let lines: Vec<&str> = lines.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
            let last = &lines[lines.len().saturating_sub(15)..];
            text.push_str(&format!("\n== {function}\n{}", last.concat()));
        }
        text
    }
}
