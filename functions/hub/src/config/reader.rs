//! Reading tables whose every value knows its place.

use super::{Mistake, nearest};
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

/// A value and the byte at which it stands.
#[derive(Clone, Debug)]
pub(super) struct Spot<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

/// A key of a table.
pub(super) type Key<'i> = Spanned<Cow<'i, str>>;

/// Collects mistakes while tables are read.
#[derive(Default)]
pub(super) struct Reader {
    mistakes: Vec<(usize, String)>,
}

impl Reader {
    pub(super) fn wrong(&mut self, at: usize, sentence: impl Into<String>) {
        self.mistakes.push((at, sentence.into()));
    }

    /// The mistakes in the order of the text.
    pub(super) fn finish(mut self, text: &str) -> Vec<Mistake> {
        self.mistakes.sort();
        self.mistakes.dedup();
        self.mistakes.into_iter().map(|(at, sentence)| Mistake::at(text, at, sentence)).collect()
    }

    /// Reports every key that is none of these.
    pub(super) fn known(&mut self, table: &DeTable<'_>, of: &str, allowed: &[&str]) {
        for key in table.keys().filter(|key| !allowed.contains(&key.get_ref().as_ref())) {
            let sentence = nearest::unknown(key.get_ref(), format!("setting of {of}"), allowed);
            self.wrong(key.span().start, sentence);
        }
    }

    pub(super) fn text(&mut self, table: &DeTable<'_>, key: &str) -> Option<Spot<String>> {
        let value = table.get(key)?;
        self.text_of(value, key)
    }

    pub(super) fn text_of(&mut self, value: &Spanned<DeValue<'_>>, key: &str) -> Option<Spot<String>> {
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => Some(Spot { value: text.trim().to_owned(), at }),
            DeValue::String(_) => {
                self.wrong(at, format!("`{key}` is empty; give it a value or leave the line out."));
                None
            }
            other => {
                self.expected(at, key, "a text in quotation marks", other);
                None
            }
        }
    }

    pub(super) fn flag(&mut self, table: &DeTable<'_>, key: &str) -> Option<bool> {
        let value = table.get(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            other => {
                self.expected(value.span().start, key, "`true` or `false`", other);
                None
            }
        }
    }

    pub(super) fn number(&mut self, table: &DeTable<'_>, key: &str) -> Option<Spot<u64>> {
        let value = table.get(key)?;
        let at = value.span().start;
        let number = match value.get_ref() {
            DeValue::Integer(integer) => u64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok(),
            _ => None,
        };
        if number.is_none() {
            self.expected(at, key, "a whole number", value.get_ref());
        }
        number.map(|value| Spot { value, at })
    }

    /// A list of texts; one text stands for a list of one.
    pub(super) fn texts(&mut self, table: &DeTable<'_>, key: &str) -> Option<Vec<Spot<String>>> {
        let value = table.get(key)?;
        Some(self.texts_of(value, key))
    }

    pub(super) fn texts_of(&mut self, value: &Spanned<DeValue<'_>>, key: &str) -> Vec<Spot<String>> {
        match value.get_ref() {
            DeValue::Array(elements) => elements.iter().filter_map(|element| self.text_of(element, key)).collect(),
            _ => self.text_of(value, key).into_iter().collect(),
        }
    }

    pub(super) fn table<'t, 'i>(&mut self, table: &'t DeTable<'i>, key: &str) -> Option<(&'t DeTable<'i>, usize)> {
        let value = table.get(key)?;
        self.table_of(value, key)
    }

    pub(super) fn table_of<'t, 'i>(
        &mut self,
        value: &'t Spanned<DeValue<'i>>,
        key: &str,
    ) -> Option<(&'t DeTable<'i>, usize)> {
        let at = value.span().start;
        match value.get_ref() {
            DeValue::Table(table) => Some((table, at)),
            other => {
                self.expected(at, key, "a table", other);
                None
            }
        }
    }

    /// Anything with a shape of its own.
    pub(super) fn shape<T: DeserializeOwned>(&mut self, value: &Spanned<DeValue<'_>>, like: &str) -> Option<Spot<T>> {
        let at = value.span().start;
        match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(value) => Some(Spot { value, at }),
            Err(error) => {
                let at = error.span().map_or(at, |span| span.start);
                self.wrong(at, format!("{}; write it like {like}.", error.message().replace('\n', "; ")));
                None
            }
        }
    }

    fn expected(&mut self, at: usize, key: &str, what: &str, found: &DeValue<'_>) {
        self.wrong(at, format!("`{key}` has to be {what}, not {}.", found.type_str()));
    }
}
