//! Product ingestion: jobs.

use super::{
    Cloud,
    ingest::Submission,
    routes::error,
    seed::{is_plan, product},
};
use concord_connector::{
    Instant,
    sandbox::{WireRequest, WireResponse},
};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// How long a job takes where nobody says otherwise, and how long certification does.
pub(super) const TAKES: Duration = Duration::from_secs(45);
const CERTIFIED: Duration = Duration::from_secs(2 * 3_600);
/// No job may be asked after more often.
const APART_MS: i64 = 59_000;

/// A configuration job.
pub(super) struct Job {
    resources: Vec<Json>,
    began: Instant,
    takes: Duration,
    asked: Option<Instant>,
    ended: Option<Result<Vec<Json>, Vec<Json>>>,
}

fn kind(resource: &Json) -> &str {
    resource["$schema"].as_str().and_then(|schema| schema.rsplit('/').nth(1)).unwrap_or_default()
}

fn wrong(code: &str, message: &str, resource: &Json) -> Json {
    json!({ "code": code, "message": message, "resourceId": resource["resourceName"].as_str().or(resource["id"].as_str()) })
}

/// What the schema of a resource refuses at once.
fn invalid(resource: &Json) -> Vec<Json> {
    let mut details = Vec::new();
    let mut need = |member: &str, holds: bool| {
        if !holds {
            details.push(json!({ "code": "invalidSchema", "message": format!("The property '{member}' is missing or not valid."), "target": member }));
        }
    };
    if kind(resource) == "private-offer" && matches!(resource["state"].as_str(), Some("draft" | "live")) {
        need("name", resource["name"].as_str().is_some_and(|name| !name.is_empty()));
        let types =
            ["customerPromotion", "cspPromotion", "multipartyPromotionOriginator", "multipartyPromotionChannelPartner"];
        need("privateOfferType", resource["privateOfferType"].as_str().is_some_and(|ty| types.contains(&ty)));
        let pricing =
            ["editExistingOfferPricingOnly", "saasNewCustomizedPlans", "newCustomizedPlans", "vmSoftwareReservations"];
        need("offerPricingType", resource["offerPricingType"].as_str().is_some_and(|ty| pricing.contains(&ty)));
        need("beneficiaries", resource["beneficiaries"].as_array().is_some_and(|all| !all.is_empty()));
        need("pricing", resource["pricing"].as_array().is_some_and(|all| !all.is_empty()));
        need("end", resource["end"].is_string());
        need("start", resource["variableStartDate"] == true || resource["start"].is_string());
    }
    details
}

impl Cloud {
    pub(super) fn configure(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let body = request.json().unwrap_or_default();
        let resources = body["resources"].as_array().cloned().unwrap_or_default();
        if kind(&body) != "configure" || resources.is_empty() {
            return error(400, "badRequest", "The body is no configuration.");
        }
        let details: Vec<Json> = resources.iter().flat_map(invalid).collect();
        if !details.is_empty() {
            let error = json!({ "code": "badRequest", "message": "The resources are not valid.", "details": details });
            return WireResponse::json(400, &json!({ "error": error }));
        }
        let of_product = |resources: &[Json]| resources.iter().all(|one| kind(one) != "private-offer");
        let busy = |job: &Job| job.ended.is_none() && of_product(&job.resources);
        if of_product(&resources) && self.jobs.values().any(busy) {
            return error(409, "conflict", "A job of this product is running.");
        }
        let id = self.guid();
        self.jobs.insert(id.clone(), Job { resources, began: now, takes: self.job_takes, asked: None, ended: None });
        WireResponse::json(202, &self.shown(&id))
    }

    fn shown(&self, id: &str) -> Json {
        let job = &self.jobs[id];
        let (status, result, errors) = match &job.ended {
            None if job.asked.is_none() => ("notStarted", "pending", Vec::new()),
            None => ("running", "pending", Vec::new()),
            Some(Ok(_)) => ("completed", "succeeded", Vec::new()),
            Some(Err(errors)) => ("completed", "failed", errors.clone()),
        };
        json!({ "$schema": "https://schema.mp.microsoft.com/schema/configure-status/2022-07-01", "jobId": id,
            "jobStatus": status, "jobResult": result, "jobStart": job.began.rfc3339(), "jobEnd": "0001-01-01", "errors": errors })
    }

    pub(super) fn job_status(&mut self, now: Instant, id: &str) -> WireResponse {
        let Some(job) = self.jobs.get_mut(id) else { return error(404, "notFound", "There is no such job.") };
        if job.asked.is_some_and(|asked| now.ms() - asked.ms() < APART_MS) {
            return error(429, "tooManyRequests", "A job is asked after at most once a minute.")
                .header("retry-after", "60");
        }
        job.asked = Some(now);
        WireResponse::json(200, &self.shown(id))
    }

    pub(super) fn job_detail(&self, id: &str) -> WireResponse {
        match self.jobs.get(id).map(|job| &job.ended) {
            Some(Some(Ok(resources))) => WireResponse::json(
                200,
                &json!({ "$schema": "https://schema.mp.microsoft.com/schema/configure-detail/2022-07-01", "resources": resources }),
            ),
            Some(_) => error(400, "badRequest", "The job has not succeeded."),
            None => error(404, "notFound", "There is no such job."),
        }
    }

    /// Does what is due.
    pub(super) fn work(&mut self, now: Instant) {
        let due = |job: &Job| job.ended.is_none() && job.began.plus(job.takes) <= now;
        let ids: Vec<String> = self.jobs.iter().filter(|(_, job)| due(job)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            let resources = self.jobs[&id].resources.clone();
            let ended = self.carry_out(now, &resources);
            if let Some(job) = self.jobs.get_mut(&id) {
                job.ended = Some(ended);
            }
        }
    }

    fn carry_out(&mut self, now: Instant, resources: &[Json]) -> Result<Vec<Json>, Vec<Json>> {
        let errors: Vec<Json> = resources.iter().filter_map(|one| self.refuses(one)).collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut made = Vec::new();
        for resource in resources {
            match kind(resource) {
                "private-offer" => made.push(self.put_offer(now, resource)),
                "submission" => self.submit(now, resource),
                "price-and-availability-private-offer-plan" => {}
                _ => self.put_resource(resource),
            }
        }
        Ok(made)
    }

    /// What is found out late.
    fn refuses(&self, resource: &Json) -> Option<Json> {
        if kind(resource) != "private-offer" {
            let long = resource["searchResultSummary"].as_str().is_some_and(|text| text.chars().count() > 100);
            return long
                .then(|| wrong("invalidListing", "The searchResultSummary is longer than 100 characters.", resource));
        }
        let before = resource["id"].as_str().and_then(|id| self.offers.get(id));
        match (resource["state"].as_str(), before) {
            (Some("withdrawn"), Some(offer)) if offer["subStatus"] == "accepted" => {
                Some(wrong("invalidState", "The private offer was accepted.", resource))
            }
            (Some("deleted"), Some(offer)) if offer["state"] != "draft" => {
                Some(wrong("invalidState", "Only a draft can be deleted.", resource))
            }
            (Some("draft" | "live"), _) => {
                let pricing = &resource["pricing"][0];
                let plan = pricing["plan"].as_str().or(pricing["basePlan"].as_str()).unwrap_or_default();
                if pricing["product"] != product(self.seed) {
                    return Some(wrong("notFound", "The product does not exist.", resource));
                }
                if !is_plan(self.seed, plan) {
                    return Some(wrong("notFound", "The plan does not exist in the product.", resource));
                }
                let late = resource["acceptBy"].as_str() > resource["end"].as_str();
                late.then(|| wrong("invalidDate", "The acceptBy date is after the end date.", resource))
            }
            (_, None) => Some(wrong("notFound", "The private offer does not exist.", resource)),
            _ => None,
        }
    }

    fn put_offer(&mut self, now: Instant, resource: &Json) -> Json {
        let id = match resource["id"].as_str() {
            Some(id) => id.to_owned(),
            None => format!("private-offer/{}", self.guid()),
        };
        let etag = self.guid();
        let offer = self.offers.entry(id.clone()).or_insert_with(|| json!({ "createdDate": now.rfc3339() }));
        for (name, value) in resource.as_object().into_iter().flatten().filter(|(name, _)| *name != "resourceName") {
            offer[name] = value.clone();
        }
        offer["id"] = json!(id);
        offer["eTag"] = json!(etag);
        offer["lastModified"] = json!(now.rfc3339());
        if offer["state"] == "live" {
            offer["subStatus"] = json!("pendingAcceptance");
            for one in offer["beneficiaries"].as_array_mut().into_iter().flatten() {
                one["acceptanceLink"] = json!(format!("https://portal.azure.com/#private-offer/{etag}"));
            }
        }
        offer.clone()
    }

    fn put_resource(&mut self, resource: &Json) {
        let tree = resource["product"].as_str().and_then(|product| self.resources.get_mut(product));
        let Some(tree) = tree else { return };
        match tree.iter_mut().find(|one| one["id"] == resource["id"]) {
            Some(before) => *before = resource.clone(),
            None => tree.push(resource.clone()),
        }
    }

    fn submit(&mut self, now: Instant, resource: &Json) {
        let number = self.guid();
        let product = resource["product"].as_str().unwrap_or_default();
        let Some(submissions) = self.submissions.get_mut(product) else { return };
        let guid = product.trim_start_matches("product/");
        let target = resource.pointer("/target/targetType").and_then(Json::as_str).unwrap_or_default();
        submissions.retain(|one| one.target != target);
        match target {
            "live" => {
                // The preview becomes what is live.
                submissions.retain(|one| one.target != "preview");
                let id = resource["id"].as_str().unwrap_or_default().to_owned();
                submissions.push(Submission { id, target: "live".into(), until: now });
            }
            _ => {
                let id = format!("submission/{guid}/{number}");
                submissions.push(Submission { id, target: target.into(), until: now.plus(CERTIFIED) });
            }
        }
    }
}
