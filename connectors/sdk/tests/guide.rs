//! Every block of code in the guide is code that is compiled and tried.

use std::{fs, path::Path};

fn files(folder: &Path, out: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.path().is_dir() {
            true => files(&entry.path(), out),
            false => out.push(fs::read_to_string(entry.path()).unwrap()),
        }
    }
}

/// Blocks of code with their language.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    text.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect()
}

#[test]
fn the_guide_shows_what_is_tried() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join("../../docs/write-a-connector.md")).unwrap();
    let mut sources = vec![fs::read_to_string(root.join("tests/acme.rs")).unwrap()];
    files(&root.join("tests/acme"), &mut sources);
    let shown: Vec<_> = blocks(&guide).into_iter().filter(|(language, _)| *language != "text").collect();
    assert!(shown.len() >= 15, "the guide lost its code: {} blocks", shown.len());
    for (language, code) in shown {
        let found = sources.iter().any(|source| source.contains(code));
        assert!(found, "this {language} block of the guide is nowhere in tests/acme:\n{code}");
    }
}
