//! What has to be true when all is quiet.

mod agreement;
mod creates;
mod echo;
mod letters;
mod removals;
mod values;

use crate::run::Run;
use concord_connector::{Entity, RecordId};
use concord_hub::{
    dead_letter::DeadLetter,
    facet::Link,
    keys,
    record::{Record, Stored},
    review::{Review, Subject},
};
use std::collections::BTreeMap;

/// Something that should not be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Its kind.
    pub kind: &'static str,
    /// What was found.
    pub what: String,
}

impl Violation {
    pub(crate) fn new(kind: &'static str, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }
}

/// What is stored, read once.
pub(crate) struct Stock {
    pub(crate) records: BTreeMap<RecordId, Record>,
    pub(crate) owners: BTreeMap<(Entity, Link), RecordId>,
    pub(crate) redirects: BTreeMap<RecordId, RecordId>,
    pub(crate) reviews: Vec<Review>,
    pub(crate) letters: Vec<DeadLetter>,
}

impl Stock {
    pub(crate) fn of(run: &Run<'_>) -> Self {
        let mut stock = Self {
            records: BTreeMap::new(),
            owners: BTreeMap::new(),
            redirects: BTreeMap::new(),
            reviews: Vec::new(),
            letters: Vec::new(),
        };
        for item in run.world.table.items() {
            if let Some(id) = keys::record_id(&item.key) {
                match concord_hub::record::decode(&item) {
                    Ok(Stored::Record(record)) => drop(stock.records.insert(id, *record)),
                    Ok(Stored::Redirect(to)) => drop(stock.redirects.insert(id, to)),
                    Err(_) => {}
                }
            } else if item.key.partition.starts_with("W#") {
                stock.reviews.extend(serde_json::from_slice::<Review>(&item.body));
            } else if item.key.partition.starts_with("D#") {
                stock.letters.extend(serde_json::from_slice::<DeadLetter>(&item.body));
            }
        }
        for record in stock.records.values() {
            for facet in &record.facets {
                stock.owners.insert((record.entity, facet.link.clone()), record.id.clone());
            }
        }
        stock
    }
    /// The record that an id leads to.
    pub(crate) fn record(&self, id: &RecordId) -> Option<&Record> {
        let mut id = id;
        for _ in 0..16 {
            match self.redirects.get(id) {
                Some(to) => id = to,
                None => break,
            }
        }
        self.records.get(id)
    }
    /// Whether a person was asked about something.
    pub(crate) fn asked(&self, about: impl Fn(&Subject) -> bool) -> bool {
        self.reviews.iter().any(|review| about(&review.subject))
    }
}

/// Everything that is wrong after a history.
pub fn check(run: &mut Run<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    if let Err(why) = run.play() {
        found.push(Violation::new("not quiet", why));
        work(&Stock::of(run), &mut found);
        return found;
    }
    let stock = Stock::of(run);
    work(&stock, &mut found);
    letters::check(run, &stock, &mut found);
    agreement::check(run, &stock, false, &mut found);
    creates::check(run, &stock, &mut found);
    removals::check(run, &mut found);
    values::check(run, &stock, &mut found);
    bounded(run, &mut found);
    if found.is_empty() {
        echo::check(run, &mut found);
    }
    found
}

/// No open work but what a person was asked about.
fn work(stock: &Stock, found: &mut Vec<Violation>) {
    for record in stock.records.values() {
        for (connection, since) in record.pending() {
            found.push(Violation::new(
                "open want",
                format!("{} at {connection} since {since:?}: {:?}", record.id, record.outbox),
            ));
        }
        for (connection, outbox) in record.outbox.iter().filter(|(_, outbox)| outbox.parked) {
            let about = |subject: &Subject| match subject {
                Subject::Refused { record: of, connection: at } | Subject::Waited { record: of, connection: at } => {
                    stock.record(of).map(|found| &found.id) == Some(&record.id) && at == connection
                }
                Subject::SeveralFound { record: of, connection: at, .. } => {
                    stock.record(of).map(|found| &found.id) == Some(&record.id) && at == connection
                }
                Subject::TakenElsewhere { record: of, link, .. } => {
                    stock.record(of).map(|found| &found.id) == Some(&record.id) && link.connection == *connection
                }
                _ => false,
            };
            if !stock.asked(about) {
                found.push(Violation::new("parked in silence", format!("{} at {connection}: {outbox:?}", record.id)));
            }
        }
    }
}

/// Calls grow with what happened, not with themselves.
fn bounded(run: &mut Run<'_>, found: &mut Vec<Violation>) {
    let mut calls = 0;
    run.world.vendors.each(|vendor| calls += vendor.calls);
    let happened: u64 = run.counts.values().chain(run.planned.values()).sum();
    let hours = u64::try_from((run.now() - crate::clock::START) / 3_600_000).unwrap_or(0) + 1;
    let connections = run.plan.accounts.len() as u64;
    let polls = (hours * 3600 / run.plan.poll_s + 6) * connections * run.plan.entities.len() as u64;
    // A breaker tries again every quarter of an hour.
    let knocks = hours * 8 * connections;
    let most = 200 + 25 * happened * connections + 8 * polls + knocks;
    if calls > most {
        found.push(Violation::new("too many calls", format!("{calls} calls, at most {most} were to be expected")));
    }
}
