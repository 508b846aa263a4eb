//! What a change does to an entity.

use super::{
    release,
    store::{Set, Store, Thing},
};
use concord_connector::Instant;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Errors by the number of the change.
pub(super) type Errors = Vec<(usize, &'static str, String)>;

const OFFER: [&str; 15] = [
    "CreateOffer",
    "CreateOfferUsingResaleAuthorization",
    "CreateReplacementOffer",
    "CreateReplacementOfferUsingResaleAuthorization",
    "UpdateInformation",
    "UpdateTargeting",
    "UpdateSupportTerms",
    "UpdateLegalTerms",
    "UpdatePricingTerms",
    "UpdateAvailability",
    "UpdateValidityTerms",
    "UpdatePaymentScheduleTerms",
    "UpdateRenewalTerms",
    "UpdateMarkup",
    "ReleaseOffer",
];
const PRODUCT: [&str; 9] = [
    "CreateProduct",
    "UpdateInformation",
    "UpdateTargeting",
    "UpdateVisibility",
    "AddDeliveryOptions",
    "UpdateDeliveryOptions",
    "AddDimensions",
    "UpdateDimensions",
    "ReleaseProduct",
];
const AUTHORIZATION: [&str; 9] = [
    "CreateResaleAuthorization",
    "UpdateInformation",
    "UpdateAvailability",
    "UpdateBuyerTargetingTerms",
    "UpdateLegalTerms",
    "UpdatePricingTerms",
    "UpdatePaymentScheduleTerms",
    "ReleaseResaleAuthorization",
    "RestrictResaleAuthorization",
];

/// Whether a type of entity has a type of change.
pub(super) fn is_known(of: &str, kind: &str) -> bool {
    match of {
        "Offer@1.0" => OFFER.contains(&kind),
        "SaaSProduct@1.0" => PRODUCT.contains(&kind),
        "ResaleAuthorization@1.0" => AUTHORIZATION.contains(&kind),
        _ => false,
    }
}

/// Applies a set as a whole: the entities of its changes, or every error.
pub(super) fn apply(store: &mut Store, set: &Set, at: Instant) -> Result<Vec<Option<String>>, Errors> {
    let before = store.things.clone();
    let (mut names, mut entities, mut errors) = (BTreeMap::new(), Vec::new(), Errors::new());
    let mut released = Vec::new();
    for (nth, change) in set.changes.iter().enumerate() {
        let text = |pointer: &str| change.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
        let (kind, document) = (text("/ChangeType"), change.get("DetailsDocument").cloned().unwrap_or_default());
        let identifier = text("/Entity/Identifier");
        let mut wrong = |code: &'static str, message: String| errors.push((nth, code, message));
        let id = if kind.starts_with("Create") {
            match create(store, kind, &document, &names, at) {
                Ok(id) => id,
                Err((code, message)) => {
                    wrong(code, message);
                    // The others refer to nothing, and have no errors of their own.
                    break;
                }
            }
        } else {
            let name = identifier.trim_start_matches('$').split('.').next().unwrap_or_default();
            names.get(name).cloned().unwrap_or_else(|| identifier.split('@').next().unwrap_or_default().to_owned())
        };
        if let Some(name) = change.get("ChangeName").and_then(Json::as_str) {
            names.insert(name.to_owned(), id.clone());
        }
        if !kind.starts_with("Create") {
            change_one(store, &id, kind, &document, at, &mut wrong);
        }
        if kind.starts_with("Release") {
            released.push((nth, id.clone()));
        }
        entities.push(Some(id));
    }
    // A set is looked at as a whole: what is released later in it may be priced after.
    if errors.is_empty() {
        for (nth, id) in released {
            for (code, message) in release::release(store, &id, at) {
                errors.push((nth, code, message));
            }
        }
    }
    if !errors.is_empty() {
        store.things = before;
        return Err(errors);
    }
    let changed: std::collections::BTreeSet<&String> = entities.iter().flatten().collect();
    for id in changed {
        if let Some(thing) = store.things.get_mut(id) {
            thing.revision += 1;
            thing.modified = Instant::from_ms(at.ms() / 1000 * 1000);
        }
    }
    Ok(entities)
}

type Wrong = (&'static str, String);

fn create(
    store: &mut Store,
    kind: &str,
    document: &Json,
    names: &BTreeMap<String, String>,
    at: Instant,
) -> Result<String, Wrong> {
    let text = |name: &str| document.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let product_of = |store: &Store, said: String| -> Result<String, Wrong> {
        let name = said.trim_start_matches('$').split('.').next().unwrap_or_default();
        let id = names.get(name).cloned().unwrap_or(said);
        match store.things.get(&id) {
            Some(thing) if thing.of == "SaaSProduct" => Ok(id),
            _ => Err(("INCOMPATIBLE_PRODUCT", format!("{id} is no product of this seller."))),
        }
    };
    let mut thing = Thing {
        of: "Offer",
        revision: 0,
        modified: at,
        document: json!({ "State": "Draft", "Rules": [], "Terms": [] }),
        replaces: None,
        authorization: None,
    };
    let authorization = text("ResaleAuthorizationId");
    if !authorization.is_empty() {
        let found = store.things.get(&authorization).filter(|thing| thing.of == "ResaleAuthorization");
        let Some(found) = found.filter(|thing| thing.document["Status"] == "Active") else {
            return Err(("INCOMPATIBLE_PRODUCT", format!("{authorization} is no authorization that is active.")));
        };
        thing.document["ProductId"] = found.document["ProductId"].clone();
        thing.authorization = Some(authorization);
    }
    let id = match kind {
        "CreateProduct" => {
            thing.of = "SaaSProduct";
            let id = store.id("prod");
            let code: String =
                id.bytes().map(|byte| char::from(b'a' + byte % 26)).chain("abcdefg".chars()).take(25).collect();
            thing.document = json!({
                "Description": { "ProductCode": code, "ProductState": "Draft", "Visibility": "Draft" },
                "Dimensions": [],
                "PromotionalResources": {},
                "SupportInformation": {},
                "Versions": [],
            });
            if !text("ProductTitle").is_empty() {
                thing.document["Description"]["ProductTitle"] = text("ProductTitle").into();
            }
            id
        }
        "CreateResaleAuthorization" => {
            thing.of = "ResaleAuthorization";
            let product = product_of(store, text("ProductId"))?;
            let reseller = text("ResellerAccountId");
            if reseller.len() != 12 || reseller == store.account {
                return Err(("INVALID_RESELLER_ACCOUNT", "The account is no reseller.".into()));
            }
            thing.document = json!({
                "Name": text("Name"),
                "ProductId": product,
                "Status": "Draft",
                "CreatedDate": super::store::time(at),
                "ManufacturerAccountId": store.account,
                "Rules": [{ "Type": "PartnerTargetingRule", "ResellerAccountId": reseller }],
                "Terms": [],
            });
            if !text("Description").is_empty() {
                thing.document["Description"] = text("Description").into();
            }
            store.id("resaleauthz")
        }
        "CreateReplacementOffer" | "CreateReplacementOfferUsingResaleAuthorization" => {
            let agreement = text("AgreementId");
            let Some(found) = store.agreements.get(&agreement).filter(|agreement| agreement.status == "ACTIVE") else {
                return Err(("INCOMPATIBLE_AGREEMENT", format!("{agreement} is no agreement that is active.")));
            };
            thing.document["ProductId"] = found.product.clone().into();
            thing.document["Rules"] =
                json!([{ "Type": "TargetingRule", "PositiveTargeting": { "BuyerAccounts": [found.buyer] } }]);
            thing.replaces = Some(agreement);
            store.id("offer")
        }
        "CreateOfferUsingResaleAuthorization" => store.id("offer"),
        _ => {
            thing.document["ProductId"] = product_of(store, text("ProductId"))?.into();
            store.id("offer")
        }
    };
    if !text("Name").is_empty() {
        thing.document["Name"] = text("Name").into();
    }
    thing.document["Id"] = id.clone().into();
    store.things.insert(id.clone(), thing);
    Ok(id)
}

fn change_one(
    store: &mut Store,
    id: &str,
    kind: &str,
    said: &Json,
    at: Instant,
    wrong: &mut impl FnMut(&'static str, String),
) {
    let account = store.account.clone();
    let dimensions = release::dimensions(store, id);
    let Some(thing) = store.things.get_mut(id) else {
        return wrong("RESOURCE_NOT_FOUND", format!("{id} does not exist."));
    };
    let released = thing.document["State"] == "Released";
    let document = &mut thing.document;
    match kind {
        "UpdateInformation" if thing.of == "SaaSProduct" => inform(document, said),
        "UpdateInformation" => {
            for (name, value) in said.as_object().into_iter().flatten() {
                if value.as_str().is_some_and(str::is_empty) {
                    wrong("INVALID_INPUT", format!("{name} has no characters."));
                }
                document[name.as_str()] = value.clone();
            }
        }
        "UpdateTargeting" if thing.of == "SaaSProduct" => document["Targeting"] = said.clone(),
        "UpdateTargeting" => {
            let accounts: Vec<&str> = super::store::buyers_of(said);
            let good = |account: &&str| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
            if let Some(bad) = accounts.iter().find(|one| !good(one) || **one == account || one.starts_with("0000")) {
                wrong("INVALID_BUYER_ACCOUNTS", format!("{bad} is no account that can buy."));
            }
            if released {
                wrong("INCOMPATIBLE_TARGETING", "A released offer keeps its buyers.".into());
            }
            rule(document, "TargetingRule", said.clone());
        }
        "UpdateAvailability" => {
            let name = "AvailabilityRule";
            let mut held = rules_of(document, name).unwrap_or_else(|| json!({}));
            for (name, value) in said.as_object().into_iter().flatten() {
                held[name.as_str()] = value.clone();
            }
            rule(document, name, held);
        }
        "UpdateMarkup" => document["MarkupPercentage"] = said["Percentage"].clone(),
        "UpdatePricingTerms" => {
            if released {
                wrong("INCOMPATIBLE_TERMS", "A released offer keeps its prices.".into());
            }
            for (code, message) in release::priced(said, &dimensions) {
                wrong(code, message);
            }
            if document.get("Status").is_some() {
                document["PricingModel"] = said["PricingModel"].clone();
            }
            terms(document, |name| name.ends_with("PricingTerm"), said);
        }
        "UpdateValidityTerms" => terms(document, |name| name == "ValidityTerm", said),
        "UpdatePaymentScheduleTerms" => terms(document, |name| name.ends_with("PaymentScheduleTerm"), said),
        "UpdateLegalTerms" => {
            if said.to_string().contains("unreadable") {
                wrong("INVALID_LEGAL_DOCUMENTS", "The document cannot be read.".into());
            }
            terms(document, |name| name.ends_with("LegalTerm"), said);
        }
        "UpdateSupportTerms" => terms(document, |name| name == "SupportTerm", said),
        "UpdateRenewalTerms" => terms(document, |name| name == "RenewalTerm", said),
        "UpdateBuyerTargetingTerms" => terms(document, |name| name == "BuyerTargetingTerm", said),
        "AddDimensions" | "UpdateDimensions" => dimension(document, kind == "AddDimensions", said, wrong),
        "AddDeliveryOptions" | "UpdateDeliveryOptions" => deliver(document, said, at),
        "UpdateVisibility" => document["Description"]["Visibility"] = said["TargetVisibility"].clone(),
        "RestrictResaleAuthorization" => document["Status"] = "Restricted".into(),
        _ => {}
    }
}

fn inform(document: &mut Json, said: &Json) {
    for (name, value) in said.as_object().into_iter().flatten() {
        match name.as_str() {
            "LogoUrl" => document["PromotionalResources"]["LogoUrl"] = value.clone(),
            "VideoUrls" => {
                let videos = value.as_array().into_iter().flatten().map(|url| json!({ "Type": "Link", "Url": url }));
                document["PromotionalResources"]["Videos"] = videos.collect();
            }
            "AdditionalResources" => document["PromotionalResources"][name.as_str()] = value.clone(),
            "SupportDescription" => document["SupportInformation"]["Description"] = value.clone(),
            _ => document["Description"][name.as_str()] = value.clone(),
        }
    }
}

fn rules_of(document: &Json, name: &str) -> Option<Json> {
    document["Rules"].as_array()?.iter().find(|rule| rule["Type"] == name).cloned()
}

fn rule(document: &mut Json, name: &str, mut rule: Json) {
    rule["Type"] = name.into();
    if let Some(rules) = document["Rules"].as_array_mut() {
        rules.retain(|rule| rule["Type"] != name);
        rules.push(rule);
    }
}

/// Puts terms in the place of those of their kind.
fn terms(document: &mut Json, of: impl Fn(&str) -> bool, said: &Json) {
    if let Some(terms) = document["Terms"].as_array_mut() {
        terms.retain(|term| !of(term["Type"].as_str().unwrap_or_default()));
        terms.extend(said["Terms"].as_array().cloned().unwrap_or_default());
    }
}

fn dimension(document: &mut Json, adds: bool, said: &Json, wrong: &mut impl FnMut(&'static str, String)) {
    let Some(held) = document["Dimensions"].as_array_mut() else { return };
    for one in said.as_array().into_iter().flatten() {
        let at = held.iter().position(|dimension| dimension["Key"] == one["Key"]);
        match at {
            Some(_) if adds => wrong("INVALID_INPUT", format!("{} is there already.", one["Key"])),
            None if !adds => wrong("INVALID_INPUT", format!("{} is no dimension.", one["Key"])),
            None => held.push(one.clone()),
            Some(at) => {
                for (name, value) in one.as_object().into_iter().flatten() {
                    held[at][name.as_str()] = value.clone();
                }
            }
        }
    }
}

fn deliver(document: &mut Json, said: &Json, at: Instant) {
    let options: Vec<Json> = said["DeliveryOptions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|option| {
            let details = option["Details"].as_object().and_then(|details| details.values().next()).cloned();
            let mut shown = details.unwrap_or_default();
            shown["Id"] = option.get("Id").cloned().unwrap_or_else(|| format!("do-{}", at.ms()).into());
            shown["Type"] = "SaaSUrl".into();
            shown["Visibility"] = "Limited".into();
            shown
        })
        .collect();
    document["Versions"] = json!([{ "Id": "version-1", "DeliveryOptions": options }]);
}
