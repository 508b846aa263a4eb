//! The story that the demo tells: a seeded sequence of things that people do. Equal seeds tell equal stories.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Organization,
    Person,
    Opportunity,
    Registration,
    Order,
}

/// A thing of the story: the how-manieth of its kind.
pub(super) type Thing = (Kind, usize);

/// A field that somebody edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edited {
    Name,
    Phone,
    Description,
    City,
    Title,
    Amount,
    Stage,
    NextStep,
    Status,
    Reference,
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// Somebody makes a thing; `about` is the organization that it belongs to, `with` the partner on it.
    Create { at: &'static str, thing: Thing, about: usize, with: usize },
    /// Somebody edits a field.
    Edit { at: &'static str, thing: Thing, field: Edited, number: usize },
    /// Somebody moves an order along.
    Advance { thing: Thing },
    /// Somebody merges the second thing into the first.
    Merge { at: &'static str, thing: Thing, loser: Thing },
    /// Somebody deletes a thing.
    Delete { at: &'static str, thing: Thing },
    /// A system has trouble.
    Trouble { at: &'static str, trouble: Weather },
}

impl Event {
    /// Whether both are the same thing, made in two systems.
    pub(super) fn is_made_with(&self, next: &Event) -> bool {
        match (self, next) {
            (Self::Create { thing: a, .. }, Self::Create { thing: b, .. }) => a == b,
            _ => false,
        }
    }
}

/// What a system does to those who call it, or to its webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Throttled,
    Failing,
    LosesAnswer,
    WebhooksTwice,
    WebhooksReversed,
    WebhooksLost,
    /// Webhooks come as they should again.
    Fair,
    /// No trouble of any kind is left.
    Settled,
}

const CRMS: [&str; 3] = ["hubspot-eu", "hubspot-us", "salesforce"];
const ALL: [&str; 4] = ["hubspot-eu", "hubspot-us", "salesforce", "tryton"];
const SYSTEMS: [&str; 5] = ["hubspot-eu", "hubspot-us", "partnerstack", "salesforce", "tryton"];
/// Where registrations are made.
const DESKS: [&str; 2] = ["hubspot-eu", "salesforce"];
/// Where they are moved along.
const KEPT: [&str; 3] = ["hubspot-eu", "partnerstack", "salesforce"];

/// A story in two acts: the program is set up, then it lives.
pub(super) struct Story {
    pub(super) opening: Vec<Event>,
    pub(super) life: Vec<Event>,
}

struct Author {
    rng: StdRng,
    organizations: usize,
    people: usize,
    opportunities: usize,
    registrations: usize,
    orders: usize,
    number: usize,
    gone: Vec<Thing>,
}

/// Tells the story of a seed: so many partners, so many events in all.
pub(super) fn tell(seed: u64, partners: usize, events: usize) -> Story {
    let partners = partners.max(4);
    let mut author = Author {
        rng: StdRng::seed_from_u64(seed),
        organizations: partners,
        people: partners / 2,
        opportunities: partners / 2,
        registrations: partners / 8,
        orders: partners / 8,
        number: 0,
        gone: Vec::new(),
    };
    let opening = author.opening();
    let mut life = Vec::new();
    while opening.len() + life.len() < events {
        author.happening(&mut life);
    }
    life.truncate(events.saturating_sub(opening.len()));
    // Whatever the weather was, it clears up.
    life.extend(SYSTEMS.map(|at| Event::Trouble { at, trouble: Weather::Settled }));
    Story { opening, life }
}

impl Author {
    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        // The lists are never empty; the first stands in for none.
        of.choose(&mut self.rng).copied().unwrap_or(of[0])
    }
    fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end.max(1))
    }

    fn opening(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for n in 0..self.organizations {
            let thing = (Kind::Organization, n);
            let first = self.one(&ALL);
            events.push(Event::Create { at: first, thing, about: n, with: n });
            // Every fifth is made by two people at once, in two systems, before anything is in step.
            if n % 5 == 0 {
                let second = ALL[(ALL.iter().position(|name| *name == first).unwrap_or(0) + 1 + n % 3) % ALL.len()];
                events.push(Event::Create { at: second, thing, about: n, with: n });
            }
            // Every third signs up for the partner programme as well.
            if n % 3 == 0 {
                events.push(Event::Create { at: "partnerstack", thing, about: n, with: n });
            }
        }
        for n in 0..self.people {
            let (at, about) = (self.one(&CRMS), self.below(self.organizations));
            events.push(Event::Create { at, thing: (Kind::Person, n), about, with: about });
        }
        for n in 0..self.opportunities {
            let (at, about, with) = (self.one(&CRMS), self.below(self.organizations), self.below(self.organizations));
            events.push(Event::Create { at, thing: (Kind::Opportunity, n), about, with });
        }
        for n in 0..self.registrations {
            let (at, about, with) = (self.one(&DESKS), self.below(self.organizations), self.below(self.organizations));
            events.push(Event::Create { at, thing: (Kind::Registration, n), about, with });
        }
        for n in 0..self.orders {
            let about = self.below(self.organizations);
            events.push(Event::Create { at: "tryton", thing: (Kind::Order, n), about, with: about });
        }
        events
    }

    /// A living thing, of a kind that is edited often or seldom as in life.
    fn thing(&mut self) -> Thing {
        loop {
            let kind = self.one(&[
                Kind::Organization,
                Kind::Organization,
                Kind::Organization,
                Kind::Person,
                Kind::Opportunity,
                Kind::Opportunity,
                Kind::Registration,
                Kind::Order,
            ]);
            let many = match kind {
                Kind::Organization => self.organizations,
                Kind::Person => self.people,
                Kind::Opportunity => self.opportunities,
                Kind::Registration => self.registrations,
                Kind::Order => self.orders,
            };
            if many > 0 {
                let thing = (kind, self.below(many));
                if !self.gone.contains(&thing) {
                    return thing;
                }
            }
        }
    }

    fn edit(&mut self, thing: Thing, at: &'static str, field: Edited) -> Event {
        self.number += 1;
        Event::Edit { at, thing, field, number: self.number }
    }

    fn happening(&mut self, life: &mut Vec<Event>) {
        let thing = self.thing();
        match self.below(100) {
            0..55 => {
                let (at, field) = (self.one(places(thing.0)), self.one(fields(thing.0)));
                let field = match at {
                    "tryton" => at_tryton(thing.0),
                    "partnerstack" => Edited::Status,
                    _ => field,
                };
                life.push(self.edit(thing, at, field));
            }
            // Two people, two systems, two fields, the same moment: both edits survive.
            55..75 => {
                let (crms, fields) = (crms(thing.0), fields(thing.0));
                if let ([one, .., other], [a, .., b]) = (crms, fields) {
                    life.extend([self.edit(thing, one, *a), self.edit(thing, other, *b)]);
                }
            }
            // The same field: one of them wins, and everybody sees the same one.
            75..88 => {
                let field = self.one(fields(thing.0));
                if let [one, .., other] = crms(thing.0) {
                    life.extend([self.edit(thing, one, field), self.edit(thing, other, field)]);
                }
            }
            88..91 if self.orders > 0 => {
                let thing = (Kind::Order, self.below(self.orders));
                life.push(Event::Advance { thing });
            }
            91 => self.merge(life),
            92 => self.delete(life),
            _ => {
                let at = self.one(&SYSTEMS);
                let trouble = self.one(&[
                    Weather::Throttled,
                    Weather::Throttled,
                    Weather::Failing,
                    Weather::LosesAnswer,
                    Weather::WebhooksTwice,
                    Weather::WebhooksReversed,
                    Weather::WebhooksLost,
                    Weather::Fair,
                    Weather::Fair,
                    Weather::Fair,
                ]);
                life.push(Event::Trouble { at, trouble });
            }
        }
    }

    /// Two people turn out to be one.
    fn merge(&mut self, life: &mut Vec<Event>) {
        let (a, b) = ((Kind::Person, self.below(self.people)), (Kind::Person, self.below(self.people)));
        if a != b && !self.gone.contains(&a) && !self.gone.contains(&b) {
            let at = self.one(&CRMS);
            life.push(Event::Merge { at, thing: a, loser: b });
            // What becomes of the others' records is for a person to decide: nobody touches either from here on.
            self.gone.extend([a, b]);
        }
    }

    fn delete(&mut self, life: &mut Vec<Event>) {
        let thing = (Kind::Person, self.below(self.people));
        if !self.gone.contains(&thing) {
            self.gone.push(thing);
            let at = self.one(&CRMS);
            life.push(Event::Delete { at, thing });
        }
    }
}

/// Where a kind of thing is kept.
fn places(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Organization => &ALL,
        Kind::Order => &["hubspot-eu", "tryton"],
        Kind::Registration => &KEPT,
        other => crms(other),
    }
}

/// Where people edit every field of it.
fn crms(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Registration => &DESKS,
        Kind::Order => &["hubspot-eu"],
        _ => &CRMS,
    }
}

fn fields(kind: Kind) -> &'static [Edited] {
    match kind {
        Kind::Organization => &[Edited::Name, Edited::Phone, Edited::Description, Edited::City],
        Kind::Person => &[Edited::Title, Edited::Phone],
        Kind::Opportunity => &[Edited::Amount, Edited::Stage, Edited::NextStep, Edited::Description],
        Kind::Registration => &[Edited::Status, Edited::Description],
        Kind::Order => &[Edited::Reference],
    }
}

fn at_tryton(kind: Kind) -> Edited {
    if kind == Kind::Order { Edited::Reference } else { Edited::Name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_tells_one_story_and_another_seed_another() {
        let told = |seed| {
            let story = tell(seed, 20, 300);
            (story.opening, story.life)
        };
        assert_eq!(told(7), told(7));
        assert_ne!(told(7), told(8));
        let (opening, life) = told(7);
        assert_eq!(opening.len() + life.len(), 300 + SYSTEMS.len());
    }

    #[test]
    fn what_is_made_twice_at_once_is_one_moment() {
        let story = tell(7, 40, 400);
        let all: Vec<&[Event]> = super::super::moments(&story.opening).collect();
        assert_eq!(all.concat(), story.opening);
        assert!(all.windows(2).all(|pair| match (pair[0].last(), pair[1].first()) {
            (Some(one), Some(next)) => !one.is_made_with(next),
            _ => false,
        }));
        assert!(all.iter().any(|moment| moment.len() > super::super::AT_ONCE), "no pair was on an edge");
    }

    #[test]
    fn a_short_story_is_still_one() {
        let story = tell(1, 0, 0);
        assert!(story.opening.len() > 4);
        assert_eq!(story.life.len(), SYSTEMS.len());
    }
}
