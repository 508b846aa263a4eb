//! The stage: what happens in the story is done in the systems' own user interfaces.

mod hubspot;
mod partnerstack;
mod salesforce;
mod tryton;

use super::{
    cast::Cast,
    door::Door,
    story::{Edited, Event, Kind, Thing, Weather},
};
use crate::session::segment;
use concord_connector::{
    Entity,
    sandbox::{Act, Faults, Trouble},
};
use concord_hub::{embedded::SystemClock, ports::Clock as _};
use serde_json::Value as Json;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// By then a system has sent its waiting webhooks.
const TOLD: Duration = Duration::from_millis(100);

/// What the events did.
#[derive(Clone, Debug, Default)]
pub(super) struct Played {
    /// Things that people did.
    pub(super) done: u64,
    /// Things that could not be done: what they are about was not there, or the system refused.
    pub(super) skipped: u64,
    /// Troubles that the systems made.
    pub(super) troubles: u64,
}

/// The stage.
pub(super) struct Stage {
    door: Arc<Door>,
    cast: Arc<Cast>,
    /// Where each thing was made first, and its id there.
    made: BTreeMap<Thing, (&'static str, String)>,
    pub(super) played: Played,
}

/// How a thing of the story is written in a system: its object and its fields.
pub(super) struct Written {
    pub(super) object: &'static str,
    pub(super) fields: Json,
}

/// Ids, in one system, of what a new thing belongs to.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    pub(super) organization: Option<String>,
    pub(super) partner: Option<String>,
}

impl Stage {
    pub(super) fn new(door: Arc<Door>, cast: Arc<Cast>) -> Self {
        Self { door, cast, made: BTreeMap::new(), played: Played::default() }
    }

    /// Does what happens.
    pub(super) async fn play(&mut self, event: &Event) {
        let done = match event {
            Event::Create { at, thing, about, with } => self.create(at, *thing, *about, *with).await,
            Event::Edit { at, thing, field, number } => self.edit(at, *thing, *field, *number).await,
            Event::Advance { thing } => self.advance(*thing),
            Event::Merge { at, thing, loser } => self.merge(at, *thing, *loser).await,
            Event::Delete { at, thing } => self.delete(at, *thing).await,
            Event::Trouble { at, trouble } => {
                if *trouble == Weather::WebhooksLost {
                    // What happened before was told already: HubSpot says of a delete only once, and lists none.
                    tokio::time::sleep(TOLD).await;
                }
                self.trouble(at, *trouble);
                self.played.troubles += u64::from(!matches!(trouble, Weather::Fair | Weather::Settled));
                return;
            }
        };
        match done {
            Some(()) => self.played.done += 1,
            None => self.played.skipped += 1,
        }
    }

    async fn create(&mut self, at: &'static str, thing: Thing, about: usize, with: usize) -> Option<()> {
        // A company belongs to nothing; asking the hub would let time pass where two people act at once.
        let about = match thing.0 {
            Kind::Organization => About::default(),
            _ => About {
                organization: self.id_at(at, (Kind::Organization, about)).await,
                partner: self.id_at(at, (Kind::Organization, with)).await,
            },
        };
        let written = match at {
            "partnerstack" => partnerstack::create(thing)?,
            "salesforce" => salesforce::create(thing, &about)?,
            "tryton" => {
                let address = about.organization.as_deref().and_then(|party| self.address(party));
                tryton::create(thing, &about, address)?
            }
            _ => hubspot::create(thing, &about)?,
        };
        let id = self.act(at, Act::Create { object: written.object.into(), fields: written.fields })?;
        self.made.entry(thing).or_insert((at, id));
        Some(())
    }

    async fn edit(&mut self, at: &'static str, thing: Thing, field: Edited, number: usize) -> Option<()> {
        let id = self.id_at(at, thing).await?;
        let written = match at {
            "partnerstack" => partnerstack::edit(thing, field, number)?,
            "salesforce" => salesforce::edit(thing, field, number)?,
            "tryton" => tryton::edit(thing, field, number)?,
            _ => hubspot::edit(thing, field, number)?,
        };
        self.act(at, Act::Update { object: written.object.into(), id, fields: written.fields }).map(drop)
    }

    /// An order goes one step on: the first button that Tryton lets one press.
    fn advance(&mut self, thing: Thing) -> Option<()> {
        let (at, id) = self.made.get(&thing).cloned()?;
        tryton::BUTTONS.iter().find_map(|button| {
            let fields = serde_json::json!({ "__action__": button });
            self.act(at, Act::Update { object: "sale.sale".into(), id: id.clone(), fields })
        })?;
        Some(())
    }

    async fn merge(&mut self, at: &'static str, thing: Thing, loser: Thing) -> Option<()> {
        let (winner, loser) = (self.id_at(at, thing).await?, self.id_at(at, loser).await?);
        self.trouble(at, Weather::Fair);
        self.act(at, Act::Merge { object: object(at, thing.0)?.into(), winner, loser }).map(drop)
    }

    async fn delete(&mut self, at: &'static str, thing: Thing) -> Option<()> {
        let id = self.id_at(at, thing).await?;
        self.trouble(at, Weather::Fair);
        self.act(at, Act::Delete { object: object(at, thing.0)?.into(), id }).map(drop)
    }

    fn trouble(&self, at: &str, weather: Weather) {
        let Some(vendor) = self.cast.vendors.get(at) else { return };
        let mut vendor = vendor.lock();
        let faults = vendor.faults();
        // One trouble after the other: while the hub holds back they would only pile up.
        let busy = !faults.is_empty();
        match weather {
            Weather::Throttled | Weather::Failing | Weather::LosesAnswer if busy => {}
            Weather::Throttled => faults.plan("/", Trouble::Throttle(Some(1))),
            Weather::Failing => faults.plan("/", Trouble::Fail(503)),
            Weather::LosesAnswer => faults.plan("/", Trouble::LoseAnswer),
            Weather::WebhooksTwice => faults.duplicate_webhooks = true,
            Weather::WebhooksReversed => faults.reverse_webhooks = true,
            Weather::WebhooksLost => faults.lose_webhooks = true,
            Weather::Settled => *faults = Faults::default(),
            Weather::Fair => {
                faults.duplicate_webhooks = false;
                faults.reverse_webhooks = false;
                faults.lose_webhooks = false;
            }
        }
    }

    fn act(&self, at: &str, act: Act) -> Option<String> {
        let vendor = self.cast.vendors.get(at)?;
        match vendor.lock().act(SystemClock.now(), act) {
            Ok(id) => Some(id),
            Err(sentence) => {
                tracing::debug!(at, sentence, "The system refused what a person tried.");
                None
            }
        }
    }

    /// The id of a thing in a system, when it is there by now.
    async fn id_at(&self, at: &str, thing: Thing) -> Option<String> {
        let (made_at, id) = self.made.get(&thing)?;
        if *made_at == at {
            return Some(id.clone());
        }
        let entity = entity(thing.0);
        let named = segment(&format!("{made_at}/{entity}/{id}"));
        let found = self.door.get(&format!("/api/find?record={named}")).await.ok()?;
        let record = self.door.get(&format!("/api/records/{entity}/{}", segment(found["id"].as_str()?))).await.ok()?;
        let mut facets = record["facets"].as_array()?.iter();
        let there = facets.find(|facet| facet["connection"] == at && facet["live"] == true)?;
        there["id"].as_str().map(str::to_owned)
    }

    /// The first address of a party: a sale has to name one.
    fn address(&self, party: &str) -> Option<String> {
        let party: i64 = party.parse().ok()?;
        let vendor = self.cast.vendors.get("tryton")?;
        let records = vendor.lock().records();
        let mut addresses = records.get("party.address")?.iter();
        addresses.find(|(_, address)| address["party"] == party).map(|(id, _)| id.clone())
    }
}

fn entity(kind: Kind) -> Entity {
    match kind {
        Kind::Organization => Entity::Organization,
        Kind::Person => Entity::Person,
        Kind::Opportunity => Entity::Opportunity,
        Kind::Registration => Entity::DealRegistration,
        Kind::Order => Entity::Order,
    }
}

fn object(at: &str, kind: Kind) -> Option<&'static str> {
    match at {
        "partnerstack" => partnerstack::object(kind),
        "salesforce" => salesforce::object(kind),
        "tryton" => tryton::object(kind),
        _ => hubspot::object(kind),
    }
}

/// The domain of a partner; no other has it.
pub(super) fn domain(n: usize) -> String {
    format!("partner-{n:03}.example")
}

/// What people call a partner; every edit has another name for it.
pub(super) fn name(n: usize, edit: usize) -> String {
    const WORDS: [&str; 6] = ["Systems", "Cloud", "Consulting", "Networks", "Software", "Digital"];
    let word = WORDS[(n + edit) % WORDS.len()];
    if edit == 0 { format!("Partner {n:03} {word}") } else { format!("Partner {n:03} {word} {edit}") }
}

/// Cities with the countries that every one of the systems knows.
pub(super) const CITIES: [(&str, &str, &str, i64); 5] = [
    ("Berlin", "10115", "Germany", 3),
    ("Wien", "1010", "Austria", 1),
    ("Madrid", "28001", "Spain", 4),
    ("Paris", "75001", "France", 5),
    ("Utrecht", "3511", "Netherlands", 8),
];
