//! Partners of an opportunity. The vendor mirrors each with a row that points back at the opportunity's account, and has
//! no update for either.

use super::{
    Reply, error, schema,
    store::{Row, Store, whole},
};
use concord_connector::Instant;
use serde_json::{Map, Value as Json, json};

const OBJECT: &str = "OpportunityPartner";

/// Makes a partner and its mirror.
pub(super) fn add(store: &mut Store, now: Instant, fields: Map<String, Json>) -> Result<String, Reply> {
    let text = |name: &str| fields.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let (opportunity, account) = (text("OpportunityId"), text("AccountToId"));
    let own = store.row("Opportunity", &opportunity).and_then(|row| row.text("AccountId")).map(str::to_owned);
    if own.as_deref() == Some(account.as_str()) {
        let message = "A partner relationship cannot be created between an account and itself.";
        return Err(error::one(400, "FIELD_INTEGRITY_EXCEPTION", message));
    }
    let twin = store.rows(OBJECT).find(|(_, row)| {
        !row.deleted
            && row.text("OpportunityId") == Some(&opportunity)
            && row.text("AccountToId") == Some(&account)
            && row.get("Role") == fields.get("Role").unwrap_or(&Json::Null)
    });
    if let Some((id, _)) = twin {
        let message = format!("duplicate value found: <unknown> duplicates value on record with id: {id}");
        return Err(error::one(400, "DUPLICATE_VALUE", &message));
    }
    let primary = fields.get("IsPrimary") == Some(&Json::Bool(true));
    if primary {
        demote(store, now, &opportunity);
    }
    let mut row = fields;
    row.insert("IsPrimary".into(), json!(primary));
    let id = store.insert(OBJECT, now, row);
    if let Some(own) = own {
        let mirror =
            json!({ "OpportunityId": opportunity, "AccountToId": own, "IsPrimary": false, "ReversePartnerId": id });
        let mirror = store.insert(OBJECT, now, mirror.as_object().cloned().unwrap_or_default());
        if let Some(row) = store.row_mut(OBJECT, &id) {
            row.fields.insert("ReversePartnerId".into(), json!(mirror));
        }
    }
    Ok(id)
}

/// Only one partner of an opportunity is the primary one.
fn demote(store: &mut Store, now: Instant, opportunity: &str) {
    let primary =
        |row: &Row| row.text("OpportunityId") == Some(opportunity) && row.get("IsPrimary") == &Json::Bool(true);
    let ids: Vec<String> =
        store.rows(OBJECT).filter(|(_, row)| !row.deleted && primary(row)).map(|(id, _)| id.clone()).collect();
    for id in ids {
        if let Some(row) = store.row_mut(OBJECT, &id) {
            row.fields.insert("IsPrimary".into(), json!(false));
            row.modified = row.modified.max(whole(now));
        }
    }
}

/// The opportunity got another account: the mirrors point at it.
pub(super) fn follow(store: &mut Store, now: Instant, opportunity: &str, account: &Json) {
    let forward = forward(store, opportunity);
    let mirrors: Vec<String> =
        forward.iter().filter_map(|(_, row)| row.text("ReversePartnerId").map(str::to_owned)).collect();
    for id in mirrors {
        if let Some(row) = store.row_mut(OBJECT, &id) {
            row.fields.insert("AccountToId".into(), account.clone());
            row.modified = row.modified.max(whole(now));
        }
    }
}

/// Live partners of an opportunity without the mirrors: of a pair, the row that was made first.
fn forward(store: &Store, opportunity: &str) -> Vec<(String, Row)> {
    let mine = store.rows(OBJECT).filter(|(_, row)| !row.deleted && row.text("OpportunityId") == Some(opportunity));
    mine.filter(|(id, row)| row.text("ReversePartnerId").is_none_or(|mirror| id.as_str() < mirror))
        .map(|(id, row)| (id.clone(), row.clone()))
        .collect()
}

/// Partners as people list them.
pub(super) fn listed(store: &Store, opportunity: &str) -> Json {
    let rows = forward(store, opportunity);
    rows.iter()
        .map(|(id, row)| {
            json!({ "Id": id, "AccountToId": row.get("AccountToId"), "Role": row.get("Role"), "IsPrimary": row.get("IsPrimary") })
        })
        .collect()
}

/// Makes the partners of an opportunity these: `[{"AccountToId", "Role"}]`.
pub(super) fn replace(store: &mut Store, now: Instant, opportunity: &str, wanted: &Json) -> Result<(), String> {
    let sentence = |(_, body): Reply| error::sentence(&body);
    let wanted: Vec<Map<String, Json>> =
        wanted.as_array().into_iter().flatten().filter_map(|partner| partner.as_object().cloned()).collect();
    let account = |partner: &Map<String, Json>| partner.get("AccountToId").and_then(Json::as_str).map(schema::full);
    let same = |partner: &Map<String, Json>, row: &Row| {
        account(partner).as_deref() == row.text("AccountToId")
            && partner.get("Role").unwrap_or(&Json::Null) == row.get("Role")
    };
    let there = forward(store, opportunity);
    for (id, row) in &there {
        if !wanted.iter().any(|partner| same(partner, row)) {
            store.delete(now, None, OBJECT, id).map_err(sentence)?;
        }
    }
    for partner in wanted {
        if !there.iter().any(|(_, row)| same(&partner, row)) {
            let mut fields = partner;
            fields.insert("OpportunityId".into(), json!(opportunity));
            store.create(now, None, OBJECT, fields).map_err(sentence)?;
        }
    }
    Ok(())
}
