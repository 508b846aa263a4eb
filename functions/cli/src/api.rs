//! What the API answers, whether asked over HTTP or by a command on an idle folder.

mod connections;
mod dead_letters;
mod deals;
mod feed;
mod folder;
mod matches;
mod operations;
mod people;
mod plans;
mod records;
mod replay;
mod reviews;
mod subscriptions;
mod trigger;

use crate::{app::App, server::Problem};
use concord_hub::people::Word;
use serde_json::{Map, Value as Json};
use std::sync::Arc;
use url::form_urlencoded;

/// Rows of a page when nobody says how many.
pub(crate) const PAGE: usize = 100;
/// Rows of a page at most.
const LARGEST_PAGE: usize = concord_hub::views::MOST;

/// Letters of a name that are kept.
const LONGEST_NAME: usize = 80;

/// One call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    method: String,
    path: Vec<String>,
    query: Vec<(String, String)>,
    body: Map<String, Json>,
}

impl Call {
    /// Reads a call. The target begins with `/api/`.
    ///
    /// # Errors
    /// When the body is neither empty nor a JSON object.
    pub fn parse(method: &str, target: &str, body: &[u8]) -> Result<Self, Problem> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.trim_start_matches("/api/").trim_end_matches('/').split('/').map(decoded).collect();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let body = match serde_json::from_slice(body) {
            Ok(Json::Object(body)) => body,
            _ if body.is_empty() => Map::new(),
            _ => return Err(Problem::new(400, "The body has to be a JSON object.")),
        };
        Ok(Self { method: method.to_owned(), path, query, body })
    }
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }
    fn flag(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value != "0" && value != "false")
    }
    fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = self.parameter("limit") else { return Ok(PAGE) };
        match text.parse() {
            Ok(limit) if (1..=LARGEST_PAGE).contains(&limit) => Ok(limit),
            _ => Err(Problem::wrong(format!("`limit` has to be a number between 1 and {LARGEST_PAGE}."))),
        }
    }
    fn text(&self, name: &str) -> Result<&str, Problem> {
        self.optional(name)?.ok_or_else(|| Problem::wrong(format!("The body lacks `{name}`.")))
    }
    fn optional(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.body.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::wrong(format!("`{name}` has to be a text."))),
        }
    }
    /// Who decides, as they say themselves: whoever has the admin token may decide everything.
    fn actor(&self) -> Result<String, Problem> {
        let by = self.optional("by")?.map(str::trim).filter(|by| !by.is_empty()).unwrap_or("the admin token");
        Ok(by.chars().filter(|letter| !letter.is_control()).take(LONGEST_NAME).collect())
    }
    /// Who decides, and the reason that they give.
    fn word(&self) -> Result<Word, Problem> {
        Ok(Word::of(self.actor()?, self.optional("reason")?))
    }
    fn texts(&self, name: &str) -> Result<Vec<String>, Problem> {
        let wrong = || Problem::wrong(format!("`{name}` has to be a list of texts."));
        match self.body.get(name) {
            None | Some(Json::Null) => Ok(Vec::new()),
            Some(Json::Array(texts)) => {
                texts.iter().map(|text| text.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    }
}

/// Answers a call.
///
/// # Errors
/// A problem, with a sentence that says what to do.
pub async fn answer(app: &Arc<App>, call: Call) -> Result<Json, Problem> {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match (call.method.as_str(), path.as_slice()) {
        ("GET", ["records", entity]) => records::list(app, entity, &call).await,
        ("GET", ["records", entity, id]) => records::one(app, entity, id, &call).await,
        ("POST", ["records", entity]) => operations::make(app, entity, &call).await,
        ("POST", ["records", id, "fields"]) => operations::set_all(app, id, &call).await,
        ("GET", ["operations"]) => operations::list(app, &call).await,
        ("GET", ["preview", id]) => operations::preview(app, id, &call).await,
        ("POST", ["push", id]) => operations::push(app, id, &call).await,
        ("GET", ["deals", id]) => deals::whole(app, id).await,
        ("GET", ["usage", id]) => deals::used(app, id).await,
        ("POST", ["usage", id]) => deals::report(app, id, &call).await,
        ("GET", ["find"]) => records::find(app, &call).await,
        ("POST", ["records", id, "set"]) => people::set(app, id, &call).await,
        ("POST", ["merge"]) => people::merge(app, &call).await,
        ("POST", ["unmerge"]) => people::unmerge(app, &call).await,
        ("POST", ["link"]) => people::link(app, &call).await,
        ("POST", ["unlink"]) => people::unlink(app, &call).await,
        ("GET", ["changes"]) => feed::changes(app, &call).await,
        ("GET", ["connections"]) => connections::list(app).await,
        ("POST", ["connections", name, "backfill"]) => connections::backfill(app, name).await,
        ("GET", ["connections", name, "match"]) => matches::report(app, name, &call).await,
        ("POST", ["connections", name, "match"]) => matches::decide(app, name, &call).await,
        ("POST", ["connections", name, "describe"]) => connections::describe(app, name).await,
        ("GET", ["connections", name, "wanted"]) => connections::wanted(app, name).await,
        ("POST", ["connections", name, "consent"]) => connections::consent(app, name, &call).await,
        ("POST", ["connections", name, "code"]) => connections::code(app, name, &call).await,
        ("GET", ["deliveries"]) => feed::deliveries(app, &call).await,
        ("GET", ["reviews"]) => reviews::list(app, &call).await,
        ("GET", ["reviews", id]) => reviews::one(app, id).await,
        ("GET", ["reviews", id, "plan"]) => reviews::plan(app, id, &call).await,
        ("POST", ["reviews", id]) => reviews::decide(app, id, &call).await,
        ("GET", ["subscriptions"]) => subscriptions::list(app).await,
        ("GET", ["subscriptions", name]) => subscriptions::one(app, name).await,
        ("POST", ["subscriptions", name, verb]) => subscriptions::change(app, name, verb, &call).await,
        ("GET", ["trigger"]) => Ok(trigger::list(app)),
        ("POST", ["trigger"]) => trigger::send(app, &call).await,
        ("GET", ["status"]) => connections::status(app).await,
        ("GET", ["dead-letters"]) => dead_letters::list(app, &call).await,
        ("POST", ["dead-letters", "redrive"]) => dead_letters::redrive(app, &call).await,
        ("GET", ["plan"]) => plans::make(app, &call).await,
        ("GET", ["plans", id]) => plans::one(app, id).await,
        ("GET", ["plans", id, "standing"]) => plans::standing(app, id).await,
        ("POST", ["plan"]) => plans::trial(app, &call).await,
        ("POST", ["replay"]) => replay::replay(app, &call).await,
        ("POST", ["apply"]) => plans::apply(app, &call).await,
        ("POST", ["vault", name]) => folder::keep(app, name, &call).await,
        ("POST", ["backup"]) => folder::backup(app, &call).await,
        ("POST", ["stop"]) => Ok(folder::stop(app)),
        ("GET" | "POST", _) => Err(Problem::missing(format!("There is no `/api/{}`.", path.join("/")))),
        _ => Err(Problem::new(405, "The API is read by GET and changed by POST.")),
    }
}

/// A read model as JSON.
fn shown(view: impl serde::Serialize) -> Result<Json, Problem> {
    serde_json::to_value(view).map_err(|_| Problem::new(500, "The answer cannot be written as JSON."))
}

fn decoded(segment: &str) -> String {
    // A path has no `+` for blanks, unlike a form.
    let escaped = segment.replace('+', "%2B");
    let mut pairs = form_urlencoded::parse(escaped.as_bytes());
    pairs
        .next()
        .map(|(name, value)| if value.is_empty() { name.into_owned() } else { format!("{name}={value}") })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_from_its_target_and_body() {
        let call =
            Call::parse("POST", "/api/records/a%2Fb/set?limit=5&x=", br#"{"field":"name","value":null}"#).unwrap();
        assert_eq!(call.path, ["records", "a/b", "set"]);
        assert_eq!(call.limit().unwrap(), 5);
        assert_eq!(call.parameter("x"), None);
        assert_eq!(call.text("field").unwrap(), "name");
        assert_eq!(call.optional("value").unwrap(), None);
        assert_eq!(call.text("other").unwrap_err().status, 422);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["[]", "{", "1", "\"x\""] {
            assert_eq!(Call::parse("POST", "/api/merge", body.as_bytes()).unwrap_err().status, 400, "{body}");
        }
        for limit in ["0", "501", "x"] {
            let call = Call::parse("GET", &format!("/api/records/order?limit={limit}"), b"").unwrap();
            assert_eq!(call.limit().unwrap_err().status, 422, "{limit}");
        }
    }
}
