//! Commerce Producer, version v1beta: its calls, and how its errors name what we wrote. Google lets in whom it has allowed.

use crate::entitlement::is_id;
use concord_connector::{Context, Request, Response, exchange::Method, exchange::Unfit};
use serde_json::{Value as Json, json};

pub(crate) const HOST: &str = "producer";
const PAGE: usize = 100;
/// What can be changed of an offer that is published.
pub(crate) const DEADLINE: &str = "acceptDeadlineTime";

/// Whether the connection says that Google lets it in.
pub(crate) fn is_on(cx: &Context) -> bool {
    cx.option("producer_api") == Some("true")
}

fn offers(cx: &Context) -> String {
    let option = |name: &str| cx.option(name).unwrap_or_default();
    format!("/projects/{}/locations/{}/privateOffers", option("project"), option("location"))
}

fn of(cx: &Context, id: &str) -> String {
    format!("{}/{id}", offers(cx))
}

/// A page of offers, those that changed last at the end.
pub(crate) fn list(cx: &Context, since: Option<&str>, page: Option<&str>) -> Request {
    let mut request = Request::get(offers(cx)).to(HOST).query("pageSize", PAGE.to_string());
    request = request.query("orderBy", "update_time");
    if let Some(since) = since {
        request = request.query("filter", format!("update_time > \"{since}\""));
    }
    match page {
        Some(page) => request.query("pageToken", page),
        None => request,
    }
}

/// One offer as a whole: in lists it has no share of the revenue. `None` when the id is none.
pub(crate) fn get(cx: &Context, id: &str) -> Option<Request> {
    let request = Request::get(of(cx, id)).to(HOST).query("view", "PRIVATE_OFFER_VIEW_FULL");
    is_id(id).then(|| request.accepting(&[200, 404]))
}

pub(crate) fn create(cx: &Context, offer: Json) -> Request {
    Request::post(offers(cx), offer).to(HOST).accepting(&[200, 400]).writing()
}

/// Changes members of an offer, and no others.
pub(crate) fn patch(cx: &Context, id: &str, offer: Json) -> Request {
    let mask: Vec<&str> = offer.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let request = Request::new(Method::Patch, of(cx, id)).json(offer.clone()).to(HOST);
    request.query("updateMask", mask.join(",")).accepting(&[200, 400]).writing()
}

pub(crate) fn publish(cx: &Context, id: &str, only_looks: bool) -> Request {
    let body = if only_looks { json!({ "validateOnly": true }) } else { json!({}) };
    Request::post(format!("{}:publish", of(cx, id)), body).to(HOST).accepting(&[200, 400]).writing()
}

pub(crate) fn cancel(cx: &Context, id: &str) -> Request {
    let body = json!({ "cancellationNote": "taken back" });
    Request::post(format!("{}:cancel", of(cx, id)), body).to(HOST).accepting(&[200, 400]).writing()
}

pub(crate) fn delete(cx: &Context, id: &str) -> Request {
    Request::new(Method::Delete, of(cx, id)).to(HOST).accepting(&[200, 404]).writing()
}

pub(crate) fn documents(cx: &Context, id: &str) -> Request {
    Request::get(format!("{}/documents", of(cx, id))).to(HOST)
}

/// Puts Google's own terms of use to an offer.
pub(crate) fn standard_terms(cx: &Context, id: &str) -> Request {
    let body = json!({ "documentType": "STANDARD_END_USER_LICENSE_AGREEMENT_V2" });
    Request::post(format!("{}/documents", of(cx, id)), body).to(HOST).accepting(&[200, 400]).writing()
}

/// What a refusal says, on the fields that are meant.
pub(crate) fn mistakes(answer: &Response) -> Vec<Unfit> {
    let details = answer.at("/error/details").and_then(Json::as_array);
    let violations = details.into_iter().flatten().filter_map(|one| one["fieldViolations"].as_array()).flatten();
    let told: Vec<Unfit> = violations
        .map(|one| {
            let said = one["description"].as_str().unwrap_or("without a reason");
            let sentence = format!("Google says: {}", said.chars().take(300).collect::<String>());
            match field(one["field"].as_str().unwrap_or_default()) {
                Some(field) => Unfit::field(field, sentence),
                None => Unfit::whole(sentence),
            }
        })
        .collect();
    match told.is_empty() {
        true => vec![Unfit::whole(crate::told("google_marketplace.offer", answer).message())],
        false => told,
    }
}

/// The field that a path of theirs is about, in either way of writing names.
fn field(path: &str) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 16] = [
        ("acceptdeadline", "accept_by"),
        ("targetbillingaccount", "buyers"),
        ("entitytitle", "customer_name"),
        ("customer.contact", "contact"),
        ("customer.email", "email"),
        ("customernote", "note_to_buyer"),
        ("internalnote", "internal_note"),
        ("durationmonths", "duration"),
        ("scheduledstart", "starts_on"),
        ("scheduledend", "ends_on"),
        ("installment", "installments"),
        ("discount", "discount"),
        ("flatfee", "amount"),
        ("basestandardoffer", "product"),
        ("offerdealtype", "kind"),
        ("title", "name"),
    ];
    let path = path.replace('_', "").to_lowercase();
    KNOWN.iter().find(|(theirs, _)| path.contains(theirs)).map(|(_, ours)| *ours)
}
