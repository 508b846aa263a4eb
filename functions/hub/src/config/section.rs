//! One `[connections.NAME]` section.

use super::{
    brake, limits, nearest,
    overlay::Overlay,
    reader::{Key, Reader, Spot},
    scope,
};
use crate::brake::Brake;
use crate::settings::{CONCORD, Mode, OnDelete, Scope};
use concord_connector::{Entity, value::Currency};
use jiff::tz::TimeZone;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What may stand in a connection's section.
const KNOWN: &[&str] = &[
    "system",
    "mode",
    "auth",
    "base_url",
    "allow_private",
    "webhooks",
    "time_zone",
    "currency",
    "poll_every_s",
    "limits",
    "sweep_every_h",
    "hold_new",
    "brake",
    "secrets",
    "options",
    "scope",
    "on_delete",
    "mapping",
];
/// A poll less often than once a day would be a mistake.
const SLOWEST_POLL_S: u64 = 86_400;

/// A connection as it was written.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) name: Spot<String>,
    pub(super) system: Spot<String>,
    pub(super) mode: Mode,
    pub(super) auth: Option<Spot<String>>,
    pub(super) base_url: Option<Spot<String>>,
    pub(super) allow_private: bool,
    pub(super) webhooks: Option<Vec<Spot<String>>>,
    pub(super) time_zone: Option<TimeZone>,
    pub(super) currency: Option<Currency>,
    pub(super) poll_every_s: Option<u64>,
    pub(super) limits: Vec<limits::Set>,
    pub(super) sweep_every_h: Option<u64>,
    pub(super) hold_new: bool,
    pub(super) brake: Option<Brake>,
    pub(super) secrets: Vec<(Spot<String>, Vec<Spot<String>>)>,
    pub(super) options: Vec<(Spot<String>, String)>,
    pub(super) scope: Vec<(Spot<Entity>, Scope)>,
    pub(super) on_delete: Vec<(Spot<Entity>, OnDelete)>,
    pub(super) mapping: Vec<Overlay>,
}

impl Section {
    pub(super) fn read(reader: &mut Reader, name: &Key<'_>, value: &Spanned<DeValue<'_>>) -> Option<Self> {
        let name = connection_name(reader, name);
        let (table, _) = reader.table_of(value, &name.value)?;
        reader.known(table, "a connection", KNOWN);
        let system = reader.text(table, "system");
        if system.is_none() && !table.contains_key("system") {
            let sentence =
                format!("the connection `{}` does not say its `system`; add `system = \"...\"`.", name.value);
            reader.wrong(name.at, sentence);
        }
        let on_delete = choices(reader, table, "on_delete", &DELETES);
        Some(Self {
            mode: choice(reader, table, "mode", &MODES).unwrap_or_default(),
            auth: reader.text(table, "auth"),
            base_url: reader.text(table, "base_url"),
            allow_private: reader.flag(table, "allow_private").unwrap_or(false),
            webhooks: reader.texts(table, "webhooks"),
            time_zone: reader.text(table, "time_zone").and_then(|zone| time_zone(reader, &zone)),
            currency: reader.text(table, "currency").and_then(|code| currency(reader, &code)),
            poll_every_s: reader.number(table, "poll_every_s").and_then(|seconds| poll_every(reader, &seconds)),
            limits: limits::read(reader, table),
            sweep_every_h: reader.number(table, "sweep_every_h").and_then(|hours| sweep_every(reader, &hours)),
            brake: brake::read(reader, table),
            hold_new: reader.flag(table, "hold_new").unwrap_or(false),
            secrets: secrets(reader, table),
            options: options(reader, table),
            scope: scope::read(reader, table),
            on_delete,
            mapping: Overlay::read_all(reader, table),
            system: system?,
            name,
        })
    }
}

const MODES: [(&str, Mode); 2] = [("observe", Mode::Observe), ("sync", Mode::Sync)];
const DELETES: [(&str, OnDelete); 3] =
    [("unlink", OnDelete::Unlink), ("archive", OnDelete::Archive), ("propagate", OnDelete::Propagate)];

/// Names stand in URLs, queue names and keys of the store.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 40
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn connection_name(reader: &mut Reader, key: &Key<'_>) -> Spot<String> {
    let (name, at) = (key.get_ref().to_string(), key.span().start);
    let fits = is_name(&name);
    if name == CONCORD {
        reader.wrong(at, "`concord` is the name of what people decide in Concord itself; choose another name.");
    } else if !fits {
        let sentence =
            format!("`{name}` cannot name a connection; use up to 40 of `a-z`, `0-9` and `-`, a letter first.");
        reader.wrong(at, sentence);
    }
    Spot { value: name, at }
}

/// One of a few words.
pub(super) fn choice<T: Copy>(reader: &mut Reader, table: &DeTable<'_>, key: &str, words: &[(&str, T)]) -> Option<T> {
    let word = reader.text(table, key)?;
    let found = words.iter().find(|(name, _)| *name == word.value).map(|(_, value)| *value);
    if found.is_none() {
        let known: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        reader.wrong(word.at, nearest::unknown(&word.value, format!("value of `{key}`"), &known));
    }
    found
}

fn choices<T: Copy>(
    reader: &mut Reader,
    table: &DeTable<'_>,
    key: &str,
    words: &[(&str, T)],
) -> Vec<(Spot<Entity>, T)> {
    let Some((table, _)) = reader.table(table, key) else { return Vec::new() };
    let mut read = Vec::new();
    for name in table.keys() {
        let (entity, word) = (entity(reader, name), choice(reader, table, name.get_ref(), words));
        read.extend(entity.zip(word));
    }
    read
}

/// The entity that a key names.
pub(super) fn entity(reader: &mut Reader, key: &Key<'_>) -> Option<Spot<Entity>> {
    let at = key.span().start;
    let found = Entity::parse(key.get_ref());
    if found.is_none() {
        let known = Entity::ALL.map(Entity::name);
        reader.wrong(at, nearest::unknown(key.get_ref(), "entity", &known));
    }
    found.map(|value| Spot { value, at })
}

/// What vendors call us by, no slash at the end.
pub(super) fn public_url(reader: &mut Reader, url: Spot<String>) -> Option<Spot<String>> {
    let fits = url::Url::parse(&url.value)
        .is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.query().is_none() && url.fragment().is_none());
    if !fits {
        let sentence = format!("`{}` is no web address; write it like \"https://hub.example.com\".", url.value);
        reader.wrong(url.at, sentence);
        return None;
    }
    Some(Spot { value: url.value.trim_end_matches('/').to_owned(), at: url.at })
}

fn time_zone(reader: &mut Reader, zone: &Spot<String>) -> Option<TimeZone> {
    let found = TimeZone::get(&zone.value).ok();
    if found.is_none() {
        let sentence = format!("`{}` is no time zone; write its IANA name, like \"Europe/Berlin\".", zone.value);
        reader.wrong(zone.at, sentence);
    }
    found
}

fn currency(reader: &mut Reader, code: &Spot<String>) -> Option<Currency> {
    let found = Currency::parse(&code.value);
    if found.is_none() {
        let sentence = format!("`{}` is no ISO 4217 currency; write three letters, like \"EUR\".", code.value);
        reader.wrong(code.at, sentence);
    }
    found
}

fn poll_every(reader: &mut Reader, seconds: &Spot<u64>) -> Option<u64> {
    let fits = (1..=SLOWEST_POLL_S).contains(&seconds.value);
    if !fits {
        reader.wrong(seconds.at, format!("`poll_every_s` has to be between 1 and {SLOWEST_POLL_S} seconds."));
    }
    fits.then_some(seconds.value)
}

/// A sweep less often than once in a quarter would be a mistake; 0 switches it off.
fn sweep_every(reader: &mut Reader, hours: &Spot<u64>) -> Option<u64> {
    let fits = hours.value <= 2200;
    if !fits {
        reader.wrong(hours.at, "`sweep_every_h` has to be between 1 and 2200 hours, or 0 for never.");
    }
    fits.then_some(hours.value)
}

fn secrets(reader: &mut Reader, table: &DeTable<'_>) -> Vec<(Spot<String>, Vec<Spot<String>>)> {
    let Some((table, _)) = reader.table(table, "secrets") else { return Vec::new() };
    let mut read = Vec::new();
    for (part, value) in table {
        let references = reader.texts_of(value, part.get_ref());
        for reference in &references {
            refers(reader, part.get_ref(), reference);
        }
        read.push((Spot { value: part.get_ref().to_string(), at: part.span().start }, references));
    }
    read
}

/// Whether a text refers to a secret.
pub(super) fn refers(reader: &mut Reader, part: &str, reference: &Spot<String>) {
    let (scheme, name) = reference.value.split_once(':').unwrap_or_default();
    if !matches!(scheme, "env" | "file" | "vault") || name.is_empty() {
        // Never the text itself: it may be the secret.
        let sentence = format!(
            "the secret `{part}` has to be a reference and not the secret itself: \"env:NAME\", \"file:/PATH\" or \"vault:NAME\"."
        );
        reader.wrong(reference.at, sentence);
    }
}

fn options(reader: &mut Reader, table: &DeTable<'_>) -> Vec<(Spot<String>, String)> {
    let Some((table, _)) = reader.table(table, "options") else { return Vec::new() };
    let mut read = Vec::new();
    for (name, value) in table {
        // Ids are texts, but who writes a number means its digits.
        let text = match value.get_ref() {
            DeValue::Integer(number) => Some(number.as_str().to_owned()),
            DeValue::String(text) => Some(text.to_string()),
            _ => reader.text_of(value, name.get_ref()).map(|text| text.value),
        };
        let name = Spot { value: name.get_ref().to_string(), at: name.span().start };
        read.extend(text.map(|text| (name, text)));
    }
    read
}
