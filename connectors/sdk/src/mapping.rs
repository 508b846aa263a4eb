//! Mapping: which vendor field is which canonical one. Data, both ways, without expressions.

use crate::{
    Context, Fault, Field, Result,
    codec::Codec,
    schema::{Entity, Type},
    snapshot::Fields,
    value::Value,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// What a vendor shows, as the beginning of a row for a mapping: its members, and none where it is no object.
pub fn row(shown: &Json) -> Json {
    Json::Object(shown.as_object().cloned().unwrap_or_default())
}

/// Which way a field travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// Read and written.
    #[default]
    Both,
    /// Read only.
    In,
    /// Written only.
    Out,
    /// Read, and written when the external record is created; the vendor refuses later changes.
    Create,
    /// Read, and written to records that are there; the vendor takes it of no new one, or makes them itself.
    Update,
}

impl Flow {
    /// Whether observations carry the field.
    pub fn reads(self) -> bool {
        self != Self::Out
    }
    /// Whether an update may write the field.
    pub fn updates(self) -> bool {
        matches!(self, Self::Both | Self::Out | Self::Update)
    }
    /// Whether a create may write the field.
    pub fn creates(self) -> bool {
        !matches!(self, Self::In | Self::Update)
    }
}

/// One line of a mapping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The canonical field.
    pub field: Field,
    /// Where it is in the vendor's record: a JSON pointer.
    pub vendor: String,
    /// How the value is written there; by default as the field's type suggests.
    #[serde(rename = "as", default)]
    pub codec: Codec,
    /// Which way it travels.
    #[serde(default)]
    pub flow: Flow,
    /// The vendor's field exists in some accounts only; a description of the account decides.
    #[serde(default)]
    pub optional: bool,
    /// A create cannot do without it: a delivery waits until the reference exists at the target.
    #[serde(default)]
    pub required: bool,
}

/// The mapping of one entity at one system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The vendor's name for the kind of record: `companies`, `Account`, `party.party`.
    pub object: String,
    /// Where the record's id is: a JSON pointer.
    #[serde(default = "id_pointer")]
    pub id: String,
    /// Where our marker (the golden record's id) is kept: a JSON pointer; none where the vendor has no room for one.
    #[serde(default)]
    pub marker: Option<String>,
    /// The lines, in the order in which documentation shows them.
    pub fields: Vec<Rule>,
    /// How the records are reached, where the file alone is the connector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<crate::manifest::Api>,
}

fn id_pointer() -> String {
    "/id".into()
}

impl Mapping {
    /// The line of a field.
    pub fn rule(&self, field: &str) -> Option<&Rule> {
        self.fields.iter().find(|rule| rule.field.as_str() == field)
    }

    /// The lines that apply in an account: optional ones only where it has the vendor's field.
    pub fn active<'a>(&'a self, cx: &'a Context) -> impl Iterator<Item = &'a Rule> {
        self.fields.iter().filter(move |rule| !rule.optional || cx.has_vendor_field(&self.object, &rule.vendor))
    }

    /// Canonical fields of a vendor's record. A pointer that the record does not have stays absent; null and empty text
    /// are "empty there".
    ///
    /// # Errors
    /// `Malformed`, naming the pointer, when a value cannot be understood.
    pub fn decode(&self, cx: &Context, entity: Entity, row: &Json) -> Result<Fields> {
        let mut fields = Fields::new();
        for rule in self.active(cx).filter(|rule| rule.flow.reads()) {
            if let Some(value) = rule.decode(cx, entity, row)? {
                fields.insert(rule.field.clone(), value);
            }
        }
        Ok(fields)
    }

    /// The vendor's fields for canonical ones, as a nested object. Fields that the mapping does not write are left out.
    ///
    /// # Errors
    /// `Malformed` when a value does not fit its codec.
    pub fn encode(&self, cx: &Context, entity: Entity, fields: &Fields, creating: Creating) -> Result<Json> {
        let mut out = Json::Object(Map::new());
        for rule in self.active(cx) {
            let writes = match creating {
                Creating::Yes => rule.flow.creates(),
                Creating::No => rule.flow.updates(),
            };
            if let (true, Some(value)) = (writes, fields.get(&rule.field)) {
                rule.encode(cx, entity, value.as_ref(), &mut out)?;
            }
        }
        Ok(out)
    }

    /// What a value looks like after a stay in the vendor's system: `decode(encode(value))`.
    ///
    /// # Errors
    /// `Malformed` when the value does not fit the codec.
    pub fn image(&self, cx: &Context, entity: Entity, field: &Field, value: Option<&Value>) -> Result<Option<Value>> {
        let Some(rule) = self.rule(field.as_str()) else { return Ok(value.cloned()) };
        let mut out = Json::Object(Map::new());
        rule.encode(cx, entity, value, &mut out)?;
        Ok(rule.decode(cx, entity, &out)?.flatten())
    }
}

/// Whether an encoding is for a new external record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creating {
    /// For a new one.
    Yes,
    /// For one that exists.
    No,
}

impl Rule {
    /// The codec, with the default of the field's type filled in.
    pub fn effective(&self, entity: Entity) -> Result<Codec> {
        self.codec_for(entity).cloned()
    }

    /// The same, borrowed: for every value that passes.
    pub fn codec_for(&self, entity: Entity) -> Result<&Codec> {
        let standard = Codec::standard(entity, &self.field)
            .ok_or_else(|| Fault::malformed("mapping", format!("{entity} has no field `{}`", self.field)))?;
        Ok(if self.codec == Codec::Default { standard } else { &self.codec })
    }

    fn decode(&self, cx: &Context, entity: Entity, row: &Json) -> Result<Option<Option<Value>>> {
        self.codec_for(entity)?.decode(cx, row, &self.vendor).map_err(|message| {
            let message = discreet(&message, entity.is_personal(self.field.as_str()));
            Fault::malformed("decode", message).with("field", &self.field).with("pointer", &self.vendor)
        })
    }

    fn encode(&self, cx: &Context, entity: Entity, value: Option<&Value>, out: &mut Json) -> Result<()> {
        self.codec_for(entity)?.encode(cx, value, &self.vendor, out).map_err(|message| {
            let message = discreet(&message, entity.is_personal(self.field.as_str()));
            Fault::malformed("encode", message).with("field", &self.field).with("pointer", &self.vendor)
        })
    }

    /// Why this line cannot be, if it cannot.
    pub fn check(&self, entity: Entity) -> std::result::Result<(), String> {
        let Some(spec) = entity.field(self.field.as_str()) else {
            let known: Vec<_> = entity.fields().iter().map(|field| field.name).collect();
            return Err(format!("{entity} has no field `{}`; it has {}", self.field, known.join(", ")));
        };
        if !self.vendor.starts_with('/') {
            return Err(format!("`{}` is no JSON pointer: it has to begin with `/`", self.vendor));
        }
        if self.codec != Codec::Default && !self.codec.fits(spec.ty) {
            return Err(format!("the codec of `{}` does not fit its type {:?}", self.field, spec.ty));
        }
        let allowed = match spec.ty {
            Type::Address if self.codec == Codec::Default => {
                return Err(format!("`{}` needs the names of its parts: `as = {{ address = {{ ... }} }}`", self.field));
            }
            Type::Enum(allowed) | Type::List(&Type::Enum(allowed)) => allowed,
            _ => return Ok(()),
        };
        let mut pairs = self.codec.pairs().into_iter().flatten();
        if let Some((_, unknown)) = pairs.find(|(_, ours)| !allowed.contains(&ours.as_str())) {
            return Err(format!("`{unknown}` is no value of `{}`; it has {}", self.field, allowed.join(", ")));
        }
        Ok(())
    }
}

/// A sentence about a value without what it must not repeat: anything quoted where the field is personal, e-mail
/// addresses wherever people typed them.
fn discreet(sentence: &str, is_personal: bool) -> String {
    if let (true, Some(first), Some(last)) = (is_personal, sentence.find('`'), sentence.rfind('`')) {
        return format!("{}(a personal value){}", &sentence[..first], &sentence[last + 1..]);
    }
    if !sentence.contains('@') {
        return sentence.to_owned();
    }
    let inner = |c: char| c.is_alphanumeric() || "@._%+-".contains(c);
    let mut clean = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some(at) = rest.find(inner) {
        let end = rest[at..].find(|c| !inner(c)).map_or(rest.len(), |length| at + length);
        let word = &rest[at..end];
        clean.push_str(&rest[..at]);
        clean.push_str(if word.contains('@') { "(an e-mail address)" } else { word });
        rest = &rest[end..];
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::discreet;

    #[test]
    fn sentences_do_not_repeat_personal_values() {
        assert_eq!(discreet("`+49 30 `1` is no text", true), "(a personal value) is no text");
        assert_eq!(
            discreet("`ana@example.com` is not in the value map; add it", false),
            "`(an e-mail address)` is not in the value map; add it"
        );
        assert_eq!(discreet("`Gold` is not in the value map", false), "`Gold` is not in the value map");
    }
}
