//! Every configuration that a page shows is one that the program takes.

use concord_hub::config::Document;
use std::{collections::BTreeMap, fs, path::Path};

const PAGES: [&str; 5] =
    ["README.md", "docs/aws.md", "docs/configuration.md", "docs/marketplaces.md", "docs/subscriptions.md"];

fn page(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(name)).expect("a page")
}

/// The TOML blocks of a page that have connections or subscriptions.
fn documents(page: &str) -> Vec<&str> {
    let blocks = page.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("toml\n"));
    blocks.filter(|block| block.contains("[connections.") || block.contains("[subscriptions.")).collect()
}

#[test]
fn every_configuration_that_a_page_shows_has_no_mistake() {
    for name in PAGES {
        let page = page(name);
        let shown = documents(&page);
        assert!(!shown.is_empty(), "{name} shows no configuration");
        for text in shown {
            let document = Document::parse(text).unwrap_or_else(|mistakes| panic!("{name}: {mistakes:?}"));
            let mistakes = document.check(&concord_connectors::all(), &BTreeMap::new());
            assert!(mistakes.is_empty(), "{name}: {mistakes:?}");
        }
    }
}

#[test]
fn the_page_names_every_setting_of_a_connection() {
    let known = named("docs/configuration.md", "[connections.x]\nsystem = \"hubspot\"\nnonsense = 1\n");
    assert!(known.contains(&"limits".to_owned()), "{known:?}");
}

#[test]
fn the_page_names_every_setting_of_a_subscription() {
    let section = "[subscriptions.x]\nurl = \"https://example.com\"\nentities = [\"order\"]\nnonsense = 1\n";
    let known = named("docs/subscriptions.md", section);
    assert!(known.contains(&"previous_until".to_owned()), "{known:?}");
}

/// The settings that the check knows beside the nonsense of a section, each of which the page explains.
fn named(name: &str, section: &str) -> Vec<String> {
    let page = page(name);
    let mistakes = match Document::parse(section) {
        Err(mistakes) => mistakes,
        Ok(document) => document.check(&concord_connectors::all(), &BTreeMap::new()),
    };
    let sentence = mistakes.iter().map(ToString::to_string).find(|one| one.contains("nonsense")).expect("a mistake");
    let known: Vec<String> = sentence.split('`').skip(3).step_by(2).map(str::to_owned).collect();
    for key in &known {
        assert!(page.contains(&format!("`{key}`")) || page.contains(&format!("`{key}.")), "{key} is not explained");
    }
    known
}
