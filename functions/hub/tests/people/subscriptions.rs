//! Every mistake of a subscription has a line and a sentence; what is right becomes what the hub needs to know.

use super::world::{DOCUMENT, registry};
use concord_connector::{Entity, Field, Instant};
use concord_hub::config::Document;
use std::collections::{BTreeMap, BTreeSet};

const GOOD: &str = r#"
[subscriptions.portal]
url = "https://partners.example.com/concord"
entities = ["organization", "order"]
fields = { organization = ["name", "roles"] }
secrets = ["env:NEW", "vault:portal-before"]
previous_until = "2027-01-31T12:00:00Z"
existing = true
"#;

fn mistakes(text: &str) -> Vec<String> {
    let found = match Document::parse(text) {
        Ok(document) => document.check(&registry(), &BTreeMap::new()),
        Err(mistakes) => mistakes,
    };
    found.into_iter().map(|mistake| format!("{}: {}", mistake.line, mistake.sentence)).collect()
}

/// The good one with one line in place of another.
fn with(line: &str, instead: &str) -> String {
    assert!(GOOD.contains(line), "{line}");
    GOOD.replace(line, instead)
}

#[test]
fn each_mistake_says_what_to_write_instead() {
    assert_eq!(mistakes(&format!("{DOCUMENT}{GOOD}")), Vec::<String>::new());
    let url = "url = \"https://partners.example.com/concord\"";
    let cases = [
        (with(url, ""), "2: the subscription `portal` does not say where events go; add `url"),
        (with(url, "url = \"partners\""), "3: `url` is no web address"),
        (with(url, "url = \"http://partners.example.com\""), "3: `url` is not encrypted; write https"),
        (with(url, "url = \"ftp://partners.example.com\""), "3: `url` has to begin with https."),
        (with(url, "url = \"https://user:pass@partners.example.com\""), "3: `url` holds a credential"),
        (with(url, "url = \"https://localhost/\""), "3: `url` is in a private network; write `allow_private"),
        (with(url, "url = \"https://192.168.1.9/\""), "3: `url` is in a private network"),
        (with(url, "url = \"https://[::1]/\""), "3: `url` is in a private network"),
        (with(url, "url = \"https://169.254.169.254/\""), "3: `url` is in a private network"),
        (with("entities = [\"organization\", \"order\"]", ""), "2: the subscription `portal` does not say of what"),
        (with("[\"organization\", \"order\"]", "[]"), "4: `entities` names none; there is `organization`"),
        (with("\"order\"]", "\"ordr\"]"), "4: `ordr` is no entity; did you mean `order`?"),
        (with("[\"name\", \"roles\"]", "[\"nam\"]"), "5: `nam` is no field of organization; did you mean `name`?"),
        (with("{ organization =", "{ person ="), "5: `fields` names person, which is not in `entities`"),
        (with("\"env:NEW\"", "\"whsec_recognizable\""), "6: the secret `secrets` has to be a reference"),
        (with("\"env:NEW\", ", ""), "7: `previous_until` says how long the secrets after the first"),
        (with("2027-01-31T12:00:00Z", "tomorrow"), "7: `tomorrow` is no time; write it like"),
        (with("existing = true", "exsting = true"), "8: `exsting` is no setting of a subscription; did you mean"),
        (with("existing = true", "existing = 1"), "8: `existing` has to be `true` or `false`"),
        (with("subscriptions.portal", "subscriptions.Portal"), "2: `Portal` cannot name a subscription"),
    ];
    for (text, says) in cases {
        let found = mistakes(&text);
        assert!(found.iter().any(|one| one.starts_with(says)), "{says}\n{found:#?}\n{text}");
        assert!(!format!("{found:?}").contains("recognizable"), "{found:?}");
    }
    let twice = format!("[connections.portal]\nsystem = \"north\"\n{GOOD}");
    assert!(mistakes(&twice).iter().any(|one| one.contains("`portal` is a connection already")));
    let allowed = with(url, "url = \"http://127.0.0.1:8000/\"\nallow_private = true");
    assert_eq!(mistakes(&allowed), Vec::<String>::new());
}

#[test]
fn what_is_right_becomes_a_subscription() {
    let document = Document::parse(GOOD).unwrap();
    assert_eq!(document.secret_references(), ["env:NEW", "vault:portal-before#signing"]);
    let secret = "whsec_YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=";
    let settings = document.settings(&[], 3, &BTreeMap::new(), &|_| Ok(format!("{secret}\n"))).unwrap();
    let portal = settings.subscription(&"portal".into()).unwrap();
    assert_eq!(portal.entities, BTreeSet::from([Entity::Organization, Entity::Order]));
    assert!(portal.shows(Entity::Organization, &Field::from("name")));
    assert!(!portal.shows(Entity::Organization, &Field::from("email")));
    assert!(portal.shows(Entity::Order, &Field::from("number")), "all where none is named");
    assert_eq!(portal.given_secrets.iter().map(|one| one.expose()).collect::<Vec<_>>(), [secret, secret]);
    assert_eq!(portal.previous_until, Instant::parse("2027-01-31T12:00:00Z"));
    assert!(portal.existing && !portal.allow_private);
    assert_eq!(portal.source, "/subscriptions/portal");
    let Err(fault) = document.settings(&[], 3, &BTreeMap::new(), &|_| Ok("recognizable".into())) else {
        panic!("no secret")
    };
    assert!(fault.to_string().contains("whsec_") && !fault.to_string().contains("recognizable"), "{fault}");
}
