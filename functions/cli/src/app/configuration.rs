//! Which configuration is in force.

use super::{Registry, accounts, secrets};
use anyhow::{Context as _, bail};
use concord_connector::{ConnectionName, Fault, Kind};
use concord_hub::{
    config::{self, Document, Mistake},
    hub::Hub,
    settings::Settings,
    steps::schedule,
};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

type Result<T, E = anyhow::Error> = std::result::Result<T, E>;

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file, which is put into force.
    File(PathBuf),
    /// A file, to look at a connection that may not be in force yet.
    Trial(PathBuf),
    /// What is in force in the data folder; the file when nothing is yet.
    InForce(PathBuf),
    /// None: for what needs no connection.
    Nothing,
}

/// Loads the settings into a hub.
pub(super) async fn load(hub: &Hub, source: &Source, registry: &Registry, asks: bool) -> Result<()> {
    let stored = config::stored(&*hub.table).await?;
    let before = stored.as_ref().map_or(0, |installed| installed.revision);
    let (text, path, document) = match (source, stored) {
        (Source::Nothing, _) => return Ok(()),
        (Source::InForce(_), Some(installed)) => {
            let path = PathBuf::from("the configuration in force");
            let document = given(&path, installed.document())?;
            (installed.text, path, document)
        }
        (Source::File(path) | Source::Trial(path) | Source::InForce(path), _) => {
            let text = read(path)?;
            let document = given(path, document(path, &text))?;
            (text, path.clone(), document)
        }
    };
    told(&path, document.check(registry, &BTreeMap::new()))?;
    let strict = matches!(source, Source::File(_));
    let opened = secrets::open(hub, &document.secret_references(), strict).await;
    let open = |reference: &str| secrets::opened(&opened, reference);
    // First without what the accounts say, to be able to ask them.
    hub.configure(document.settings(registry, before, &BTreeMap::new(), &open)?);
    let accounts = accounts(hub, asks).await?;
    if strict {
        told(&path, document.check(registry, &accounts))?;
    }
    let revision =
        if strict { config::install_with(&*hub.table, &text, document.connector_files()).await? } else { before };
    // An account that says less than the configuration needs is no reason to refuse a command that only looks.
    let settings: Settings = match document.settings(registry, revision, &accounts, &open) {
        Err(_) if !strict => return Ok(()),
        settings => settings?,
    };
    hub.configure(settings);
    Ok(())
}

/// Settings of a document that is not in force, for looking at what it would bring: no secret is opened, no account asked.
///
/// # Errors
/// `Rejected` with every mistake, each in a line of its own.
pub async fn trial(hub: &Hub, text: &str) -> concord_connector::Result<Settings> {
    let registry = concord_connectors::all();
    let rejected = |mistakes: Vec<Mistake>| {
        let sentences: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Fault::new(Kind::Rejected, "configuration", sentences.join("\n"))
    };
    // The files that it names are those that came with the configuration in force.
    let kept = config::stored(&*hub.table).await?.map(|installed| installed.connectors).unwrap_or_default();
    let read = |name: &str| {
        let text = kept.get(name).cloned();
        text.ok_or_else(|| format!("the connector file `{name}` is not part of the configuration in force."))
    };
    let document = Document::parse(text).and_then(|document| document.with_connectors(&read)).map_err(rejected)?;
    let mut accounts = BTreeMap::new();
    for name in document.connections().map(ConnectionName::from) {
        accounts.extend(schedule::described(hub, &name).await?.map(|account| (name, account)));
    }
    document.settings(&registry, hub.settings().revision + 1, &accounts, &|_| Ok(String::new()))
}

/// The text of a configuration file.
///
/// # Errors
/// A sentence that says what to do when there is none.
pub fn read(path: &Path) -> Result<String> {
    if !path.exists() {
        bail!(
            "There is no configuration at {}. Name one with --config, write one as the README shows, or try `concord demo` first.",
            path.display()
        );
    }
    std::fs::read_to_string(path).with_context(|| format!("The configuration {} cannot be read.", path.display()))
}

/// A document, with the connector files that it names: their paths are relative to its own.
///
/// # Errors
/// Every mistake of the document, else every mistake of those files.
pub fn document(path: &Path, text: &str) -> Result<Document, Vec<Mistake>> {
    let beside = path.parent().map(Path::to_owned).unwrap_or_default();
    Document::parse(text)?.with_connectors(&|name| {
        let file = beside.join(name);
        std::fs::read_to_string(&file).map_err(|error| {
            format!(
                "the connector file {} cannot be read ({error}); its path is relative to this file.",
                file.display()
            )
        })
    })
}

fn given(path: &Path, document: Result<Document, Vec<Mistake>>) -> Result<Document> {
    match document {
        Ok(document) => Ok(document),
        Err(mistakes) => {
            told(path, mistakes)?;
            bail!("The configuration {} cannot be read.", path.display())
        }
    }
}

fn told(path: &Path, mistakes: Vec<Mistake>) -> Result<()> {
    if mistakes.is_empty() {
        return Ok(());
    }
    let mut sentences = "The configuration has mistakes; nothing was started.".to_owned();
    for mistake in &mistakes {
        write!(sentences, "\n{}", located(path, mistake))?;
    }
    bail!(sentences)
}

/// `file:line:col: sentence`.
pub fn located(path: &Path, mistake: &Mistake) -> String {
    let beside = mistake.file.as_ref().map(|file| path.parent().map(|dir| dir.join(file)).unwrap_or_default());
    let path = beside.as_deref().unwrap_or(path);
    format!("{}:{}:{}: {}", path.display(), mistake.line, mistake.column, mistake.sentence)
}
