//! A run: folder, target, hub and sender, and what happens to them.

mod files;

use super::{
    child::{Hub, KEY},
    ledger::Ledger,
    measure::{self, Usage, load, per_second, places, rounded},
    plan::Work,
    sender::Sender,
    target::Target,
};
use crate::args::{Bench, Scenario};
use anyhow::{Result, bail};
use serde_json::{Value as Json, json};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// While something that was accepted has not arrived, something arrives within this.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long the target is out, and the hub dead.
const OUTAGE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_secs(1);
/// How often the hub is looked after while it is sent to.
const LOOK: Duration = Duration::from_millis(200);
/// The storm of the budgets: so many signals on so many records.
const STORM: (u64, usize) = (100_000, 1_000);

/// Everything that takes part.
pub(super) struct Scene {
    dir: TempDir,
    data: PathBuf,
    is_floor: bool,
    ledger: Arc<Ledger>,
    target: Target,
    hub: Hub,
    sender: Arc<Sender>,
    /// The number of the next change.
    next: u64,
}

impl Scene {
    /// Starts everything.
    ///
    /// # Errors
    /// When the hub does not start.
    pub(super) async fn open(args: &Bench, is_floor: bool) -> Result<Self> {
        let dir = match &args.dir {
            Some(dir) => TempDir::with_prefix_in("concord-bench-", dir)?,
            None => TempDir::with_prefix("concord-bench-")?,
        };
        let ledger = Arc::new(Ledger::new(args.records));
        let target = Target::start(Arc::clone(&ledger)).await?;
        files::write(dir.path(), &target.url)?;
        let data = dir.path().join("data");
        let hub = match is_floor {
            true => Hub::floor(dir.path(), &target.url).await?,
            false => Hub::up(dir.path(), &data).await?,
        };
        let sender = Arc::new(Sender {
            address: hub.address.clone(),
            path: "/hooks/source",
            key: KEY.to_vec(),
            ledger: Arc::clone(&ledger),
            stop: AtomicBool::new(false),
            retries: AtomicU64::new(0),
        });
        Ok(Self { dir, data, is_floor, ledger, target, hub, sender, next: 1 })
    }

    /// Fills the hub, plays the scenario, and says what was measured.
    ///
    /// # Errors
    /// When the hub refuses a signed webhook, or does not start again.
    pub(super) async fn play(&mut self, args: &Bench) -> Result<Json> {
        let filled = self.fill(args).await?;
        let load_before = load();
        let (hub, own) = (self.hub.usage(), Usage::own());
        let writes = self.target.writes.load(Ordering::Relaxed);
        let (began, mut work) = (Instant::now(), self.work(args));
        let storm = args.scenario == Scenario::Storm;
        if storm {
            work = Work { repeats: true, ..Work::new(self.next, STORM.0, STORM.1.min(args.records)) };
        }
        let work = Arc::new(work);
        let (sender, sent) = (Arc::clone(&self.sender), Arc::clone(&work));
        let connections = args.connections;
        let sending = tokio::spawn(async move { sender.send(sent, connections).await });
        let trouble = self.trouble(args).await?;
        self.sent(sending).await?;
        self.settle().await;
        let took = began.elapsed();
        self.next += work.sent();
        let (used, bench) = (self.hub.usage().since(&hub), Usage::own().since(&own));
        let (answered, delivered) = self.ledger.take();
        let balance = self.ledger.balance();
        let per_change = |cpu: f64| rounded(cpu * 1000.0 / answered.len().max(1) as f64, 4);
        Ok(json!({
            "what": if self.is_floor { "floor" } else { "hub" },
            "scenario": args.scenario.name(),
            "rate": args.rate,
            "records": args.records,
            "connections": args.connections,
            "fill": filled,
            "seconds": rounded(took.as_secs_f64(), 2),
            "accepted": answered.len(),
            "changes_per_s": per_second(answered.len(), took),
            "answer": places(&answered),
            "delivery": places(&delivered),
            "target_writes": self.target.writes.load(Ordering::Relaxed) - writes,
            "sent_again": self.sender.retries.load(Ordering::Relaxed),
            "hub_cpu_ms_per_change": per_change(used.cpu_s()),
            "hub_user_ms_per_change": per_change(used.user_s),
            "bench_cpu_ms_per_change": per_change(bench.cpu_s()),
            "hub_peak_mib": rounded(used.peak_mib, 0),
            "trouble": trouble,
            "load_average": [load_before, load()],
            "data_mib": measure::rounded(files::size(&self.data), 0),
            "proof": {
                "holds": balance.holds(), "records": balance.records, "missing": balance.missing,
                "made_twice": balance.twice
            },
        }))
    }

    /// Ends everything.
    ///
    /// # Errors
    /// When the hub does not end.
    pub(super) async fn close(self) -> Result<()> {
        self.hub.stop().await?;
        self.dir.close()?;
        Ok(())
    }

    /// Makes every record, through the same door as everything else.
    async fn fill(&mut self, args: &Bench) -> Result<Json> {
        let work = Arc::new(Work::new(self.next, args.records as u64, args.records));
        let began = Instant::now();
        let (sender, sent, connections) = (Arc::clone(&self.sender), Arc::clone(&work), args.connections);
        self.sent(tokio::spawn(async move { sender.send(sent, connections).await })).await?;
        let accepted = began.elapsed();
        self.settle().await;
        let took = began.elapsed();
        self.next += work.sent();
        let balance = self.ledger.balance();
        if balance.records < args.records || !balance.holds() {
            bail!(
                "Of {} records {} were made at the target, {} are behind, {} were made twice.",
                args.records,
                balance.records,
                balance.missing,
                balance.twice
            );
        }
        self.ledger.take();
        Ok(json!({
            "records_per_s": per_second(args.records, took),
            "accepted_per_s": per_second(args.records, accepted),
            "hub_cpu_ms_per_record": rounded(self.hub.usage().cpu_s() * 1000.0 / args.records.max(1) as f64, 4),
        }))
    }

    /// Waits until everything is sent, as long as there is somebody to send it to.
    async fn sent(&mut self, mut sending: JoinHandle<Result<()>>) -> Result<()> {
        loop {
            tokio::select! {
                sent = &mut sending => return sent?,
                () = tokio::time::sleep(LOOK) => {
                    if let Err(gone) = self.hub.is_there() {
                        self.sender.stop.store(true, Ordering::Relaxed);
                        return Err(gone);
                    }
                }
            }
        }
    }

    fn work(&self, args: &Bench) -> Work {
        let mut work = Work::new(self.next, u64::MAX, args.records);
        work.rate = args.rate;
        work.until = Some(work.began + Duration::from_secs(args.seconds));
        work
    }

    /// What goes wrong in the middle.
    async fn trouble(&mut self, args: &Bench) -> Result<Json> {
        let middle = Duration::from_secs(args.seconds) / 3;
        match args.scenario {
            Scenario::Steady | Scenario::Storm => Ok(Json::Null),
            Scenario::Outage => {
                tokio::time::sleep(middle).await;
                self.target.is_out.store(true, Ordering::Relaxed);
                tokio::time::sleep(OUTAGE).await;
                self.target.is_out.store(false, Ordering::Relaxed);
                Ok(
                    json!({ "target_out_s": OUTAGE.as_secs(), "resumed_s": rounded(self.resumed().await?.as_secs_f64(), 2) }),
                )
            }
            Scenario::Kill => {
                tokio::time::sleep(middle).await;
                let gone = self.hub.kill_and_restart(PAUSE).await?;
                let resumed = self.resumed().await?;
                Ok(json!({
                    "hub_gone_s": rounded(gone.as_secs_f64(), 2),
                    "pause_before_restart_s": PAUSE.as_secs(),
                    "resumed_s": rounded(resumed.as_secs_f64(), 2),
                }))
            }
        }
    }

    /// How long until the target is written to again.
    async fn resumed(&self) -> Result<Duration> {
        let (began, before) = (Instant::now(), self.target.writes.load(Ordering::Relaxed));
        while self.target.writes.load(Ordering::Relaxed) == before {
            if began.elapsed() > PATIENCE {
                bail!("Nothing was written to the target within {PATIENCE:?} after it, or the hub, was back.");
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(began.elapsed())
    }

    /// Until everything that was accepted has arrived, or nothing more does; the ledger says what has not.
    async fn settle(&self) {
        let (mut last, mut writes) = (Instant::now(), 0);
        while !self.ledger.is_settled() && last.elapsed() < PATIENCE {
            let now = self.target.writes.load(Ordering::Relaxed);
            if now != writes {
                (last, writes) = (Instant::now(), now);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
