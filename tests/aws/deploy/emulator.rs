//! An emulator of AWS that runs for as long as the test, on a free port of the loopback interface.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take before the test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) struct Emulator {
    process: Child,
    port: u16,
    tools: PathBuf,
    folder: tempfile::TempDir,
}

impl Emulator {
    /// Starts it, enforcing policies, and waits until it answers.
    pub(crate) fn start(tools: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
        let port = socket.port();
        let log = File::create(folder.path().join("emulator.log")).expect("a log");
        let mut command = Command::new(tools.join("ministack"));
        environment(&mut command, port, folder.path());
        let process = command
            .env("GATEWAY_PORT", port.to_string())
            .envs([("BIND_HOST", "127.0.0.1"), ("MINISTACK_HOST", "127.0.0.1"), ("AUTH", "true")])
            .envs([("IOT_MTLS_ENABLED", "0"), ("SFTP_ENABLED", "0")])
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .stdin(Stdio::null())
            // Functions are its children: they end with its group.
            .process_group(0)
            .spawn()
            .expect("the emulator starts");
        let mut emulator = Self { process, port, tools: tools.to_owned(), folder };
        let begun = Instant::now();
        while !emulator.answers() {
            assert!(begun.elapsed() < PATIENCE, "the emulator never answers\n{}", emulator.log());
            assert!(emulator.process.try_wait().expect("a process").is_none(), "it ended\n{}", emulator.log());
            thread::sleep(Duration::from_millis(100));
        }
        emulator
    }

    fn answers(&self) -> bool {
        let Ok(mut socket) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let request = b"GET /_ministack/health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
        let mut answer = [0; 12];
        socket.write_all(request).is_ok() && socket.read_exact(&mut answer).is_ok() && answer.ends_with(b"200")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn log(&self) -> String {
        let text = fs::read_to_string(self.folder.path().join("emulator.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(80)..].join("\n")
    }

    /// One of the tools, or a program by its whole path, as an admin of the emulated account.
    pub(crate) fn tool(&self, name: impl AsRef<Path>) -> Command {
        let mut command = Command::new(self.tools.join(name));
        environment(&mut command, self.port, self.folder.path());
        command
    }

    /// The process ids of a function's running environments.
    pub(crate) fn processes_of(&self, function: &str) -> Vec<u32> {
        let named = format!("AWS_LAMBDA_FUNCTION_NAME={function}");
        let at_home = format!("AWS_ENDPOINT_URL={}", self.url());
        let all = fs::read_dir("/proc").expect("processes").filter_map(|entry| {
            let id: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let environment = fs::read(format!("/proc/{id}/environ")).ok()?;
            let has = |wanted: &str| environment.split(|byte| *byte == 0).any(|one| one == wanted.as_bytes());
            (has(&named) && has(&at_home)).then_some(id)
        });
        all.collect()
    }
}

/// Who calls, and where: nothing of the caller's own.
fn environment(command: &mut Command, port: u16, folder: &Path) {
    command
        .env_remove("AWS_PROFILE")
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "eu-west-1")])
        .envs([("AWS_DEFAULT_REGION", "eu-west-1"), ("SAM_CLI_TELEMETRY", "0"), ("NO_PROXY", "127.0.0.1")])
        .env("TMPDIR", folder)
        .env("HOME", folder);
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Its group is its own id.
        let group = format!("-{}", self.process.id());
        let ended = Command::new("kill").args(["-KILL", "--", &group]).status();
        assert!(ended.is_ok_and(|status| status.success()), "the emulator's processes are still there");
        self.process.wait().expect("the emulator ends");
    }
}
