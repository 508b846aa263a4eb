//! What AWS demands of prices, and of what is released.

use super::store::{Store, available, buyers, today};
use concord_connector::Instant;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

type Wrong = (&'static str, String);

/// The dimensions of the product that an offer or authorization is of, or of the product itself.
pub(super) fn dimensions(store: &Store, id: &str) -> BTreeSet<String> {
    let of = store.product_of(id).unwrap_or_else(|| id.to_owned());
    let listed = store.things.get(&of).and_then(|product| product.document["Dimensions"].as_array());
    listed.into_iter().flatten().filter_map(|one| one["Key"].as_str()).map(str::to_owned).collect()
}

/// What is wrong with prices.
pub(super) fn priced(said: &Json, dimensions: &BTreeSet<String>) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut currencies = BTreeSet::new();
    let mut keys = BTreeSet::new();
    for term in said["Terms"].as_array().into_iter().flatten() {
        let name = term["Type"].as_str().unwrap_or_default();
        let name = name.trim_start_matches("Resale");
        if !matches!(
            name,
            "FixedUpfrontPricingTerm"
                | "UsageBasedPricingTerm"
                | "ConfigurableUpfrontPricingTerm"
                | "ByolPricingTerm"
                | "FreeTrialPricingTerm"
        ) {
            wrong.push(("INCOMPATIBLE_TERMS", format!("{name} is no term of prices.")));
        }
        currencies.extend(term["CurrencyCode"].as_str().map(str::to_owned));
        for grant in term["Grants"].as_array().into_iter().flatten() {
            keys.extend(grant["DimensionKey"].as_str().map(str::to_owned));
        }
        for card in term["RateCards"].as_array().into_iter().flatten() {
            for rate in card["RateCard"].as_array().into_iter().flatten() {
                keys.extend(rate["DimensionKey"].as_str().map(str::to_owned));
            }
        }
    }
    let sold = ["USD", "AUD", "EUR", "GBP", "JPY"];
    if let Some(code) = currencies.iter().find(|code| !sold.contains(&code.as_str())) {
        wrong.push(("INCOMPATIBLE_TERMS", format!("{code} is no currency of the marketplace.")));
    }
    if currencies.len() > 1 {
        wrong.push(("INCOMPATIBLE_TERMS", "The terms have several currencies.".into()));
    }
    if let Some(key) = keys.iter().find(|key| !dimensions.contains(*key)) {
        wrong.push(("INCOMPATIBLE_TERMS", format!("{key} is no dimension of the product.")));
    }
    wrong
}

/// Releases an entity: what is missing or does not go together.
pub(super) fn release(store: &mut Store, id: &str, at: Instant) -> Vec<Wrong> {
    let Some(thing) = store.things.get(id).cloned() else { return Vec::new() };
    let document = &thing.document;
    let mut wrong = Vec::new();
    let terms: Vec<&Json> = document["Terms"].as_array().into_iter().flatten().collect();
    let has = |end: &str| terms.iter().any(|term| term["Type"].as_str().is_some_and(|name| name.ends_with(end)));
    match thing.of {
        "SaaSProduct" => {
            let told = ["ProductTitle", "ShortDescription", "LongDescription", "Highlights", "Categories"];
            if let Some(missing) = told.iter().find(|name| document["Description"].get(**name).is_none()) {
                wrong.push(("INCOMPATIBLE_PRODUCT", format!("The product has no {missing}.")));
            }
            if wrong.is_empty() {
                set(store, id, |document| {
                    document["Description"]["Visibility"] = "Limited".into();
                    document["Description"]["ProductState"] = "Limited".into();
                });
            }
        }
        "ResaleAuthorization" => {
            if !has("PricingTerm") && document["PricingModel"] != "Free" {
                wrong.push(("MISSING_MANDATORY_TERMS", "The authorization has no prices.".into()));
            }
            if wrong.is_empty() {
                set(store, id, |document| document["Status"] = "Active".into());
            }
        }
        _ => {
            offer(document, &terms, &has, thing.authorization.is_some(), &mut wrong);
            if !buyers(document).is_empty() && available(document).is_some_and(|last| last < today(at).as_str()) {
                wrong.push(("MISSING_AVAILABILITY_END_DATE", "The last day of acceptance is over.".into()));
            }
            if wrong.is_empty() {
                set(store, id, |document| document["State"] = "Released".into());
                let product = store.product_of(id);
                let resources =
                    json!([format!("arn:aws:aws-marketplace:us-east-1:{}:AWSMarketplace/Offer/{id}", store.account)]);
                let detail =
                    json!({ "catalog": "AWSMarketplace", "offer": { "id": id }, "product": { "id": product } });
                store.event(at, "aws.marketplacecatalog", "Offer Released", resources, detail);
            }
        }
    }
    wrong
}

fn offer(document: &Json, terms: &[&Json], has: &dyn Fn(&str) -> bool, resold: bool, wrong: &mut Vec<Wrong>) {
    if document["Name"].as_str().is_none_or(str::is_empty) {
        wrong.push(("INVALID_INPUT", "The offer has no name.".into()));
    }
    let marked_up = resold && document.get("MarkupPercentage").is_some();
    if !has("PricingTerm") && !marked_up {
        wrong.push(("MISSING_MANDATORY_TERMS", "The offer has no prices.".into()));
    }
    if !has("LegalTerm") && !resold {
        wrong.push(("MISSING_MANDATORY_TERMS", "The offer has no legal terms.".into()));
    }
    if !buyers(document).is_empty() && available(document).is_none() {
        wrong.push(("MISSING_AVAILABILITY_END_DATE", "A private offer has a last day of acceptance.".into()));
    }
    let schedule = terms.iter().find(|term| term["Type"] == "PaymentScheduleTerm");
    let Some(schedule) = schedule else { return };
    let upfront = terms.iter().find(|term| term["Type"] == "FixedUpfrontPricingTerm");
    let free = |price: &str| price.chars().all(|c| matches!(c, '0' | '.'));
    if upfront.is_none_or(|term| !term["Price"].as_str().is_some_and(free)) {
        wrong.push(("INCOMPATIBLE_TERMS", "With a schedule the price in advance is 0.".into()));
    }
    if let Some(last) = available(document) {
        let dues = schedule["Schedule"].as_array().into_iter().flatten().filter_map(|due| due["ChargeDate"].as_str());
        if dues.filter(|due| *due <= last).count() != 1 {
            wrong.push(("INVALID_CHARGE_DATES", "One charge is on or before the last day of acceptance.".into()));
        }
    }
}

fn set(store: &mut Store, id: &str, change: impl FnOnce(&mut Json)) {
    if let Some(thing) = store.things.get_mut(id) {
        change(&mut thing.document);
    }
}
