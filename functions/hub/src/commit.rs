//! The only writer of records. Every change of a record - an observation, a receipt, a person's decision, another
//! configuration - is one conditional transaction: read, decide purely, write; on a conflict, again from the start.

mod gather;
mod transaction;

pub use gather::Neighbourhood;
pub(crate) use transaction::Transaction;

use crate::{
    events::Count,
    facet::Link,
    hub::Hub,
    identity,
    record::Record,
    review::{Review, Subject},
    settings::Settings,
    settle::{self, Cause},
};
use concord_connector::{Fault, Instant, Kind, RecordId, Result, Target, key::Key, snapshot::Presence};
use std::collections::{BTreeMap, BTreeSet};

/// How often a commit begins again when somebody else was first.
pub(crate) const ATTEMPTS: usize = 16;

/// What a change did to a record, before it is settled.
pub struct Changed {
    /// The record with its facets changed.
    pub record: Record,
    /// The revision of its item; 0 when it is new.
    pub rev: u64,
    /// The external record that was observed, when it was an observation.
    pub observed: Option<Link>,
    /// Whether links, keys, presence or pins changed, so that identity has to be looked at again.
    pub identity: bool,
}

/// What a commit came to.
#[derive(Debug, Default)]
pub struct Committed {
    /// The records as they are now, by id.
    pub records: BTreeMap<RecordId, Record>,
}

/// What stands in the way of a commit.
pub(crate) enum Hindrance {
    /// Somebody else was first: begin again.
    Raced,
    /// It cannot be.
    Fault(Fault),
}

impl From<Fault> for Hindrance {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Hub {
    /// Settles a changed record - and, when its identity may have changed, those around it - and writes everything in one
    /// transaction to which `extra` may add.
    pub(crate) async fn commit(
        &self,
        settings: &Settings,
        changed: Changed,
        mut transaction: Transaction,
    ) -> std::result::Result<Committed, Hindrance> {
        let now = self.now();
        let Changed { mut record, rev, observed, identity } = changed;
        if record.configuration > settings.revision {
            return Err(newer().into());
        }
        let cause = Cause {
            observed: observed.as_ref(),
            now,
            regrouped: false,
            configured: observed.is_none() && record.version > 0 && record.configuration < settings.revision,
        };
        let mut reviews = Vec::new();
        let mut committed = Committed::default();
        if !identity {
            self.settle_one(settings, &mut record, cause, &mut reviews, &BTreeMap::new(), &mut transaction).await?;
            transaction.put_record(&record, rev);
            committed.records.insert(record.id.clone(), record);
        } else {
            let around = self.neighbourhood(&record, rev).await?;
            // Whoever is around may be settled too, and must not fall back behind the configuration that they have.
            if around.records.values().any(|other| other.configuration > settings.revision) {
                return Err(newer().into());
            }
            let outcome = self.regrouped(settings, record, around, cause, &mut reviews, &mut transaction).await?;
            committed.records = outcome;
        }
        self.raise(&mut transaction, reviews, now).await?;
        if let Some(back) = observed.as_ref().filter(|link| revived(&committed, link)) {
            transaction.close(&Subject::about_delete(back));
        }
        self.transact(transaction).await?;
        for record in committed.records.values().filter(|record| record.committed_at == now) {
            self.tally.add(Count::Commits);
            let fresh =
                record.golden.values().filter(|golden| golden.conflict && observed.as_ref() == Some(&golden.from));
            for golden in fresh {
                self.tally.decided_by(golden.rule.name());
            }
        }
        Ok(committed)
    }

    async fn settle_one(
        &self,
        settings: &Settings,
        record: &mut Record,
        cause: Cause<'_>,
        reviews: &mut Vec<Review>,
        known: &BTreeMap<RecordId, RecordId>,
        transaction: &mut Transaction,
    ) -> Result<()> {
        let redirects = self.redirects(record, known).await?;
        let settled = settle::settle(record, settings, &redirects, cause);
        settled.closed.iter().for_each(|question| transaction.close(question));
        reviews.extend(settled.reviews);
        Ok(())
    }

    async fn regrouped(
        &self,
        settings: &Settings,
        record: Record,
        around: Neighbourhood,
        cause: Cause<'_>,
        reviews: &mut Vec<Review>,
        transaction: &mut Transaction,
    ) -> std::result::Result<BTreeMap<RecordId, Record>, Hindrance> {
        let mut regrouped = identity::regroup(&around.records);
        for ambiguity in &regrouped.ambiguities {
            reviews.push(Review::ambiguous(record.entity, ambiguity));
        }
        // A key of somebody else's may have become clear as well: what another key would have joined it with is apart now.
        let clear = |key: &&Key| !regrouped.ambiguities.iter().any(|found| found.key == **key);
        let keys: BTreeSet<&Key> = around.keys.keys().chain(&around.shared).collect();
        for key in keys.into_iter().filter(clear) {
            transaction.close(&Subject::about_key(record.entity, key));
        }
        let moving: BTreeSet<&RecordId> = regrouped
            .records
            .keys()
            .chain(regrouped.redirects.keys())
            .filter(|id| around.revs.contains_key(*id))
            .collect();
        let too_large = moving.len() + regrouped.records.values().map(|record| record.facets.len()).sum::<usize>()
            > transaction::MOST / 2;
        if too_large {
            reviews.push(Review::too_large(&record.id));
        }
        let waits = !moving.is_empty() && self.create_is_open(&around, &moving, transaction).await?;
        if waits || too_large {
            // It stays apart for now; the create's receipt, or the scheduler, looks again.
            regrouped = identity::Regrouped::default();
        }
        let mut settled = BTreeMap::new();
        let known = regrouped.redirects.clone();
        let own = record.id.clone();
        let own_moved = regrouped.records.contains_key(&record.id) || regrouped.redirects.contains_key(&record.id);
        if !own_moved {
            let mut record = record;
            record.regroup = waits;
            self.settle_one(settings, &mut record, cause, reviews, &known, transaction).await?;
            transaction.put_record(&record, around.rev(&record.id));
            settled.insert(record.id.clone(), record);
        }
        if !regrouped.redirects.is_empty() {
            self.tally.add(Count::Merges);
        }
        let homes = self.revisions(&around, regrouped.records.keys()).await?;
        for (id, mut moved) in std::mem::take(&mut regrouped.records) {
            self.settle_one(settings, &mut moved, Cause { regrouped: true, ..cause }, reviews, &known, transaction)
                .await?;
            let rev = homes.get(&id).copied().unwrap_or_else(|| around.rev(&id));
            transaction.put_record(&moved, rev);
            for facet in &moved.facets {
                transaction.put_link(moved.entity, &facet.link, &moved.id, &facet.home)?;
            }
            settled.insert(id, moved);
        }
        for (from, to) in &regrouped.redirects {
            // Also of a record that joins another one at birth: references name the home of its external record.
            if around.revs.contains_key(from) || *from == own {
                transaction.put_redirect(from, to, around.rev(from))?;
            }
        }
        for (id, rev) in &around.revs {
            transaction.check_record(id, *rev);
        }
        transaction.put_keys(&around)?;
        Ok(settled)
    }

    /// The revisions of items under ids that no gathered record has: redirects that become records again.
    async fn revisions(
        &self,
        around: &Neighbourhood,
        ids: impl Iterator<Item = &RecordId>,
    ) -> Result<BTreeMap<RecordId, u64>> {
        let ids: Vec<&RecordId> = ids.filter(|id| !around.revs.contains_key(*id)).collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let names: Vec<_> = ids.iter().map(|id| crate::keys::record(id)).collect();
        let items = self.table.get(&names).await?;
        Ok(ids.into_iter().zip(items).filter_map(|(id, item)| Some((id.clone(), item?.rev))).collect())
    }

    /// Where references of a record's facets lead now, as far as more than one record is named.
    async fn redirects(
        &self,
        record: &Record,
        known: &BTreeMap<RecordId, RecordId>,
    ) -> Result<BTreeMap<RecordId, RecordId>> {
        let mut named: BTreeSet<RecordId> = BTreeSet::new();
        for facet in &record.facets {
            for cell in facet.view().cells.values() {
                let said = cell.said.as_ref().and_then(|said| said.value.as_ref());
                for reference in cell.held.iter().chain(said).flat_map(|value| value.references()) {
                    if let Target::Record(id) = &reference.to {
                        named.insert(id.clone());
                    }
                }
            }
        }
        let mut redirects = known.clone();
        if !named.is_empty() {
            let named: Vec<RecordId> = named.into_iter().filter(|id| !redirects.contains_key(id)).collect();
            let found = self.records(&named).await?;
            redirects.extend(
                found.into_iter().filter(|(id, (record, _))| *id != record.id).map(|(id, (record, _))| (id, record.id)),
            );
        }
        Ok(redirects)
    }

    /// Adds review items that are not there yet; what a person decided is raised again only when it is about
    /// more than it was then.
    pub(crate) async fn raise(&self, transaction: &mut Transaction, reviews: Vec<Review>, now: Instant) -> Result<()> {
        let reviews: BTreeMap<String, Review> = reviews.into_iter().map(|review| (review.id.clone(), review)).collect();
        if reviews.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = reviews.keys().map(|id| crate::keys::review(id)).collect();
        let known = self.table.get(&names).await?;
        for ((_, mut review), known) in reviews.into_iter().zip(known) {
            let Some(item) = known else {
                review.raised_at = now;
                transaction.put_review(&review, 0)?;
                continue;
            };
            let before: Review = crate::store::parse(&item)?;
            let open = before.decided.is_none();
            let again = if open { before.subject != review.subject } else { review.subject.asks_more(&before.subject) };
            if again {
                review.raised_at = if open { before.raised_at } else { now };
                transaction.put_review(&review, item.rev)?;
            }
        }
        Ok(())
    }
}

fn newer() -> Fault {
    Fault::new(Kind::Unavailable, "commit", "the record was resolved with a newer configuration; reloading")
}

/// Whether an external record is there that was said to be gone.
fn revived(committed: &Committed, link: &Link) -> bool {
    let facet = committed.records.values().find_map(|record| record.facet(link));
    facet.is_some_and(|facet| {
        facet.is_live() && facet.versions().iter().any(|version| version.presence == Some(Presence::Deleted))
    })
}
