//! As much of OpenAPI as these documents use: paths, parameters, bodies, responses; of schemas `$ref`, `allOf`, `type`,
//! `enum`, `format`, `properties`, `items` and its bounds. A member that is in no schema is a mistake.

use libtest_mimic::Failed;
use serde_json::{Value as Json, json};

pub(crate) struct Document(Json);

impl Document {
    pub(crate) fn new(json: Json) -> Self {
        Self(json)
    }

    /// Compares a recorded exchange.
    pub(crate) fn exchange(&self, request: &Json, response: &Json) -> Result<(), String> {
        let path = request["path"].as_str().ok_or("has no path")?;
        let method = request["method"].as_str().unwrap_or_default().to_lowercase();
        let operation = self.operation(&method, path).ok_or("is not specified")?;
        let parameters: Vec<&Json> = operation["parameters"].as_array().into_iter().flatten().collect();
        let parameter = |place: &str, name: &str| {
            parameters
                .iter()
                .find(|one| one["in"] == place && one["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)))
        };
        let pairs = |name: &str| request[name].as_array().cloned().unwrap_or_default();
        for (place, pair) in
            pairs("query").iter().map(|one| ("query", one)).chain(pairs("headers").iter().map(|one| ("header", one)))
        {
            let name = pair[0].as_str().unwrap_or_default();
            let known = parameter(place, name).ok_or_else(|| format!("has no {place} parameter `{name}`"))?;
            self.value(&known["schema"], &pair[1], name)?;
        }
        for one in &parameters {
            let name = one["name"].as_str().unwrap_or_default();
            let place = if one["in"] == "query" { "query" } else { "headers" };
            let sent =
                || pairs(place).iter().any(|pair| pair[0].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)));
            if one["required"] == true && one["in"] != "path" && !sent() {
                return Err(format!("lacks the parameter `{name}`"));
            }
        }
        match (request.pointer("/body/json"), operation.get("requestBody")) {
            (Some(body), Some(holder)) => self.body(holder, body)?,
            (None, Some(holder)) if holder["required"] == true => return Err("lacks a body".into()),
            (Some(_), None) => return Err("has a body where none is specified".into()),
            _ => {}
        }
        let status = response["status"].to_string();
        let said = operation["responses"].get(&status).ok_or_else(|| format!("answers no {status}"))?;
        match (&response["body"], said.get("content")) {
            (Json::Null, _) | (_, None) => Ok(()),
            (body, Some(_)) => self.body(said, body).map_err(|mistake| format!("{status}: {mistake}")),
        }
    }

    fn operation(&self, method: &str, path: &str) -> Option<&Json> {
        let wanted: Vec<&str> = path.trim_matches('/').split('/').collect();
        let fits = |template: &str| {
            let segments: Vec<&str> = template.trim_matches('/').split('/').collect();
            segments.len() == wanted.len() && segments.iter().zip(&wanted).all(|(a, b)| a == b || a.starts_with('{'))
        };
        // What is written out goes before what stands for anything.
        let mut paths: Vec<_> = self.0["paths"].as_object()?.iter().filter(|(template, _)| fits(template)).collect();
        paths.sort_by_key(|(template, _)| template.matches('{').count());
        paths.into_iter().find_map(|(_, path)| path.get(method))
    }

    fn body(&self, holder: &Json, body: &Json) -> Result<(), String> {
        match holder.pointer("/content/application~1json/schema") {
            Some(schema) => self.value(schema, body, ""),
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
        let text = value.as_str().unwrap_or_default();
        let formed = match schema["format"].as_str() {
            Some("uuid") => text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'),
            Some("date-time") => concord_connector::Instant::parse(text).is_some(),
            _ => true,
        };
        if !formed {
            return Err(format!("`{at}` is no {}: {value}", schema["format"]));
        }
        let length = value.as_array().map_or(0, Vec::len) as u64;
        if value.is_array()
            && (length < schema["minItems"].as_u64().unwrap_or(0)
                || length > schema["maxItems"].as_u64().unwrap_or(u64::MAX))
        {
            return Err(format!("`{at}` has {length} elements"));
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

/// The check itself can fail.
pub(crate) fn notices() -> Result<(), Failed> {
    let schema = json!({ "type": "object", "required": ["id"], "properties": {
        "id": { "type": "string", "format": "uuid" }, "kind": { "enum": ["a"] }, "all": { "type": "array", "maxItems": 1 } } });
    let holder = json!({ "content": { "application/json": { "schema": schema } } });
    let operation = json!({ "parameters": [{ "name": "v", "in": "query", "required": true }], "requestBody": holder, "responses": { "200": holder } });
    let document = Document::new(json!({ "paths": { "/a/{b}": { "post": operation } } }));
    let id = "00000000-0000-4000-8000-000000000000";
    let request = |path: &str, query: Json, body: Json| json!({ "method": "POST", "path": path, "query": query, "body": { "json": body } });
    let good = json!({ "id": id, "kind": "a", "all": [1] });
    let said = |request: Json, status: u16, body: Json| {
        document.exchange(&request, &json!({ "status": status, "body": body }))
    };
    let version = json!([["v", "1"]]);
    said(request("/a/x", version.clone(), good.clone()), 200, good.clone())?;
    let bodies = [
        json!({}),
        json!({ "id": "x" }),
        json!({ "id": id, "more": 1 }),
        json!({ "id": id, "kind": "b" }),
        json!({ "id": id, "all": [1, 2] }),
    ];
    for body in bodies {
        if said(request("/a/x", version.clone(), body.clone()), 200, good.clone()).is_ok()
            || said(request("/a/x", version.clone(), good.clone()), 200, body.clone()).is_ok()
        {
            return Err(format!("passes: {body}").into());
        }
    }
    let wrong = [
        said(request("/a", version.clone(), good.clone()), 200, good.clone()),
        said(request("/a/x", json!([]), good.clone()), 200, good.clone()),
        said(request("/a/x", json!([["v", "1"], ["w", "1"]]), good.clone()), 200, good.clone()),
        said(request("/a/x", version, good.clone()), 201, good),
    ];
    if wrong.iter().all(Result::is_err) { Ok(()) } else { Err(format!("{wrong:?}").into()) }
}
