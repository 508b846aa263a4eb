//! As much of JSON Schema as the specification uses: `$ref`, `type`, `required`, `enum`, `properties`,
//! `additionalProperties` and `items`. A null stands for an absent member, as the vendor's answers have it.

use libtest_mimic::Failed;
use serde_json::{Value as Json, json};

pub(crate) struct Specification(Json);

impl Specification {
    pub(crate) fn new(json: Json) -> Self {
        Self(json)
    }

    /// The operation of a concrete path; a literal segment is closer than a parameter.
    pub(crate) fn operation(&self, method: &str, path: &str) -> Option<&Json> {
        let wanted: Vec<&str> = path.trim_matches('/').split('/').collect();
        let fits = |template: &str| {
            let segments: Vec<&str> = template.trim_matches('/').split('/').collect();
            segments.len() == wanted.len()
                && segments.iter().zip(&wanted).all(|(a, b)| a == b || (a.starts_with('{') && !b.is_empty()))
        };
        let paths = self.0["paths"].as_object()?.iter().filter(|(template, _)| fits(template));
        let operations = paths.filter_map(|(template, path)| Some((template, path.get(method.to_lowercase())?)));
        operations.min_by_key(|(template, _)| template.matches('{').count()).map(|(_, operation)| operation)
    }

    /// Checks a JSON body against the schema of a request body or a response.
    pub(crate) fn body(&self, holder: Option<&Json>, body: &Json) -> Result<(), String> {
        match holder.and_then(|holder| holder.pointer("/content/application~1json/schema")) {
            Some(schema) => self.value(schema, body, ""),
            None if body.is_null() => Ok(()),
            None => Err("has a body where none is specified".into()),
        }
    }

    fn value(&self, schema: &Json, value: &Json, at: &str) -> Result<(), String> {
        if let Some(name) = schema["$ref"].as_str() {
            let target = self.0.pointer(name.trim_start_matches('#')).ok_or_else(|| format!("{name} leads nowhere"))?;
            return self.value(target, value, at);
        }
        let fits = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            _ => true,
        };
        if !fits {
            return Err(format!("`{at}` is no {}: {value}", schema["type"]));
        }
        if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
            return Err(format!("`{at}` is not one of {}: {value}", schema["enum"]));
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            if value.get(name).is_none_or(Json::is_null) {
                return Err(format!("`{at}` lacks `{name}`"));
            }
        }
        for (name, member) in value.as_object().into_iter().flatten().filter(|(_, member)| !member.is_null()) {
            let known = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
            let at = format!("{at}/{name}");
            match known {
                Some(schema) => self.value(schema, member, &at)?,
                None if schema["properties"].is_object() => return Err(format!("`{at}` is not specified")),
                None => {}
            }
        }
        for (place, element) in value.as_array().into_iter().flatten().enumerate() {
            self.value(&schema["items"], element, &format!("{at}/{place}"))?;
        }
        Ok(())
    }
}

/// The check itself can fail: on a wrong type, a missing member, an unknown member, an unknown value.
pub(crate) fn notices() -> Result<(), Failed> {
    let schema = json!({
        "type": "object",
        "required": ["inputs"],
        "properties": { "inputs": { "type": "array", "items": { "$ref": "#/components/schemas/One" } } },
    });
    let one = json!({ "type": "object", "required": ["id"], "properties": {
        "id": { "type": "string" }, "operator": { "type": "string", "enum": ["EQ"] } } });
    let operation = json!({ "requestBody": { "content": { "application/json": { "schema": schema } } } });
    let paths = json!({ "/a/{b}/c": { "post": operation }, "/a/d/c": { "post": {} } });
    let specification = Specification::new(json!({ "paths": paths, "components": { "schemas": { "One": one } } }));
    let holder = specification.operation("POST", "/a/b/c").and_then(|found| found.get("requestBody"));
    let said = |body: Json| specification.body(holder, &body);
    said(json!({ "inputs": [{ "id": "1", "operator": "EQ" }] }))?;
    let closest = specification.operation("POST", "/a/d/c").is_some_and(|found| found.get("requestBody").is_none());
    let refused = [
        json!({}),
        json!({ "inputs": {} }),
        json!({ "inputs": [{}] }),
        json!({ "inputs": [{ "id": 1 }] }),
        json!({ "inputs": [{ "id": "1", "operator": "LIKE" }] }),
        json!({ "inputs": [], "more": 1 }),
    ];
    match refused.into_iter().find(|body| said(body.clone()).is_ok()) {
        None if closest && specification.operation("GET", "/a/b/c").is_none() => Ok(()),
        wrong => Err(format!("passes: {wrong:?}").into()),
    }
}
