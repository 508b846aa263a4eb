//! The account as it is at the beginning.

use super::{
    act,
    store::{Store, Thing},
};
use concord_connector::Instant;
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};

/// The product that is there.
pub const PRODUCT: &str = "prod-sandboxexampl";
/// A buyer's account.
pub const BUYER: &str = "111122223333";
/// A reseller's account.
pub const RESELLER: &str = "444455556666";
const OFFER: &str = "offer-sandboxpublic";
/// When it was made: before every clock that a test or a demonstration starts.
const MADE: Instant = Instant::from_ms(1_735_689_600_000);

pub(super) fn store(seed: u64) -> Store {
    let mut store = Store {
        account: format!("{:012}", 999_000_000_000 + seed % 1_000_000_000),
        now: MADE,
        things: BTreeMap::new(),
        sets: BTreeMap::new(),
        tokens: BTreeMap::new(),
        agreements: BTreeMap::new(),
        usage: BTreeMap::new(),
        events: Vec::new(),
        again: Vec::new(),
        made: seed % 1_000 * 1_000_000,
        breaks: false,
        concurrent: true,
    };
    let product = json!({
        "Id": PRODUCT,
        "Description": {
            "ProductTitle": "Example Sync",
            "ProductCode": "1abcexampl2abcexampl3abcd",
            "ShortDescription": "Keeps partner data in step.",
            "LongDescription": "Keeps partner data in step, in every system that a seller has.",
            "Highlights": ["One source of truth"],
            "SearchKeywords": ["partner"],
            "Categories": ["Data Integration"],
            "ProductState": "Limited",
            "Visibility": "Public",
        },
        "Dimensions": [
            { "Key": "BasicService", "Types": ["Entitled"], "Name": "Basic", "Description": "The basic tier", "Unit": "Units" },
            { "Key": "PremiumService", "Types": ["Entitled"], "Name": "Premium", "Description": "The premium tier", "Unit": "Units" },
            { "Key": "api_calls", "Types": ["ExternallyMetered"], "Name": "Calls", "Description": "Calls of the API", "Unit": "Units" },
        ],
        "PromotionalResources": { "LogoUrl": "https://example-bucket.s3.amazonaws.com/logo.png" },
        "SupportInformation": { "Description": "Write to support@example.com." },
        "Versions": [{ "Id": "version-1", "DeliveryOptions": [{
            "Id": "do-1", "Type": "SaaSUrl", "FulfillmentUrl": "https://example.com/aws", "Visibility": "Public",
        }] }],
    });
    let offer = json!({
        "Id": OFFER,
        "Name": "Example Sync for everybody",
        "ProductId": PRODUCT,
        "State": "Released",
        "Rules": [],
        "Terms": [
            { "Type": "UsageBasedPricingTerm", "CurrencyCode": "USD",
              "RateCards": [{ "RateCard": [{ "DimensionKey": "api_calls", "Price": "0.002" }] }] },
            { "Type": "LegalTerm", "Documents": [{ "Type": "StandardEula", "Version": "2022-07-14" }] },
        ],
    });
    let thing = |of, document| Thing { of, revision: 1, modified: MADE, document, replaces: None, authorization: None };
    store.things.insert(PRODUCT.to_owned(), thing("SaaSProduct", product));
    let public = thing("Offer", offer);
    store.things.insert(OFFER.to_owned(), public.clone());
    let _agreement = act::agree(&mut store, &public, OFFER.to_owned(), BUYER.to_owned());
    store.now = MADE.plus(Duration::from_secs(3600));
    store.events.clear();
    store
}
