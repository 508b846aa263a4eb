//! Values and times as an API shows them.

use concord_connector::{Instant, Reference, Target, Value, value::AddressPart};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value as Json, json};
use std::fmt;

/// An instant that is written as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct When(pub Instant);

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.rfc3339())
    }
}
impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = Instant::parse(&text).map(Self);
        parsed.ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no instant of RFC 3339")))
    }
}
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl From<Instant> for When {
    fn from(at: Instant) -> Self {
        Self(at)
    }
}

/// A value in plain JSON: texts, dates and instants as texts, an amount as `{"amount": "12.50", "currency": "EUR"}`.
pub fn json(value: Option<&Value>) -> Json {
    match value {
        None => Json::Null,
        Some(Value::Text(text) | Value::Enum(text)) => json!(text),
        Some(Value::Money(money)) => json!({ "amount": money.decimal(), "currency": money.currency.code() }),
        Some(Value::Date(date)) => json!(date.to_string()),
        Some(Value::Instant(at)) => json!(at.rfc3339()),
        Some(Value::Ref(reference)) => referring(reference),
        Some(Value::List(elements)) => elements.iter().map(|element| json(Some(element))).collect(),
        Some(Value::Address(address)) => {
            let parts = address.parts().map(|(part, text)| (part_name(part).to_owned(), json!(text)));
            Json::Object(parts.collect())
        }
    }
}

fn referring(reference: &Reference) -> Json {
    let mut object = Map::new();
    object.insert("entity".into(), json!(reference.entity));
    match &reference.to {
        Target::Record(id) => object.insert("record".into(), json!(id)),
        Target::External(id) => object.insert("external".into(), json!(id)),
    };
    if let Some(role) = &reference.role {
        object.insert("role".into(), json!(role));
    }
    Json::Object(object)
}

fn part_name(part: AddressPart) -> &'static str {
    match part {
        AddressPart::Street => "street",
        AddressPart::City => "city",
        AddressPart::Region => "region",
        AddressPart::PostalCode => "postal_code",
        AddressPart::Country => "country",
    }
}
