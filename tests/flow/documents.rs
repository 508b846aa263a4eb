//! Every configuration that a page shows is one that the program takes.

use concord_hub::config::Document;
use std::{collections::BTreeMap, fs, path::Path};

const PAGES: [&str; 2] = ["README.md", "docs/configuration.md"];

fn page(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(name)).expect("a page")
}

/// The TOML blocks of a page that have connections.
fn documents(page: &str) -> Vec<&str> {
    let blocks = page.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("toml\n"));
    blocks.filter(|block| block.contains("[connections.")).collect()
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
    let page = page("docs/configuration.md");
    let section = "[connections.x]\nsystem = \"hubspot\"\nnonsense = 1\n";
    let mistakes = match Document::parse(section) {
        Err(mistakes) => mistakes,
        Ok(document) => document.check(&concord_connectors::all(), &BTreeMap::new()),
    };
    let sentence = mistakes.iter().map(ToString::to_string).find(|one| one.contains("nonsense")).expect("a mistake");
    let known: Vec<&str> = sentence.split('`').skip(3).step_by(2).collect();
    assert!(known.contains(&"limits"), "{sentence}");
    for key in known {
        assert!(page.contains(&format!("`{key}`")) || page.contains(&format!("`{key}.")), "{key} is not explained");
    }
}
