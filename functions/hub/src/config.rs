//! `concord.toml`: connections, policy and overlays, as an admin writes them.
//!
//! Three phases. [`Document::parse`] needs the text only, [`Document::check`] the connectors that are compiled in,
//! [`Document::settings`] what the accounts say of themselves and the secrets. Every mistake has its place in the text
//! and says what to write instead; one run names them all.

mod brake;
mod check;
mod compile;
mod connectors;
mod derivation;
mod install;
mod limits;
mod marketplace;
mod mistake;
mod nearest;
mod overlay;
mod policy;
mod reader;
mod scope;
mod section;
mod subscription;

pub use install::{Installed, install, install_with, stored};
pub use mistake::Mistake;

use crate::facet::{Hash, hash};
use policy::PolicySection;
use reader::{Reader, Spot};
use section::Section;
use subscription::SubscriptionSection;
use toml::de::DeTable;

/// What may stand at the top of the document.
const TOP: &[&str] =
    &["public_url", "connections", "policy", "offers", "cosell", "orders", "marketplaces", "subscriptions"];

/// A document that can be read. Whether its names exist is for [`Document::check`] to say.
#[derive(Clone)]
pub struct Document {
    text: String,
    canonical: String,
    public_url: Option<Spot<String>>,
    connections: Vec<Section>,
    policy: Vec<PolicySection>,
    derivations: Vec<crate::derive::Derivation>,
    marketplaces: std::collections::BTreeMap<String, crate::derive::Marketplace>,
    subscriptions: Vec<SubscriptionSection>,
    declared: connectors::Declared,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// Every mistake that shows without knowing any system, in the order of the text.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        let (root, broken) = DeTable::parse_recoverable(text);
        if !broken.is_empty() {
            return Err(broken.iter().map(|error| mistake::of_toml(text, error)).collect());
        }
        let mut reader = Reader::default();
        let root = root.get_ref();
        reader.known(root, "the document", TOP);
        let public_url = reader.text(root, "public_url").and_then(|url| section::public_url(&mut reader, url));
        let mut connections = Vec::new();
        if let Some((table, _)) = reader.table(root, "connections") {
            connections.extend(table.iter().filter_map(|(name, value)| Section::read(&mut reader, name, value)));
        }
        let mut policy = Vec::new();
        if let Some((table, _)) = reader.table(root, "policy") {
            for (entity, value) in table {
                policy.extend(PolicySection::read(&mut reader, entity, value));
            }
        }
        let derivations = derivation::read(&mut reader, root);
        let marketplaces = marketplace::read(&mut reader, root);
        let mut subscriptions = Vec::new();
        if let Some((table, _)) = reader.table(root, "subscriptions") {
            subscriptions
                .extend(table.iter().filter_map(|(name, value)| SubscriptionSection::read(&mut reader, name, value)));
        }
        subscription::distinct(&mut reader, &subscriptions, &connections);
        let mistakes = reader.finish(text);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let canonical = toml::from_str::<toml::Table>(text)
            .and_then(|table| toml::to_string(&table).map_err(|e| serde::de::Error::custom(e.to_string())));
        let canonical = canonical.map_err(|error| vec![mistake::of_toml(text, &error)])?;
        let declared = connectors::Declared::default();
        Ok(Self {
            text: text.to_owned(),
            canonical,
            public_url,
            connections,
            policy,
            derivations,
            marketplaces,
            subscriptions,
            declared,
        })
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// The document without comments and white space. The order of its sections is kept, because it means something:
    /// between connections of one category the first is the more trusted.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
    /// Equal for documents that say the same; the connectors' own files are not part of it.
    pub fn hash(&self) -> Hash {
        hash(&self.canonical)
    }
    /// How many subscriptions there are.
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }
    /// The names of the connections, in the order of the document.
    pub fn connections(&self) -> impl Iterator<Item = &str> {
        self.connections.iter().map(|section| section.name.value.as_str())
    }
}
