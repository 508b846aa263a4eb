//! Canonical fields as the builders of requests ask for them.

use concord_connector::{Fields, Money, Value, time::Date};

/// A text or a word.
pub(crate) fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    value(fields, name)?.as_str()
}

/// The texts of a list.
pub(crate) fn lines<'a>(fields: &'a Fields, name: &str) -> Vec<&'a str> {
    match value(fields, name) {
        Some(Value::List(elements)) => elements.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// An amount.
pub(crate) fn money(fields: &Fields, name: &str) -> Option<Money> {
    match value(fields, name) {
        Some(Value::Money(money)) => Some(*money),
        _ => None,
    }
}

/// A day.
pub(crate) fn date(fields: &Fields, name: &str) -> Option<Date> {
    match value(fields, name) {
        Some(Value::Date(date)) => Some(*date),
        _ => None,
    }
}

/// The external id of what is referred to.
pub(crate) fn reference<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    Some(value(fields, name)?.as_reference()?.external_id()?.as_str())
}

/// Whether any of these fields is said, empty or not.
pub(crate) fn says(fields: &Fields, names: &[&str]) -> bool {
    names.iter().any(|name| fields.contains_key(*name))
}

fn value<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name)?.as_ref()
}
