//! A referral in our view, and our fields over theirs.

use concord_connector::{
    Context, Entity, ExternalId, Fault, Instant, Result, Snapshot, exchange::version_of, mapping::Creating,
};
use serde_json::{Value as Json, json};

/// Where a referral's parts are, by the names of our view.
const SAME: [(&str, &str); 9] = [
    ("/name", "/name"),
    ("/externalReferenceId", "/externalReferenceId"),
    ("/customerName", "/customerProfile/name"),
    ("/address", "/customerProfile/address"),
    ("/size", "/customerProfile/size"),
    ("/notes", "/details/notes"),
    ("/dealValue", "/details/dealValue"),
    ("/currency", "/details/currency"),
    ("/statusReason", "/statusReason"),
];

pub(crate) fn view(raw: &Json) -> Json {
    let mut row = json!({ "id": raw["id"] });
    let mut put = |name: &str, value: Option<&Json>| {
        if let Some(value) = value {
            row[name] = value.clone();
        }
    };
    for (ours, theirs) in SAME {
        put(ours.trim_start_matches('/'), raw.pointer(theirs));
    }
    put("quality", raw.get("quality"));
    put("direction", raw.get("direction"));
    put("contact", raw.pointer("/customerProfile/team/0"));
    put("industry", raw.pointer("/details/requirements/industries/0/id"));
    put("solution", raw.pointer("/details/requirements/solutions/0/id"));
    put("consent", raw.pointer("/consent/consentToShareReferralWithMicrosoftSellers"));
    let ids = raw.pointer("/customerProfile/ids").and_then(Json::as_array);
    let duns =
        ids.into_iter().flatten().find(|one| one["type"].as_str().is_some_and(|ty| ty.eq_ignore_ascii_case("duns")));
    put("duns", duns.and_then(|one| one.get("id")));
    if let Some(day) = raw.pointer("/details/closingDateTime").and_then(Json::as_str).and_then(|text| text.get(..10)) {
        row["closingDate"] = json!(day);
    }
    if let Some(code) = raw.pointer("/inviteContext/assistanceRequestCode").and_then(Json::as_str) {
        row["help"] = json!([code]);
    }
    if let Some(stage) = stage(raw) {
        row["stage"] = json!(stage);
    }
    row["review"] = json!(review(raw));
    row
}

/// How far it has come: closed in one of two ways, new, or at a sales stage.
fn stage(raw: &Json) -> Option<String> {
    let text = |name: &str| raw[name].as_str().filter(|text| !text.is_empty());
    match (text("status"), text("substatus")) {
        (Some("Closed"), Some("Won")) => Some("Won".into()),
        (Some("Closed"), _) => Some("Lost".into()),
        (Some("New"), _) => Some("New".into()),
        (Some(_), _) => Some(text("salesStage").unwrap_or("Qualify").to_owned()),
        (None, _) => None,
    }
}

fn review(raw: &Json) -> &'static str {
    let shared = raw.pointer("/consent/consentToShareReferralWithMicrosoftSellers") == Some(&Json::Bool(true));
    match (raw["status"].as_str(), raw["substatus"].as_str()) {
        (_, Some("Declined")) => "Declined",
        (_, Some("Expired")) => "Expired",
        _ if !shared && raw["direction"] != "Incoming" => "private",
        (Some("New"), _) => "New",
        _ => "Active",
    }
}

/// What a referral says.
pub(crate) fn snapshot(cx: &Context, raw: &Json, read_at: Instant) -> Result<Snapshot> {
    let row = view(raw);
    let id = raw["id"].as_str().filter(|id| !id.is_empty()).ok_or_else(|| {
        Fault::malformed("microsoft_partner_center.read", "the referral has no id").with("pointer", "/id")
    })?;
    let modified = raw["updatedDateTime"].as_str().or(raw["createdDateTime"].as_str()).and_then(Instant::parse);
    let mut snapshot = Snapshot::new(Entity::CosellDeal, ExternalId::from(id), version_of(modified, read_at));
    snapshot.modified = modified;
    snapshot.revision = raw["eTag"].as_str().map(str::to_owned);
    snapshot.marker = raw["externalReferenceId"].as_str().filter(|text| !text.is_empty()).map(Into::into);
    snapshot.fields = cx.mapping(Entity::CosellDeal)?.decode(cx, Entity::CosellDeal, &row)?;
    Ok(snapshot)
}

/// Puts our fields over a referral; what is not ours stays as it is.
pub(crate) fn overlay(
    cx: &Context,
    fields: &concord_connector::Fields,
    raw: &mut Json,
    creating: Creating,
) -> Result<()> {
    let ours = cx.mapping(Entity::CosellDeal)?.encode(cx, Entity::CosellDeal, fields, creating)?;
    for (our, their) in SAME {
        match ours.pointer(our) {
            Some(Json::Object(parts)) => {
                for (name, value) in parts {
                    set(raw, &format!("{their}/{name}"), value)?;
                }
            }
            Some(value) => set(raw, their, value)?,
            None => {}
        }
    }
    if let Some(parts) = ours["contact"].as_object() {
        first(raw, "/customerProfile/team")?;
        for (name, value) in parts {
            set(raw, &format!("/customerProfile/team/0/{name}"), value)?;
        }
    }
    for (name, list) in [("industry", "industries"), ("solution", "solutions")] {
        if let Some(value) = ours.get(name) {
            let at = format!("/details/requirements/{list}");
            if value.is_null() {
                set(raw, &at, &json!([]))?;
                continue;
            }
            first(raw, &at)?;
            set(raw, &format!("{at}/0/id"), value)?;
        }
    }
    if let Some(solution) = ours["solution"].as_str() {
        raw["target"] = json!([{ "type": "SolutionProfile", "id": solution }]);
    }
    if let Some(duns) = ours.get("duns") {
        // `ids` comes as an array or as an empty object.
        let others = raw.pointer("/customerProfile/ids").and_then(Json::as_array).cloned().unwrap_or_default();
        let is_duns = |one: &Json| one["type"].as_str().is_some_and(|ty| ty.eq_ignore_ascii_case("duns"));
        let mut ids: Vec<Json> = others.into_iter().filter(|one| !is_duns(one)).collect();
        if let Some(duns) = duns.as_str() {
            ids.push(json!({ "type": "Duns", "id": duns }));
        }
        set(raw, "/customerProfile/ids", &Json::Array(ids))?;
    }
    if let Some(day) = ours.get("closingDate") {
        let at = day.as_str().map_or(Json::Null, |day| json!(format!("{day}T00:00:00Z")));
        set(raw, "/details/closingDateTime", &at)?;
    }
    if let Some(help) = ours.get("help") {
        set(raw, "/inviteContext/assistanceRequestCode", &help.get(0).cloned().unwrap_or_default())?;
    }
    if let Some(consent) = ours["consent"].as_bool() {
        let all = ["consentToContact", "consentToToShareInfoWithOthers", "consentToShareReferralWithMicrosoftSellers"];
        // To withhold is to keep it from Microsoft; what the customer said to others stays.
        let meant = if consent || creating == Creating::Yes { &all[..] } else { &all[2..] };
        for name in meant {
            set(raw, &format!("/consent/{name}"), &json!(consent))?;
        }
    }
    if let Some(stage) = ours["stage"].as_str() {
        let (status, substatus, sales) = match stage {
            "New" => ("New", "Pending", Some("Qualify")),
            "Won" => ("Closed", "Won", Some("Close")),
            "Lost" => ("Closed", "Lost", None),
            other => ("Active", "Accepted", Some(other)),
        };
        raw["status"] = json!(status);
        raw["substatus"] = json!(substatus);
        if let Some(sales) = sales {
            raw["salesStage"] = json!(sales);
        }
    }
    match ours["decision"].as_str() {
        Some("approved") if raw["status"] == "New" => {
            raw["status"] = json!("Active");
            raw["substatus"] = json!("Accepted");
        }
        Some("rejected") if raw["status"] == "New" => {
            raw["status"] = json!("Closed");
            raw["substatus"] = json!("Declined");
        }
        _ => {}
    }
    Ok(())
}

/// An array with at least one element.
fn first(raw: &mut Json, at: &str) -> Result<()> {
    match raw.pointer(at).and_then(Json::as_array) {
        Some(elements) if !elements.is_empty() => Ok(()),
        _ => set(raw, at, &json!([{}])),
    }
}

/// Puts a value at a pointer whose last array, if any, is there.
fn set(raw: &mut Json, at: &str, value: &Json) -> Result<()> {
    if let Some(place) = raw.pointer_mut(at) {
        *place = value.clone();
        return Ok(());
    }
    let (parent, name) = at.rsplit_once('/').unwrap_or_default();
    if !parent.is_empty() && !raw.pointer(parent).is_some_and(Json::is_object) {
        set(raw, parent, &json!({}))?;
    }
    let missing =
        || Fault::malformed("microsoft_partner_center.write", "the referral has no such part").with("pointer", at);
    let holder = if parent.is_empty() { Some(raw) } else { raw.pointer_mut(parent) };
    holder.and_then(Json::as_object_mut).ok_or_else(missing)?.insert(name.to_owned(), value.clone());
    Ok(())
}
