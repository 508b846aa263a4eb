//! Describing the account: time zone, currency, properties, association types, custom objects.

use crate::{
    association, link,
    script::{Run, Script},
};
use concord_connector::{Context, Outcome, Request, exchange::Account, value::Currency};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Answers a describe. What a scope hides is left out, and the rest is still found.
pub(crate) fn describe(script: &mut Script<'_>, cx: &Context) -> Run<Outcome> {
    let mut account = Account::default();
    let details = script.send(Request::get("/account-info/v3/details"))?;
    account.time_zone = details.text("/timeZone").map(str::to_owned);
    account.currency = details.text("/companyCurrency").and_then(Currency::parse);
    if let Some(portal) = details.at("/portalId").and_then(crate::row::text) {
        account.facts.insert("portal_id".into(), portal);
    }
    let objects: BTreeSet<&str> = cx.mappings.values().map(|mapping| mapping.object.as_str()).collect();
    for object in objects {
        let request = Request::get(format!("/crm/v3/properties/{object}")).accepting(&[200, 400, 403, 404]);
        let response = script.send(request)?;
        if response.status == 200 {
            let names = response.array("/results")?.iter().filter_map(|property| property.get("name")?.as_str());
            account.fields.insert(object.to_owned(), names.map(str::to_owned).collect());
        }
    }
    let mut pairs = BTreeSet::new();
    for mapping in cx.mappings.values().filter(|mapping| account.fields.contains_key(&mapping.object)) {
        let slots = mapping.fields.iter().filter_map(|rule| link::Slot::parse(&rule.vendor));
        let from = mapping.object.as_str();
        pairs.extend(slots.filter(|(to, slot)| association::varies(from, to, slot)).map(|(to, _)| (from, to)));
    }
    for (from, to) in pairs {
        let request = Request::get(format!("/crm/v4/associations/{from}/{to}/labels")).accepting(&[200, 400, 403, 404]);
        let response = script.send(request)?;
        if response.status == 200 {
            let types = response.array("/results")?.iter().filter_map(|of| label(from, to, of));
            account.facts.extend(types);
        }
    }
    let request = Request::get("/crm-object-schemas/v3/schemas").accepting(&[200, 400, 403, 404]);
    let schemas = script.send(request)?;
    if schemas.status == 200 {
        let types = schemas.array("/results")?.iter().flat_map(|schema| object_type(cx, schema));
        account.facts.extend(types);
    }
    Ok(Outcome::Account(account))
}

/// The fact that names an association type: `label.deals.companies.Partner` is `USER_DEFINED/36`.
fn label(from: &str, to: &str, of: &Json) -> Option<(String, String)> {
    let category = of.get("category")?.as_str()?;
    let id = of.get("typeId")?.as_u64()?;
    let label = of.get("label").and_then(Json::as_str).unwrap_or_default();
    // Leads name theirs "Primary contact" and "Primary company"; the mapping says "primary".
    let label = if category == "HUBSPOT_DEFINED" && label.starts_with("Primary") { "Primary" } else { label };
    Some((association::fact(from, to, label), format!("{category}/{id}")))
}

/// The fact that names a custom object by its type id, under the name that the mapping uses: `type.2-7` is `p_grants`.
/// HubSpot's full name has the portal's number in it (`p123_grants`); the short form `p_grants` is accepted everywhere.
fn object_type(cx: &Context, schema: &Json) -> Option<(String, String)> {
    let id = schema.get("objectTypeId")?.as_str()?;
    let name = schema.get("name")?.as_str()?;
    let full = schema.get("fullyQualifiedName").and_then(Json::as_str).unwrap_or(name);
    let short = format!("p_{name}");
    let mapped = cx.mappings.values().find(|m| [name, full, short.as_str(), id].contains(&m.object.as_str()))?;
    Some((format!("type.{id}"), mapped.object.clone()))
}
