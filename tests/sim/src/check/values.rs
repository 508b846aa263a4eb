//! No edit is lost, and no value comes from nowhere: every golden value is explained by the ledger of what people did, under
//! the field's policy. This is an oracle of its own: it knows nothing of facets, receipts and stamps.

use super::{Stock, Violation};
use crate::{
    ledger::{Edit, Place, heads},
    run::Run,
    systems,
};
use concord_connector::{Entity, Field, Value, schema::Type};
use concord_hub::{
    explain,
    policy::{FieldPolicy, Rule},
    record::Record,
    settings::{CONCORD, Settings},
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(run: &mut Run<'_>, stock: &Stock, found: &mut Vec<Violation>) {
    let settings = crate::world::copy(&run.settings);
    for record in stock.records.values().filter(|record| !record.is_placeholder()) {
        let things: BTreeSet<usize> = record
            .facets
            .iter()
            .filter_map(|facet| {
                let link = (facet.link.connection.to_string(), record.entity.name(), facet.link.id.to_string());
                run.known.get(&link).copied()
            })
            .collect();
        let sound = |thing: &usize| run.ledger.things.get(*thing).is_some_and(|known| known.muddled.is_none());
        let [thing] = things.iter().copied().collect::<Vec<_>>()[..] else {
            if things.len() > 1 && things.iter().all(sound) {
                found.push(Violation::new("things mixed up", format!("{} holds things {things:?}", record.id)));
            }
            continue;
        };
        let Some(known) = run.ledger.things.get(thing) else { continue };
        let all: &BTreeMap<Field, Vec<Edit>> = &known.edits;
        let covered = covered(run, record.entity);
        let went = went_along(run, record);
        let muddled = known.muddled.is_some()
            || run.ledger.joined.contains_key(&thing)
            || run.ledger.joined.values().any(|to| *to == thing);
        let story = std::cell::OnceCell::new();
        for spec in record.entity.fields() {
            let plain = systems::is_plain(spec.ty) && !matches!(spec.ty, Type::Address);
            let field = Field::from(spec.name);
            let (Some(policy), true) =
                (settings.policy.of(record.entity, &field), plain && !systems::is_key(spec.name))
            else {
                continue;
            };
            if muddled {
                continue;
            }
            let made: &[Edit] = all.get(&field).map_or(&[], Vec::as_slice);
            let taken_back = taken_back(made);
            // What was deleted may have gone before anybody looked.
            let mapped = |edit: &Edit| {
                !taken_back.iter().any(|one| std::ptr::eq(*one, edit))
                    && mapped(&settings, &edit.place.0, record.entity, &field)
                    && !known.gone.contains_key(&edit.place)
                    && !went.contains(&edit.place)
                    && !covered.contains(&(edit.place.clone(), field.clone(), edit.at))
            };
            let edits: Vec<&Edit> = made.iter().collect();
            // What was edited where the field is not mapped any more may have been seen, or not.
            let certain: Vec<&Edit> = edits.iter().filter(|edit| mapped(edit)).copied().collect();
            let maybe: Vec<&Edit> = edits.iter().filter(|edit| !mapped(edit)).copied().collect();
            let golden = record.golden.get(&field).and_then(|golden| golden.value.clone());
            let mut allowed: Vec<Option<Value>> = explained(policy, &certain);
            if maybe.is_empty()
                && let Some(trusted) = most_trusted(policy, &certain)
            {
                allowed = vec![trusted];
            }
            if !maybe.is_empty() {
                allowed.extend(explained(policy, &edits));
                allowed.extend(maybe.iter().map(|edit| edit.value.clone()));
            }
            if policy.rule == Rule::Manual {
                continue;
            }
            if !allowed.contains(&golden) {
                let says = |edit: &&Edit| format!("{} {} at {}", edit.at, shown(&edit.value), edit.place.0);
                let edits: Vec<String> = edits.iter().map(says).collect();
                let wrote = all.get(&field).is_some_and(|edits| edits.iter().any(|edit| edit.value == golden));
                let kind = if wrote { "lost edit" } else { "value of nobody" };
                found.push(Violation::new(
                    kind,
                    format!(
                        "{} {} (thing {thing}) `{field}` is {} by {} ({:?}); allowed {:?}; edits: {}",
                        record.entity,
                        record.id,
                        shown(&golden),
                        record.golden.get(&field).map(|golden| golden.from.to_string()).unwrap_or_default(),
                        policy,
                        allowed.iter().map(shown).collect::<Vec<_>>(),
                        edits.join("; ")
                    ),
                ));
                continue;
            }
            lost_are_told(record, &settings, policy, &field, &certain, &golden, &story, found);
        }
    }
}

/// Edits that a write covered after the hub's own read, at systems without a precondition: the hub may have seen them, or
/// not. They are counted and published on their own.
fn covered(run: &Run<'_>, entity: Entity) -> BTreeSet<(Place, Field, i64)> {
    let mut all = BTreeSet::new();
    run.world.vendors.each(|vendor| {
        let Some(mapping) = vendor.cx.mappings.get(&entity) else { return };
        for one in vendor.covered.iter().filter(|one| one.object == mapping.object) {
            let over = |rule: &&concord_connector::mapping::Rule| {
                rule.vendor.split('/').nth(1).is_some_and(|member| one.members.contains(member))
            };
            let place = (vendor.name.clone(), one.id.clone());
            all.extend(mapping.fields.iter().filter(over).map(|rule| (place.clone(), rule.field.clone(), one.at)));
        }
    });
    all
}

/// Records that are not there any more because their company was deleted, where a system does that: what was edited in them
/// before may have gone before anybody looked.
fn went_along(run: &Run<'_>, record: &Record) -> BTreeSet<Place> {
    if !run.ledger.company_went(run.plan) {
        return BTreeSet::new();
    }
    let gone = record.facets.iter().map(|facet| &facet.link).filter(|link| {
        let known = run.plan.accounts.iter().any(|account| account.name == link.connection.as_str());
        known
            && run.world.vendors.with(link.connection.as_str(), |vendor| {
                !vendor.ids(record.entity).iter().any(|id| id == link.id.as_str())
            })
    });
    gone.map(|link| (link.connection.to_string(), link.id.to_string())).collect()
}

/// Edits that were taken back in the same record, with the ones that took them back: what is there in the end was there
/// before, and nobody else may have seen anything.
fn taken_back(edits: &[Edit]) -> Vec<&Edit> {
    let mut pairs: Vec<&Edit> = Vec::new();
    for (at, edit) in edits.iter().enumerate() {
        // What took one back may be taken back itself: then the last one counts.
        if pairs.iter().any(|one| std::ptr::eq(*one, edit)) {
            continue;
        }
        // Also by way of other values, none of which may have been read, each typed over the one before.
        let way: Vec<&Edit> = edits[at..].iter().filter(|later| later.place == edit.place).collect();
        let unbroken = way.windows(2).skip(1).take_while(|two| two[1].saw == two[0].value).count();
        let back = way.iter().skip(1).take(unbroken + 1).position(|later| later.value == edit.saw);
        if let Some(back) = back.filter(|_| !edit.first) {
            pairs.extend(&way[..back + 2]);
        }
    }
    pairs
}

/// Whether what is edited at a place reaches the hub.
fn mapped(settings: &Settings, place: &str, entity: Entity, field: &Field) -> bool {
    if place == CONCORD {
        return true;
    }
    let Some(connection) = settings.connections.get(place) else { return false };
    connection.context.mappings.get(&entity).is_some_and(|mapping| mapping.rule(field.as_str()).is_some())
}

/// The values that a field may have after these edits.
fn explained(policy: &FieldPolicy, edits: &[&Edit]) -> Vec<Option<Value>> {
    let may_say = |edit: &&&Edit| {
        !policy.only || edit.place.0 == CONCORD || policy.order.iter().any(|name| name.as_str() == edit.place.0)
    };
    let mut counted: Vec<&Edit> = edits.iter().filter(may_say).copied().collect();
    // A record that was empty in a field when it was first seen says nothing of it, nor of what had been there before.
    let all = counted.clone();
    let emptied = |edit: &Edit, by: &Edit| by.place == edit.place && by.value.is_none() && !by.known;
    let mut at = 0..;
    counted.retain(|edit| at.next().is_none_or(|at| !all[at..].iter().any(|by| emptied(edit, by))));
    if counted.is_empty() {
        return vec![None];
    }
    match policy.rule {
        Rule::Owner => {
            let rank = |edit: &Edit| {
                let at = policy.order.iter().position(|name| name.as_str() == edit.place.0);
                if edit.place.0 == CONCORD { 0 } else { at.map_or(usize::MAX, |at| at + 1) }
            };
            let least = counted.iter().map(|edit| rank(edit)).min();
            counted.retain(|edit| Some(rank(edit)) == least);
            heads(&counted).into_iter().map(|edit| edit.value.clone()).collect()
        }
        _ => heads(&counted).into_iter().map(|edit| edit.value.clone()).collect(),
    }
}

/// Where nobody has edited anything since the records were made, what was there in the most trusted system counts, in
/// whichever order they were found.
fn most_trusted(policy: &FieldPolicy, edits: &[&Edit]) -> Option<Option<Value>> {
    if policy.rule != Rule::Latest || !edits.iter().all(|edit| edit.first) {
        return None;
    }
    let rank = |edit: &Edit| policy.order.iter().position(|name| name.as_str() == edit.place.0);
    let mut filled: Vec<(usize, &Edit)> = Vec::new();
    for edit in edits.iter().filter(|edit| edit.value.is_some()) {
        match rank(edit) {
            Some(rank) => filled.push((rank, edit)),
            None if policy.only => {}
            None => return None,
        }
    }
    let (least, best) = filled.iter().min_by_key(|(rank, _)| *rank)?;
    let alone = filled.iter().filter(|(rank, _)| rank == least).count() == 1;
    alone.then(|| best.value.clone())
}

/// The word of whoever lost is found in the explanation.
#[allow(clippy::too_many_arguments)]
fn lost_are_told(
    record: &Record,
    settings: &Settings,
    policy: &FieldPolicy,
    field: &Field,
    edits: &[&Edit],
    golden: &Option<Value>,
    story: &std::cell::OnceCell<explain::Explanation>,
    found: &mut Vec<Violation>,
) {
    if policy.rule != Rule::Latest {
        return;
    }
    // Who writes what was about to be written there has said nothing of their own.
    let unique = |edit: &&Edit| {
        // Also what it looks like there: a system may show two values as one.
        let there = settings.connections.get(edit.place.0.as_str());
        let image = |one: &Edit| {
            let connection = there?;
            connection.connector.image(&connection.context, record.entity, field, one.value.as_ref()).ok()
        };
        let same = |one: &&&Edit| one.value == edit.value || image(one).is_some_and(|image| image == edit.value);
        edits.iter().filter(same).count() == 1
    };
    let says = |edit: &&Edit| !edit.first && (edit.value.is_some() || edit.known);
    for edit in heads(edits).into_iter().filter(|edit| edit.value != *golden).filter(says).filter(unique) {
        let story = story.get_or_init(|| explain::of(record, settings));
        let text = edit.value.as_ref().map(ToString::to_string);
        let told = story
            .fields
            .iter()
            .filter(|story| story.field == *field)
            .any(|story| story.lost.iter().any(|said| said.value == text) || story.value == text);
        if !told {
            found.push(Violation::new(
                "lost in silence",
                format!(
                    "{} `{field}`: {} of {} lost, and explain does not say so, but that {} is golden and that these lost: {:?}",
                    record.id,
                    shown(&edit.value),
                    edit.place.0,
                    shown(golden),
                    story.fields.iter().filter(|story| story.field == *field).map(|story| &story.lost).collect::<Vec<_>>()
                ),
            ));
        }
    }
}

fn shown(value: &Option<Value>) -> String {
    value.as_ref().map_or_else(|| "(empty)".to_owned(), |value| format!("`{value}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_as_it_began_was_taken_back_whichever_way_it_went() {
        let edits = |values: &[(&str, &str)]| -> Vec<Edit> {
            let text = |text: &str| Value::text(text);
            let place: Place = ("erp".into(), "1".into());
            let edit = |at: usize, saw: &str, value: &str| {
                let at = i64::try_from(at).unwrap();
                Edit { place: place.clone(), at, saw: text(saw), value: text(value), first: false, known: true }
            };
            values.iter().enumerate().map(|(at, (saw, value))| edit(at, saw, value)).collect()
        };
        let taken = |values: &[(&str, &str)]| taken_back(&edits(values)).iter().map(|edit| edit.at).collect::<Vec<_>>();
        assert_eq!(taken(&[("", "7"), ("7", "")]), [0, 1]);
        assert_eq!(taken(&[("", "7"), ("7", "8"), ("8", "")]), [0, 1, 2]);
        assert_eq!(taken(&[("", "7"), ("7", "8"), ("8", "7")]), [1, 2], "`7` is there in the end");
        assert_eq!(taken(&[("", "7"), ("7", "8"), ("9", "")]), [] as [i64; 0], "somebody else wrote `9` in between");
    }
}
