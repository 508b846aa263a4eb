//! Every mistake of `concord.toml` has a line and a sentence that says what to write instead.

use super::world::{DOCUMENT, registry};
use concord_connector::{Entity, Field, exchange::Account, value::Currency};
use concord_hub::{
    config::{self, Document},
    policy::{Others, Rule},
    settings::{Mode, OnDelete, Scope},
    testing::MemoryTable,
};
use std::collections::BTreeMap;

/// Mistakes as `line: sentence`, whichever phase finds them.
fn mistakes(text: &str) -> Vec<String> {
    mistakes_with(text, &BTreeMap::new())
}

fn mistakes_with(text: &str, accounts: &BTreeMap<concord_connector::ConnectionName, Account>) -> Vec<String> {
    let found = match Document::parse(text) {
        Ok(document) => document.check(&registry(), accounts),
        Err(mistakes) => mistakes,
    };
    found.into_iter().map(|mistake| format!("{}: {}", mistake.line, mistake.sentence)).collect()
}

const NORTH: &str = "[connections.north]\nsystem = \"north\"\n";

#[test]
fn a_good_document_has_no_mistakes() {
    assert_eq!(mistakes(DOCUMENT), Vec::<String>::new());
}

#[test]
fn each_mistake_says_what_to_write_instead() {
    let cases = [
        (
            "[connections.o]\nsystem = \"own\"",
            "1: `o` does not say where its Own is; add `base_url = \"https://...\"`.",
        ),
        ("x = ", "1: this is no TOML"),
        (
            "publik_url = \"https://a.example\"",
            "1: `publik_url` is no setting of the document; did you mean `public_url`?",
        ),
        (
            "public_url = \"hub.example\"",
            "1: `hub.example` is no web address; write it like \"https://hub.example.com\".",
        ),
        (
            "[offers.x]\ncloud = \"aws\"",
            "1: `offers.x` does not say which deals; add `when = { stage = [\"committed\"] }`.",
        ),
        (
            "[orders.x]\ndefaults = {}",
            "1: `orders.x` does not say which agreements; add `when = { status = [\"active\"] }`.",
        ),
        ("[marketplaces.aws]\nfee = \"three\"", "2: `three` is no share of a price; write `fee = \"3 %\"`."),
        ("[marketplaces.ibm]\nfee = \"3 %\"", "1: `ibm` is no marketplace; there is `aws`, `microsoft`, `google`."),
        ("[connections.North]\nsystem = \"north\"", "1: `North` cannot name a connection; use up to 40 of `a-z`"),
        ("[connections.concord]\nsystem = \"north\"", "1: `concord` is the name of what people decide"),
        ("[connections.north]\nmode = \"sync\"", "1: the connection `north` does not say its `system`"),
        ("[connections.north]\nsystem = \"nort\"", "2: `nort` is no system; did you mean `north`?"),
        ("[connections.north]\nsystem = \"mars\"", "2: `mars` is no system; there is `north`, `south`, `erp`, `own`."),
        ("[connections.north]\nsystem = 5", "2: `system` has to be a text in quotation marks, not integer."),
        ("NORTH\nmod = \"sync\"", "4: `mod` is no setting of a connection; did you mean `mode`?"),
        ("NORTH\nmode = \"on\"", "4: `on` is no value of `mode`; there is `observe`, `sync`."),
        ("NORTH\nauth = \"tokn\"", "4: `tokn` is no way to authorize at North; did you mean `token`?"),
        (
            "NORTH\nbase_url = \"http://north.local\"",
            "4: `base_url` is not encrypted; write https, or `allow_private = true`",
        ),
        ("NORTH\nwebhooks = [\"v3\"]", "4: `v3` is no webhook scheme of North, and there is none."),
        ("NORTH\ntime_zone = \"Berlin\"", "4: `Berlin` is no time zone; write its IANA name, like \"Europe/Berlin\"."),
        ("NORTH\ncurrency = \"EURO\"", "4: `EURO` is no ISO 4217 currency; write three letters, like \"EUR\"."),
        ("NORTH\npoll_every_s = 0", "4: `poll_every_s` has to be between 1 and 86400 seconds."),
        ("NORTH\nlimits = { all = \"many\" }", "4: `many` is no limit; write requests and a time"),
        ("NORTH\nlimits = { serch = \"1/s\" }", "4: `serch` is no limit of North"),
        ("NORTH\nallow_private = \"yes\"", "4: `allow_private` has to be `true` or `false`, not string."),
        (
            "NORTH\nsecrets = { token = \"pat-123\" }",
            "4: the secret `token` has to be a reference and not the secret itself",
        ),
        ("NORTH\nsecrets = { tokn = \"env:T\" }", "4: `tokn` is no secret of `token`; did you mean `token`?"),
        ("NORTH\noptions = { colour = \"red\" }", "4: `colour` is no option of North, and there is none."),
        ("NORTH\nscope = { organisation = \"all\" }", "4: `organisation` is no entity; did you mean `organization`?"),
        (
            "NORTH\nscope = { organization = \"some\" }",
            "4: `some` is no value of `organization`; there is `all`, `linked`.",
        ),
        (
            "NORTH\nscope = { organization = { names = [\"x\"] } }",
            "4: `names` of organization is no field with a closed set of values; organization has `roles`.",
        ),
        (
            "NORTH\nscope = { organization = { roles = [\"partners\"] } }",
            "4: `partners` is no value of `roles`; did you mean `partner`?",
        ),
        ("NORTH\nscope = { organization = { roles = [] } }", "4: a scope without values lets nothing in"),
        ("NORTH\nscope = { invoice = \"all\" }", "4: North has no invoice; leave the line out."),
        (
            "NORTH\non_delete = { organization = \"erase\" }",
            "4: `erase` is no value of `organization`; there is `unlink`, `archive`, `propagate`.",
        ),
        (
            "NORTH\nmapping = { organization = { fields = [ { field = \"industri\", vendor = \"/x\" } ] } }",
            "4: organization has no field `industri`; it has name",
        ),
        (
            "NORTH\nmapping = { organization = { fields = [ { field = \"industry\" } ] } }",
            "4: missing field `vendor`; write it like",
        ),
        (
            "NORTH\nmapping = { organization = { fields = [ { field = \"industry\", vendor = \"x\" } ] } }",
            "4: `x` is no JSON pointer",
        ),
        (
            "NORTH\nmapping = { organization = { fields = [ { field = \"lei\", vendor = \"/name\" } ] } }",
            "4: with this mapping, entity.organization: `/name` is written by two fields",
        ),
        (
            "NORTH\nmapping = { organization = { off = [\"namee\"] } }",
            "4: `namee` is no field that North maps; did you mean `name`?",
        ),
        ("NORTH\nmapping = { invoice = { off = [] } }", "4: North has no invoice; it has `organization`."),
        (
            "NORTH\n[policy.organization]\nnam = \"latest\"",
            "5: `nam` is no field of organization; did you mean `name`?",
        ),
        ("NORTH\n[policy.organization]\nname = \"lates\"", "5: `lates` is no value of `name`; did you mean `latest`?"),
        (
            "NORTH\n[policy.organization]\nname = \"union\"",
            "5: the rule `union` is for lists, which `name` of organization is not",
        ),
        (
            "NORTH\n[policy.organization]\nname = \"monotone\"",
            "5: the rule `monotone` is for fields whose values have an order",
        ),
        (
            "NORTH\n[policy.organization]\nname = { rule = \"owner\", order = [\"nort\"] }",
            "5: `nort` is no connection of this document; did you mean `north`?",
        ),
        ("NORTH\n[policy.organization]\nname = { only = true }", "5: `only = true` needs an `order`"),
        ("NORTH\n[policy.company]\n", "4: `company` is no entity; there is `organization`"),
        (
            "[connections.s]\nsystem = \"south\"",
            "1: South signs its webhooks of scheme `v2` together with the address; add `public_url",
        ),
        (
            "[connections.e]\nsystem = \"erp\"\nauth = \"password\"",
            "1: `e` lacks the option `host`; add `options = { host = \"...\" }`: The first part",
        ),
        (
            "[connections.e]\nsystem = \"erp\"\noptions = { host = \"a\" }",
            "1: `e` does not say how to authorize at Erp; add `auth = \"...\"` with one of `key`, `password`.",
        ),
        (
            "[connections.e]\nsystem = \"erp\"\nauth = \"key\"\noptions = { host = \"a\" }\n[policy.organization]\nannual_revenue = \"deltas\"",
            "6: the rule `deltas` adds up changes, and `e` cannot protect an amount",
        ),
    ];
    for (text, expected) in cases {
        let found = mistakes(&text.replace("NORTH\n", &format!("{NORTH}\n")));
        let hit = found.iter().any(|mistake| mistake.starts_with(expected));
        assert!(hit, "{text}\nexpected {expected}\nfound {found:#?}");
        assert_eq!(found.len(), 1, "one mistake, one sentence: {text}\n{found:#?}");
    }
}

#[test]
fn all_mistakes_are_named_in_one_run() {
    let text = format!("{NORTH}mod = \"sync\"\ncurrency = \"EURO\"\n[policy.organization]\nnam = \"latest\"\n");
    let found = mistakes(&text);
    let lines: Vec<&str> = found.iter().filter_map(|mistake| mistake.split(':').next()).collect();
    assert_eq!(lines, ["3", "4", "6"]);
    let place = Document::parse(&text).unwrap_err().remove(1);
    assert_eq!(place.to_string().split(": ").next(), Some("line 4, column 12"));
}

#[test]
fn zone_and_currency_are_asked_for_where_the_account_does_not_tell() {
    let silent = BTreeMap::from([("north".into(), Account::default())]);
    let found = mistakes_with(NORTH, &silent);
    assert_eq!(found.len(), 2);
    assert!(
        found[0].starts_with("1: North does not tell the currency of this account; add `currency = \"EUR\"`"),
        "{found:?}"
    );
    assert!(found[1].starts_with("1: North does not tell the time zone of this account; add `time_zone"), "{found:?}");
    let text = format!("{NORTH}time_zone = \"Asia/Tokyo\"\ncurrency = \"JPY\"\n");
    assert_eq!(mistakes_with(&text, &silent), Vec::<String>::new());
}

const FULL: &str = r#"
public_url = "https://hub.example.com/"
[connections.one]
system = "north"
mode = "sync"
secrets = { token = "env:TOKEN", webhook = ["file:/run/secret", "vault:one"] }
[connections.one.scope]
organization = { roles = ["partner", "customer"] }
[connections.one.on_delete]
organization = "archive"
[connections.one.mapping.organization]
fields = [ { field = "industry", vendor = "/branche" }, { field = "lei", vendor = "/lei" } ]
off = ["domain"]
[connections.two]
system = "erp"
auth = "password"
time_zone = "Pacific/Tongatapu"
poll_every_s = 5
limits = { all = "900/10s" }
options = { host = "books", company = 3 }
secrets = { username = "vault:two", password = "vault:two" }
[policy.organization]
name = { rule = "owner", order = ["two"], only = true }
legal_name = { rule = "latest", order = ["one", "two"], only = true }
industry = "manual"
"#;

#[test]
fn a_document_becomes_settings() {
    let account = Account {
        currency: Currency::parse("NZD"),
        time_zone: Some("UTC".into()),
        facts: [("company".into(), "9".into())].into(),
        ..Account::default()
    };
    let accounts = BTreeMap::from([("two".into(), account)]);
    let document = Document::parse(FULL).unwrap();
    assert_eq!(document.secret_references(), ["env:TOKEN", "file:/run/secret", "vault:one#webhook"]);
    let settings = document.settings(&registry(), 7, &accounts, &|reference| Ok(format!("{reference}\n"))).unwrap();
    assert_eq!((settings.revision, settings.public_url.as_str()), (7, "https://hub.example.com"));
    let one = &settings.connections[&concord_connector::ConnectionName::from("one")];
    assert_eq!(
        (one.mode, one.auth.as_str(), one.base_url.as_str()),
        (Mode::Sync, "token", "https://north.example.com")
    );
    assert_eq!(one.given_secrets["token"][0].expose(), "env:TOKEN", "the line feed of a file is not the secret's");
    assert_eq!(one.given_secrets["webhook"].len(), 2);
    let scope = Scope::Where { field: "roles".into(), values: vec!["partner".into(), "customer".into()] };
    assert_eq!((one.scope(Entity::Organization), one.on_delete(Entity::Organization)), (&scope, OnDelete::Archive));
    let mapping = one.context.mapping(Entity::Organization).unwrap();
    assert_eq!(mapping.rule("industry").unwrap().vendor, "/branche");
    assert!(mapping.rule("lei").is_some() && mapping.rule("domain").is_none() && mapping.rule("name").is_some());
    let two = &settings.connections[&concord_connector::ConnectionName::from("two")];
    assert_eq!((two.mode, two.base_url.as_str(), two.poll_every_s), (Mode::Observe, "https://books.example.com", 5));
    assert_eq!(
        two.limits.iter().map(|limit| (limit.name.as_str(), limit.requests, limit.per_ms)).collect::<Vec<_>>(),
        [("all", 900, 10_000)]
    );
    assert_eq!(two.context.option("company"), Some("3"), "the admin's word counts more than the account's");
    assert_eq!(
        (two.context.currency, two.context.time_zone.iana_name()),
        (Currency::parse("NZD"), Some("Pacific/Tongatapu"))
    );
    assert!(two.given_secrets.is_empty(), "its own vault entry is read when it is needed");
    let policy = |field: &str| settings.policy.of(Entity::Organization, &Field::from(field)).unwrap().clone();
    assert_eq!((policy("name").rule, policy("name").others), (Rule::Owner, Others::Revert), "one owner is named");
    assert_eq!((policy("legal_name").only, policy("legal_name").others), (true, Others::Leave));
    assert_eq!(policy("industry").rule, Rule::Manual);
    let order: Vec<String> = policy("tax_id").order.iter().map(ToString::to_string).collect();
    assert_eq!(order, ["two", "one"], "the schema trusts an ERP more with tax ids");
}

#[test]
fn a_mistake_stops_the_settings() {
    let document = Document::parse("[connections.x]\nsystem = \"mars\"").unwrap();
    let fault = document.settings(&registry(), 1, &BTreeMap::new(), &|_| Ok(String::new())).err().unwrap();
    assert!(fault.message().starts_with("line 2, column 10: `mars` is no system"), "{fault}");
}

#[tokio::test]
async fn a_document_that_says_something_else_gets_a_new_revision() {
    let table = MemoryTable::default();
    assert_eq!(config::stored(&table).await.unwrap(), None);
    assert_eq!(config::install(&table, FULL).await.unwrap(), 1);
    assert_eq!(config::install(&table, FULL).await.unwrap(), 1);
    let commented = format!("# A comment says nothing to the machine.\n{FULL}");
    assert_eq!(config::install(&table, &commented).await.unwrap(), 1);
    assert_eq!(config::stored(&table).await.unwrap().unwrap().text, commented, "yet it is kept, byte for byte");
    let changed = FULL.replace("poll_every_s = 5", "poll_every_s = 6");
    assert_eq!(config::install(&table, &changed).await.unwrap(), 2);
    assert!(config::install(&table, "nonsense").await.is_err());
    assert_eq!(config::stored(&table).await.unwrap().unwrap().revision, 2);
}
