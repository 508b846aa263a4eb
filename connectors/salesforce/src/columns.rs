//! Which fields of an object a query names.

use crate::soql;
use concord_connector::{Context, Entity, Result, codec::Codec, mapping::Mapping, mapping::Rule};
use std::collections::BTreeSet;

/// The child relationship that holds the partners of an opportunity.
pub(crate) const PARTNERS: &str = "OpportunityPartnersFrom";
/// Text with one `connection/id` a line.
pub(crate) const EXTERNAL_KEYS: &str = "Concord_External_Keys__c";
/// Present where several currencies are switched on; refused by the vendor everywhere else.
pub(crate) const CURRENCY: &str = "CurrencyIsoCode";

/// The vendor's object of an entity. Deal registrations have no object of their own at the vendor: the org's is an option.
pub(crate) fn object(cx: &Context, entity: Entity) -> Result<&str> {
    let mapping = cx.mapping(entity)?;
    let set = (entity == Entity::DealRegistration).then(|| cx.option("deal_registration_object")).flatten();
    soql::name(set.filter(|name| !name.is_empty()).unwrap_or(&mapping.object))
}

/// True when a description of the account said that it has no such object (no partner licence, custom object not made).
pub(crate) fn is_absent(cx: &Context, entity: Entity) -> bool {
    let fields = cx.mappings.get(&entity).and_then(|mapping| cx.vendor_fields.get(&mapping.object));
    fields.is_some_and(BTreeSet::is_empty)
}

/// Whether the account has a field. Until it has been described: standard fields that every org has, and the marker.
pub(crate) fn has(cx: &Context, mapping: &Mapping, name: &str) -> bool {
    match cx.vendor_fields.get(&mapping.object) {
        Some(fields) => fields.contains(name),
        None => {
            name == marker(mapping) || !(name.ends_with("__c") && !mapping.object.ends_with("__c") || name == CURRENCY)
        }
    }
}

/// The marker's field.
pub(crate) fn marker(mapping: &Mapping) -> &str {
    mapping.marker.as_deref().unwrap_or("/Concord_Id__c").trim_start_matches('/')
}

/// Objects whose records the vendor's users can merge; the loser then names the winner.
pub(crate) fn merges(object: &str) -> bool {
    matches!(object, "Account" | "Contact" | "Lead")
}

/// Everything that a query for records of an entity selects, in a fixed order and without repetition.
pub(crate) fn select(cx: &Context, entity: Entity) -> Result<String> {
    let mapping = cx.mapping(entity)?;
    let mut names: Vec<String> = ["Id", "IsDeleted", "SystemModstamp"].map(String::from).to_vec();
    if merges(object(cx, entity)?) {
        names.push("MasterRecordId".into());
    }
    for name in [marker(mapping), EXTERNAL_KEYS].into_iter().filter(|name| has(cx, mapping, name)) {
        names.push(name.to_owned());
    }
    if entity == Entity::Organization {
        names.extend(["Type", "IsPartner"].into_iter().filter(|name| has(cx, mapping, name)).map(String::from));
    }
    for rule in mapping.active(cx).filter(|rule| rule.flow.reads()) {
        names.extend(of_rule(cx, mapping, entity, rule)?);
    }
    let mut known = BTreeSet::new();
    names.retain(|name| known.insert(name.clone()));
    Ok(names.join(", "))
}

fn of_rule(cx: &Context, mapping: &Mapping, entity: Entity, rule: &Rule) -> Result<Vec<String>> {
    let path: Vec<&str> = rule.vendor.trim_start_matches('/').split('/').collect();
    for part in &path {
        soql::name(part)?;
    }
    Ok(match (rule.effective(entity)?, path.as_slice()) {
        (Codec::References(_), [child]) if *child == PARTNERS => {
            vec![format!("(SELECT Id, AccountToId, Role, IsDeleted, SystemModstamp FROM {PARTNERS})")]
        }
        (Codec::Address(parts), _) => parts.into_values().filter(|name| has(cx, mapping, name)).collect(),
        (Codec::Money { currency, .. }, [name]) if has(cx, mapping, name) => {
            let currency = currency.as_deref().map(|pointer| pointer.trim_start_matches('/').to_owned());
            let currency = currency.filter(|currency| has(cx, mapping, currency));
            std::iter::once((*name).to_owned()).chain(currency).collect()
        }
        (_, [parent, name]) if has(cx, mapping, &format!("{parent}Id")) => {
            vec![format!("{parent}Id"), format!("{parent}.{name}")]
        }
        (_, [name]) if has(cx, mapping, name) => vec![(*name).to_owned()],
        _ => Vec::new(),
    })
}
