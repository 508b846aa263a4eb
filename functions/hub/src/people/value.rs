//! From what a person types to a value.

use super::refusal;
use concord_connector::{
    Instant, Money, RecordId, Reference, Result, Value,
    schema::{FieldSpec, Type},
    time::Date,
    value::{Address, AddressPart, Currency},
};

/// Reads a text as a value of a field. References are ids of records, with the role in brackets where there is one;
/// lists are separated by commas; an address is `street=..., city=...`.
///
/// # Errors
/// `Rejected`, with an example of what to write.
pub fn parse(spec: &FieldSpec, text: &str) -> Result<Option<Value>> {
    one(spec.name, spec.ty, text)
}

fn one(name: &str, ty: Type, text: &str) -> Result<Option<Value>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let no = |like: &str| refusal(format!("`{text}` is no value for `{name}`; write it like {like}."));
    Ok(match ty {
        Type::Text => Value::text(text),
        Type::Money => Some(Value::Money(money(text).ok_or_else(|| no("`1234.50 EUR`"))?)),
        Type::Date => Some(Value::Date(text.parse::<Date>().map_err(|_| no("`2026-03-31`"))?)),
        Type::Instant => Some(Value::Instant(Instant::parse(text).ok_or_else(|| no("`2026-03-31T14:00:00Z`"))?)),
        Type::Enum(allowed) => {
            let word = text.to_lowercase().replace([' ', '-'], "_");
            if !allowed.contains(&word.as_str()) {
                return Err(refusal(format!("`{text}` is no value of `{name}`; it has {}.", allowed.join(", "))));
            }
            Some(Value::Enum(word.into()))
        }
        Type::Reference(entity) => {
            let (id, role) = match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
                Some((id, role)) => (id.trim(), Some(role.trim().into())),
                None => (text, None),
            };
            Some(Value::from(Reference { role, ..Reference::record(entity, RecordId::from(id)) }))
        }
        Type::List(element) => {
            let mut elements = Vec::new();
            for part in text.split(',') {
                elements.extend(one(name, *element, part)?);
            }
            Value::list(elements)
        }
        Type::Address => {
            Some(address(text).ok_or_else(|| no("`street=Main St 1, city=Berlin, postal_code=10115, country=DE`"))?)
        }
    })
}

fn money(text: &str) -> Option<Money> {
    let (amount, code) = text.rsplit_once(char::is_whitespace)?;
    Money::parse(amount, Currency::parse(code)?).ok()
}

const PARTS: [(&str, AddressPart); 5] = [
    ("street", AddressPart::Street),
    ("city", AddressPart::City),
    ("region", AddressPart::Region),
    ("postal_code", AddressPart::PostalCode),
    ("country", AddressPart::Country),
];

fn address(text: &str) -> Option<Value> {
    let mut parts = Vec::new();
    for piece in text.split(',') {
        let (name, value) = piece.split_once('=')?;
        let (_, part) = PARTS.iter().find(|(known, _)| *known == name.trim())?;
        parts.push((*part, value.trim().to_owned()));
    }
    Address::from_parts(parts).map(Value::Address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use concord_connector::Entity;

    fn read(entity: Entity, field: &str, text: &str) -> std::result::Result<Option<Value>, String> {
        parse(entity.field(field).unwrap(), text).map_err(|fault| fault.message().to_owned())
    }

    #[test]
    fn values_are_read_as_their_types() {
        let shown = |entity, field, text| read(entity, field, text).unwrap().unwrap().to_string();
        assert_eq!(shown(Entity::Opportunity, "amount", "1234.5 eur"), "1234.50 EUR");
        assert_eq!(shown(Entity::Opportunity, "close_date", "2026-03-31"), "2026-03-31");
        assert_eq!(shown(Entity::Opportunity, "stage", "Technical validation"), "technical_validation");
        assert_eq!(shown(Entity::Opportunity, "partners", "r2 (reseller), r1"), "r1, r2 (reseller)");
        assert_eq!(shown(Entity::Organization, "roles", "partner,customer"), "customer, partner");
        assert_eq!(shown(Entity::Organization, "billing_address", "street=Main St 1, city=Bern"), "Main St 1, Bern");
        assert_eq!(read(Entity::Organization, "name", "  "), Ok(None), "nothing but white space is empty");
    }

    #[test]
    fn a_refusal_says_what_to_write() {
        let no = |entity, field, text| read(entity, field, text).unwrap_err();
        assert_eq!(
            no(Entity::Opportunity, "amount", "12"),
            "`12` is no value for `amount`; write it like `1234.50 EUR`."
        );
        assert!(no(Entity::Opportunity, "amount", "1.5 JPY").contains("1234.50 EUR"));
        assert!(no(Entity::Opportunity, "stage", "sold").ends_with("business_validation, committed, won, lost."));
        assert!(no(Entity::Organization, "billing_address", "Main St 1").contains("street="));
        assert!(no(Entity::Opportunity, "close_date", "31.3.2026").contains("2026-03-31"));
    }
}
