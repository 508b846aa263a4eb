//! Systems that an admin's own `connector.toml` describes, named by connections of the document.

use super::{Document, Installed, Mistake, check::Registry, reader::Reader};
use concord_connector::{Connector, Manifest, manifest, rest::Rest};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// The files that a document names: their texts, and the connectors that they are.
#[derive(Clone, Default)]
pub(super) struct Declared {
    texts: BTreeMap<String, String>,
    connectors: BTreeMap<String, Arc<dyn Connector>>,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} connections)", self.connections.len())
    }
}

impl Document {
    /// Reads the connector files that the connections name. `read` gives the text of a file as the document names it, or a
    /// sentence.
    ///
    /// # Errors
    /// Every mistake of every file, each with its place there; a file that cannot be read has its place in the document.
    pub fn with_connectors(mut self, read: &dyn Fn(&str) -> Result<String, String>) -> Result<Self, Vec<Mistake>> {
        let mut reader = Reader::default();
        let mut mistakes = Vec::new();
        for section in &mut self.connections {
            let Some(file) = &section.connector else { continue };
            if !self.declared.connectors.contains_key(&file.value) {
                let text = match read(&file.value) {
                    Ok(text) => text,
                    Err(sentence) => {
                        reader.wrong(file.at, sentence);
                        continue;
                    }
                };
                match declared(&text) {
                    Ok(connector) => {
                        self.declared.connectors.insert(file.value.clone(), connector);
                        self.declared.texts.insert(file.value.clone(), text);
                    }
                    Err(found) => {
                        let named = found.into_iter().map(|mistake| mistake.in_file(&file.value));
                        mistakes.extend(named.filter(|mistake| !mistakes.contains(mistake)).collect::<Vec<_>>());
                        continue;
                    }
                }
            }
            let Some(connector) = self.declared.connectors.get(&file.value) else { continue };
            let system = connector.system().as_str();
            if !section.system.value.is_empty() && section.system.value != system {
                let sentence = format!(
                    "`{}` describes the system `{system}`, not `{}`; leave `system` out.",
                    file.value, section.system.value
                );
                reader.wrong(section.system.at, sentence);
            }
            system.clone_into(&mut section.system.value);
        }
        let mut found = reader.finish(&self.text);
        found.append(&mut mistakes);
        if found.is_empty() { Ok(self) } else { Err(found) }
    }

    /// The texts of the connector files, by the names that the document has for them.
    pub fn connector_files(&self) -> &BTreeMap<String, String> {
        &self.declared.texts
    }

    /// The connectors that are compiled in, and those of the document's files.
    pub(super) fn known(&self, registry: Registry<'_>) -> Vec<Arc<dyn Connector>> {
        registry.iter().chain(self.declared.connectors.values()).cloned().collect()
    }

    /// Two systems of one name would share queues.
    pub(super) fn systems(&self, reader: &mut Reader, registry: Registry<'_>) {
        for section in &self.connections {
            let Some(file) = &section.connector else { continue };
            let Some(system) = self.declared.connectors.get(&file.value).map(|connector| connector.system()) else {
                continue;
            };
            let others = self.declared.connectors.iter().filter(|(name, _)| **name != file.value);
            let twin = others.filter(|(_, other)| other.system() == system).map(|(name, _)| name.as_str()).next();
            let built_in = registry.iter().any(|connector| connector.system() == system);
            if let Some(taken) = built_in.then_some("Concord itself").or(twin) {
                let sentence = format!(
                    "`{}` calls its system `{system}`, and so does {taken}; give the file another `system`.",
                    file.value
                );
                reader.wrong(file.at, sentence);
            }
        }
    }
}

impl Installed {
    /// The document in force, with the connector files that came with it.
    ///
    /// # Errors
    /// As [`Document::parse`] and [`Document::with_connectors`].
    pub fn document(&self) -> Result<Document, Vec<Mistake>> {
        let kept = |name: &str| {
            let text = self.connectors.get(name).cloned();
            text.ok_or_else(|| format!("the file `{name}` was not kept with the configuration; install it again."))
        };
        Document::parse(&self.text)?.with_connectors(&kept)
    }
}

fn declared(text: &str) -> Result<Arc<dyn Connector>, Vec<Mistake>> {
    let mistakes = manifest::explain(text);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    match Manifest::parse(text).and_then(Rest::new) {
        Ok(rest) => Ok(Arc::new(rest)),
        Err(fault) => Err(vec![Mistake::at(text, 0, fault.message())]),
    }
}
