//! Counting waves: one item per wave, changed by compare-and-set, so that workers and restarts count together.

use super::{Answer, Wave, WaveName, held};
use crate::{
    commit::Transaction,
    facet::Hash,
    hub::Hub,
    keys,
    ports::{Condition, Index, Item, Query, TableChange, TransactError},
    review::{Review, Subject},
    store,
};
use concord_connector::{ConnectionName, Fault, Instant, Kind as FaultKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How often a count begins again when somebody else counted first.
const ATTEMPTS: usize = 16;
/// Records that are told apart within one window; beyond it each change counts.
const APART: usize = 20_000;
/// The most records that are counted to know a share.
const COUNTED: usize = 10_000;
/// Samples that a plan shows.
const SAMPLES: usize = 20;

/// What was counted of a wave, and what became of its predecessors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// The beginning of the window.
    pub(super) since: Instant,
    /// Who changed in it.
    pub(super) seen: BTreeSet<Hash>,
    /// Changes beyond those that are told apart.
    #[serde(default)]
    pub(super) beyond: u64,
    /// The review item of the wave that is stopped now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stopped: Option<String>,
    /// Waves that a person decided and whose members still have to be dealt with: the review item, and whether it goes on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) deciding: Vec<(String, bool)>,
    /// Decided waves whose members still say that they may pass, or that they were refused, until then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) decided: Vec<(String, Instant)>,
}

/// What a stopped wave would do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Plan {
    /// Records that are stopped.
    pub records: u64,
    /// Of how many at the connection; what is beyond 10,000 is not counted.
    pub of: u64,
    /// Per cent.
    pub share: u64,
    /// The first of them.
    pub samples: Vec<Sample>,
}

/// One record of a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sample {
    /// Which: the record, or the external record.
    pub subject: String,
    /// What would happen to it, in a few words.
    pub change: String,
}

impl Hub {
    /// Asks whether changes of these records may go on, and counts them.
    pub(crate) async fn brake_ask(&self, wave: Wave<'_>, records: &[Hash]) -> Result<Answer> {
        self.count_wave(wave, records, 0, None).await
    }

    /// Asks for many at once, of whom only the number is known, out of so many.
    pub(crate) async fn brake_ask_many(&self, wave: Wave<'_>, many: u64, of: u64) -> Result<Answer> {
        self.count_wave(wave, &[], many, Some(of)).await
    }

    async fn count_wave(&self, wave: Wave<'_>, records: &[Hash], many: u64, of: Option<u64>) -> Result<Answer> {
        let Some(limit) = wave.limit() else { return Ok(Answer::Go) };
        // One at a time in a process: only other processes are raced with.
        let _turn = self.braking.lock().await;
        for _ in 0..ATTEMPTS {
            let (mut ledger, rev) = load(self, &wave.name()).await?;
            if ledger.stopped.is_some() {
                return Ok(Answer::Stop);
            }
            let (now, before) = (self.now(), ledger.clone());
            if now.since(ledger.since) > wave.connection.brake.window {
                ledger = Ledger { since: now, seen: BTreeSet::new(), beyond: 0, ..ledger };
            }
            for record in records {
                if ledger.seen.len() < APART {
                    ledger.seen.insert(*record);
                } else if !ledger.seen.contains(record) {
                    ledger.beyond += 1;
                }
            }
            let count = (ledger.seen.len() as u64 + ledger.beyond).max(many);
            let mut transaction = Transaction::default();
            let mut answer = Answer::Go;
            if count > limit.at_least {
                let of = match of {
                    Some(of) => of,
                    None => population(self, &wave).await?,
                };
                if limit.exceeded(count, of) {
                    let review =
                        question(&wave.name(), now, &Plan { of, records: many, share: 0, samples: Vec::new() });
                    ledger.stopped = Some(review.id.clone());
                    tracing::warn!(
                        connection = %wave.connection.name, direction = wave.direction.name(), kind = wave.kind.name(),
                        records = count, of, review = %review.id, "Stopped a wave of changes that is out of proportion."
                    );
                    self.tally.add(crate::events::Count::WavesStopped);
                    self.raise(&mut transaction, vec![review], now).await?;
                    answer = Answer::Stop;
                }
            }
            if ledger == before {
                return Ok(answer);
            }
            transaction.push(put(&wave.name(), &ledger, rev)?);
            match self.transact(transaction).await {
                Ok(()) => return Ok(answer),
                Err(crate::commit::Hindrance::Raced) => {}
                Err(crate::commit::Hindrance::Fault(fault)) => return Err(fault),
            }
        }
        Err(Fault::new(FaultKind::Conflict, "brake", "too many count the same wave at once"))
    }
}

pub(super) async fn load(hub: &Hub, name: &WaveName) -> Result<(Ledger, u64)> {
    let item = hub.item(keys::brake(name)).await?;
    let rev = item.as_ref().map_or(0, |item| item.rev);
    Ok((item.as_ref().map(store::parse).transpose()?.unwrap_or_default(), rev))
}

pub(super) fn put(name: &WaveName, ledger: &Ledger, rev: u64) -> Result<TableChange> {
    let condition = if rev == 0 { Condition::Absent } else { Condition::Rev(rev) };
    let item = Item { rev: rev + 1, ..Item::new(keys::brake(name), store::body(ledger)?) };
    Ok(TableChange::Put(item, condition))
}

/// Changes a ledger; again from the start when somebody else was first.
pub(super) async fn amend(hub: &Hub, name: &WaveName, change: impl Fn(&mut Ledger)) -> Result<()> {
    for _ in 0..ATTEMPTS {
        let (mut ledger, rev) = load(hub, name).await?;
        let before = ledger.clone();
        change(&mut ledger);
        if ledger == before {
            return Ok(());
        }
        match hub.table.transact(vec![put(name, &ledger, rev)?]).await {
            Ok(()) => return Ok(()),
            Err(TransactError::Cancelled(_)) => {}
            Err(TransactError::Store(fault)) => return Err(fault),
        }
    }
    Err(Fault::new(FaultKind::Conflict, "brake", "too many change the same wave at once"))
}

/// How many records a share is a share of: what the last sweep knew of the connection, else what the hub has of the
/// entities that it maps.
async fn population(hub: &Hub, wave: &Wave<'_>) -> Result<u64> {
    if let Some(sweep) = crate::steps::sweep::state(hub, &wave.connection.name).await?
        && sweep.finished_at.is_some()
    {
        let listed = sweep.listed();
        if listed > 0 {
            return Ok(listed);
        }
    }
    let mut all = 0;
    for entity in wave.connection.context.mappings.keys() {
        all += hub.table.query(Query::partition(Some(Index::List), entity.name(), COUNTED)).await?.keys.len() as u64;
    }
    Ok(all)
}

/// The review item of a wave.
pub(super) fn question(name: &WaveName, since: Instant, plan: &Plan) -> Review {
    let WaveName { connection, direction, kind } = name;
    let share = (plan.records * 100).checked_div(plan.of).unwrap_or(100);
    let plan = Plan { share, ..plan.clone() };
    let way = match direction {
        super::Direction::From => format!("{connection} shows changes that would {} ", kind.verb()),
        super::Direction::To => format!("Deliveries to {connection} would {} ", kind.verb()),
    };
    let sentence = format!(
        "{way}{} of about {} records ({share} %). They are stopped, and nothing of them is lost. Approve them to let exactly these go on, or reject them to leave everything as it is.",
        if plan.records == 0 { "many".to_owned() } else { plan.records.to_string() },
        plan.of
    );
    let subject = Subject::Wave { wave: name.clone(), since, plan };
    Review::new(subject, sentence, &["approve", "reject"])
}

/// Brings the plan that a stopped wave shows up to date.
pub(super) async fn refresh(hub: &Hub, name: &WaveName, review: &str) -> Result<()> {
    let Some(item) = hub.item(keys::review(review)).await? else { return Ok(()) };
    let before: Review = store::parse(&item)?;
    let Subject::Wave { since, plan, .. } = &before.subject else { return Ok(()) };
    let page = hub.table.query(held::query(review, None, COUNTED)).await?;
    let first: Vec<_> = page.keys.iter().take(SAMPLES).map(|(_, key)| key.clone()).collect();
    let items = if first.is_empty() { Vec::new() } else { hub.table.get(&first).await? };
    let mut samples = Vec::new();
    for item in items.iter().flatten() {
        samples.push(store::parse::<super::Held>(item)?.sample());
    }
    let records = page.keys.len() as u64;
    let of = plan.of.max(records);
    let fresh = question(name, *since, &Plan { records, of, share: 0, samples });
    if fresh.subject == before.subject {
        return Ok(());
    }
    let mut transaction = Transaction::default();
    hub.raise(&mut transaction, vec![fresh], hub.now()).await?;
    match hub.transact(transaction).await {
        Ok(()) | Err(crate::commit::Hindrance::Raced) => Ok(()),
        Err(crate::commit::Hindrance::Fault(fault)) => Err(fault),
    }
}

/// Every wave that a connection can have.
pub(super) fn every(connection: &ConnectionName) -> impl Iterator<Item = WaveName> {
    [super::Direction::From, super::Direction::To].into_iter().flat_map(move |direction| {
        super::Kind::ALL.into_iter().map(move |kind| WaveName { connection: connection.clone(), direction, kind })
    })
}
