//! Composite requests: up to 25 subrequests in one call, carried out in order, each with its own status.

use crate::soql;
use concord_connector::{Context, Request, Response, Result};
use serde_json::{Map, Value as Json, json};

/// The vendor takes at most this many subrequests in one request.
pub(crate) const MOST: usize = 25;

/// One subrequest.
pub(crate) struct Sub {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) reference: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Json>,
}

impl Sub {
    pub(crate) fn new(method: &'static str, reference: impl Into<String>, url: String) -> Self {
        Self { method, url, reference: reference.into(), headers: Vec::new(), body: None }
    }
    pub(crate) fn get(reference: impl Into<String>, url: String) -> Self {
        Self::new("GET", reference, url)
    }
    pub(crate) fn body(mut self, body: Json) -> Self {
        self.body = Some(body);
        self
    }
    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
    fn json(&self) -> Json {
        let mut sub = json!({ "method": self.method, "url": self.url, "referenceId": self.reference });
        if let Some(body) = &self.body {
            sub["body"] = body.clone();
        }
        if !self.headers.is_empty() {
            let headers: Map<String, Json> =
                self.headers.iter().map(|(name, value)| ((*name).to_owned(), Json::String(value.clone()))).collect();
            sub["httpHeaders"] = Json::Object(headers);
        }
        sub
    }
}

/// A request of subrequests that do not depend on each other: one that fails leaves the others as they are.
pub(crate) fn request(cx: &Context, subs: &[Sub]) -> Request {
    let list: Vec<Json> = subs.iter().map(Sub::json).collect();
    let body = json!({ "allOrNone": false, "collateSubrequests": false, "compositeRequest": list });
    Request::post(format!("{}/composite", soql::root(cx)), body)
}

/// A request that writes: it carries the client's name, which change events repeat in `changeOrigin`, and switches the
/// assignment rules off that would give a lead another owner.
pub(crate) fn write(cx: &Context, subs: &[Sub]) -> Request {
    request(cx, subs)
        .header("sforce-call-options", format!("client={}", cx.option("client_name").unwrap_or("Concord")))
        .header("sforce-auto-assign", "FALSE")
        .writing()
}

/// The answer to one subrequest.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a Json,
}

impl<'a> Answer<'a> {
    pub(crate) fn of(sub: &'a Json) -> Self {
        let status = sub.get("httpStatusCode").and_then(Json::as_u64).and_then(|code| u16::try_from(code).ok());
        Self { status: status.unwrap_or(0), body: sub.get("body").unwrap_or(&Json::Null) }
    }
}

/// The answers by their place; the vendor keeps the order of the subrequests.
pub(crate) fn answers(response: &Response) -> Result<Vec<Answer<'_>>> {
    Ok(response.array("/compositeResponse")?.iter().map(Answer::of).collect())
}
