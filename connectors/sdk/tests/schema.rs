//! Facts that hold for every line of the schema tables.

use concord_connector::{Entity, schema::Type};
use std::collections::BTreeSet;

fn is_snake(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn names_are_unique_and_in_snake_case() {
    for entity in Entity::ALL {
        let names: Vec<_> = entity.fields().iter().map(|field| field.name).collect();
        assert!(!names.is_empty(), "{entity} has no field");
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{entity} has a field twice: {names:?}");
        for name in names {
            assert!(is_snake(name), "{entity}.{name}");
        }
    }
}

#[test]
fn every_meaning_is_one_sentence() {
    for entity in Entity::ALL {
        for field in entity.fields() {
            let meaning = field.meaning;
            assert!(meaning.ends_with('.') && !meaning.contains(". "), "{entity}.{}: {meaning}", field.name);
            assert!(meaning.starts_with(char::is_uppercase), "{entity}.{}: {meaning}", field.name);
        }
    }
}

#[test]
fn every_field_names_each_category_once_in_its_order() {
    for entity in Entity::ALL {
        for field in entity.fields() {
            let once: BTreeSet<_> = field.order.iter().collect();
            assert_eq!((once.len(), field.order.len()), (4, 4), "{entity}.{}", field.name);
        }
    }
}

#[test]
fn an_entity_is_found_by_the_name_that_it_has() {
    for entity in Entity::ALL {
        assert_eq!(Entity::parse(entity.name()), Some(entity));
        assert_eq!(serde_json::to_string(&entity).unwrap(), format!("{:?}", entity.name()));
    }
    assert_eq!(Entity::parse("Organization"), None);
}

#[test]
fn referenced_entities_come_before_those_that_refer_to_them() {
    for (at, entity) in Entity::ALL.iter().enumerate() {
        for field in entity.fields() {
            let (Type::Reference(to) | Type::List(&Type::Reference(to))) = field.ty else { continue };
            // An offer that renews an agreement names one that an earlier offer became, and an agreement the order that it
            // becomes later.
            if [(Entity::PrivateOffer, "agreement"), (Entity::Agreement, "order")].contains(&(*entity, field.name)) {
                continue;
            }
            let place = Entity::ALL.iter().position(|other| *other == to).unwrap();
            assert!(place <= at, "{entity}.{} refers to {to}, which comes later", field.name);
        }
    }
}

#[test]
fn values_of_enums_are_unique_and_in_snake_case() {
    for entity in Entity::ALL {
        for field in entity.fields() {
            let (Type::Enum(values) | Type::List(&Type::Enum(values))) = field.ty else { continue };
            assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), values.len(), "{entity}.{}", field.name);
            assert!(values.iter().all(|value| is_snake(value)), "{entity}.{}: {values:?}", field.name);
        }
    }
}
