//! The hub in a process of its own, killed in the middle of its work and started again, as often as there is time for.

use super::door::Door;
use crate::place::RunFile;
use anyhow::{Context as _, Result, bail};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    process::{Child, Command},
    sync::watch,
    task::JoinHandle,
};

/// A hub lives that long before it is killed, in milliseconds.
const LIVES_MS: std::ops::Range<u64> = 700..4000;
/// It has that long to come up.
const COMES_UP: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(50);

/// Where the hub's process works.
pub(super) struct Place {
    pub(super) dir: PathBuf,
    pub(super) listen: SocketAddr,
    /// The vault's key, unless it is the user's own.
    pub(super) key: Option<PathBuf>,
}

/// What the killing came to.
#[derive(Debug, Default)]
pub(super) struct Crashes {
    /// Kills.
    pub(super) count: u64,
    /// What the killed processes had counted, as they said shortly before their end.
    pub(super) counts: BTreeMap<String, u64>,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Killing,
    Sparing,
    Over,
}

/// The hub and its killer.
pub(super) struct Chaos {
    phase: watch::Sender<Phase>,
    task: JoinHandle<Result<Crashes>>,
}

impl Chaos {
    /// Starts the hub, and begins to kill it.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) async fn start(place: Place, seed: u64) -> Result<(Self, Door)> {
        let mut child = place.spawn()?;
        let run = place.up(&mut child).await?;
        let door = Door::new(&run.url, run.token.clone())?;
        let (phase, watched) = watch::channel(Phase::Killing);
        let theirs = Door::new(&run.url, run.token)?;
        let task = tokio::spawn(kill_again_and_again(place, child, theirs, watched, StdRng::seed_from_u64(seed)));
        Ok((Self { phase, task }, door))
    }

    /// No more kills: whatever is unfinished has to be finished.
    pub(super) fn spare(&self) {
        self.phase.send_replace(Phase::Sparing);
    }

    /// Lets the hub end in order.
    ///
    /// # Errors
    /// When it did not come up again, or ended by itself.
    pub(super) async fn end(self) -> Result<Crashes> {
        self.phase.send_replace(Phase::Over);
        self.task.await.context("The killer was stopped.")?
    }
}

async fn kill_again_and_again(
    place: Place,
    mut child: Child,
    door: Door,
    mut phase: watch::Receiver<Phase>,
    mut rng: StdRng,
) -> Result<Crashes> {
    let mut crashes = Crashes::default();
    let mut next = Instant::now() + Duration::from_millis(rng.random_range(LIVES_MS));
    loop {
        let now = *phase.borrow_and_update();
        tokio::select! {
            () = tokio::time::sleep_until(next.into()), if now == Phase::Killing => {
                if let Some(look) = door.glance().await {
                    for (name, count) in look.counts() {
                        *crashes.counts.entry(name).or_default() += count;
                    }
                }
                child.kill().await.context("The hub could not be killed.")?;
                crashes.count += 1;
                child = place.spawn()?;
                place.up(&mut child).await?;
                next = Instant::now() + Duration::from_millis(rng.random_range(LIVES_MS));
            }
            ended = child.wait() => {
                let status = ended.context("The hub's process cannot be watched.")?;
                if now == Phase::Over && status.success() {
                    return Ok(crashes);
                }
                bail!("The hub ended by itself: {status}.");
            }
            changed = phase.changed() => {
                // Nobody is left who wants to know: the child goes with this task.
                if changed.is_err() {
                    return Ok(crashes);
                }
                if *phase.borrow() == Phase::Over {
                    door.stop().await?;
                }
            }
        }
    }
}

impl Place {
    fn spawn(&self) -> Result<Child> {
        let program = std::env::current_exe().context("This program cannot find itself.")?;
        let mut command = Command::new(program);
        command.args(["--log-level", "error", "up", "--data"]).arg(&self.dir);
        command.arg("--config").arg(self.dir.join("concord.toml")).args(["--listen", &self.listen.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        if let Some(key) = &self.key {
            command.env(crate::app::KEY_FILE, key);
        }
        command.spawn().context("The hub's process cannot be started.")
    }

    /// Waits until it says where it is.
    async fn up(&self, child: &mut Child) -> Result<RunFile> {
        let began = Instant::now();
        while began.elapsed() < COMES_UP {
            // What an earlier process left behind names another pid.
            if let Some(run) = RunFile::of_live(&self.dir).filter(|run| Some(run.pid) == child.id()) {
                return Ok(run);
            }
            if let Some(status) = child.try_wait()? {
                bail!("The hub did not come up: {status}.");
            }
            tokio::time::sleep(AGAIN).await;
        }
        bail!("The hub did not come up within {} s.", COMES_UP.as_secs())
    }
}
