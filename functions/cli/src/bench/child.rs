//! The hub as a process of its own: started, watched, killed, started again.

use super::measure::Usage;
use crate::app::KEY_FILE;
use anyhow::{Context as _, Result, bail};
use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
};

/// A hub that does not answer within this does not start.
const PATIENCE: Duration = Duration::from_secs(60);

/// The vault's key, in the folder of the run.
pub(super) const VAULT_KEY: &str = "vault.key";

/// The process that is measured.
pub(super) struct Hub {
    /// `127.0.0.1:PORT`.
    pub(super) address: String,
    arguments: Vec<String>,
    dir: PathBuf,
    child: Child,
    /// What processes that were killed had used.
    before: Usage,
}

impl Hub {
    /// Starts the program itself as `concord up` over a folder.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub(super) async fn up(dir: &Path, data: &Path) -> Result<Self> {
        let address = free_address()?;
        let text = |path: &Path| path.display().to_string();
        let arguments =
            ["up", "--data", &text(data), "--listen", &address, "--config", &text(&dir.join("concord.toml"))];
        Self::start(dir, address.clone(), arguments.map(str::to_owned).to_vec()).await
    }

    /// Starts the bare server: the same work without a hub.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub(super) async fn floor(dir: &Path, target: &str) -> Result<Self> {
        let address = free_address()?;
        let spec = format!("{address},{target},{}", dir.join("floor.log").display());
        let arguments = ["bench", "--serve-floor", &spec].map(str::to_owned).to_vec();
        Self::start(dir, address.clone(), arguments).await
    }

    async fn start(dir: &Path, address: String, arguments: Vec<String>) -> Result<Self> {
        let child = spawn(dir, &arguments)?;
        let mut hub = Self { address, arguments, dir: dir.to_owned(), child, before: Usage::default() };
        hub.until_ready().await?;
        Ok(hub)
    }

    /// Ends it as a power cut would, waits, and starts it again. Returns how long nobody was there.
    ///
    /// # Errors
    /// When it does not start again.
    pub(super) async fn kill_and_restart(&mut self, pause: Duration) -> Result<Duration> {
        self.before = self.usage();
        let began = Instant::now();
        self.child.kill().await.context("The hub could not be killed.")?;
        tokio::time::sleep(pause).await;
        self.child = spawn(&self.dir, &self.arguments)?;
        self.until_ready().await?;
        Ok(began.elapsed())
    }

    /// What it and its predecessors used so far.
    pub(super) fn usage(&self) -> Usage {
        self.child.id().map(Usage::of_process).unwrap_or_default().after(&self.before)
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// When it does not end.
    pub(super) async fn stop(mut self) -> Result<()> {
        self.child.kill().await.context("The hub could not be ended.")
    }

    /// Whether it answers a request: a port is open before the configuration was found to be right.
    async fn answers(&self) -> bool {
        let Ok(mut stream) = tokio::net::TcpStream::connect(&self.address).await else { return false };
        let ask = format!("GET /healthz?ready=1 HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\n\r\n", self.address);
        let mut answer = [0; 12];
        let asked = async {
            stream.write_all(ask.as_bytes()).await?;
            stream.read_exact(&mut answer).await
        };
        let heard = tokio::time::timeout(Duration::from_secs(1), asked).await;
        matches!(heard, Ok(Ok(_))) && answer.starts_with(b"HTTP/1.1 ") && !answer.ends_with(b"503")
    }

    /// # Errors
    /// When the process has ended, with what it said last.
    pub(super) fn is_there(&mut self) -> Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let log = fs::read_to_string(self.dir.join("hub.log")).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        bail!("The hub has ended ({status}): {}", last.into_iter().rev().collect::<Vec<_>>().join(" | "))
    }

    async fn until_ready(&mut self) -> Result<()> {
        let began = Instant::now();
        while !self.answers().await {
            self.is_there()?;
            if began.elapsed() > PATIENCE {
                bail!("The hub did not answer within {PATIENCE:?}.");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

fn spawn(dir: &Path, arguments: &[String]) -> Result<Child> {
    let program = std::env::current_exe().context("The program does not know where it is.")?;
    let log = fs::File::options().create(true).append(true).open(dir.join("hub.log"))?;
    let mut command = Command::new(program);
    command.args(arguments).env(KEY_FILE, dir.join(VAULT_KEY)).env("CONCORD_BENCH_SECRET", secret());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
    command.spawn().context("The hub could not be started.")
}

/// What the bench signs with. Worth nothing outside of it.
pub(super) fn secret() -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    format!("whsec_{}", STANDARD.encode(KEY))
}

/// The bytes of the secret.
pub(super) const KEY: &[u8] = b"fake-signing-key-of-the-bench-00";

fn free_address() -> Result<String> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string())
}
