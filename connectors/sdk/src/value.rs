//! Canonical values.

mod address;

pub use address::{Address, AddressPart};

use crate::{
    ExternalId, RecordId,
    schema::Entity,
    time::{Date, Instant},
};
use ecow::EcoString;
use iso_currency::Currency as Iso;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// One canonical value. A field that is empty is `None` around it, never an empty text.
///
/// Three words: a value stands in what was read, held, said, golden and written. Short texts are in it, longer ones are shared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Free text, trimmed.
    Text(#[cfg_attr(feature = "schema", schemars(with = "String"))] EcoString),
    /// An amount in minor units of a currency.
    Money(Money),
    /// A civil date, without zone.
    Date(#[cfg_attr(feature = "schema", schemars(with = "String"))] Date),
    /// A point in time.
    Instant(Instant),
    /// One of a closed set, in snake case.
    Enum(#[cfg_attr(feature = "schema", schemars(with = "String"))] EcoString),
    /// Another record.
    Ref(Arc<Reference>),
    /// A set of values, sorted and without duplicates.
    List(Arc<[Value]>),
    /// A postal address.
    Address(Address),
}

impl Value {
    /// A text value, or `None` when nothing but white space is left.
    pub fn text(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self::Text(text.into()))
    }
    /// A list in its one normal form; `None` when it is empty.
    pub fn list(mut elements: Vec<Self>) -> Option<Self> {
        elements.sort();
        elements.dedup();
        (!elements.is_empty()).then(|| Self::List(elements.into()))
    }
    /// The text of a text or an enum value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Enum(text) => Some(text),
            _ => None,
        }
    }
    /// What a reference refers to.
    pub fn as_reference(&self) -> Option<&Reference> {
        match self {
            Self::Ref(reference) => Some(reference),
            _ => None,
        }
    }
    /// Every reference in the value.
    pub fn references(&self) -> Vec<&Reference> {
        match self {
            Self::Ref(reference) => vec![reference],
            Self::List(elements) => elements.iter().flat_map(Self::references).collect(),
            _ => Vec::new(),
        }
    }
    /// The value with each reference replaced; `None` from the closure drops the reference (an empty list becomes `None`).
    ///
    /// # Errors
    /// The closure's.
    pub fn map_references<E>(
        &self,
        map: &mut impl FnMut(&Reference) -> Result<Option<Reference>, E>,
    ) -> Result<Option<Self>, E> {
        Ok(match self {
            Self::Ref(reference) => map(reference)?.map(Self::from),
            Self::List(elements) => {
                let mut kept = Vec::with_capacity(elements.len());
                for element in elements.iter() {
                    kept.extend(element.map_references(map)?);
                }
                Self::list(kept)
            }
            other => Some(other.clone()),
        })
    }
}

impl From<Reference> for Value {
    fn from(reference: Reference) -> Self {
        Self::Ref(Arc::new(reference))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Enum(text) => f.write_str(text),
            Self::Money(money) => money.fmt(f),
            Self::Date(date) => date.fmt(f),
            Self::Instant(instant) => instant.fmt(f),
            Self::Ref(reference) => reference.fmt(f),
            Self::List(elements) => {
                for (i, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if i == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// An ISO 4217 currency code, upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Accepts a code that ISO 4217 knows, in any case.
    pub fn parse(code: &str) -> Option<Self> {
        let upper = code.trim().to_ascii_uppercase();
        Iso::from_code(&upper)?;
        Some(Self(upper.as_bytes().try_into().ok()?))
    }
    /// The three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
    /// How many decimal digits the minor unit has: 2 for USD, 0 for JPY, 3 for KWD.
    pub fn exponent(&self) -> u32 {
        Iso::from_code(self.code()).and_then(|c| c.exponent()).unwrap_or(0).into()
    }
}
impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.code())
    }
}
#[cfg(feature = "schema")]
impl schemars::JsonSchema for Currency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "description": "An ISO 4217 currency code.", "type": "string", "pattern": "^[A-Z]{3}$" })
    }
}
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let code = String::deserialize(d)?;
        Self::parse(&code).ok_or_else(|| serde::de::Error::custom(format!("`{code}` is no ISO 4217 currency")))
    }
}

/// An amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Money {
    /// Minor units (cents for USD, yen for JPY, fils for KWD).
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// Reads a decimal text such as `1234.50` or `-7` exactly.
    ///
    /// # Errors
    /// A sentence when the text is no decimal number, has more significant decimals than the currency, or is out of range.
    pub fn parse(decimal: &str, currency: Currency) -> Result<Self, String> {
        let text = decimal.trim();
        let exponent = currency.exponent() as usize;
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (digits, shift) = match digits.find(['e', 'E']) {
            Some(at) => {
                let shift: i32 = digits[at + 1..].parse().map_err(|_| format!("`{}` is not an amount", clip(text)))?;
                (&digits[..at], shift)
            }
            None => (digits, 0),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) || shift.abs() > 30 {
            return Err(format!("`{}` is not an amount", clip(text)));
        }
        // The value is `digits` x 10^(shift - fraction.len()); bring it to 10^-exponent.
        let digits = format!("{whole}{fraction}");
        let places = exponent as i64 + i64::from(shift) - fraction.len() as i64;
        let digits = if places >= 0 {
            format!("{digits}{}", "0".repeat(places as usize))
        } else {
            let cut = digits.len().saturating_sub(places.unsigned_abs() as usize);
            if digits[cut..].bytes().any(|b| b != b'0') {
                return Err(format!("`{}` has more decimals than {currency} has ({exponent})", clip(text)));
            }
            digits[..cut].to_owned()
        };
        let minor: i64 = match digits.trim_start_matches('0') {
            "" => 0,
            digits => digits.parse().map_err(|_| format!("`{}` is too large an amount", clip(text)))?,
        };
        Ok(Self { minor: if negative { -minor } else { minor }, currency })
    }

    /// The amount as a decimal text with exactly the currency's number of decimals.
    pub fn decimal(&self) -> String {
        let exponent = self.currency.exponent() as usize;
        let digits = format!("{:0>width$}", self.minor.unsigned_abs(), width = exponent + 1);
        let (whole, fraction) = digits.split_at(digits.len() - exponent);
        let sign = if self.minor < 0 { "-" } else { "" };
        if exponent == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }
}
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}

/// What a reference points at: a record of the same external system, or a golden record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// As connectors see it.
    External(ExternalId),
    /// As records hold it.
    Record(RecordId),
}

/// A reference to another record, with the role that it plays (a partner's role on an opportunity).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reference {
    /// The kind of thing referred to.
    pub entity: Entity,
    /// Which one.
    pub to: Target,
    /// In which role, where the field has roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub role: Option<EcoString>,
}
impl Reference {
    /// A reference to an external record of the same connection.
    pub fn external(entity: Entity, id: impl Into<ExternalId>) -> Self {
        Self { entity, to: Target::External(id.into()), role: None }
    }
    /// A reference to a golden record.
    pub fn record(entity: Entity, id: RecordId) -> Self {
        Self { entity, to: Target::Record(id), role: None }
    }
    /// The external record that it points at, as connectors see it.
    pub fn external_id(&self) -> Option<&ExternalId> {
        match &self.to {
            Target::External(id) => Some(id),
            Target::Record(_) => None,
        }
    }
    /// The golden record that it points at, as records hold it.
    pub fn record_id(&self) -> Option<&RecordId> {
        match &self.to {
            Target::Record(id) => Some(id),
            Target::External(_) => None,
        }
    }
    /// The same reference in a role.
    #[must_use]
    pub fn in_role(mut self, role: impl Into<EcoString>) -> Self {
        self.role = Some(role.into());
        self
    }
}
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            Target::External(id) => write!(f, "{}/{id}", self.entity)?,
            Target::Record(id) => write!(f, "{id}")?,
        }
        self.role.as_ref().map_or(Ok(()), |role| write!(f, " ({role})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str, code: &str) -> Result<String, String> {
        Money::parse(text, Currency::parse(code).unwrap()).map(|m| format!("{} {}", m.minor, m.decimal()))
    }

    #[test]
    fn money_keeps_every_digit_of_every_exponent() {
        assert_eq!(money("1234.5", "USD").unwrap(), "123450 1234.50");
        assert_eq!(money("1234", "JPY").unwrap(), "1234 1234");
        assert_eq!(money("1234.000", "JPY").unwrap(), "1234 1234");
        assert_eq!(money("0.123", "KWD").unwrap(), "123 0.123");
        assert_eq!(money("-0.05", "EUR").unwrap(), "-5 -0.05");
        assert_eq!(money("1.5E+3", "USD").unwrap(), "150000 1500.00");
        assert_eq!(money("92233720368547758.07", "USD").unwrap(), "9223372036854775807 92233720368547758.07");
    }

    #[test]
    fn money_refuses_what_it_cannot_hold() {
        for (text, code) in [
            ("1.5", "JPY"),
            ("0.1234", "KWD"),
            ("12,50", "EUR"),
            ("", "USD"),
            ("NaN", "USD"),
            ("1e99", "USD"),
            ("92233720368547758.08", "USD"),
        ] {
            assert!(money(text, code).is_err(), "{text} {code}");
        }
        assert!(Currency::parse("EURO").is_none());
    }

    #[test]
    fn a_list_has_one_form() {
        let (a, b) = (Value::Text("a".into()), Value::Text("b".into()));
        assert_eq!(Value::list(vec![b.clone(), a.clone(), b.clone()]), Some(Value::List([a, b].into())));
        assert_eq!(Value::list(vec![]), None);
    }
}
