//! The templates as CloudFormation sees them.

use serde_json::{Map, Value as Json};
use std::{collections::BTreeMap, path::Path, process::Command};

/// All templates of the stack.
#[derive(Debug)]
pub struct Stack {
    templates: BTreeMap<String, Json>,
}

/// A resource, in the template that describes it.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    /// The template's file name.
    pub template: &'a str,
    /// Its logical id.
    pub id: &'a str,
    /// Its description.
    pub json: &'a Json,
}

impl Stack {
    /// Has the root template expanded by SAM's own translator, and reads the nested ones.
    ///
    /// # Errors
    /// What the translator says.
    pub fn synthesize(tools: &Path) -> Result<Self, String> {
        let root = crate::root();
        let output = Command::new(tools.join("python"))
            .arg(root.join("tests/aws/synthesize.py"))
            .arg(&root)
            .output()
            .map_err(|error| format!("python does not start: {error}"))?;
        if !output.status.success() {
            return Err(format!("SAM refuses the template: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let templates = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        Ok(Self { templates })
    }

    /// A template: the root as it is written, `synthesized`, or a nested one by its file name.
    pub fn template(&self, name: &str) -> &Json {
        &self.templates[name]
    }

    /// Every resource, as it is made: of the synthesized root and of the nested templates.
    pub fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        let made = self.templates.iter().filter(|(name, _)| *name != "template.yaml");
        made.flat_map(|(template, json)| {
            let resources = json["Resources"].as_object().into_iter().flat_map(Map::iter);
            resources.map(move |(id, json)| Resource { template, id, json })
        })
    }

    /// Every resource of a type.
    pub fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Resource<'a>> {
        self.resources().filter(move |resource| resource.json["Type"] == kind)
    }
}

impl<'a> Resource<'a> {
    /// A property; JSON null when it is not set.
    pub fn property(&self, name: &str) -> &'a Json {
        &self.json["Properties"][name]
    }

    /// Where it stands, for messages.
    pub fn place(&self) -> String {
        format!("{} in {}", self.id, self.template)
    }

    /// A name that is built with `Fn::Sub` from the name of the stack, as what follows that name.
    pub fn suffix(&self, property: &str) -> String {
        let name = self.property(property);
        let text = name["Fn::Sub"].as_str().or_else(|| name.as_str()).unwrap_or_default();
        let text = text.rsplit_once("${AWS::StackName}").or_else(|| text.rsplit_once("${Stack}"));
        text.map_or("", |(_, suffix)| suffix.trim_start_matches('-')).to_owned()
    }
}

/// Every text within a value.
pub fn texts(json: &Json) -> Vec<&str> {
    match json {
        Json::String(text) => vec![text],
        Json::Array(items) => items.iter().flat_map(texts).collect(),
        Json::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
