//! That two records are one, and that one record is two.

use super::{Decision, Identity, Word, change, record, refusal};
use crate::{
    facet::Pins,
    hub::Hub,
    identity::{self, Claimant},
    record::Record,
    review::Review,
    reviews,
};
use concord_connector::{Instant, RecordId, Result, key::KeyKind};
use std::collections::{BTreeMap, BTreeSet};

/// Joins two records for good. What kept them apart before is forgotten.
///
/// # Errors
/// `Rejected` when they are one already or of different entities; `NotFound`; the store's faults.
pub async fn merge(hub: &Hub, a: &RecordId, b: &RecordId) -> Result<Decision> {
    merge_by(hub, a, b, &Word::default()).await
}

/// The same, with who says it and why.
///
/// # Errors
/// As [`merge`].
pub async fn merge_by(hub: &Hub, a: &RecordId, b: &RecordId, word: &Word) -> Result<Decision> {
    let ((first, _), (second, _)) = (record(hub, a).await?, record(hub, b).await?);
    if first.id == second.id {
        return Err(refusal(format!("{a} and {b} are one record already: {}.", first.id)));
    }
    if first.entity != second.entity {
        return Err(refusal(format!(
            "{a} is of entity {} and {b} of entity {}; they cannot be one.",
            first.entity, second.entity
        )));
    }
    // The same pin for the same two: a merge that was interrupted is completed by asking again.
    let pin = format!("merge-{}-{}", (&first.id).min(&second.id), (&first.id).max(&second.id));
    let homes: BTreeSet<RecordId> = first.facets.iter().chain(&second.facets).map(|facet| facet.home.clone()).collect();
    for id in [&second.id, &first.id] {
        change(hub, id, |record, _| {
            for facet in &mut record.facets {
                facet.pins.join.insert(pin.clone());
                facet.pins.notes.extend(word.note(hub.now()).map(|note| (pin.clone(), note)));
                facet.pins.apart.retain(|home| !homes.contains(home));
                facet.pins.notes.retain(|name, _| !homes.contains(name.as_str()));
            }
            Ok(Some(Identity::LookAgain))
        })
        .await?;
    }
    let ((first, _), (second, _)) = (record(hub, &first.id).await?, record(hub, &second.id).await?);
    if first.id == second.id {
        let sentence = format!("{a} and {b} are one record now: {}.", first.id);
        return Ok(Decision { records: BTreeSet::from([first.id]), waits: false, sentence });
    }
    let records = BTreeSet::from([first.id.clone(), second.id.clone()]);
    if first.regroup || second.regroup {
        return Ok(Decision { records, waits: true, sentence: waiting("They become one") });
    }
    Err(refusal(format!("{a} and {b} could not be joined; `concord review list` says why.")))
}

/// Makes the records of a record again that were joined in it. With a home, what belongs to that home leaves; without,
/// what people joined is parted, or, where nobody did, every home becomes a record of its own.
///
/// # Errors
/// `Rejected` when there is nothing to part; `NotFound`; the store's faults.
pub async fn unmerge(hub: &Hub, id: &RecordId, home: Option<&RecordId>) -> Result<Decision> {
    unmerge_by(hub, id, home, &Word::default()).await
}

/// The same, with who says it and why.
///
/// # Errors
/// As [`unmerge`].
pub async fn unmerge_by(hub: &Hub, id: &RecordId, home: Option<&RecordId>, word: &Word) -> Result<Decision> {
    let (before, _) = record(hub, id).await?;
    let parts = parts(&before, home)?;
    let records = change(hub, id, |record, _| {
        part(record, &parts);
        for facet in &mut record.facets {
            note_apart(&mut facet.pins, word, hub.now());
        }
        Ok(Some(Identity::LookAgain))
    })
    .await?;
    hub.tally.add(crate::events::Count::Splits);
    answered(hub, &before, &parts, word).await?;
    Ok(decision(&records, "They become records of their own", |ids| format!("{id} is several records now: {ids}.")))
}

/// Notes who keeps an external record apart from others, and why, where nobody did yet.
pub(super) fn note_apart(pins: &mut Pins, word: &Word, now: Instant) {
    let Some(note) = word.note(now) else { return };
    for home in &pins.apart {
        pins.notes.entry(home.to_string()).or_insert_with(|| note.clone());
    }
}

/// Keeps records apart, whatever keys they share.
///
/// # Errors
/// The store's faults.
pub async fn apart(hub: &Hub, ids: &[RecordId]) -> Result<()> {
    apart_by(hub, ids, &Word::default()).await
}

/// The same, with who says it and why.
///
/// # Errors
/// The store's faults.
pub async fn apart_by(hub: &Hub, ids: &[RecordId], word: &Word) -> Result<()> {
    let mut homes: BTreeMap<RecordId, BTreeSet<RecordId>> = BTreeMap::new();
    for id in ids {
        let (record, _) = record(hub, id).await?;
        homes.insert(record.id.clone(), record.facets.iter().map(|facet| facet.home.clone()).collect());
    }
    for id in homes.keys() {
        let others: BTreeSet<RecordId> =
            homes.iter().filter(|(other, _)| *other != id).flat_map(|(_, homes)| homes.clone()).collect();
        change(hub, id, |record, _| {
            for facet in &mut record.facets {
                facet.pins.apart.extend(others.iter().cloned());
                note_apart(&mut facet.pins, word, hub.now());
            }
            Ok(Some(Identity::LookAgain))
        })
        .await?;
    }
    Ok(())
}

pub(super) fn waiting(what: &str) -> String {
    format!("{what} as soon as the create that is under way has its answer; the decision is kept.")
}

pub(super) fn decision(records: &[Record], later: &str, now: impl Fn(&str) -> String) -> Decision {
    let waits = records.iter().any(|record| record.regroup);
    let ids: BTreeSet<RecordId> = records.iter().map(|record| record.id.clone()).collect();
    let named: Vec<&str> = ids.iter().map(RecordId::as_str).collect();
    let sentence = if waits { waiting(later) } else { now(&named.join(", ")) };
    Decision { records: ids, waits, sentence }
}

type Homes = BTreeSet<RecordId>;

/// The parts into which a record falls.
fn parts(record: &Record, home: Option<&RecordId>) -> Result<Vec<Homes>> {
    let all: Homes = record.facets.iter().map(|facet| facet.home.clone()).collect();
    if all.len() < 2 {
        let sentence = match home.filter(|home| !all.contains(*home)) {
            Some(home) => format!("{home} is no part of {}.", record.id),
            None => format!(
                "{} was never joined from several records; to take one external record out of it, use `concord unlink`.",
                record.id
            ),
        };
        return Err(refusal(sentence));
    }
    // What would still be one without people's pins is one part.
    let claimants: Vec<Claimant> = record
        .facets
        .iter()
        .map(|facet| {
            let mut claimant = Claimant::of(record, facet);
            claimant.keys.retain(|key| key.kind != KeyKind::Pin);
            claimant
        })
        .collect();
    let natural = identity::group(&claimants).groups;
    let Some(home) = home else {
        return Ok(if natural.len() > 1 { natural } else { all.into_iter().map(|home| Homes::from([home])).collect() });
    };
    if !all.contains(home) {
        let named: Vec<&str> = all.iter().map(RecordId::as_str).collect();
        return Err(refusal(format!("{home} is no part of {}; its parts are {}.", record.id, named.join(", "))));
    }
    let leaving = natural
        .into_iter()
        .find(|part| part.contains(home) && *part != all)
        .unwrap_or_else(|| Homes::from([home.clone()]));
    let rest: Homes = all.difference(&leaving).cloned().collect();
    Ok(vec![leaving, rest])
}

/// Pins each part together and apart from the others.
fn part(record: &mut Record, parts: &[Homes]) {
    let mut bearers: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    let part_of = |home: &RecordId| parts.iter().position(|part| part.contains(home));
    for facet in &record.facets {
        for pin in &facet.pins.join {
            bearers.entry(pin.clone()).or_default().extend(part_of(&facet.home));
        }
    }
    for facet in &mut record.facets {
        let Some(own) = part_of(&facet.home) else { continue };
        facet.pins.join.retain(|pin| bearers.get(pin).is_none_or(|parts| parts.len() < 2));
        let others = parts.iter().enumerate().filter(|(at, _)| *at != own).flat_map(|(_, part)| part);
        facet.pins.apart.extend(others.cloned());
        if let (Some(first), true) = (parts[own].first(), parts[own].len() > 1) {
            facet.pins.join.insert(format!("part-{first}"));
        }
    }
}

/// Keys that the parts share ask nobody again: the person has just answered.
async fn answered(hub: &Hub, before: &Record, parts: &[Homes], word: &Word) -> Result<()> {
    let mut parted = before.clone();
    part(&mut parted, parts);
    let regrouped = identity::regroup(&BTreeMap::from([(parted.id.clone(), parted)]));
    for ambiguity in &regrouped.ambiguities {
        reviews::answered(hub, &Review::ambiguous(before.entity, ambiguity), "keep_apart", word).await?;
    }
    Ok(())
}
