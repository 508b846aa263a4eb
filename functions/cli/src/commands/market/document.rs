//! A listing as files: `listing.toml`, and beside it a file for each long text, named after its field.

use crate::failure::Usage;
use anyhow::{Context as _, Result, bail};
use concord_connector::{Entity, schema::Type};
use serde_json::{Map, Value as Json};
use std::{collections::BTreeMap, fs, path::Path};

/// What a folder says.
#[derive(Debug, PartialEq)]
pub(super) struct Document {
    /// Values by field: a text, or a list of texts.
    pub(super) fields: Map<String, Json>,
    /// The listing's id at each marketplace, by connection.
    pub(super) marketplaces: BTreeMap<String, String>,
}

/// Endings of files that hold a field's text.
const ENDINGS: [&str; 3] = ["md", "txt", "html"];

impl Document {
    /// Reads a folder.
    ///
    /// # Errors
    /// A sentence that names the file and what to write.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let file = folder.join("listing.toml");
        let text = fs::read_to_string(&file).with_context(|| format!("{} cannot be read.", file.display()))?;
        let table: toml::Table =
            toml::from_str(&text).map_err(|error| Usage(format!("{}: {}", file.display(), error.message())))?;
        let mut document = Self { fields: Map::new(), marketplaces: BTreeMap::new() };
        for (name, value) in table {
            if name == "marketplaces" {
                document.marketplaces = ids(&value)?;
                continue;
            }
            let Some(spec) = Entity::Listing.field(&name) else {
                let known: Vec<&str> = Entity::Listing.fields().iter().map(|spec| spec.name).collect();
                bail!(Usage(concord_connector::mistake::unknown(&name, "field of a listing", &known)));
            };
            let value = match (value, spec.ty) {
                (toml::Value::String(text), _) => Json::String(text),
                (toml::Value::Array(lines), Type::List(_)) if lines.iter().all(toml::Value::is_str) => {
                    lines.iter().filter_map(toml::Value::as_str).map(Json::from).collect()
                }
                (_, Type::List(_)) => bail!(Usage(format!("`{name}` is a list of texts: `{name} = [\"...\"]`."))),
                _ => bail!(Usage(format!("`{name}` is a text: `{name} = \"...\"`."))),
            };
            document.fields.insert(name, value);
        }
        for spec in Entity::Listing.fields().iter().filter(|spec| spec.ty == Type::Text) {
            for ending in ENDINGS {
                let file = folder.join(format!("{}.{ending}", spec.name));
                let Ok(text) = fs::read_to_string(&file) else { continue };
                if document.fields.insert(spec.name.to_owned(), Json::from(text.trim())).is_some() {
                    bail!(Usage(format!("`{}` is in listing.toml and in {}; keep one.", spec.name, file.display())));
                }
            }
        }
        Ok(document)
    }
}

fn ids(value: &toml::Value) -> Result<BTreeMap<String, String>> {
    let wrong = || Usage("`[marketplaces]` has a line for each connection: `aws-seller = \"prod-...\"`.".into());
    let table = value.as_table().ok_or_else(wrong)?;
    let pairs = table.iter().map(|(name, id)| Some((name.clone(), id.as_str()?.to_owned())));
    Ok(pairs.collect::<Option<_>>().ok_or_else(wrong)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn long_texts_are_files_beside_it() {
        let toml = "name = \"Sync\"\nkeywords = [\"a\", \"b\"]\n[marketplaces]\naws = \"prod-1\"\n";
        let folder = folder(&[("listing.toml", toml), ("description.md", "Long\n\ntext.\n")]);
        let document = Document::read(folder.path()).unwrap();
        assert_eq!(document.fields["description"], "Long\n\ntext.");
        assert_eq!(document.fields["keywords"], serde_json::json!(["a", "b"]));
        assert_eq!(document.marketplaces["aws"], "prod-1");
    }

    #[test]
    fn a_mistake_is_a_sentence() {
        let said = |toml: &str, more: &[(&str, &str)]| {
            let files: Vec<_> = [("listing.toml", toml)].into_iter().chain(more.iter().copied()).collect();
            Document::read(folder(&files).path()).unwrap_err().to_string()
        };
        assert!(said("title = \"x\"", &[]).contains("`title` is no field of a listing"));
        assert!(said("keywords = \"x\"\nname = 1", &[]).contains("`name` is a text"));
        assert!(said("description = \"x\"", &[("description.md", "y")]).contains("keep one"));
        assert!(said("marketplaces = 1", &[]).contains("[marketplaces]"));
    }
}
