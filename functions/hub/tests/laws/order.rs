//! Law 1: order does not matter.

use crate::world::World;
use concord_connector::{Entity, Field, Instant, Snapshot, SourceVersion, Value, snapshot::Presence};
use concord_hub::{
    facet::{Facet, Link, VERSIONS},
    message::Observation,
    ports::Table,
    record::Record,
    review::Review,
    steps::reconcile,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const OBSERVING: &str = r#"
[connections.north]
system = "north"
[connections.south]
system = "south"
webhooks = ["v1"]
[connections.erp]
system = "erp"
auth = "password"
options = { host = "books" }
"#;

const START: i64 = 1_767_225_600_000;

/// One read: which external record, which version, when, and what it shows.
#[derive(Clone, Debug)]
struct Read {
    connection: &'static str,
    id: u8,
    version: u8,
    read_after: u8,
    fields: Vec<(&'static str, Option<&'static str>)>,
    gone: bool,
}

fn read() -> impl Strategy<Value = Read> {
    let field = prop_oneof![
        (Just("name"), prop::option::of(prop::sample::select(vec!["Acme", "Bolt", "Core"]))),
        (Just("domain"), prop::option::of(prop::sample::select(vec!["acme.example", "bolt.example"]))),
        (Just("tax_id"), prop::option::of(prop::sample::select(vec!["DE1234567", "DE7654321"]))),
        (Just("industry"), prop::option::of(prop::sample::select(vec!["Energy", "Steel"]))),
    ];
    let connection = prop::sample::select(vec!["north", "south", "erp"]);
    (connection, 1_u8..3, 1_u8..6, 0_u8..20, prop::collection::vec(field, 1..4), prop::bool::weighted(0.08)).prop_map(
        |(connection, id, version, read_after, fields, gone)| Read {
            connection,
            id,
            version,
            read_after,
            fields,
            gone,
        },
    )
}

impl Read {
    /// The observation. A version determines what it shows: reads of one version differ in time only.
    fn observation(&self, contents: &BTreeMap<(&'static str, u8, u8), Read>) -> Observation {
        let shown = &contents[&(self.connection, self.id, self.version)];
        let modified = Instant::from_ms(START + i64::from(self.version) * 60_000);
        let mut snapshot =
            Snapshot::new(Entity::Organization, self.id.to_string(), SourceVersion::from_instant(modified));
        snapshot.modified = Some(modified);
        if shown.gone {
            snapshot.presence = Presence::Deleted;
        } else {
            for (field, text) in &shown.fields {
                snapshot.fields.insert(Field::from(*field), text.map(|text| Value::Text(text.into())));
            }
        }
        let read_at = Instant::from_ms(modified.ms() + 1000 + i64::from(self.read_after) * 1000);
        Observation {
            connection: self.connection.into(),
            snapshot,
            read_at,
            signalled_at: None,
            from_history: false,
            ours: Default::default(),
            looked: true,
        }
    }
}

/// What may not depend on the order: who is one with whom, what is golden, what each facet holds and said, which questions
/// are open.
#[derive(Debug, PartialEq)]
struct Shape {
    records: BTreeMap<BTreeSet<Link>, String>,
    reviews: BTreeSet<String>,
}

async fn shape(world: &World) -> Shape {
    let mut records = BTreeMap::new();
    let mut reviews = BTreeSet::new();
    for item in world.table.items() {
        if let Some(id) = concord_hub::keys::record_id(&item.key)
            && let Some((record, _)) = world.hub.record(&id).await.unwrap()
        {
            let links = record.facets.iter().map(|facet| facet.link.clone()).collect();
            records.insert(links, described(&record));
        }
        if item.key.partition.starts_with("W#") {
            let review: Review = serde_json::from_slice(&item.body).unwrap();
            reviews.insert(review.id);
        }
    }
    Shape { records, reviews }
}

fn described(record: &Record) -> String {
    let golden: Vec<String> = record
        .golden
        .iter()
        .map(|(field, golden)| format!("{field}={:?} {} {:?}", golden.value, golden.from, golden.at))
        .collect();
    let facets: BTreeMap<String, String> =
        record.facets.iter().map(|facet| (facet.link.to_string(), cells(facet))).collect();
    format!("{golden:#?} {facets:#?}")
}

fn cells(facet: &Facet) -> String {
    let view = facet.view();
    let cells: Vec<String> = view
        .cells
        .iter()
        .map(|(field, cell)| {
            format!("{field}: {:?} {:?}", cell.held, cell.said.as_ref().map(|said| (&said.value, said.at)))
        })
        .collect();
    format!("{:?} {cells:?}", view.presence)
}

async fn taken_in(reads: &[Read], contents: &BTreeMap<(&'static str, u8, u8), Read>) -> Shape {
    let world = World::with(OBSERVING);
    for read in reads {
        reconcile::observe(&world.hub, &read.observation(contents)).await.unwrap();
    }
    let _store: &dyn Table = &world.table;
    shape(&world).await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn any_shuffle_and_duplication_of_observations_ends_in_equal_records(
        (reads, shuffled) in prop::collection::vec(read(), 1..14).prop_flat_map(|reads| {
            let doubled: Vec<Read> = reads.iter().chain(reads.iter().take(3)).cloned().collect();
            (Just(reads), Just(doubled).prop_shuffle())
        })
    ) {
        let mut contents = BTreeMap::new();
        for read in &reads {
            contents.entry((read.connection, read.id, read.version)).or_insert_with(|| read.clone());
        }
        // The first version of a record is never its delete: nobody can tell us of one that was never there.
        for id in 1..3 {
            for connection in ["north", "south", "erp"] {
                if let Some((_, first)) = contents.range_mut((connection, id, 0)..(connection, id, u8::MAX)).next() {
                    first.gone = false;
                }
            }
        }
        let mut in_order = reads.clone();
        in_order.sort_by_key(|read| (read.version, read.read_after));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (one, other) = runtime.block_on(async {
            // A delete that arrives before anything else of its record is taken in once that is known.
            let mut late = shuffled.clone();
            late.sort_by_key(|read| contents[&(read.connection, read.id, read.version)].gone);
            (taken_in(&in_order, &contents).await, taken_in(&late, &contents).await)
        });
        prop_assert_eq!(one, other);
    }

    #[test]
    fn versions_displaced_by_as_many_as_are_kept_still_end_in_the_same_facet(
        texts in prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..60),
        places in prop::collection::vec(0..VERSIONS - 1, 60),
    ) {
        let link = Link { connection: "north".into(), id: "1".into() };
        let snapshot = |n: usize| {
            let at = Instant::from_ms(START + n as i64 * 1000);
            let mut snapshot = Snapshot::new(Entity::Organization, "1", SourceVersion::from_instant(at));
            snapshot.modified = Some(at);
            snapshot.fields.insert("name".into(), Some(Value::Text(texts[n].into())));
            (snapshot, at)
        };
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|n| (n + places[*n], *n));
        let run = |order: &[usize]| {
            let mut facet = Facet::unseen(link.clone(), "r".into());
            for n in order {
                let (snapshot, at) = snapshot(*n);
                facet.observe(&snapshot, at);
            }
            cells(&facet)
        };
        let straight: Vec<usize> = (0..texts.len()).collect();
        prop_assert_eq!(run(&straight), run(&order));
    }
}
