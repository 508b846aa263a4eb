//! What a stopped wave holds, item by item.

use super::{Direction, Sample, WaveName, ledger};
use crate::{
    facet::Hash,
    hub::Hub,
    keys,
    message::Observation,
    ports::{Condition, Item, Query, TableChange},
    store,
};
use concord_connector::{Instant, RecordId, Result, SourceVersion};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long a decision about a member is remembered: longer than any system keeps telling the same thing.
const REMEMBERED: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 3600);

/// One change that was stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Which wave it belongs to.
    pub wave: WaveName,
    /// When it was stopped.
    pub at: Instant,
    /// What it is, for a person.
    pub change: String,
    /// What is held.
    pub what: What,
    /// What a person decided: whether it may go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<bool>,
}

/// What is held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// An observation that was not taken in.
    Observed(Box<Observation>),
    /// A write that was not made.
    Written {
        /// The record.
        record: RecordId,
        /// Equal for the same write.
        print: Hash,
    },
}

impl Held {
    /// The name of its place among the members.
    fn key(&self) -> String {
        match &self.what {
            What::Observed(observation) => {
                format!("{}/{}", observation.snapshot.entity, observation.snapshot.id)
            }
            What::Written { record, .. } => record.to_string(),
        }
    }
    /// A line of a plan.
    pub(super) fn sample(&self) -> Sample {
        Sample { subject: self.key(), change: self.change.clone() }
    }
    fn version(&self) -> SourceVersion {
        match &self.what {
            What::Observed(observation) => observation.snapshot.version,
            What::Written { .. } => SourceVersion(0),
        }
    }
}

/// The members of a wave, by its review item.
pub(super) fn query(review: &str, after: Option<String>, limit: usize) -> Query {
    Query { after, ..Query::partition(None, keys::held_partition(review), limit) }
}

/// Keeps what was stopped: of an external record the newest alone.
pub(crate) async fn hold(hub: &Hub, held: Vec<Held>) -> Result<()> {
    let Some(first) = held.first() else { return Ok(()) };
    let (ledger, _) = ledger::load(hub, &first.wave).await?;
    let Some(review) = ledger.stopped else {
        // Decided between the question and now: whatever brought it here brings it again.
        return Err(concord_connector::Fault::new(
            concord_connector::Kind::Unavailable,
            "brake",
            "the wave was decided this very moment",
        ));
    };
    for chunk in held.chunks(90) {
        let names: Vec<_> = chunk.iter().map(|one| keys::held(&review, &one.key())).collect();
        let known = hub.table.get(&names).await?;
        let mut changes: BTreeMap<_, TableChange> = BTreeMap::new();
        for ((one, key), known) in chunk.iter().zip(names).zip(known) {
            let newer = match &known {
                Some(item) => store::parse::<Held>(item)?.version() <= one.version(),
                None => true,
            };
            if newer {
                let item = Item::new(key.clone(), store::body(one)?);
                changes.insert(key, TableChange::Put(item, Condition::None));
            }
        }
        if !changes.is_empty() {
            hub.write_plain(changes.into_values().collect()).await?;
        }
    }
    Ok(())
}

/// What people decided about changes that came to a brake before.
#[derive(Debug, Default)]
pub(crate) struct Passes(BTreeMap<String, (Option<bool>, What)>);

impl Passes {
    /// Whether a person let exactly this write pass.
    pub(crate) fn lets(&self, record: &RecordId, print: Hash) -> bool {
        matches!(self.0.get(record.as_str()), Some((Some(true), What::Written { print: known, .. })) if *known == print)
    }
    /// Whether a person refused an observation of this external record, as old or newer.
    pub(crate) fn refuses(&self, entity: concord_connector::Entity, id: &str, version: SourceVersion) -> bool {
        let known = self.0.get(&format!("{entity}/{id}"));
        matches!(known, Some((Some(false), What::Observed(seen))) if version <= seen.snapshot.version)
    }
}

/// What was decided about some members of a wave's predecessors.
pub(crate) async fn passes(hub: &Hub, name: &WaveName, members: &[String]) -> Result<Passes> {
    let (ledger, _) = ledger::load(hub, name).await?;
    let now = hub.now();
    let mut found = Passes::default();
    for (review, _) in ledger.decided.iter().filter(|(_, until)| *until > now) {
        let names: Vec<_> = members.iter().map(|member| keys::held(review, member)).collect();
        if names.is_empty() {
            continue;
        }
        for (member, item) in members.iter().zip(hub.table.get(&names).await?) {
            if let Some(item) = item {
                let held: Held = store::parse(&item)?;
                found.0.insert(member.clone(), (held.decided, held.what));
            }
        }
    }
    Ok(found)
}

/// When a decision may be forgotten.
pub(super) fn remembered(now: Instant, direction: Direction) -> Instant {
    match direction {
        // A write that was approved is made within minutes, or has changed since.
        Direction::To => now.plus(REMEMBERED / 90),
        Direction::From => now.plus(REMEMBERED),
    }
}

/// A page of what a stopped wave holds, as lines of a plan, and where the next page goes on.
///
/// # Errors
/// The store's faults.
pub async fn members(
    hub: &Hub,
    review: &str,
    after: Option<String>,
    limit: usize,
) -> Result<(Vec<Sample>, Option<String>)> {
    let page = hub.table.query(query(review, after, limit)).await?;
    let names: Vec<_> = page.keys.into_iter().map(|(_, key)| key).collect();
    let items = if names.is_empty() { Vec::new() } else { hub.table.get(&names).await? };
    let lines: Result<Vec<Sample>> =
        items.iter().flatten().map(|item| Ok(store::parse::<Held>(item)?.sample())).collect();
    Ok((lines?, page.next))
}
