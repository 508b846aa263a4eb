//! Requests from endpoints: placeholders filled, what has no value left out.

use crate::{
    Context, Fault, Request, Result,
    exchange::{Body, Method},
    manifest::{Endpoint, SinceForm, Template},
    time::Instant,
};
use serde_json::Value as Json;
use std::borrow::Cow;

/// The values that placeholders may stand for.
#[derive(Clone, Default)]
pub(super) struct Values<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) ids: &'a [&'a str],
    pub(super) marker: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) idempotency: Option<&'a str>,
    pub(super) revision: Option<&'a str>,
    pub(super) since: Option<Instant>,
    pub(super) until: Option<Instant>,
}

impl<'a> Values<'a> {
    pub(super) fn id(id: &'a str) -> Self {
        Self { id: Some(id), ..Self::default() }
    }

    fn get(&self, cx: &'a Context, endpoint: &Endpoint, name: &str) -> Option<Cow<'a, str>> {
        match name {
            "id" => self.id.map(Cow::Borrowed),
            "marker" => self.marker.map(Cow::Borrowed),
            "key" => self.key.map(Cow::Borrowed),
            "idempotency" => self.idempotency.map(Cow::Borrowed),
            "revision" => self.revision.map(Cow::Borrowed),
            "since" => self.since.map(|at| Cow::Owned(written(endpoint.since, at))),
            "until" => self.until.map(|at| Cow::Owned(written(endpoint.since, at))),
            "ids" => {
                let separator = endpoint.separator.as_deref().unwrap_or(",");
                (!self.ids.is_empty()).then(|| Cow::Owned(self.ids.join(separator)))
            }
            option => cx.option(option).map(Cow::Borrowed),
        }
    }
}

fn written(form: SinceForm, at: Instant) -> String {
    match form {
        SinceForm::Rfc3339 => at.rfc3339(),
        SinceForm::EpochMs => at.ms().to_string(),
        SinceForm::EpochS => at.seconds().to_string(),
        SinceForm::Date => at.rfc3339().chars().take(10).collect(),
    }
}

/// The request of an endpoint, without a record in it.
pub(super) fn request(cx: &Context, endpoint: &Endpoint, usual: Method, values: &Values<'_>) -> Result<Request> {
    let value = |name: &str| values.get(cx, endpoint, name);
    let in_path = |name: &str| values.get(cx, endpoint, name).map(|text| Cow::Owned(encoded(&text)));
    let missing = || {
        let names: Vec<&str> = endpoint.path.names().filter(|name| value(name).is_none()).collect();
        let sentence = format!("nothing is known for `{}` of the path", names.join("`, `"));
        Fault::malformed("rest.request", sentence).with("path", endpoint.path.as_str())
    };
    let path = endpoint.path.fill(in_path).ok_or_else(missing)?;
    let mut request = Request::new(endpoint.method.unwrap_or(usual), path);
    // `a?b=c` in a path is a query that was written there.
    if let Some((path, query)) = request.path.clone().split_once('?') {
        request.query.extend(url::form_urlencoded::parse(query.as_bytes()).into_owned());
        request.path = path.to_owned();
    }
    for (name, template) in &endpoint.query {
        request.query.extend(template.fill(value).map(|text| (name.clone(), text)));
    }
    for (name, template) in &endpoint.headers {
        request.headers.extend(template.fill(value).map(|text| (name.clone(), text)));
    }
    if let Some(body) = &endpoint.body {
        request.body = Body::Json(body_of(body, &value, values.ids));
    }
    request.limit.clone_from(&endpoint.limit);
    request.accept = vec![200, 201, 202, 204];
    Ok(request)
}

/// A constant body with its placeholders filled. `"{ids}"` alone stands for the array of them.
fn body_of<'v>(body: &Json, value: &impl Fn(&str) -> Option<Cow<'v, str>>, ids: &[&str]) -> Json {
    match body {
        Json::String(text) if text == "{ids}" => Json::from(ids),
        Json::String(text) if text.contains('{') => {
            Template::from(text.clone()).fill(value).map_or(Json::Null, Json::String)
        }
        Json::Array(elements) => elements.iter().map(|element| body_of(element, value, ids)).collect(),
        Json::Object(members) => {
            let filled = members.iter().map(|(name, member)| (name.clone(), body_of(member, value, ids)));
            // A member whose placeholder has no value is left out, as a query parameter is; a null that was written stays.
            Json::Object(filled.filter(|(name, filled)| !filled.is_null() || members[name].is_null()).collect())
        }
        other => other.clone(),
    }
}

/// A value in a path: everything but unreserved characters is escaped, slashes included.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    // A segment of dots would walk up the path.
    if matches!(out.as_str(), "." | "..") { out.replace('.', "%2E") } else { out }
}
