//! Which call of the manifest a request is.

use super::Derived;
use crate::{
    Entity,
    exchange::Method,
    manifest::{Endpoint, Template, template::Piece},
    sandbox::WireRequest,
    testing::drive,
};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What placeholders stand for in a request.
pub(super) type Values = BTreeMap<String, String>;

/// A call that fits a request.
pub(super) struct Call {
    pub(super) entity: Entity,
    pub(super) verb: String,
    pub(super) endpoint: Endpoint,
    pub(super) values: Values,
}

impl Derived {
    /// The call that a request is; of several the one that explains most of it.
    pub(super) fn call(&self, request: &WireRequest) -> Option<Call> {
        let base = drive::base_path(&self.manifest, &self.cx);
        let path = request.path().strip_prefix(&base)?;
        let mut fitting = Vec::new();
        for (entity, mapping) in &self.manifest.entity {
            let makes = mapping.fields.iter().any(|rule| rule.flow.creates());
            for (verb, endpoint) in mapping.api.iter().flat_map(|api| api.endpoints()) {
                if endpoint.path.as_str().is_empty() || method(verb, endpoint).as_str() != request.method {
                    continue;
                }
                if let Some(values) = self.values(endpoint, path, request) {
                    let call = Call { entity: *entity, verb: verb.to_owned(), endpoint: endpoint.clone(), values };
                    fitting.push(((call.values.len(), makes), call));
                }
            }
        }
        fitting.sort_by_key(|(rank, _)| *rank);
        fitting.pop().map(|(_, call)| call)
    }

    /// The values of an endpoint's placeholders, when a request is of it. `since` and the like may be missing; what tells
    /// one search from another may not.
    fn values(&self, endpoint: &Endpoint, path: &str, request: &WireRequest) -> Option<Values> {
        let mut values = Values::new();
        let own = endpoint.path.as_str().split('?').next().unwrap_or_default();
        self.fit(&Template::from(own.to_owned()), path, &mut values)?;
        for value in values.values_mut() {
            *value = decoded(value);
        }
        for (name, template) in &endpoint.query {
            match request.parameter(name) {
                Some(sent) => {
                    self.fit(template, &sent, &mut values)?;
                    values.insert(format!("?{name}"), sent);
                }
                None if template.names().any(tells) || template.names().next().is_none() => return None,
                None => {}
            }
        }
        let body = request.json().unwrap_or_default();
        if let Some(own) = &endpoint.body {
            self.fit_body(own, &body, &mut values)?;
        }
        for (name, template) in &endpoint.headers {
            if let Some(sent) = request.headers.get(&name.to_ascii_lowercase()) {
                self.fit(template, sent, &mut values)?;
            }
        }
        Some(values)
    }

    fn fit_body(&self, own: &Json, sent: &Json, values: &mut Values) -> Option<()> {
        match own {
            Json::String(text) if text == "{ids}" => {
                let ids: Vec<&str> = sent.as_array()?.iter().filter_map(Json::as_str).collect();
                values.insert("ids".into(), ids.join(","));
            }
            Json::String(text) if text.contains('{') => match sent.as_str() {
                Some(sent) => self.fit(&Template::from(text.clone()), sent, values)?,
                None if Template::from(text.clone()).names().any(tells) => return None,
                None => {}
            },
            Json::Object(members) => {
                for (name, member) in members {
                    self.fit_body(member, sent.get(name).unwrap_or(&Json::Null), values)?;
                }
            }
            Json::Array(elements) => {
                for (at, element) in elements.iter().enumerate() {
                    self.fit_body(element, sent.get(at).unwrap_or(&Json::Null), values)?;
                }
            }
            constant if constant == sent => {
                values.insert(format!("={constant}"), String::new());
            }
            _ => return None,
        }
        Some(())
    }

    fn fit(&self, template: &Template, text: &str, values: &mut Values) -> Option<()> {
        let mut rest = text;
        let mut pieces = template.pieces().iter().peekable();
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Text(text) => rest = rest.strip_prefix(text.as_str())?,
                Piece::Value(name) if self.cx.option(name).is_some() => {
                    rest = rest.strip_prefix(self.cx.option(name)?)?;
                }
                Piece::Value(name) => {
                    let end = match pieces.peek() {
                        Some(Piece::Text(next)) => rest.find(next.as_str())?,
                        _ => rest.len(),
                    };
                    let value = &rest[..end];
                    if value.is_empty() || (name == "id" && value.contains('/')) {
                        return None;
                    }
                    values.insert(name.clone(), value.to_owned());
                    rest = &rest[end..];
                }
            }
        }
        rest.is_empty().then_some(())
    }
}

/// Placeholders without which a search is another one.
fn tells(name: &str) -> bool {
    matches!(name, "id" | "ids" | "marker" | "key")
}

fn method(verb: &str, endpoint: &Endpoint) -> Method {
    endpoint.method.unwrap_or(match verb {
        "create" | "archive" => Method::Post,
        "update" if endpoint.replaces => Method::Put,
        "update" => Method::Patch,
        "upsert" => Method::Put,
        "delete" => Method::Delete,
        _ => Method::Get,
    })
}

fn decoded(text: &str) -> String {
    let query = format!("v={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(query.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
