//! Law 3: no echo. Our own writes, shown back to us, commit nothing and send nothing; systems that keep values lossily
//! still settle.

use crate::meddle::{knock, signed};
use concord_connector::{Entity, Operation, Outcome, mapping::Flow, sandbox::Act};
use concord_hub::{events::Count, record::Record, settle, steps};
use concord_tests::world::{Account, SECRET, World, account, links};
use proptest::{prelude::*, test_runner::Config};
use serde_json::{Value as Json, json};
use std::time::Duration;

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];
const SYSTEMS: [(&str, &str); 3] = [("hubspot-eu", "hubspot"), ("salesforce", "salesforce"), ("hubspot-us", "hubspot")];

/// What a person edits: a field, and what is typed into it.
#[derive(Clone, Debug)]
struct Edit {
    system: usize,
    company: usize,
    field: &'static str,
    value: String,
    /// How long after the edit before.
    wait_ms: u64,
}

/// Values that at least one of the systems cannot keep as they are.
fn typed() -> impl Strategy<Value = (&'static str, String)> {
    let long = |field: &'static str, longest: usize| {
        (1..longest, any::<char>().prop_filter("seen", |c| c.is_alphanumeric()))
            .prop_map(move |(length, c)| (field, std::iter::repeat_n(c, length).collect::<String>()))
    };
    let picked = |field: &'static str, values: &'static [&'static str]| {
        proptest::sample::select(values).prop_map(move |value| (field, value.to_owned()))
    };
    prop_oneof![
        long("name", 400),
        long("phone", 60),
        long("industry", 400),
        picked("name", &["Acme", "  Acme  ", "ACME", "Äcme & Söhne \"KG\"", "名前"]),
        picked("phone", &["", "+49 30 1", "+49 30 2"]),
        picked("email", &["", "Info@Example.COM", "info@example.com", "Sales@Example.com"]),
        picked("website", &["https://WWW.site.example/Path?q=1", "site.example", ""]),
        picked("description", &["", "two\nlines", " edges ", "tab\tand \u{1f600}"]),
        picked("roles", &["", "partner", "customer;partner", "distributor"]),
        picked("revenue", &["", "1000.50", "0.10", "7", "1234567.00"]),
        picked("city", &["", "Berlin", " Köln "]),
    ]
}

fn edits(systems: usize) -> impl Strategy<Value = Vec<Edit>> {
    let one = (0..systems, 0..2_usize, typed(), prop_oneof![Just(0), 1..3000_u64, Just(20_000)]);
    let one =
        one.prop_map(|(system, company, (field, value), wait_ms)| Edit { system, company, field, value, wait_ms });
    proptest::collection::vec(one, 1..7)
}

/// The same in the system's own words.
fn fields(system: &str, field: &str, value: &str) -> Json {
    let text = if value.is_empty() { Json::Null } else { json!(value) };
    if system == "hubspot" {
        let property = match field {
            "email" => "company_email",
            "industry" => "concord_industry",
            "roles" => "concord_roles",
            "revenue" => "annualrevenue",
            other => other,
        };
        return json!({ "properties": { property: text.as_str().unwrap_or_default() } });
    }
    let roles = value.split(';').filter(|role| !role.is_empty()).map(|role| role[..1].to_uppercase() + &role[1..]);
    match field {
        "name" => json!({ "Name": value.chars().take(255).collect::<String>() }),
        "phone" => json!({ "Phone": text.as_str().map(|text| text.chars().take(40).collect::<String>()) }),
        "industry" => json!({ "Industry": text.as_str().map(|text| text.chars().take(255).collect::<String>()) }),
        "email" => json!({ "Concord_Email__c": text }),
        "website" => json!({ "Website": text }),
        "description" => json!({ "Description": text }),
        "roles" => json!({ "Concord_Roles__c": roles.collect::<Vec<_>>().join(";") }),
        "revenue" => json!({ "AnnualRevenue": serde_json::from_str::<Json>(value).unwrap_or_default() }),
        _ => json!({ "BillingCity": text }),
    }
}

fn object(system: &str) -> &'static str {
    if system == "hubspot" { "companies" } else { "Account" }
}

/// A webhook: where to, headers, body.
type Sent = (String, Vec<(String, String)>, Vec<u8>);

struct Play {
    world: World,
    systems: usize,
    /// Every webhook that was ever sent.
    sent: Vec<Sent>,
}

impl Play {
    /// Two companies, each made in another system, known everywhere.
    async fn begin(systems: usize) -> Self {
        let accounts: Vec<Account<'_>> = SYSTEMS[..systems]
            .iter()
            .map(|(name, system)| Account { maps: ORGANIZATIONS, ..account(name, system) })
            .collect();
        let mut play = Self { world: World::new(&accounts).await, systems, sent: Vec::new() };
        let made = json!({"properties": {"name": "First", "domain": "First.Example"}});
        play.world.act("hubspot-eu", Act::Create { object: "companies".into(), fields: made });
        let made = json!({"Name": "Second", "Concord_Tax_Id__c": "DE136695976"});
        play.world.act("salesforce", Act::Create { object: "Account".into(), fields: made });
        play.settle().await;
        for record in play.companies().await {
            assert_eq!(links(&record).len(), systems, "{:?}", record.outbox);
        }
        play
    }

    /// The companies in the order in which they were made.
    async fn companies(&self) -> Vec<Record> {
        let mut records = self.world.records(Entity::Organization).await;
        assert_eq!(records.len(), 2);
        records.sort_by_key(|record| record.value("tax_id").is_some());
        records
    }

    async fn act(&mut self, edit: &Edit) {
        let (name, system) = SYSTEMS[edit.system % self.systems];
        let record = self.companies().await.remove(edit.company);
        let name_of = name.into();
        let id = record.live_at(&name_of).next().expect("it is there").link.id.to_string();
        self.world.clock.advance(Duration::from_millis(edit.wait_ms));
        let fields = fields(system, edit.field, &edit.value);
        self.world.act(name, Act::Update { object: object(system).into(), id, fields });
    }

    /// Takes the webhooks that are due to the hub, and keeps them.
    async fn push(&mut self) {
        let now = self.world.now();
        for (name, _) in &SYSTEMS[..self.systems] {
            for push in self.world.vendor(name, |vendor| vendor.pushes(now)) {
                assert_eq!(self.world.post(name, &push.request).await, 200);
                self.sent.push(((*name).into(), push.request.headers.into_iter().collect(), push.request.body));
            }
        }
    }

    /// Works until nothing was committed, delivered or refused for three minutes.
    async fn settle(&mut self) {
        let mut quiet_since = self.world.now();
        for _ in 0..2000 {
            let before = self.work_done();
            self.push().await;
            while self.world.round().await {
                self.push().await;
            }
            if self.work_done() != before {
                quiet_since = self.world.now();
            }
            let quiet = self.world.now().since(quiet_since);
            if quiet > Duration::from_secs(180) {
                return;
            }
            self.world.clock.advance(Duration::from_secs(1 + quiet.as_secs() / 3));
            steps::schedule::tick(&self.world.hub).await.expect("ports in memory");
        }
        panic!("no quiet: {:?}", self.world.hub.tally.counts());
    }

    fn work_done(&self) -> [u64; 3] {
        [Count::Commits, Count::Deliveries, Count::Refusals].map(|count| self.world.hub.tally.get(count))
    }

    /// Every system, asked anew, shows the golden record, as far as it can hold it.
    async fn all_agree(&self) {
        let settings = self.world.hub.settings();
        for record in self.companies().await {
            assert!(record.pending().is_empty(), "{:?} {:?}", record.outbox, record.pending());
            for (name, _) in &SYSTEMS[..self.systems] {
                let connection = &settings.connections[*name];
                let id = record.live_at(&connection.name).next().expect("it is there").link.id.clone();
                let fetch = Operation::Fetch { entity: Entity::Organization, ids: vec![id.clone()] };
                let ran = self.world.hub.run(connection, &fetch).await.expect("a vendor that answers");
                let Outcome::Records(mut shown) = ran.outcome else { panic!("records") };
                let shown = shown.remove(0).1.expect("a readable record");
                let mapping = connection.context.mapping(Entity::Organization).expect("a mapping");
                for rule in mapping.active(&connection.context).filter(|rule| rule.flow == Flow::Both) {
                    let golden = record.golden.get(&rule.field).and_then(|golden| golden.value.as_ref());
                    let image = settle::image(connection, Entity::Organization, &rule.field, golden);
                    let Some(image) = image else { continue };
                    let there = shown.fields.get(&rule.field).cloned().flatten();
                    assert_eq!(there, image, "`{}` at {name}, golden {golden:?}", rule.field);
                }
            }
        }
    }

    /// A day later everything is told once more, and every vendor is asked from the beginning: it is an echo.
    async fn nothing_comes_of_telling_it_again(&mut self) {
        self.world.clock.advance(Duration::from_secs(26 * 3600));
        self.settle().await;
        let before = (self.work_done(), self.companies().await);
        let accepted = self.world.hub.tally.get(Count::Signals);
        for (name, headers, body) in std::mem::take(&mut self.sent) {
            let mut again = signed(&self.world, &name, SECRET, &body);
            // Signed anew: the first signature is a day old.
            let fresh: Vec<String> = again.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
            again.headers.extend(headers.into_iter().filter(|(name, _)| !fresh.contains(name)));
            assert_eq!(knock(&self.world, &name, again).await.status, 200);
        }
        assert!(self.world.hub.tally.get(Count::Signals) > accepted, "none of it is dropped as a replay");
        let settings = self.world.hub.settings();
        for connection in settings.connections.values() {
            steps::schedule::backfill(&self.world.hub, connection).await.expect("ports in memory");
        }
        self.settle().await;
        let after = (self.work_done(), self.companies().await);
        assert_eq!(after.0, before.0, "commits, deliveries, refusals");
        for (after, before) in after.1.iter().zip(&before.1) {
            assert_eq!(after.version, before.version);
        }
    }
}

fn run(play: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(play);
}

fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, max_shrink_iters: 40, ..Config::default() }
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn after_any_history_all_systems_agree_and_its_echo_changes_nothing(systems in 2..=3_usize, edits in edits(3)) {
        run(async {
            let mut play = Play::begin(systems).await;
            for edit in &edits {
                play.act(edit).await;
                // People do not wait for us: only some of the work is done between two edits.
                if edit.wait_ms > 1000 {
                    play.push().await;
                    play.world.round().await;
                }
            }
            play.settle().await;
            play.all_agree().await;
            play.nothing_comes_of_telling_it_again().await;
        });
    }
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn an_edit_is_over_within_two_rounds(systems in 2..=3_usize, edits in edits(3)) {
        run(async {
            let mut play = Play::begin(systems).await;
            for edit in &edits {
                let before = play.world.hub.tally.get(Count::Deliveries);
                play.act(edit).await;
                play.settle().await;
                let delivered = play.world.hub.tally.get(Count::Deliveries) - before;
                let most = 2 * (systems as u64 - 1);
                assert!(delivered <= most, "{delivered} deliveries for one edit, {edit:?}");
            }
            play.all_agree().await;
            for record in play.companies().await {
                assert!(record.facets.iter().all(|facet| facet.parked.is_empty()), "nothing is fought over");
            }
        });
    }
}
