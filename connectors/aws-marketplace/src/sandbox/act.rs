//! What people do: sellers on the portal, buyers on the marketplace.

use super::store::{Agreement, Store, Thing, available, buyers, today};
use concord_connector::{Instant, sandbox::Act};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// From an acceptance to its event, and from there to the licence: as observed.
const HEARD: Duration = Duration::from_secs(11);
const LICENSED: Duration = Duration::from_secs(72);

pub(super) fn act(store: &mut Store, act: Act) -> Result<String, String> {
    match act {
        Act::Create { object, fields } if object == "Agreement" => accept(store, &fields),
        Act::Create { object, fields } => make(store, &object, fields),
        Act::Update { object, id, fields } if object == "Agreement" => end(store, &id, &fields),
        Act::Update { object, fields, .. } if object == "Settings" => {
            store.concurrent = fields["concurrent"] != false;
            Ok(String::new())
        }
        Act::Update { id, fields, .. } => edit(store, &id, &fields),
        Act::Delete { .. } | Act::Merge { .. } => Err("AWS Marketplace deletes and merges nothing".into()),
    }
}

/// A buyer accepts an offer. `OfferId`, and `AcceptorAccountId` where several may.
fn accept(store: &mut Store, fields: &Json) -> Result<String, String> {
    let offer = fields["OfferId"].as_str().unwrap_or_default().to_owned();
    let thing = store.things.get(&offer).cloned().ok_or("there is no such offer")?;
    let named = buyers(&thing.document);
    let buyer = fields["AcceptorAccountId"].as_str().or(named.first().copied()).ok_or("who accepts it?")?.to_owned();
    if !named.is_empty() && !named.contains(&buyer.as_str()) {
        return Err("the offer is for others".into());
    }
    if thing.document["State"] != "Released" {
        return Err("the offer is not released".into());
    }
    if available(&thing.document).is_some_and(|last| last < today(store.now).as_str()) {
        return Err("the offer has expired".into());
    }
    if !named.is_empty() && store.agreements.values().any(|one| one.offer == offer) {
        return Err("the offer is accepted".into());
    }
    Ok(agree(store, &thing, offer, buyer))
}

/// The agreement that an offer becomes.
pub(super) fn agree(store: &mut Store, thing: &Thing, offer: String, buyer: String) -> String {
    let now = store.now;
    let id = format!("{}abcdefghijkl", store.id("agmt"));
    let licence = licence(store);
    let terms = thing.document["Terms"].as_array().cloned().unwrap_or_default();
    let (amount, currency) = worth(&terms);
    let mut initial = id.clone();
    if let Some(old) = &thing.replaces {
        let old = old.clone();
        if let Some(agreement) = store.agreements.get_mut(&old) {
            initial = agreement.initial.clone();
            agreement.status = "REPLACED";
            agreement.updated = now;
            agreement.ends = Some(now);
            agreement.deprovisioned = true;
        }
        told(store, now.plus(HEARD), &old, "Purchase Agreement Ended - Proposer", "REPLACE");
    }
    let agreement = Agreement {
        buyer,
        product: thing.document["ProductId"].as_str().unwrap_or_default().to_owned(),
        offer,
        status: "ACTIVE",
        accepted: now,
        starts: now,
        ends: ends(&terms, now),
        updated: now,
        amount,
        currency,
        initial,
        ending: if terms.iter().any(|term| term["Type"] == "RenewalTerm") { "RENEW" } else { "EXPIRE" },
        licence,
        licensed: now.plus(LICENSED),
        deprovisioned: false,
    };
    store.agreements.insert(id.clone(), agreement);
    let intent = if thing.replaces.is_some() { "REPLACE" } else { "NEW" };
    told(store, now.plus(HEARD), &id, "Purchase Agreement Created - Proposer", intent);
    told(store, now.plus(LICENSED), &id, "License Updated - Manufacturer", "");
    id
}

fn licence(store: &mut Store) -> String {
    store.made += 1;
    format!("arn:aws:license-manager::294406891311:license:l-{:032x}", store.made)
}

/// What the terms come to.
fn worth(terms: &[Json]) -> (String, String) {
    let cents = |text: &str| -> i64 {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let fraction: String = fraction.chars().chain("00".chars()).take(2).collect();
        whole.parse::<i64>().unwrap_or_default() * 100 + fraction.parse::<i64>().unwrap_or_default()
    };
    let mut total = 0;
    let mut currency = "USD".to_owned();
    for term in terms {
        if let Some(code) = term["CurrencyCode"].as_str() {
            currency = code.to_owned();
        }
        total += term["Price"].as_str().map_or(0, cents);
        for due in term["Schedule"].as_array().into_iter().flatten() {
            total += due["ChargeAmount"].as_str().map_or(0, cents);
        }
    }
    (format!("{}.{:02}", total / 100, total % 100), currency)
}

fn ends(terms: &[Json], now: Instant) -> Option<Instant> {
    let term = terms.iter().find(|term| term["Type"] == "ValidityTerm")?;
    if let Some(day) = term["AgreementEndDate"].as_str() {
        return Instant::parse(&format!("{}T23:59:59Z", day.get(..10)?));
    }
    let duration = term["AgreementDuration"].as_str()?.trim_start_matches('P');
    let (count, unit) = duration.split_at(duration.len().checked_sub(1)?);
    let days = count.parse::<u64>().ok()? * if unit == "M" { 30 } else { 1 };
    Some(now.plus(Duration::from_secs(days * 86_400)))
}

/// An event about an agreement. Those about its end name no offer, as AWS's do not; those about licences name the product.
fn told(store: &mut Store, at: Instant, id: &str, kind: &str, intent: &str) {
    let Some(agreement) = store.agreements.get(id).cloned() else { return };
    let mut detail = json!({
        "catalog": "AWSMarketplace",
        "agreement": { "id": id },
        "acceptor": { "accountId": agreement.buyer },
        "proposer": { "accountId": store.account },
    });
    if kind.starts_with("License") {
        let code = store.things.get(&agreement.product).map(|one| one.document["Description"]["ProductCode"].clone());
        detail["product"] = json!({ "id": agreement.product, "code": code });
        detail["license"] = json!({ "arn": agreement.licence });
        detail["offer"] = json!({ "id": agreement.offer });
    } else {
        detail["agreement"]["intent"] = intent.into();
        detail["agreement"]["status"] = agreement.status.into();
        detail["agreement"]["acceptanceTime"] = agreement.accepted.rfc3339().into();
        detail["agreement"]["startTime"] = agreement.starts.rfc3339().into();
        detail["agreement"]["endTime"] =
            agreement.ends.map_or_else(|| "9999-01-01T00:00:00Z".to_owned(), Instant::rfc3339).into();
        if kind.contains("Created") {
            detail["offer"] = json!({ "id": agreement.offer });
            detail["resaleAuthorization"] = json!({ "id": null });
        }
    }
    let resources = json!([format!("arn:aws:aws-marketplace::aws:agreement:{id}")]);
    store.event(at, "aws.agreement-marketplace", kind, resources, detail);
}

/// An agreement ends: `status` is CANCELLED, EXPIRED or TERMINATED.
fn end(store: &mut Store, id: &str, fields: &Json) -> Result<String, String> {
    let now = store.now;
    let status = match fields["status"].as_str() {
        Some("CANCELLED") => "CANCELLED",
        Some("EXPIRED") => "EXPIRED",
        Some("TERMINATED") => "TERMINATED",
        _ => return Err("an agreement is CANCELLED, EXPIRED or TERMINATED".into()),
    };
    let agreement = store.agreements.get_mut(id).ok_or("there is no such agreement")?;
    agreement.status = status;
    agreement.updated = now;
    agreement.ends = Some(now);
    agreement.deprovisioned = true;
    told(store, now.plus(HEARD), id, "Purchase Agreement Ended - Proposer", "");
    told(store, now.plus(HEARD), id, "License Deprovisioned - Manufacturer", "");
    Ok(id.to_owned())
}

/// Somebody edits an entity on the portal, which is a change set of theirs.
fn edit(store: &mut Store, id: &str, fields: &Json) -> Result<String, String> {
    let now = store.now;
    if store.sets.values().any(|set| set.is_open() && set.entities.contains(&Some(id.to_owned()))) {
        return Err("a change set works on it".into());
    }
    let thing = store.things.get_mut(id).ok_or("there is no such entity")?;
    merge(&mut thing.document, fields);
    thing.revision += 1;
    thing.modified = Instant::from_ms(now.ms() / 1000 * 1000);
    let set = store.id("cs");
    let detail = json!({ "Catalog": "AWSMarketplace", "ChangeSetId": set });
    store.event(now, "aws.marketplacecatalog", "Change Set Succeeded", json!([]), detail);
    Ok(id.to_owned())
}

fn merge(document: &mut Json, fields: &Json) {
    match (document, fields) {
        (Json::Object(held), Json::Object(said)) => {
            for (name, value) in said {
                merge(held.entry(name.clone()).or_insert(Json::Null), value);
            }
        }
        (held, said) => *held = said.clone(),
    }
}

/// An entity as somebody made it on the portal; `fields` is its document.
fn make(store: &mut Store, object: &str, fields: Json) -> Result<String, String> {
    let (of, prefix) = match object {
        "Offer" => ("Offer", "offer"),
        "SaaSProduct" => ("SaaSProduct", "prod"),
        "ResaleAuthorization" => ("ResaleAuthorization", "resaleauthz"),
        _ => return Err(format!("nobody makes a {object}")),
    };
    let id = store.id(prefix);
    let modified = Instant::from_ms(store.now.ms() / 1000 * 1000);
    let thing = Thing { of, revision: 1, modified, document: fields, replaces: None, authorization: None };
    store.things.insert(id.clone(), thing);
    Ok(id)
}
