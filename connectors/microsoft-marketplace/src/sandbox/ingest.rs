//! Product ingestion: what is read.

use super::{Cloud, routes::error};
use concord_connector::{
    Instant,
    sandbox::{WireRequest, WireResponse},
};
use serde_json::{Value as Json, json};

const PAGE: usize = 10;
const BASE: &str = "https://graph.microsoft.com/rp/product-ingestion";

/// A submission of a product: until then Microsoft works on it.
pub(super) struct Submission {
    pub(super) id: String,
    pub(super) target: String,
    pub(super) until: Instant,
}

impl Submission {
    fn json(&self, product: &str, now: Instant) -> Json {
        let (status, result) = if self.until <= now { ("completed", "succeeded") } else { ("running", "pending") };
        json!({ "$schema": "https://schema.mp.microsoft.com/schema/submission/2022-03-01-preview2", "id": self.id,
            "product": product, "target": { "targetType": self.target }, "status": status, "result": result })
    }
}

fn paged(request: &WireRequest, path: &str, rows: Vec<Json>) -> WireResponse {
    let from: usize = request.parameter("continuationToken").and_then(|text| text.parse().ok()).unwrap_or(0);
    let total = rows.len();
    let rows: Vec<Json> = rows.into_iter().skip(from).take(PAGE).collect();
    let mut body = json!({ "value": rows });
    if from + PAGE < total {
        body["@nextLink"] = json!(format!("{BASE}/{path}?continuationToken={}", from + PAGE));
    }
    WireResponse::json(200, &body)
}

impl Cloud {
    pub(super) fn ingestion(&mut self, now: Instant, request: &WireRequest, parts: &[&str]) -> WireResponse {
        let missing = || error(404, "notFound", "The resource was not found.");
        match (request.method.as_str(), parts) {
            ("GET", ["product"]) => {
                let kind = |resource: &&Json| {
                    resource["$schema"].as_str().is_some_and(|schema| schema.contains("/schema/product/"))
                };
                let products = self.resources.values().filter_map(|tree| tree.iter().find(kind)).cloned();
                paged(request, "product", products.collect())
            }
            ("GET", ["resource-tree", "product", id]) => {
                let product = format!("product/{id}");
                match self.resources.get(&product) {
                    Some(tree) => WireResponse::json(
                        200,
                        &json!({ "$schema": "https://schema.mp.microsoft.com/schema/resource-tree/2022-03-01-preview2",
                            "root": product, "target": { "targetType": "draft" }, "resources": tree }),
                    ),
                    None => missing(),
                }
            }
            ("GET", ["submission", "product", id]) => {
                let product = format!("product/{id}");
                match self.submissions.get(&product) {
                    Some(submissions) => {
                        let rows: Vec<Json> = submissions.iter().map(|one| one.json(&product, now)).collect();
                        WireResponse::json(200, &json!({ "value": rows }))
                    }
                    None => missing(),
                }
            }
            ("GET", ["private-offer", "query"]) => {
                let short = |offer: &Json| {
                    let mut row = offer.clone();
                    for member in ["pricing", "beneficiaries", "subStatus", "eTag"] {
                        row.as_object_mut().map(|members| members.remove(member));
                    }
                    row
                };
                paged(request, "private-offer/query", self.offers.values().map(short).collect())
            }
            ("GET", ["private-offer", id]) => match self.offers.get(&format!("private-offer/{id}")) {
                Some(offer) => WireResponse::json(200, offer),
                None => missing(),
            },
            ("POST", ["configure"]) => self.configure(now, request),
            ("GET", ["configure", id, "status"]) => self.job_status(now, id),
            ("GET", ["configure", id]) => self.job_detail(id),
            _ => missing(),
        }
    }

    /// What a buyer does with an offer, and what Partner Center shows of it.
    pub(super) fn offered(&mut self, now: Instant, id: &str, fields: &Json) -> Result<String, String> {
        let offer = self.offers.get_mut(id).ok_or("there is no such private offer")?;
        if fields["subStatus"] == "accepted" && (offer["state"] != "live" || offer["subStatus"] != "pendingAcceptance")
        {
            return Err("the private offer cannot be accepted".into());
        }
        for (name, value) in fields.as_object().into_iter().flatten() {
            offer[name] = value.clone();
        }
        offer["lastModified"] = json!(now.rfc3339());
        if fields["subStatus"] == "accepted" {
            // The buyer goes on to the purchase.
            self.purchase(&json!({}));
        }
        Ok(id.to_owned())
    }

    /// Somebody edits the draft of a listing in Partner Center.
    pub(super) fn edited(&mut self, id: &str, fields: &Json) -> Result<String, String> {
        let tree = self.resources.get_mut(id).ok_or("there is no such product")?;
        let listing =
            |one: &&mut Json| one["$schema"].as_str().is_some_and(|schema| schema.contains("/schema/listing/"));
        let listing = tree.iter_mut().find(listing).ok_or("the product has no listing")?;
        for (name, value) in fields.as_object().into_iter().flatten() {
            listing[name] = value.clone();
        }
        Ok(id.to_owned())
    }
}
