//! One `[subscriptions.NAME]` section.

use super::{
    nearest,
    reader::{Key, Reader, Spot},
    section::{self, Section},
};
use crate::{
    ports::Secret,
    subscription::{SIGNING, SigningSecret, Subscription},
};
use concord_connector::{Entity, Field, Instant, Result};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use toml::{Spanned, de::DeValue};

/// What may stand in a subscription's section.
const KNOWN: &[&str] = &["url", "entities", "fields", "secrets", "previous_until", "allow_private", "existing"];
/// So many secrets may sign at once: a header has its length.
const SECRETS: usize = 4;

/// A subscription as it was written.
#[derive(Clone, Debug)]
pub(super) struct SubscriptionSection {
    name: Spot<String>,
    url: String,
    allow_private: bool,
    entities: BTreeSet<Entity>,
    fields: BTreeMap<Entity, BTreeSet<Field>>,
    existing: bool,
    secrets: Vec<Spot<String>>,
    previous_until: Option<Instant>,
}

/// Both keep secrets in the vault under their name.
pub(super) fn distinct(reader: &mut Reader, subscriptions: &[SubscriptionSection], connections: &[Section]) {
    for one in subscriptions {
        if connections.iter().any(|connection| connection.name.value == one.name.value) {
            let sentence = format!("`{}` is a connection already; give the subscription another name.", one.name.value);
            reader.wrong(one.name.at, sentence);
        }
    }
}

impl SubscriptionSection {
    pub(super) fn read(reader: &mut Reader, key: &Key<'_>, value: &Spanned<DeValue<'_>>) -> Option<Self> {
        let name = Spot { value: key.get_ref().to_string(), at: key.span().start };
        if !section::is_name(&name.value) || name.value == crate::settings::CONCORD {
            let sentence = format!(
                "`{}` cannot name a subscription; use up to 40 of `a-z`, `0-9` and `-`, a letter first, and not `concord`.",
                name.value
            );
            reader.wrong(name.at, sentence);
        }
        let (table, _) = reader.table_of(value, &name.value)?;
        reader.known(table, "a subscription", KNOWN);
        let allow_private = reader.flag(table, "allow_private").unwrap_or(false);
        let url = reader.text(table, "url");
        match &url {
            Some(url) => address(reader, url, allow_private),
            None if table.contains_key("url") => {}
            None => {
                let sentence = format!(
                    "the subscription `{}` does not say where events go; add `url = \"https://...\"`.",
                    name.value
                );
                reader.wrong(name.at, sentence);
            }
        }
        let entities = entities(reader, table.get("entities"), &name);
        let mut fields = BTreeMap::new();
        if let Some((table, _)) = reader.table(table, "fields") {
            for (key, value) in table {
                fields.extend(shown(reader, key, value, &entities));
            }
        }
        let secrets = reader.texts(table, "secrets").unwrap_or_default();
        secrets.iter().for_each(|reference| section::refers(reader, "secrets", reference));
        if let Some(first) = secrets.get(SECRETS) {
            reader.wrong(first.at, format!("at most {SECRETS} secrets sign at once; take the oldest out."));
        }
        let previous_until = reader.text(table, "previous_until").and_then(|until| {
            let at = Instant::parse(&until.value);
            if at.is_none() {
                let sentence =
                    format!("`{}` is no time; write it like \"2027-01-31T12:00:00Z\".", until.value);
                reader.wrong(until.at, sentence);
            } else if secrets.len() < 2 {
                let sentence = "`previous_until` says how long the secrets after the first still sign; there is none in `secrets`.";
                reader.wrong(until.at, sentence);
            }
            at
        });
        let existing = reader.flag(table, "existing").unwrap_or(false);
        Some(Self { url: url?.value, allow_private, entities, fields, existing, secrets, previous_until, name })
    }

    /// References to open.
    pub(super) fn references(&self) -> impl Iterator<Item = String> {
        self.secrets.iter().map(reference)
    }

    pub(super) fn compile(&self, public_url: &str, secrets: &dyn Fn(&str) -> Result<String>) -> Result<Subscription> {
        let mut given_secrets = Vec::with_capacity(self.secrets.len());
        for text in self.references() {
            let named = |fault: concord_connector::Fault| fault.with("subscription", &self.name.value);
            let secret = secrets(&text).map_err(named)?;
            // What commands that only look could not open is empty, and signs nothing.
            if !secret.is_empty() {
                SigningSecret::parse(&secret).map_err(named)?;
                given_secrets.push(Secret::new(secret.trim()));
            }
        }
        Ok(Subscription {
            name: self.name.value.as_str().into(),
            url: self.url.clone(),
            allow_private: self.allow_private,
            entities: self.entities.clone(),
            fields: self.fields.clone(),
            existing: self.existing,
            given_secrets,
            previous_until: self.previous_until,
            source: format!("{public_url}/subscriptions/{}", self.name.value),
        })
    }
}

/// `vault:NAME` means the part that signs.
fn reference(reference: &Spot<String>) -> String {
    match reference.value.starts_with("vault:") && !reference.value.contains('#') {
        true => format!("{}#{SIGNING}", reference.value),
        false => reference.value.clone(),
    }
}

/// The guard of the way out looks again at what the name leads to; this only spares a wait.
fn address(reader: &mut Reader, url: &Spot<String>, allow_private: bool) {
    let Ok(parsed) = url::Url::parse(&url.value) else {
        let sentence = "`url` is no web address; write it like \"https://partners.example.com/concord\".";
        return reader.wrong(url.at, sentence);
    };
    let sentence = match parsed.scheme() {
        "https" => None,
        "http" if allow_private => None,
        "http" => {
            Some("`url` is not encrypted; write https, or `allow_private = true` for a server in your own network.")
        }
        _ => Some("`url` has to begin with https."),
    };
    let sentence = sentence.or_else(|| {
        let private = match parsed.host()? {
            url::Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            url::Host::Ipv4(address) => is_private(address.into()),
            url::Host::Ipv6(address) => is_private(address.into()),
        };
        (private && !allow_private)
            .then_some("`url` is in a private network; write `allow_private = true` if it is meant to be.")
    });
    let sentence = sentence.or_else(|| {
        (!parsed.username().is_empty() || parsed.password().is_some())
            .then_some("`url` holds a credential; events are signed instead, so leave it out.")
    });
    if let Some(sentence) = sentence {
        reader.wrong(url.at, sentence);
    }
}

fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Named one by one: what leaves the house is for the admin to say.
fn entities(reader: &mut Reader, value: Option<&Spanned<DeValue<'_>>>, name: &Spot<String>) -> BTreeSet<Entity> {
    let known = Entity::ALL.map(Entity::name);
    let Some(value) = value else {
        let sentence = format!(
            "the subscription `{}` does not say of what it is told; add `entities = [\"organization\"]` or others of {}.",
            name.value,
            nearest::listed(&known)
        );
        reader.wrong(name.at, sentence);
        return BTreeSet::new();
    };
    let names = reader.texts_of(value, "entities");
    if names.is_empty() {
        reader.wrong(value.span().start, format!("`entities` names none; there is {}.", nearest::listed(&known)));
    }
    let mut entities = BTreeSet::new();
    for name in names {
        match Entity::parse(&name.value) {
            Some(entity) => drop(entities.insert(entity)),
            None => reader.wrong(name.at, nearest::unknown(&name.value, "entity", &known)),
        }
    }
    entities
}

fn shown(
    reader: &mut Reader,
    key: &Key<'_>,
    value: &Spanned<DeValue<'_>>,
    entities: &BTreeSet<Entity>,
) -> Option<(Entity, BTreeSet<Field>)> {
    let entity = section::entity(reader, key)?;
    if !entities.is_empty() && !entities.contains(&entity.value) {
        let sentence =
            format!("`fields` names {}, which is not in `entities`; add it there or leave this out.", entity.value);
        reader.wrong(entity.at, sentence);
    }
    let mut fields = BTreeSet::new();
    for name in reader.texts_of(value, key.get_ref()) {
        match entity.value.field(&name.value) {
            Some(spec) => drop(fields.insert(Field::from(spec.name))),
            None => {
                let known: Vec<&str> = entity.value.fields().iter().map(|spec| spec.name).collect();
                reader.wrong(name.at, nearest::unknown(&name.value, format!("field of {}", entity.value), &known));
            }
        }
    }
    Some((entity.value, fields))
}
