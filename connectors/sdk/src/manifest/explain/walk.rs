//! Compares a document with the shape of the format.

use crate::{
    manifest::{
        Template,
        shape::{Key, Shape},
    },
    mapping::Rule,
    mistake::{listed, unknown},
    schema::Entity,
};
use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

const LINE: &str = "`{ field = \"name\", vendor = \"/name\" }`";

/// Collects mistakes.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) mistakes: Vec<(usize, String)>,
    options: Vec<String>,
    entity: Option<Entity>,
}

impl Walk {
    fn wrong(&mut self, at: usize, sentence: impl Into<String>) {
        self.mistakes.push((at, sentence.into()));
    }

    /// The options that placeholders may name.
    pub(super) fn options(&mut self, root: &DeTable<'_>) {
        if let Some(DeValue::Table(options)) = root.get("options").map(Spanned::get_ref) {
            self.options = options.keys().map(|key| key.get_ref().to_string()).collect();
        }
    }

    /// A table of known keys.
    pub(super) fn table(&mut self, table: &DeTable<'_>, at: usize, name: &str, keys: &[Key]) {
        let known: Vec<&str> = keys.iter().map(|key| key.name).collect();
        for (key, value) in table {
            match keys.iter().find(|known| known.name == key.get_ref().as_ref()) {
                Some(known) => self.value(value, known.name, &known.shape),
                None => self.wrong(key.span().start, unknown(key.get_ref(), format!("key of `{name}`"), &known)),
            }
        }
        for key in keys.iter().filter(|key| key.required && !table.contains_key(key.name)) {
            let what = key.meaning.split(". ").next().unwrap_or(key.meaning).trim_end_matches('.');
            self.wrong(
                at,
                format!("`{name}` lacks `{}` ({}): {what}. Add `{} = ...`.", key.name, key.shape.words(), key.name),
            );
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, name: &str, shape: &Shape) {
        let at = value.span().start;
        match (shape, value.get_ref()) {
            (Shape::Any, _) => {}
            (Shape::Text, DeValue::String(text)) if text.trim().is_empty() => {
                self.wrong(at, format!("`{name}` is empty; give it a value or leave the line out."));
            }
            (Shape::Text | Shape::Free, DeValue::String(_)) | (Shape::Flag, DeValue::Boolean(_)) => {}
            (Shape::Word(words), DeValue::String(word)) => {
                if !words.contains(&word.as_ref()) {
                    self.wrong(at, unknown(word, format!("value of `{name}`"), words));
                }
            }
            (Shape::Number(least, most), DeValue::Integer(number)) => {
                let read = i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok();
                if !read.is_some_and(|read| (least..=most).contains(&&read)) {
                    self.wrong(at, format!("`{name}` has to be a {}.", shape.words()));
                }
            }
            (Shape::Pointer, DeValue::String(pointer)) => {
                if !pointer.is_empty() && !pointer.starts_with('/') {
                    let meant = format!("/{}", pointer.replace('.', "/"));
                    self.wrong(
                        at,
                        format!("`{pointer}` is no JSON pointer, which begins with `/`; write `{name} = \"{meant}\"`."),
                    );
                }
            }
            (Shape::Template(places), DeValue::String(text)) => self.template(at, name, text, places),
            (Shape::List(inner), DeValue::Array(elements)) => {
                elements.iter().for_each(|element| self.value(element, name, inner));
            }
            (Shape::Pair, DeValue::Array(elements)) => {
                if elements.len() != 2 || elements.iter().any(|e| !matches!(e.get_ref(), DeValue::String(_))) {
                    self.wrong(at, format!("`{name}` has to be a list of two texts: `[\"x-version\", \"v2\"]`."));
                }
            }
            (Shape::Map(inner), DeValue::Table(table)) => {
                table.iter().for_each(|(key, value)| self.value(value, key.get_ref(), inner));
            }
            (Shape::Table(keys), DeValue::Table(table)) => self.table(table, at, name, keys),
            (Shape::OneOf(keys), _) => self.one_of(value, name, keys),
            (Shape::Entities(inner), DeValue::Table(table)) => self.entities(table, inner),
            (Shape::Entity, DeValue::String(name)) => {
                if Entity::parse(name).is_none() {
                    self.wrong(at, unknown(name, "entity", &Entity::ALL.map(Entity::name)));
                }
            }
            (Shape::Rules, DeValue::Array(lines)) => lines.iter().for_each(|line| self.rule(line)),
            (shape, found) => {
                self.wrong(at, format!("`{name}` has to be {}, not {}.", shape.words(), found.type_str()));
            }
        }
    }

    fn one_of(&mut self, value: &Spanned<DeValue<'_>>, name: &str, keys: &[Key]) {
        let at = value.span().start;
        let known: Vec<&str> = keys.iter().map(|key| key.name).collect();
        match value.get_ref() {
            DeValue::Table(table) if table.len() == 1 => {
                for (key, inner) in table {
                    match keys.iter().find(|known| known.name == key.get_ref().as_ref()) {
                        Some(known) => self.value(inner, known.name, &known.shape),
                        None => {
                            self.wrong(key.span().start, unknown(key.get_ref(), format!("kind of `{name}`"), &known))
                        }
                    }
                }
            }
            DeValue::String(word) => {
                let sentence = match keys.iter().find(|key| key.name == word.as_ref()) {
                    Some(key) => format!("write `{name} = {{ {} = {{}} }}`: a kind is a table.", key.name),
                    None => unknown(word, format!("kind of `{name}`"), &known),
                };
                self.wrong(at, sentence);
            }
            _ => self.wrong(at, format!("`{name}` has to be a table with exactly one of {}.", listed(&known))),
        }
    }

    fn entities(&mut self, table: &DeTable<'_>, inner: &Shape) {
        for (key, value) in table {
            self.entity = Entity::parse(key.get_ref());
            if self.entity.is_none() {
                self.wrong(key.span().start, unknown(key.get_ref(), "entity", &Entity::ALL.map(Entity::name)));
            }
            self.value(value, key.get_ref(), inner);
        }
        self.entity = None;
    }

    fn template(&mut self, at: usize, name: &str, text: &str, places: &[&str]) {
        for used in Template::from(text.to_owned()).names() {
            if !places.contains(&used) && !self.options.iter().any(|option| option == used) {
                let known: Vec<&str> = places.iter().copied().chain(self.options.iter().map(String::as_str)).collect();
                let sentence = unknown(used, format!("placeholder of `{name}`"), &known);
                self.wrong(at, format!("{sentence} An option of the connection is declared under `[options.{used}]`."));
            }
        }
    }

    fn rule(&mut self, line: &Spanned<DeValue<'_>>) {
        let at = line.span().start;
        match Rule::deserialize(ValueDeserializer::from(line.clone())) {
            Err(error) => {
                let at = error.span().map_or(at, |span| span.start);
                self.wrong(at, format!("{}; write a line like {LINE}.", error.message().replace('\n', "; ")));
            }
            Ok(rule) => {
                if let Some(Err(sentence)) = self.entity.map(|entity| named(&rule, entity)) {
                    self.wrong(at, format!("{sentence}."));
                }
            }
        }
    }
}

/// A line's own mistake; an unknown field with the one that was probably meant.
fn named(rule: &Rule, entity: Entity) -> Result<(), String> {
    let known: Vec<&str> = entity.fields().iter().map(|field| field.name).collect();
    if !known.contains(&rule.field.as_str()) {
        let sentence = unknown(rule.field.as_str(), format!("field of {entity}"), &known);
        return Err(sentence.trim_end_matches('.').to_owned());
    }
    rule.check(entity)
}
