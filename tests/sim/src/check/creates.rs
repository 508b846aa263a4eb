//! No record is made twice at a vendor, and none is made where people had made it long before.

use super::{Stock, Violation};
use crate::{ledger::Thing, run::Run};
use concord_connector::Entity;
use concord_hub::{facet::Link, review::Subject};
use std::collections::BTreeMap;

/// People who make the same record at that moment cannot be seen by us in time.
const AT_ONCE: i64 = 180_000;

pub(super) fn check(run: &mut Run<'_>, stock: &Stock, found: &mut Vec<Violation>) {
    let names: Vec<String> = run.plan.accounts.iter().map(|account| account.name.clone()).collect();
    let (mut muddled, mut twice) = (Vec::new(), Vec::new());
    for name in names {
        for entity in run.plan.entities.clone() {
            run.identify(&name, entity);
        }
        let made = run.world.vendors.with(&name, |vendor| {
            let objects: BTreeMap<String, Entity> =
                vendor.cx.mappings.iter().map(|(entity, mapping)| (mapping.object.clone(), *entity)).collect();
            let made = vendor.writes.made.clone().into_iter();
            made.filter_map(|(at, object, id)| Some((at, *objects.get(&object)?, id))).collect::<Vec<_>>()
        });
        let mut by_thing: BTreeMap<usize, Vec<(i64, String)>> = BTreeMap::new();
        for (at, entity, id) in made {
            if let Some(thing) = run.known.get(&(name.clone(), entity.name(), id.clone())) {
                by_thing.entry(*thing).or_default().push((at, id));
            } else if let Some(thing) = thing_of(run, stock, entity, &name, &id)
                && run.ledger.things.get(thing).is_some_and(|known| at_once(stock, known, &name, &[(at, id)]))
            {
                muddled.push(thing);
            }
        }
        for (thing, made) in by_thing {
            let Some(known) = run.ledger.things.get(thing).filter(|known| known.muddled.is_none()) else { continue };
            if made.len() > 1 {
                twice.push((thing, name.clone(), made.clone()));
            }
            let theirs = known.made.iter().filter(|(_, (place, _))| *place == name);
            for (by_hand, place) in theirs {
                let before = made.iter().find(|(at, _)| by_hand + AT_ONCE < *at);
                if let Some((at, id)) = before.filter(|_| !known.gone.contains_key(place)) {
                    found.push(Violation::new(
                        "made although it was there",
                        format!("thing {thing} at {name}: {id} was made {} s after {}", (at - by_hand) / 1000, place.1),
                    ));
                }
            }
            if at_once(stock, known, &name, &made) {
                muddled.push(thing);
            }
        }
    }
    for (thing, name, made) in twice {
        let Some(known) = run.ledger.things.get(thing) else { continue };
        // Two records of it were made at one moment somewhere: the second one's may come where people deleted the first one's.
        let gone = |(before, after): (&(i64, String), &(i64, String))| {
            known.gone.get(&(name.clone(), before.1.clone())).is_some_and(|gone| *gone < after.0)
        };
        if !muddled.contains(&thing) || !made.iter().zip(&made[1..]).all(gone) {
            found.push(Violation::new("made twice", format!("thing {thing} at {name}: {made:?}")));
        }
    }
    // Whose values count is a question by then; what was made elsewhere meanwhile is none.
    for thing in muddled {
        if let Some(known) = run.ledger.things.get_mut(thing) {
            known.muddled = Some("people made it at the moment at which we did");
        }
    }
}

/// Whether people made one at the moment at which we did. Then there are two, which only people can make one; until they do,
/// nobody can say whose values count.
fn at_once(stock: &Stock, known: &Thing, name: &str, made: &[(i64, String)]) -> bool {
    known.made.iter().any(|(by_hand, place)| {
        let with = |(at, id): &(i64, String)| {
            place.0 == name && (at - by_hand).abs() <= AT_ONCE && is_asked(stock, name, id, &place.1)
        };
        made.iter().any(with)
    })
}

/// Which thing we made, by its golden record: it was gone again before anybody had a look at it there.
fn thing_of(run: &Run<'_>, stock: &Stock, entity: Entity, name: &str, id: &str) -> Option<usize> {
    let owner = stock.owners.get(&(entity, Link { connection: name.into(), id: id.into() }))?;
    let facets = &stock.records.get(owner)?.facets;
    let mut things = facets.iter().filter_map(|facet| {
        run.known.get(&(facet.link.connection.to_string(), entity.name(), facet.link.id.to_string())).copied()
    });
    let first = things.next()?;
    things.all(|thing| thing == first).then_some(first)
}

/// Whether a person was told that one key would make two records of one system one.
fn is_asked(stock: &Stock, name: &str, one: &str, other: &str) -> bool {
    stock.asked(|subject| match subject {
        Subject::AmbiguousKey { claimants, .. } => {
            let claims =
                |id: &str| claimants.iter().any(|link| link.connection.as_str() == name && link.id.as_str() == id);
            claims(one) || claims(other)
        }
        _ => false,
    })
}
