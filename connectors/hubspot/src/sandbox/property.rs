//! Properties: what an object has, and how lossily HubSpot keeps a value.

use super::refusal::{Answer, Refusal};
use concord_connector::time::Instant;
use serde_json::{Value as Json, json};

/// What a property holds. On the wire every value is a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Lower case, checked for an `@`.
    Email,
    /// A bare host name in lower case.
    Domain,
    Number,
    /// `2026-01-31`; also taken as epoch milliseconds of midnight UTC.
    Date,
    /// Kept in milliseconds; taken as ISO 8601 or epoch milliseconds.
    DateTime,
    /// One of these.
    Choice(&'static [&'static str]),
    /// Several of these, joined by `;`.
    Checkboxes(&'static [&'static str]),
    /// A stage of a pipeline; the default pipeline's are these.
    Stage(&'static [&'static str]),
}

/// A property of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unique: bool,
    pub(super) read_only: bool,
}

impl Property {
    /// As the properties API lists it.
    pub(super) fn definition(&self) -> Json {
        let (ty, field) = match self.kind {
            Kind::Text | Kind::Email | Kind::Domain => ("string", "text"),
            Kind::Number => ("number", "number"),
            Kind::Date => ("date", "date"),
            Kind::DateTime => ("datetime", "date"),
            Kind::Choice(_) | Kind::Stage(_) => ("enumeration", "select"),
            Kind::Checkboxes(_) => ("enumeration", "checkbox"),
        };
        let choices = match self.kind {
            Kind::Choice(values) | Kind::Checkboxes(values) | Kind::Stage(values) => values,
            _ => &[],
        };
        let options: Vec<Json> =
            choices.iter().map(|value| json!({ "label": value, "value": value, "hidden": false })).collect();
        json!({
            "name": self.name,
            "label": self.name,
            "description": "",
            "groupName": "information",
            "type": ty,
            "fieldType": field,
            "options": options,
            "hasUniqueValue": self.unique,
            "modificationMetadata": { "archivable": true, "readOnlyDefinition": false, "readOnlyValue": self.read_only },
        })
    }

    /// The value as it is kept.
    pub(super) fn keep(&self, value: &Json) -> Answer<String> {
        let text = match value {
            Json::String(text) => text.trim().to_owned(),
            Json::Number(number) => number.to_string(),
            Json::Bool(truth) => truth.to_string(),
            Json::Null => String::new(),
            _ => return Err(Refusal::invalid(format!("Invalid input JSON: `{}` is no text", self.name))),
        };
        if self.read_only {
            let message = format!("\"{}\" is a read only property; its value cannot be set.", self.name);
            return Err(Refusal::property(self.name, "READ_ONLY_VALUE", message));
        }
        if text.len() > 65_536 {
            return Err(Refusal::property(self.name, "PROPERTY_VALUE_TOO_LONG", "at most 65536 characters"));
        }
        if text.is_empty() {
            return Ok(text);
        }
        let one_of = |values: &[&str], text: &str| {
            if values.contains(&text) {
                return Ok(());
            }
            let message = format!("{text} was not one of the allowed options: {values:?}");
            Err(Refusal::property(self.name, "INVALID_OPTION", message))
        };
        match self.kind {
            Kind::Text => Ok(text),
            Kind::Email if text.contains('@') => Ok(text.to_lowercase()),
            Kind::Email => {
                Err(Refusal::property(self.name, "INVALID_EMAIL", format!("Email address {text} is invalid")))
            }
            Kind::Domain => Ok(host(&text)),
            Kind::Number => number(&text)
                .ok_or_else(|| Refusal::property(self.name, "INVALID_LONG", format!("{text} was not a valid number."))),
            Kind::Date => date(&text)
                .ok_or_else(|| Refusal::property(self.name, "INVALID_DATE", format!("{text} was not a valid date."))),
            Kind::DateTime => instant(&text)
                .map(Instant::rfc3339)
                .ok_or_else(|| Refusal::property(self.name, "INVALID_DATE", format!("{text} was not a valid date."))),
            Kind::Choice(values) | Kind::Stage(values) => one_of(values, &text).map(|()| text),
            Kind::Checkboxes(values) => {
                text.split(';').filter(|part| !part.is_empty()).try_for_each(|part| one_of(values, part))?;
                Ok(text)
            }
        }
    }
}

fn host(text: &str) -> String {
    let text = text.to_lowercase();
    let rest = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or(rest);
    host.strip_prefix("www.").unwrap_or(host).to_owned()
}

/// Numbers lose the zeros behind the point: `1200.50` comes back as `1200.5`.
fn number(text: &str) -> Option<String> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !plain(whole) || !plain(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

pub(super) fn instant(text: &str) -> Option<Instant> {
    match text.parse::<i64>() {
        Ok(ms) => Some(Instant::from_ms(ms)),
        Err(_) => Instant::parse(text).or_else(|| Instant::parse(&format!("{text}T00:00:00Z"))),
    }
}

fn date(text: &str) -> Option<String> {
    let at = instant(text)?.rfc3339();
    at.ends_with("T00:00:00.000Z").then(|| at[..10].to_owned())
}
