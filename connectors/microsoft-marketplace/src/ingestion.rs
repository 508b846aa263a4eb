//! Product ingestion: its calls, its jobs, and how their errors name what we wrote.

use concord_connector::{
    Entity, Fault, Kind, Request, Response,
    exchange::{Running, Unfit, Written},
};
use serde_json::{Value as Json, json};

pub(crate) const HOST: &str = "graph";
/// Microsoft: a job is asked after at most once a minute.
pub(crate) const MINUTE_S: u64 = 60;
/// The version of private offers and their jobs.
const OFFERS: &str = "2023-07-15";
const OFFER_JOBS: &str = "2022-07-01";
/// The version of listings and their jobs.
const LISTING_JOBS: &str = "2022-03-01-preview2";
const LISTINGS: &str = "2022-03-01-preview5";
const SCHEMA: &str = "https://schema.mp.microsoft.com/schema";
/// Between a private offer's name and our mark.
const MARK: &str = " #";

/// A schema's address.
pub(crate) fn schema(name: &str) -> String {
    let version = match name {
        "configure" => OFFER_JOBS,
        "private-offer" | "price-and-availability-private-offer-plan" => OFFERS,
        _ => LISTING_JOBS,
    };
    format!("{SCHEMA}/{name}/{version}")
}

fn get(path: impl Into<String>, version: &str) -> Request {
    Request::get(path).query("$version", version).to(HOST)
}

fn paged(request: Request, page: Option<&str>) -> Request {
    match page {
        Some(page) => request.query("continuationToken", page),
        None => request,
    }
}

pub(crate) fn products(page: Option<&str>) -> Request {
    paged(get("/product", "2022-03-01-preview3").query("type", "softwareAsAService"), page)
}

pub(crate) fn tree(product: &str) -> Request {
    get(format!("/resource-tree/{product}"), LISTINGS).query("targetType", "draft")
}

pub(crate) fn submissions(product: &str) -> Request {
    get(format!("/submission/{product}"), LISTING_JOBS)
}

pub(crate) fn offers(page: Option<&str>) -> Request {
    paged(get("/private-offer/query", OFFERS), page)
}

pub(crate) fn offer(id: &str) -> Request {
    get(format!("/{id}"), OFFERS)
}

/// Where the next page begins, by the address of it.
pub(crate) fn next(answer: &Response) -> Option<String> {
    let address = answer.text("/@nextLink").or_else(|| answer.text("/nextLink"))?;
    let query = address.split_once('?').map(|(_, query)| query)?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name.eq_ignore_ascii_case("continuationToken")).map(|(_, page)| page.into_owned())
}

/// Whether an id can stand in a path as it is.
pub(crate) fn is_path(id: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'/' | b'_');
    !id.is_empty() && !id.starts_with('/') && id.bytes().all(good)
}

/// Whether an id has the form of a durable id of a kind: `product/{guid}`.
pub(crate) fn is_id(kind: &str, id: &str) -> bool {
    id.strip_prefix(kind).and_then(|rest| rest.strip_prefix('/')).is_some_and(is_path)
}

/// A name as people wrote it, and the golden record that it is.
pub(crate) fn named(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(MARK) {
        Some((name, marker)) if !marker.is_empty() && !marker.contains(char::is_whitespace) => (name, Some(marker)),
        _ => (name, None),
    }
}

/// The name under which an offer is kept.
pub(crate) fn marked(name: &str, record: &str) -> String {
    format!("{name}{MARK}{record}")
}

/// The request that orders a job.
pub(crate) fn configure(entity: Entity, resources: Vec<Json>, token: Option<&str>) -> Request {
    let version = if entity == Entity::PrivateOffer { OFFER_JOBS } else { LISTING_JOBS };
    let body = json!({ "$schema": format!("{SCHEMA}/configure/{version}"), "resources": resources });
    let request = Request::post("/configure", body).query("$version", version).to(HOST);
    match token {
        // Microsoft keeps it in its logs, and takes it for nothing else.
        Some(token) => request.header("client-request-id", token),
        None => request,
    }
}

/// What an ordered job is called.
pub(crate) fn ordered(answer: &Response) -> Result<Written, Fault> {
    let job = answer.text("/jobId").or_else(|| answer.text("/jobID"));
    let unnamed = || Fault::new(Kind::Unknown, "microsoft_marketplace.configure", "the answer does not name the job");
    let job = job.ok_or_else(unnamed)?;
    Ok(Written::Running(Running { operation: job.into(), again_s: MINUTE_S }))
}

fn versioned(entity: Entity) -> &'static str {
    if entity == Entity::PrivateOffer { OFFER_JOBS } else { LISTING_JOBS }
}

/// How a job stands.
pub(crate) fn status(entity: Entity, job: &str) -> Request {
    get(format!("/configure/{job}/status"), versioned(entity)).limited_by("jobs").accepting(&[200, 404])
}

/// What a job made.
pub(crate) fn detail(entity: Entity, job: &str) -> Request {
    get(format!("/configure/{job}"), versioned(entity))
}

/// What a refusal or a failed job says, on the fields that are meant.
pub(crate) fn mistakes(entity: Entity, body: &Json) -> Vec<Unfit> {
    let listed =
        ["/errors", "/error/details"].iter().find_map(|at| body.pointer(at)?.as_array().filter(|all| !all.is_empty()));
    let told: Vec<Unfit> = match (listed, body.get("error")) {
        (Some(errors), _) => errors.iter().map(|error| mistake(entity, error)).collect(),
        (None, Some(error)) => vec![mistake(entity, error)],
        (None, None) => Vec::new(),
    };
    if told.is_empty() {
        vec![Unfit::whole("Microsoft refuses it and does not say why: look at it in Partner Center")]
    } else {
        told
    }
}

fn mistake(entity: Entity, error: &Json) -> Unfit {
    let message = error["message"].as_str().unwrap_or("without a reason");
    let target = error["target"].as_str().or_else(|| error["resourceId"].as_str()).unwrap_or_default();
    let sentence = format!("Microsoft says: {}", message.chars().take(300).collect::<String>());
    let unfit = match field(entity, target).or_else(|| field(entity, message)) {
        Some(field) => Unfit::field(field, sentence),
        None => Unfit::whole(sentence),
    };
    match error["code"].as_str() {
        Some(code) => unfit.coded(code),
        None => unfit,
    }
}

/// The field that a sentence or a pointer of theirs is about, by the member that it names.
fn field(entity: Entity, text: &str) -> Option<&'static str> {
    const OFFER: [(&str, &str); 13] = [
        ("acceptby", "accept_by"),
        ("beneficiar", "buyers"),
        ("discount", "discount"),
        ("price", "amount"),
        ("meter", "rates"),
        ("billingterm", "duration"),
        ("termsandconditions", "eula"),
        ("product", "product"),
        ("plan", "plan"),
        ("startdate", "starts_on"),
        ("start", "starts_on"),
        ("end", "ends_on"),
        ("name", "name"),
    ];
    const LISTING: [(&str, &str); 7] = [
        ("searchresultsummary", "short_description"),
        ("shortdescription", "short_description"),
        ("description", "description"),
        ("searchkeywords", "keywords"),
        ("landingpage", "landing_url"),
        ("support", "support"),
        ("title", "name"),
    ];
    let known: &[(&str, &str)] = if entity == Entity::Listing { &LISTING } else { &OFFER };
    let text: String = text.to_lowercase().chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    // What a sentence names first is what it is about.
    let places = known.iter().filter_map(|(theirs, ours)| Some((text.find(theirs)?, *ours)));
    places.min_by_key(|(place, _)| *place).map(|(_, ours)| ours)
}
