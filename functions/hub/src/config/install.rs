//! The document in force, kept in the table: changed by compare-and-set, numbered.

use super::Document;
use crate::{
    keys,
    ports::{Condition, Item, Table, TableChange, TransactError},
    store,
};
use concord_connector::{Fault, Kind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How often an installation begins again when somebody else was first.
const ATTEMPTS: usize = 8;

/// The document in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// Its revision: grows when a document that says something else takes its place.
    pub revision: u64,
    /// Its text, byte for byte.
    pub text: String,
    /// The texts of the connector files that it names, so that it can be used wherever it is read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub connectors: BTreeMap<String, String>,
}

/// Puts a document into force and returns its revision: the one before when it says the same, else one more.
///
/// # Errors
/// `Rejected` with every mistake of the text; `Conflict` when others keep changing it; the store's faults.
pub async fn install(table: &dyn Table, text: &str) -> Result<u64> {
    install_with(table, text, &BTreeMap::new()).await
}

/// As [`install`], with the texts of the connector files that the document names.
///
/// # Errors
/// As [`install`].
pub async fn install_with(table: &dyn Table, text: &str, connectors: &BTreeMap<String, String>) -> Result<u64> {
    let document = Document::parse(text).map_err(|mistakes| {
        let sentences: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Fault::new(Kind::Rejected, "configuration", sentences.join("\n"))
    })?;
    for _ in 0..ATTEMPTS {
        let item = table.get(&[keys::configuration()]).await?.into_iter().next().flatten();
        let before: Option<Installed> = item.as_ref().map(store::parse).transpose()?;
        let same = before
            .as_ref()
            .filter(|before| before.connectors == *connectors)
            .is_some_and(|before| Document::parse(&before.text).is_ok_and(|d| d.hash() == document.hash()));
        let revision = before.as_ref().map_or(0, |before| before.revision) + u64::from(!same);
        let installed = Installed { revision, text: text.to_owned(), connectors: connectors.clone() };
        if before.as_ref() == Some(&installed) {
            return Ok(revision);
        }
        let rev = item.map_or(0, |item| item.rev);
        let condition = if rev == 0 { Condition::Absent } else { Condition::Rev(rev) };
        let item = Item { rev: rev + 1, ..Item::new(keys::configuration(), store::body(&installed)?) };
        match table.transact(vec![TableChange::Put(item, condition)]).await {
            Ok(()) => return Ok(revision),
            Err(TransactError::Cancelled(_)) => {}
            Err(TransactError::Store(fault)) => return Err(fault),
        }
    }
    Err(Fault::new(Kind::Conflict, "configuration", "somebody else keeps changing the configuration; try again"))
}

/// The document in force; `None` before the first.
///
/// # Errors
/// The store's faults.
pub async fn stored(table: &dyn Table) -> Result<Option<Installed>> {
    let item = table.get(&[keys::configuration()]).await?.into_iter().next().flatten();
    item.as_ref().map(store::parse).transpose()
}
