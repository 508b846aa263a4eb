//! What admins write: a connector's manifest and `concord.toml`. Every text is read or explained.

use super::input::Input;
use concord_connector::Manifest;
use concord_hub::config::Document;
use std::collections::BTreeMap;

/// Which of the two, then the text.
pub fn manifest(data: &[u8]) {
    let mut input = Input::new(data);
    let which = input.byte();
    let Ok(text) = std::str::from_utf8(input.rest()) else { return };
    if which.is_multiple_of(2) { connector(text) } else { document(text) }
}

fn connector(text: &str) {
    match Manifest::parse(text) {
        Ok(manifest) => {
            assert_eq!(manifest.check(), Vec::<String>::new());
            let written = toml::to_string(&manifest).expect("a manifest that can be written");
            let read = Manifest::parse(&written);
            assert_eq!(read.map_err(|e| e.to_string()), Ok(manifest), "written as {written}");
        }
        Err(fault) => assert!(!fault.message().is_empty()),
    }
}

fn document(text: &str) {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "refused without a mistake");
            assert!(mistakes.iter().all(|mistake| !mistake.to_string().is_empty()));
            return;
        }
    };
    let again = Document::parse(document.canonical());
    let hash = again.map(|again| again.hash()).map_err(|mistakes| format!("{mistakes:?}"));
    assert_eq!(hash, Ok(document.hash()), "the canonical text says something else: {}", document.canonical());
    let registry = concord_connectors::all();
    let accounts = BTreeMap::new();
    let mistakes = document.check(&registry, &accounts);
    let compiled = document.settings(&registry, 1, &accounts, &|_| Ok("fake-secret".into()));
    assert_eq!(compiled.is_ok(), mistakes.is_empty(), "checked otherwise than compiled: {mistakes:?}");
}
