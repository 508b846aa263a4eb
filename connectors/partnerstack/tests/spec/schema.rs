//! As much of JSON Schema as the specification uses: `$ref`, one or several `type`s, `required`, `enum`, `maxLength`,
//! `properties` and `items`. A member that is in no schema is a mistake.

use libtest_mimic::Failed;
use serde_json::{Value as Json, json};

pub(crate) struct Specification(Json);

impl Specification {
    pub(crate) fn new(json: Json) -> Self {
        Self(json)
    }

    /// The operation of a concrete path.
    pub(crate) fn operation(&self, method: &str, path: &str) -> Option<&Json> {
        let wanted: Vec<&str> = path.trim_matches('/').split('/').collect();
        let fits = |template: &str| {
            let segments: Vec<&str> = template.trim_matches('/').split('/').collect();
            segments.len() == wanted.len() && segments.iter().zip(&wanted).all(|(a, b)| a == b || a.starts_with('{'))
        };
        let mut paths = self.0["paths"].as_object()?.iter().filter(|(template, _)| fits(template));
        paths.find_map(|(_, path)| path.get(method.to_lowercase()))
    }

    /// Checks a JSON body against the schema of a request body or a response.
    pub(crate) fn body(&self, holder: Option<&Json>, body: &Json) -> Result<(), String> {
        match holder.and_then(|holder| holder.pointer("/content/application~1json/schema")) {
            Some(schema) => self.value(schema, body, ""),
            None => Err("has a body where none is specified".into()),
        }
    }

    fn value(&self, schema: &Json, value: &Json, at: &str) -> Result<(), String> {
        if let Some(name) = schema["$ref"].as_str() {
            let target = self.0.pointer(name.trim_start_matches('#')).ok_or_else(|| format!("{name} leads nowhere"))?;
            return self.value(target, value, at);
        }
        let is = |ty: &str| match ty {
            "null" => value.is_null(),
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "boolean" => value.is_boolean(),
            _ => true,
        };
        let fits = match &schema["type"] {
            Json::String(ty) => is(ty),
            Json::Array(types) => types.iter().filter_map(Json::as_str).any(is),
            _ => true,
        };
        if !fits {
            return Err(format!("`{at}` is no {}: {value}", schema["type"]));
        }
        if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
            return Err(format!("`{at}` is not one of {}: {value}", schema["enum"]));
        }
        let longest = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
        if value.as_str().is_some_and(|text| text.chars().count() as u64 > longest) {
            return Err(format!("`{at}` is longer than {longest}"));
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            if value.get(name).is_none() {
                return Err(format!("`{at}` lacks `{name}`"));
            }
        }
        for (name, member) in value.as_object().into_iter().flatten() {
            let at = format!("{at}/{name}");
            match schema["properties"].get(name) {
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

/// The check itself can fail: on a wrong type, a missing member, an unknown member, an unknown value, a long text.
pub(crate) fn notices() -> Result<(), Failed> {
    let schema = json!({ "type": "object", "required": ["data"], "properties": {
        "data": { "type": ["null", "integer"] }, "source": { "enum": ["partner"] }, "name": { "maxLength": 2 } } });
    let operation = json!({ "requestBody": { "content": { "application/json": { "schema": schema } } } });
    let specification = Specification::new(json!({ "paths": { "/a/{b}": { "post": operation } } }));
    let holder = specification.operation("POST", "/a/b").and_then(|found| found.get("requestBody"));
    let said = |body: Json| specification.body(holder, &body);
    said(json!({ "data": 1, "source": "partner", "name": "ab" }))?;
    said(json!({ "data": null }))?;
    let refused = [
        json!({}),
        json!({ "data": "1" }),
        json!({ "data": 1, "more": 1 }),
        json!({ "data": 1, "source": "x" }),
        json!({ "data": 1, "name": "abc" }),
    ];
    match refused.into_iter().find(|body| said(body.clone()).is_ok()) {
        None if specification.operation("GET", "/a/b").is_none() => Ok(()),
        wrong => Err(format!("passes: {wrong:?}").into()),
    }
}
