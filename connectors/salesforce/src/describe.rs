//! What the org says about itself: time zone, corporate currency, which objects and fields it has, and how their ids begin.

use crate::{
    ask::{Asked, Result},
    columns, soql,
};
use concord_connector::{Context, Entity, Outcome, Request, exchange::Account, value::Currency};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Describes the org. Each object is asked for by itself: one that the org does not have answers 404, and its entity is
/// then left alone.
pub(crate) fn describe(cx: &Context, asked: &mut Asked<'_>) -> Result<Outcome> {
    let mut account = Account::default();
    let rows = soql::every(cx, asked, "SELECT Id, TimeZoneSidKey FROM Organization")?;
    let organization = rows.first().map(|(row, _)| *row);
    let said = |name: &str| organization.and_then(|row| row.get(name)).and_then(Json::as_str);
    account.time_zone = said("TimeZoneSidKey").map(str::to_owned);
    if let Some(id) = said("Id") {
        account.facts.insert("organization".into(), crate::ids::normal(id));
    }
    let mut entities: Vec<(Entity, &str)> = Vec::new();
    for entity in cx.mappings.keys() {
        entities.push((*entity, columns::object(cx, *entity)?));
    }
    for (entity, object) in entities {
        let path = format!("{}/sobjects/{object}/describe", soql::root(cx));
        let response = asked.send(Request::get(path).accepting(&[200, 404]))?;
        let mapped = &cx.mapping(entity)?.object;
        if response.status == 404 {
            account.fields.insert(mapped.clone(), BTreeSet::new());
            continue;
        }
        let fields = response.array("/fields")?;
        if let Some(prefix) = response.text("/keyPrefix") {
            account.facts.insert(format!("prefix.{object}"), prefix.to_owned());
        }
        account.fields.insert(mapped.clone(), fields.iter().filter_map(|field| text(field, "name")).collect());
        for (fact, flag) in [("no_create", "createable"), ("no_update", "updateable")] {
            let fixed = fixed(cx, entity, fields, flag)?;
            if !fixed.is_empty() {
                account.facts.insert(format!("{fact}.{mapped}"), fixed.join(","));
            }
        }
    }
    if account.fields.values().any(|fields| fields.contains(columns::CURRENCY)) {
        // Orgs with one currency have no such object, and no other that names their currency: there it is a setting.
        let rows = soql::every(cx, asked, "SELECT IsoCode FROM CurrencyType WHERE IsCorporate = true")?;
        account.currency =
            rows.first().and_then(|(row, _)| row.get("IsoCode")).and_then(Json::as_str).and_then(Currency::parse);
    }
    Ok(Outcome::Account(account))
}

fn text(field: &Json, name: &str) -> Option<String> {
    field.get(name).and_then(Json::as_str).map(str::to_owned)
}

/// Mapped fields that the integration user cannot write: by field permissions, or because the vendor keeps them itself.
fn fixed(cx: &Context, entity: Entity, fields: &[Json], flag: &str) -> Result<Vec<String>> {
    let mut mapped = BTreeSet::new();
    for rule in &cx.mapping(entity)?.fields {
        let codec = rule.effective(entity)?;
        mapped.extend(
            codec.pointers(&rule.vendor).iter().filter_map(|pointer| pointer.rsplit('/').next()).map(String::from),
        );
    }
    let fixed = fields.iter().filter(|field| field.get(flag) == Some(&Json::Bool(false)));
    Ok(fixed.filter_map(|field| text(field, "name")).filter(|name| mapped.contains(name)).collect())
}
