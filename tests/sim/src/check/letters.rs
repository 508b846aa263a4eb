//! Every dead letter has a reason and a cause: something poisonous, something that people took away, or a value that a system
//! asks for and nobody has filled in.

use super::{Stock, Violation};
use crate::run::Run;
use concord_connector::{Field, RecordId};
use concord_hub::{dead_letter::DeadLetter, record::Record, review::Subject};
use std::collections::BTreeSet;

pub(super) fn check(run: &Run<'_>, stock: &Stock, found: &mut Vec<Violation>) {
    let poisoned: BTreeSet<String> = run
        .ledger
        .things
        .iter()
        .enumerate()
        .flat_map(|(thing, known)| known.poisoned.iter().map(move |(_, id)| (thing, id)))
        .map(|(thing, id)| format!("{}/{id}", run.plan.things[thing]))
        .collect();
    let messages = run.counts.get("poison messages").copied().unwrap_or(0);
    for letter in &stock.letters {
        if letter.reason.trim().is_empty() {
            found.push(Violation::new("letter without reason", format!("{letter:?}")));
        }
        let of_poison = letter.subject.as_ref().is_some_and(|subject| poisoned.contains(subject));
        let delivered = letter.queue.starts_with("deliveries");
        let refused = delivered
            && stock.asked(|subject| match subject {
                Subject::Refused { record, .. } => letter.subject.as_deref() == Some(record.as_str()),
                _ => false,
            });
        if is_lacking(run, stock, letter) {
            continue;
        }
        let id = RecordId::from(letter.subject.clone().unwrap_or_default());
        let of_gone = |anywhere: bool| {
            let facets = stock.record(&id).into_iter().flat_map(|record| &record.facets);
            facets
                .filter(|facet| anywhere || Some(&facet.link.connection) == letter.connection.as_ref())
                .map(|facet| (facet.link.connection.to_string(), facet.link.id.to_string()))
                .any(|place| run.ledger.things.iter().any(|known| known.gone.contains_key(&place)))
        };
        // What is written there is read back, and somebody had typed there what cannot be read.
        let of_poisoned = delivered && letter.reason.contains(" refuses ") && {
            let facets = stock.record(&id).into_iter().flat_map(|record| &record.facets);
            facets
                .filter(|facet| Some(&facet.link.connection) == letter.connection.as_ref())
                .map(|facet| (facet.link.connection.to_string(), facet.link.id.to_string()))
                .any(|place| run.ledger.things.iter().any(|known| known.poisoned.contains(&place)))
        };
        // Somebody took the record out there, and we had not heard of it yet.
        let refused_there = delivered && letter.reason.contains(" refuses ") && of_gone(false);
        // It went with its company, where a system does that.
        let went_along =
            delivered && letter.reason.contains("does not show this record") && run.ledger.company_went(run.plan);
        // It is to go from where nothing can be taken out; what was deleted with its company is nobody's thing.
        let is_to_go = || stock.record(&id).is_some_and(|record| record.removal.is_some());
        if of_poison
            || of_poisoned
            || refused_there
            || went_along
            || refused && (!poisoned.is_empty() || of_gone(true) || is_to_go())
        {
            continue;
        }
        // It was to go from where nothing can be taken out, and was parted from what was deleted afterwards.
        let was_to_go = delivered
            && letter.reason.contains("no call that takes out of use")
            && run.ledger.things.iter().any(|known| !known.gone.is_empty());
        if was_to_go {
            continue;
        }
        // Two records that one system keeps apart by a value were joined in Concord: it cannot show that value in both.
        let was_joined = run.counts.get("join").is_some_and(|times| *times > 0);
        if delivered && was_joined && letter.reason.contains("already exists") {
            continue;
        }
        if messages > 0
            && (letter.connection.is_none() || letter.connection.as_ref().is_some_and(|name| name.as_str() == "nobody"))
        {
            continue;
        }
        found.push(Violation::new(
            "letter without cause",
            format!("{}: {} {:?}", letter.queue, letter.reason, letter.message),
        ));
    }
}

/// Whether a create was refused for want of a value that people had really not filled in. Either it is missing to this day
/// and nothing was made; or it was filled in after the record had been made somewhere without it, and it was made then.
fn is_lacking(run: &Run<'_>, stock: &Stock, letter: &DeadLetter) -> bool {
    let Some(named) = lacking(&letter.reason) else { return false };
    let id = RecordId::from(letter.subject.clone().unwrap_or_default());
    let found = letter.connection.as_ref().and_then(|name| run.settings.connections.get(name));
    let (Some(record), Some(connection)) = (stock.record(&id), found) else { return false };
    let Some(mapping) = connection.context.mappings.get(&record.entity) else { return false };
    let required = |field: &str| mapping.rule(field).is_some_and(|rule| rule.required && rule.flow.creates());
    if !named.iter().all(|field| required(field)) {
        return false;
    }
    let is_there = record.live_at(&connection.name).next().is_some();
    let missing = |field: &&str| record.value(field).is_none();
    if is_there { named.iter().all(|field| came_later(run, record, field)) } else { named.iter().any(missing) }
}

/// The fields that a refusal names as not filled in.
fn lacking(reason: &str) -> Option<Vec<&str>> {
    let (before, _) = reason.split_once(", which nobody has filled in")?;
    let (_, names) = before.rsplit_once(" without ")?;
    Some(names.split(", ").collect())
}

/// Whether a record of the same thing was made without the field; where a person joined two things, of either.
fn came_later(run: &Run<'_>, record: &Record, field: &str) -> bool {
    let field = Field::from(field);
    let mut things = record.facets.iter().filter_map(|facet| {
        let link = (facet.link.connection.to_string(), record.entity.name(), facet.link.id.to_string());
        run.ledger.things.get(*run.known.get(&link)?)
    });
    things.any(|known| {
        known.made.iter().any(|(_, place)| {
            let edits = known.edits.get(&field).into_iter().flatten();
            edits.filter(|edit| edit.place == *place).all(|edit| !edit.first)
        })
    })
}
