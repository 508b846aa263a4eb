//! Canonical values: one normal form, and references that can be exchanged.

use concord_connector::{
    Entity, Reference, Target, Value,
    testing::generate,
    value::{Address, AddressPart},
};
use proptest::prelude::*;

fn reference(id: &str) -> Value {
    Value::from(Reference::external(Entity::Organization, id))
}

#[test]
fn references_are_replaced_one_by_one_and_may_drop() {
    let list = Value::list(vec![reference("1"), reference("2")]).unwrap();
    let mut map = |r: &Reference| -> Result<Option<Reference>, ()> {
        let Target::External(id) = &r.to else { return Err(()) };
        Ok((id.as_str() == "2").then(|| Reference::record(r.entity, "r2".into())))
    };
    let mapped = list.map_references(&mut map).unwrap();
    assert_eq!(mapped, Some(Value::List([Value::from(Reference::record(Entity::Organization, "r2".into()))].into())));
    assert_eq!(reference("1").map_references(&mut map).unwrap(), None);
    let gone = Value::list(vec![reference("1")]).unwrap().map_references(&mut map).unwrap();
    assert_eq!(gone, None, "an empty list is nothing");
}

#[test]
fn an_address_keeps_what_is_not_empty() {
    let parts = [(AddressPart::City, " Berlin ".to_owned()), (AddressPart::Street, "a\r\nb".into())];
    let address = Address::from_parts(parts).unwrap();
    assert_eq!(address.get(AddressPart::City), Some("Berlin"));
    assert_eq!(address.to_string(), "a, b, Berlin");
    assert_eq!(Address::from_parts([(AddressPart::City, "  ".to_owned())]), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn a_value_survives_its_text_form(at in any::<prop::sample::Index>(), runner in any::<u64>()) {
        let all: Vec<_> = Entity::ALL.iter().flat_map(|entity| entity.fields()).collect();
        let spec = at.get(&all);
        let cx = crate::mapping::context();
        let codec = concord_connector::codec::Codec::of(spec.ty);
        if let Some(value) = generate::plausible(spec, &codec, &cx, runner % 100_000) {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }
}
