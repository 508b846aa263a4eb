//! Codecs: how a canonical value is written at a vendor. A closed set; what none of them can say is a quirk in Rust.

mod forms;
mod host;
mod pairs;
mod pointer;

use crate::{
    Context, Field,
    schema::{Entity, Type},
    value::{Address, AddressPart, Currency, Money, Reference, Value},
};
pub use forms::{DateForm, InstantForm};
pub use host::host;
use litemap::LiteMap;
pub use pairs::Pairs;
use pairs::{ours, snake, theirs, unknown};
pub use pointer::{at, put};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

/// How a value is written at a vendor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Codec {
    /// As the field's type suggests.
    #[default]
    Default,
    /// Text; numbers and booleans are read as their text.
    Text,
    /// Text cut at a length in characters, as the vendor cuts or limits it.
    TextMax(usize),
    /// Text in lower case (e-mail addresses).
    Lower,
    /// The host of a web address or domain: `https://www.Example.com/x` is `example.com`.
    Domain,
    /// A civil date.
    Date(DateForm),
    /// A point in time.
    Instant(InstantForm),
    /// A decimal amount.
    Money {
        /// Where the currency code is; by default the connection's currency.
        #[serde(default)]
        currency: Option<String>,
        /// Written as a JSON number instead of a text.
        #[serde(default)]
        number: bool,
        /// Counted in minor units (cents), a whole number.
        #[serde(default)]
        minor: bool,
    },
    /// A value map.
    Enum(Pairs),
    /// A value map that keeps vendor values it does not know, in snake case.
    EnumOpen(Pairs),
    /// A JSON flag for a field with two values: true stands for the first, false for the second.
    Flag(String, String),
    /// A JSON array of elements, each mapped by pairs.
    Array(Pairs),
    /// The id of another record.
    Reference(Entity),
    /// The id of another record, a JSON number there.
    ReferenceNumber(Entity),
    /// A JSON array of ids of other records.
    Ids(Entity),
    /// An array of `{"id", "role"}`, or of ids; the connector brings the vendor's shape into this one.
    References(Entity),
    /// A text with separated elements, each of them mapped by pairs (none: kept as they are).
    Joined {
        /// Between elements: `;`.
        separator: String,
        /// Element by element.
        #[serde(default)]
        map: Pairs,
    },
    /// A text with a line for each of several texts; an array of texts is read as well.
    Lines,
    /// A JSON array of texts.
    Texts,
    /// Parts of an address, each under its own name below the pointer.
    Address(BTreeMap<AddressPart, String>),
}

type Outcome<T> = Result<T, String>;

impl Codec {
    /// The codec that a type suggests.
    pub fn of(ty: Type) -> Self {
        match ty {
            Type::Text => Self::Text,
            Type::Money => Self::Money { currency: None, number: false, minor: false },
            Type::Date => Self::Date(DateForm::Iso),
            Type::Instant => Self::Instant(InstantForm::Rfc3339),
            Type::Enum(values) => Self::Enum(values.iter().map(|v| ((*v).to_owned(), (*v).to_owned())).collect()),
            Type::Reference(entity) => Self::Reference(entity),
            Type::List(Type::Reference(entity)) => Self::References(*entity),
            Type::List(Type::Enum(values)) => {
                let map = values.iter().map(|v| ((*v).to_owned(), (*v).to_owned())).collect();
                Self::Joined { separator: ";".into(), map }
            }
            Type::List(_) => Self::Lines,
            Type::Address => Self::Address(BTreeMap::new()),
        }
    }

    /// The codec that a field's type suggests, made once for all.
    pub(crate) fn standard(entity: Entity, field: &Field) -> Option<&'static Self> {
        type ByField = LiteMap<Field, Codec>;
        static STANDARD: LazyLock<LiteMap<Entity, ByField>> = LazyLock::new(|| {
            let fields = |entity: Entity| entity.fields().iter().map(|spec| (spec.name.into(), Codec::of(spec.ty)));
            Entity::ALL.into_iter().map(|entity| (entity, fields(entity).collect())).collect()
        });
        STANDARD.get(&entity)?.get(field)
    }

    /// Whether values of a type can be written this way.
    pub fn fits(&self, ty: Type) -> bool {
        match self {
            Self::Default => true,
            Self::Text | Self::TextMax(_) | Self::Lower | Self::Domain => ty == Type::Text,
            Self::Date(_) => ty == Type::Date,
            Self::Instant(_) => ty == Type::Instant,
            Self::Money { .. } => ty == Type::Money,
            Self::Enum(_) | Self::EnumOpen(_) => matches!(ty, Type::Enum(_)),
            Self::Flag(..) => matches!(ty, Type::Enum(_)),
            Self::Array(_) => matches!(ty, Type::List(Type::Enum(_))),
            Self::Reference(entity) | Self::ReferenceNumber(entity) => ty == Type::Reference(*entity),
            Self::References(entity) | Self::Ids(entity) => {
                matches!(ty, Type::List(Type::Reference(of)) if of == entity)
            }
            Self::Joined { .. } => matches!(ty, Type::List(Type::Enum(_))),
            Self::Lines | Self::Texts => ty == Type::List(&Type::Text),
            Self::Address(_) => ty == Type::Address,
        }
    }

    /// The value map, if it is one.
    pub fn pairs(&self) -> Option<&Pairs> {
        match self {
            Self::Enum(pairs) | Self::EnumOpen(pairs) | Self::Array(pairs) | Self::Joined { map: pairs, .. } => {
                Some(pairs)
            }
            _ => None,
        }
    }

    /// The vendor's pointers that the codec reads and writes for a rule at `pointer`.
    pub fn pointers(&self, pointer: &str) -> Vec<String> {
        match self {
            Self::Address(parts) => parts.values().map(|name| format!("{pointer}/{name}")).collect(),
            Self::Money { currency: Some(currency), .. } => vec![pointer.to_owned(), currency.clone()],
            _ => vec![pointer.to_owned()],
        }
    }

    /// `None`: not said. `Some(None)`: empty there.
    ///
    /// # Errors
    /// A sentence that says what cannot be understood.
    pub fn decode(&self, cx: &Context, row: &Json, pointer: &str) -> Outcome<Option<Option<Value>>> {
        if let Self::Address(parts) = self {
            return decode_address(row, pointer, parts);
        }
        let Some(raw) = at(row, pointer) else { return Ok(None) };
        let text: Cow<'_, str> = match raw {
            Json::Null => return Ok(Some(None)),
            Json::String(text) => Cow::Borrowed(text.trim()),
            Json::Number(number) => Cow::Owned(number.to_string()),
            Json::Bool(true) => Cow::Borrowed("true"),
            Json::Bool(false) => Cow::Borrowed("false"),
            Json::Array(elements) => return self.decode_array(elements).map(Some),
            Json::Object(_) => return Err("an object stands where a single value belongs".into()),
        };
        if text.is_empty() {
            return Ok(Some(None));
        }
        Ok(Some(match self {
            Self::Default | Self::Text => Value::text(&text),
            Self::TextMax(max) => Value::text(&text.chars().take(*max).collect::<String>()),
            Self::Lower => Value::text(&text.to_lowercase()),
            Self::Domain => host(&text).map(|host| Value::Text(host.into())),
            Self::Date(form) => Some(Value::Date(form.decode(&text, &cx.time_zone)?)),
            Self::Instant(form) => Some(Value::Instant(form.decode(&text)?)),
            Self::Money { currency, minor, .. } => {
                let currency = currency_of(cx, row, currency.as_deref())?;
                Some(Value::Money(if *minor {
                    let minor = text.parse().map_err(|_| "an amount in minor units is no whole number".to_owned())?;
                    Money { minor, currency }
                } else {
                    Money::parse(&text, currency)?
                }))
            }
            Self::Flag(yes, no) => Some(Value::Enum(match &*text {
                "true" | "1" => yes.as_str().into(),
                "false" | "0" => no.as_str().into(),
                other => return Err(format!("`{}` is no flag", other.chars().take(40).collect::<String>())),
            })),
            Self::Array(pairs) => Value::list(vec![Value::Enum(ours(pairs, &text).ok_or_else(|| unknown(&text))?)]),
            Self::Enum(pairs) => Some(Value::Enum(ours(pairs, &text).ok_or_else(|| unknown(&text))?)),
            Self::EnumOpen(pairs) => Some(Value::Enum(ours(pairs, &text).unwrap_or_else(|| snake(&text)))),
            Self::Reference(entity) | Self::ReferenceNumber(entity) => {
                Some(Value::from(Reference::external(*entity, text)))
            }
            Self::References(entity) | Self::Ids(entity) => {
                Value::list(vec![Value::from(Reference::external(*entity, text))])
            }
            Self::Joined { separator, map } => {
                let mut elements = Vec::new();
                for part in text.split(separator.as_str()).map(str::trim).filter(|part| !part.is_empty()) {
                    elements.push(if map.is_empty() {
                        Value::Enum(snake(part))
                    } else {
                        Value::Enum(ours(map, part).ok_or_else(|| unknown(part))?)
                    });
                }
                Value::list(elements)
            }
            Self::Lines | Self::Texts => Value::list(text.lines().filter_map(Value::text).collect()),
            Self::Address(_) => unreachable!("handled above"),
        }))
    }

    fn decode_array(&self, elements: &[Json]) -> Outcome<Option<Value>> {
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            if let (Self::Lines | Self::Texts, Json::String(text)) = (self, element) {
                values.extend(Value::text(text));
                continue;
            }
            values.push(match (self, element) {
                (Self::References(entity) | Self::Ids(entity), Json::String(id)) => {
                    Value::from(Reference::external(*entity, id.as_str()))
                }
                (Self::References(entity) | Self::Ids(entity), Json::Number(id)) => {
                    Value::from(Reference::external(*entity, id.to_string()))
                }
                (Self::References(entity), Json::Object(parts)) => {
                    let id = match parts.get("id") {
                        Some(Json::String(id)) => id.clone(),
                        Some(Json::Number(id)) => id.to_string(),
                        _ => return Err("an element has no id".into()),
                    };
                    let mut reference = Reference::external(*entity, id);
                    reference.role = parts.get("role").and_then(Json::as_str).map(snake);
                    Value::from(reference)
                }
                (Self::Joined { map, .. } | Self::Array(map), Json::String(text)) => Value::Enum(if map.is_empty() {
                    snake(text)
                } else {
                    ours(map, text).ok_or_else(|| unknown(text))?
                }),
                _ => return Err("an array stands where a single value belongs".into()),
            });
        }
        Ok(Value::list(values))
    }

    /// Writes a value; null where it is `None`.
    ///
    /// # Errors
    /// A sentence when the value does not fit.
    pub fn encode(&self, cx: &Context, value: Option<&Value>, pointer: &str, out: &mut Json) -> Outcome<()> {
        let written = match (self, value) {
            (Self::Address(parts), None) => {
                for name in parts.values() {
                    put(out, &format!("{pointer}/{name}"), Json::Null)?;
                }
                return Ok(());
            }
            (Self::Address(parts), Some(Value::Address(address))) => {
                for (part, name) in parts {
                    let text = address.get(*part).map_or(Json::Null, |text| Json::String(text.to_owned()));
                    put(out, &format!("{pointer}/{name}"), text)?;
                }
                return Ok(());
            }
            (_, None) => Json::Null,
            (Self::TextMax(max), Some(Value::Text(text))) => Json::String(text.chars().take(*max).collect()),
            (Self::Lower, Some(Value::Text(text))) => Json::String(text.as_str().to_lowercase()),
            (Self::Default | Self::Text | Self::Domain, Some(Value::Text(text))) => {
                Json::String(text.as_str().to_owned())
            }
            (Self::Date(form), Some(Value::Date(date))) => form.encode(*date, &cx.time_zone)?,
            (Self::Instant(form), Some(Value::Instant(instant))) => form.encode(*instant),
            (Self::Money { currency, number, minor }, Some(Value::Money(money))) => {
                match currency {
                    Some(currency) => put(out, currency, Json::String(money.currency.code().to_owned()))?,
                    None if cx.currency.is_some_and(|ours| ours != money.currency) => {
                        return Err(format!(
                            "the amount is in {}, and this connection keeps {} only",
                            money.currency,
                            cx.currency.map_or_else(String::new, |c| c.to_string())
                        ));
                    }
                    None => {}
                }
                if *minor {
                    Json::from(money.minor)
                } else if *number {
                    serde_json::from_str(&money.decimal()).map_err(|e| e.to_string())?
                } else {
                    Json::String(money.decimal())
                }
            }
            (Self::Enum(pairs) | Self::EnumOpen(pairs), Some(Value::Enum(ours))) => {
                Json::String(theirs(pairs, ours).ok_or_else(|| format!("the system has no value for `{ours}`"))?)
            }
            (Self::Reference(_), Some(Value::Ref(reference))) if let Some(id) = reference.external_id() => {
                Json::String(id.as_str().to_owned())
            }
            (Self::ReferenceNumber(_), Some(Value::Ref(reference))) if let Some(id) = reference.external_id() => {
                let id = id.as_str();
                let id: u64 =
                    id.parse().map_err(|_| format!("the system counts its records, and `{id}` is no number"))?;
                Json::from(id)
            }
            (Self::Ids(_), Some(Value::List(elements))) => {
                elements.iter().map(|one| Ok(reference_json(one)?["id"].take())).collect::<Outcome<Json>>()?
            }
            (Self::Flag(yes, no), Some(Value::Enum(ours))) => match ours.as_str() {
                ours if ours == yes => Json::Bool(true),
                ours if ours == no => Json::Bool(false),
                ours => return Err(format!("the system has no value for `{ours}`")),
            },
            (Self::Array(map), Some(Value::List(elements))) => {
                let one = |element: &Value| -> Outcome<Json> {
                    let ours = element.as_str().ok_or("an element is no text")?;
                    let text = theirs(map, ours).ok_or_else(|| format!("the system has no value for `{ours}`"))?;
                    Ok(Json::String(text))
                };
                elements.iter().map(one).collect::<Outcome<Json>>()?
            }
            (Self::References(_), Some(Value::List(elements))) => {
                Json::Array(elements.iter().map(reference_json).collect::<Outcome<_>>()?)
            }
            (Self::Joined { separator, map }, Some(Value::List(elements))) => {
                let mut parts = Vec::with_capacity(elements.len());
                for element in elements.iter() {
                    let ours = element.as_str().ok_or("an element is no text")?;
                    parts.push(if map.is_empty() {
                        ours.to_owned()
                    } else {
                        theirs(map, ours).ok_or_else(|| format!("the system has no value for `{ours}`"))?
                    });
                }
                Json::String(parts.join(separator))
            }
            (Self::Lines, Some(Value::List(elements))) => {
                Json::String(elements.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"))
            }
            (Self::Texts, Some(Value::List(elements))) => elements.iter().filter_map(Value::as_str).collect(),
            (_, Some(other)) => return Err(format!("`{other}` does not fit the codec")),
        };
        put(out, pointer, written)
    }
}

fn reference_json(element: &Value) -> Outcome<Json> {
    let reference = element.as_reference();
    match reference.and_then(|reference| Some((reference.external_id()?, &reference.role))) {
        Some((id, role)) => Ok(serde_json::json!({ "id": id.as_str(), "role": role })),
        None => Err(format!("`{element}` is no reference to an external record")),
    }
}

fn decode_address(row: &Json, pointer: &str, parts: &BTreeMap<AddressPart, String>) -> Outcome<Option<Option<Value>>> {
    let mut said = false;
    let mut texts = Vec::with_capacity(parts.len());
    for (part, name) in parts {
        match at(row, &format!("{pointer}/{name}")) {
            None => {}
            Some(Json::Null) => said = true,
            Some(Json::String(text)) => {
                said = true;
                texts.push((*part, text.clone()));
            }
            Some(_) => return Err(format!("`{name}` is no text")),
        }
    }
    Ok(said.then(|| Address::from_parts(texts).map(Value::Address)))
}

fn currency_of(cx: &Context, row: &Json, pointer: Option<&str>) -> Outcome<Currency> {
    let written =
        pointer.and_then(|pointer| at(row, pointer)).and_then(Json::as_str).filter(|code| !code.trim().is_empty());
    match written {
        Some(code) => Currency::parse(code).ok_or_else(|| format!("`{code}` is no ISO 4217 currency")),
        None => {
            cx.currency.ok_or_else(|| "an amount without a currency: set `currency` for this connection".to_owned())
        }
    }
}
