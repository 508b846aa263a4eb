//! Identifiers: one type each, so that one cannot be passed for another.

use crate::schema::{KnownField, known_field};
use ecow::EcoString;
use serde::{Deserialize, Deserializer, Serialize, de::Visitor};
use std::{
    borrow::{Borrow, Cow},
    cmp::Ordering,
    fmt, hash,
    sync::Arc,
};

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        // Shared: a record in flight repeats them in every facet, link and key.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(EcoString);

        impl $name {
            /// Wraps the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into().into())
            }
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(EcoString::from(text))
            }
        }
        text!($name);
    )+};
}

/// What every identifier can do that has `as_str` and is made from `&str`.
macro_rules! text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.as_str())
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::from(text.as_str())
            }
        }
        impl From<Cow<'_, str>> for $name {
            fn from(text: Cow<'_, str>) -> Self {
                Self::from(&*text)
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a text")
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        Ok($name::from(text))
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

id! {
    /// An external product: `hubspot`.
    System,
    /// One configured account of a system, named by the admin: `hubspot-eu`.
    ConnectionName,
    /// The id of a record in an external system, exactly as that system writes it (a decimal string stays a string).
    ExternalId,
    /// The id of a golden record.
    RecordId,
    /// The name that an admin gave to somebody who is told of changes: `partner-portal`.
    SubscriptionName,
    /// Where a poll goes on; opaque outside the connector that made it.
    Cursor,
}

/// The name of a canonical field: `annual_revenue`.
#[derive(Clone)]
pub struct Field(Name);

/// Names of the schema are kept once for all: records are maps by field, are copied often, and asked more often. A word each.
#[derive(Clone)]
enum Name {
    Known(&'static KnownField),
    Other(Arc<Box<str>>),
}

impl Field {
    /// The name as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self::from(text.into())
    }
    /// The name.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Name::Known(known) => known.name,
            Name::Other(name) => name,
        }
    }
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self(known_field(text).map_or_else(|| Name::Other(Arc::new(text.into())), Name::Known))
    }
}

impl PartialEq for Field {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Field {}
impl PartialOrd for Field {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Field {
    /// As texts are.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Name::Known(one), Name::Known(other)) => one.place.cmp(&other.place),
            _ => self.as_str().cmp(other.as_str()),
        }
    }
}
impl hash::Hash for Field {
    /// As a text is: maps are asked by `str`.
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}
text!(Field);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Entity;

    #[test]
    fn fields_are_compared_as_texts_are() {
        let known = Entity::ALL.into_iter().flat_map(|entity| entity.fields().iter().map(|field| field.name));
        let names: Vec<&str> = known.chain(["", "a_field_of_nobody", "name_", "zzz"]).collect();
        for one in &names {
            for other in &names {
                let (a, b) = (Field::from(*one), Field::from(*other));
                assert_eq!((a.cmp(&b), a == b), (one.cmp(other), one == other), "{one} and {other}");
            }
        }
    }
}
