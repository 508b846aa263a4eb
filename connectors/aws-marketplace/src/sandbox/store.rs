//! What the account holds.

use concord_connector::{Instant, sandbox::Push};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// An entity of the catalog.
#[derive(Clone)]
pub(super) struct Thing {
    /// `Offer`, without version.
    pub(super) of: &'static str,
    pub(super) revision: u64,
    pub(super) modified: Instant,
    /// The document as `DescribeEntity` shows it.
    pub(super) document: Json,
    /// The agreement that an offer is to replace.
    pub(super) replaces: Option<String>,
    /// The authorization that an offer was made with.
    pub(super) authorization: Option<String>,
}

/// A change set.
#[derive(Clone)]
pub(super) struct Set {
    pub(super) name: Option<String>,
    pub(super) changes: Vec<Json>,
    pub(super) started: Instant,
    /// When AWS begins to apply it, and when it is through.
    pub(super) applies: Instant,
    pub(super) ends: Instant,
    pub(super) status: &'static str,
    pub(super) failure: Option<&'static str>,
    /// Errors by the number of the change.
    pub(super) errors: Vec<(usize, &'static str, String)>,
    /// Ids of the entities of its changes, by the number of the change; of new ones once it is through.
    pub(super) entities: Vec<Option<String>>,
}

impl Set {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.status, "PREPARING" | "APPLYING")
    }
}

/// An agreement.
#[derive(Clone)]
pub(super) struct Agreement {
    pub(super) buyer: String,
    pub(super) offer: String,
    pub(super) product: String,
    pub(super) status: &'static str,
    pub(super) accepted: Instant,
    pub(super) starts: Instant,
    pub(super) ends: Option<Instant>,
    pub(super) updated: Instant,
    pub(super) amount: String,
    pub(super) currency: String,
    pub(super) initial: String,
    pub(super) ending: &'static str,
    /// Its licence, and since when there is one.
    pub(super) licence: String,
    pub(super) licensed: Instant,
    pub(super) deprovisioned: bool,
}

/// The account.
pub(super) struct Store {
    pub(super) account: String,
    pub(super) now: Instant,
    pub(super) things: BTreeMap<String, Thing>,
    pub(super) sets: BTreeMap<String, Set>,
    /// Client tokens, with the request that they came with and the set that it started.
    pub(super) tokens: BTreeMap<String, (Json, String)>,
    pub(super) agreements: BTreeMap<String, Agreement>,
    /// Quantities by licence, dimension and hour.
    pub(super) usage: BTreeMap<(String, String, i64), (String, String)>,
    /// Events that wait for their time.
    pub(super) events: Vec<(Instant, Json)>,
    /// Pushes that were not answered.
    pub(super) again: Vec<(Instant, Push)>,
    pub(super) made: u64,
    pub(super) breaks: bool,
    /// Whether the product has concurrent agreements: then registrations name a licence, else a customer.
    pub(super) concurrent: bool,
}

impl Store {
    /// The clock goes on: change sets whose time has come are through.
    pub(super) fn begin(&mut self, now: Instant) {
        self.now = self.now.max(now);
        super::sets::advance(self);
    }

    /// A fresh id: 13 characters after what it is of.
    pub(super) fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        let mut n = self.made;
        let digits = "abcdefghijklmnopqrstuvwxyz234567".as_bytes();
        let mut text = String::new();
        for _ in 0..13 {
            text.insert(0, digits[(n % 32) as usize] as char);
            n /= 32;
        }
        format!("{prefix}-{text}")
    }

    /// An event of a source, to be sent at a time.
    pub(super) fn event(&mut self, at: Instant, source: &str, kind: &str, resources: Json, mut detail: Json) {
        self.made += 1;
        let id = format!("{:08x}-0000-4000-8000-{:012x}", self.made, self.made);
        detail["requestId"] = id.clone().into();
        let event = json!({
            "version": "0",
            "id": id,
            "detail-type": kind,
            "source": source,
            "account": self.account,
            "time": time(at),
            "region": "us-east-1",
            "resources": resources,
            "detail": detail,
        });
        self.events.push((at, event));
    }

    pub(super) fn product_of(&self, offer: &str) -> Option<String> {
        let document = &self.things.get(offer)?.document;
        document.get("ProductId").and_then(Json::as_str).map(str::to_owned)
    }

    pub(super) fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        let mut records: BTreeMap<String, BTreeMap<String, Json>> = BTreeMap::new();
        for (id, thing) in &self.things {
            // Offers to everybody are no private offers.
            let public = thing.of == "Offer" && buyers(&thing.document).is_empty();
            let object = if public { "PublicOffer" } else { thing.of };
            records.entry(object.to_owned()).or_default().insert(id.clone(), thing.document.clone());
        }
        for (id, agreement) in &self.agreements {
            let shown = super::agreements::described(self, id, agreement);
            records.entry("Agreement".into()).or_default().insert(id.clone(), shown);
            if agreement.licensed <= self.now {
                let name = format!("{}/{}", agreement.buyer, agreement.licence);
                let shown = json!({ "licenseArn": agreement.licence, "agreementId": id });
                records.entry("Entitlement".into()).or_default().insert(name, shown);
            }
        }
        for ((licence, dimension, hour), (quantity, id)) in &self.usage {
            let shown =
                json!({ "LicenseArn": licence, "Dimension": dimension, "Timestamp": hour, "Quantity": quantity });
            records.entry("UsageRecord".into()).or_default().insert(id.clone(), shown);
        }
        records
    }
}

/// The accounts that an offer is for.
pub(super) fn buyers(document: &Json) -> Vec<&str> {
    let rules = document.get("Rules").and_then(Json::as_array);
    let named = rules.into_iter().flatten().filter_map(|rule| rule.pointer("/PositiveTargeting/BuyerAccounts"));
    named.filter_map(Json::as_array).flatten().filter_map(Json::as_str).collect()
}

/// The last day on which an offer can be accepted.
pub(super) fn available(document: &Json) -> Option<&str> {
    let rules = document.get("Rules").and_then(Json::as_array);
    rules.into_iter().flatten().find_map(|rule| rule.get("AvailabilityEndDate")).and_then(Json::as_str)
}

/// A time as the catalog writes it.
pub(super) fn time(at: Instant) -> String {
    format!("{}Z", at.rfc3339().get(..19).unwrap_or_default())
}

/// The day of a time.
pub(super) fn today(at: Instant) -> String {
    at.rfc3339().get(..10).unwrap_or_default().to_owned()
}

/// The accounts in a document of `UpdateTargeting`.
pub(super) fn buyers_of(document: &Json) -> Vec<&str> {
    let named = document.pointer("/PositiveTargeting/BuyerAccounts").and_then(Json::as_array);
    named.into_iter().flatten().filter_map(Json::as_str).collect()
}
