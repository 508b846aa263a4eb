//! Every mistake of a `connector.toml`, each with its place and what to write instead.

mod walk;

use super::{Manifest, shape::FILE};
use crate::mistake::Mistake;
use toml::de::{DeTable, DeValue};
use walk::Walk;

/// Every mistake of a file that is a connector by itself, in the order of the text; empty when there is none.
pub fn explain(text: &str) -> Vec<Mistake> {
    let (root, broken) = DeTable::parse_recoverable(text);
    if !broken.is_empty() {
        return broken.iter().map(|error| Mistake::of_toml(text, error)).collect();
    }
    let mut walk = Walk::default();
    walk.options(root.get_ref());
    walk.table(root.get_ref(), 0, "the file", FILE);
    if walk.mistakes.is_empty() {
        match toml::from_str::<Manifest>(text) {
            Err(error) => return vec![Mistake::of_toml(text, &error)],
            Ok(mut manifest) => {
                manifest.derive();
                for (path, sentence) in manifest.faults() {
                    walk.mistakes.push((place(root.get_ref(), &path), format!("`{path}`: {sentence}.")));
                }
            }
        }
    }
    walk.mistakes.sort();
    walk.mistakes.dedup();
    walk.mistakes.into_iter().map(|(at, sentence)| Mistake::at(text, at, sentence)).collect()
}

/// The byte at which a path of keys and numbers stands; that of the last part that is there.
fn place(root: &DeTable<'_>, path: &str) -> usize {
    let mut at = 0;
    let mut parts = path.split('.');
    let Some((key, mut value)) = parts.next().and_then(|part| root.get_key_value(part)) else { return at };
    at = at.max(key.span().start);
    for part in parts {
        let next = match value.get_ref() {
            DeValue::Table(table) => table.get_key_value(part).map(|(key, value)| (key.span().start, value)),
            DeValue::Array(elements) => {
                let element = part.parse::<usize>().ok().and_then(|nth| elements.get(nth));
                element.map(|value| (value.span().start, value))
            }
            _ => None,
        };
        let Some((start, inner)) = next else { break };
        (at, value) = (start, inner);
    }
    at
}
