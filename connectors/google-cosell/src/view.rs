//! An opportunity in our view, and our fields over theirs.

use concord_connector::{
    Context, Entity, ExternalId, Fault, Fields, Instant, Result, Snapshot,
    exchange::version_of,
    mapping::Creating,
    value::{Currency, Money},
};
use jiff::civil::Date;
use serde_json::{Value as Json, json};

/// Our mark is the last line of the notes.
const MARK: &str = "[concord ";
const NOTES: &str = "/isvSolutionConnectInfo/notes";

/// Where an opportunity's parts are, by the names of our view.
const SAME: [(&str, &str); 14] = [
    ("/displayName", "/opportunityInfo/displayName"),
    ("/description", "/opportunityInfo/description"),
    ("/organizationName", "/customerInfo/customerDetails/organizationName"),
    ("/domain", "/customerInfo/customerDetails/domain"),
    ("/industry", "/customerInfo/customerDetails/industry"),
    ("/address/locality", "/customerInfo/customerDetails/address/locality"),
    ("/address/administrativeArea", "/customerInfo/customerDetails/address/administrativeArea"),
    ("/address/postalCode", "/customerInfo/customerDetails/address/postalCode"),
    ("/address/regionCode", "/customerInfo/customerDetails/address/regionCode"),
    ("/contact/givenName", "/customerInfo/contact/givenName"),
    ("/contact/familyName", "/customerInfo/contact/familyName"),
    ("/contact/email", "/customerInfo/contact/email"),
    ("/contact/phone", "/customerInfo/contact/phone/e164Number"),
    ("/nextStep", "/isvSolutionConnectInfo/nextStep"),
];
const STREET: &str = "/customerInfo/customerDetails/address/addressLines";
const EMPLOYEES: &str = "/customerInfo/customerDetails/employeeCount";

/// What an opportunity's name ends with.
pub(crate) fn id_of(raw: &Json) -> Option<&str> {
    raw["name"].as_str().and_then(|name| name.rsplit('/').next()).filter(|id| !id.is_empty())
}

/// The golden record that an opportunity is, as its notes say.
pub(crate) fn marker(raw: &Json) -> Option<&str> {
    let notes = raw.pointer(NOTES)?.as_str()?;
    let at = notes.rfind(MARK)?;
    notes[at + MARK.len()..].strip_suffix(']')
}

/// Puts our mark below the notes.
pub(crate) fn mark(raw: &mut Json, record: &str) -> Result<()> {
    let before = raw.pointer(NOTES).and_then(Json::as_str).map(|notes| format!("{notes}\n")).unwrap_or_default();
    set(raw, NOTES, &json!(format!("{before}{MARK}{record}]")))
}

/// What an opportunity says.
pub(crate) fn snapshot(cx: &Context, raw: &Json, read_at: Instant) -> Result<Snapshot> {
    let id = id_of(raw).ok_or_else(|| {
        Fault::malformed("google_cosell.read", "the opportunity has no name").with("pointer", "/name")
    })?;
    let modified = raw["updateTime"].as_str().and_then(Instant::parse);
    let mut snapshot = Snapshot::new(Entity::CosellDeal, ExternalId::from(id), version_of(modified, read_at));
    snapshot.modified = modified;
    snapshot.marker = marker(raw).map(Into::into);
    snapshot.fields = cx.mapping(Entity::CosellDeal)?.decode(cx, Entity::CosellDeal, &view(raw))?;
    Ok(snapshot)
}

fn view(raw: &Json) -> Json {
    let mut row =
        json!({ "state": raw["state"], "source": raw["source"], "stateDescription": raw["stateDescription"] });
    // Google leaves out what is empty: it is shown as such, so that it is known to be written to.
    for (ours, theirs) in SAME {
        // Parents of our own are objects.
        let _put = set(&mut row, ours, raw.pointer(theirs).unwrap_or(&Json::Null));
    }
    row["address"]["street"] = raw.pointer(STREET).and_then(|lines| lines.get(0)).cloned().unwrap_or_default();
    if row["address"].as_object().is_some_and(|parts| parts.values().all(Json::is_null)) {
        row["address"] = Json::Null;
    }
    let count = raw.pointer(EMPLOYEES).filter(|count| count.is_number());
    row["employeeCount"] = json!(count.map(ToString::to_string));
    let qualification = &raw["qualificationInfo"];
    let amount = money(&qualification["dealSize"]);
    row["amount"] = json!(amount.as_ref().map(Money::decimal));
    row["currency"] = json!(amount.map(|amount| amount.currency.code().to_owned()));
    row["closeDate"] = json!(day(&qualification["estimatedCloseDate"]).map(|day| day.to_string()));
    row["operationType"] = qualification["operationType"].clone();
    row["consent"] = qualification["legalLanguageAccepted"].clone();
    let words = |name: &str| raw["isvSolutionConnectInfo"][name].as_str().into_iter().collect::<Json>();
    row["help"] = words("supportLevel");
    row["deliveryModels"] = words("deliveryModel");
    // What the partner has said of the end stands until Google's stage says it.
    row["stage"] = match raw.pointer("/salesCycle/partnerReadyToClose") {
        Some(ready) if ready.is_string() => ready.clone(),
        _ => raw.get("stage").cloned().unwrap_or_else(|| json!("QUALIFY")),
    };
    row
}

fn money(raw: &Json) -> Option<Money> {
    let currency = Currency::parse(raw["currencyCode"].as_str()?)?;
    let (units, nanos) = (raw["units"].as_str().unwrap_or("0"), raw["nanos"].as_u64().unwrap_or_default());
    Money::parse(&format!("{units}.{nanos:09}"), currency).ok()
}

fn day(raw: &Json) -> Option<Date> {
    let number = |name: &str| raw[name].as_i64();
    Date::new(number("year")?.try_into().ok()?, number("month")?.try_into().ok()?, number("day")?.try_into().ok()?).ok()
}

/// Puts our fields over an opportunity; what is not ours stays as it is. The stage is left to [`staged`].
pub(crate) fn overlay(cx: &Context, fields: &Fields, raw: &mut Json, creating: Creating) -> Result<()> {
    let ours = cx.mapping(Entity::CosellDeal)?.encode(cx, Entity::CosellDeal, fields, creating)?;
    for (our, their) in SAME {
        if let Some(value) = ours.pointer(our) {
            set(raw, their, value)?;
        }
    }
    if let Some(street) = ours.pointer("/address/street") {
        set(raw, STREET, &street.as_str().map_or_else(|| json!([]), |street| json!([street])))?;
    }
    if let Some(count) = ours.get("employeeCount") {
        let number = count.as_str().and_then(|text| text.parse::<u64>().ok());
        set(raw, EMPLOYEES, &json!(number))?;
    }
    if let Some(amount) = ours["amount"].as_str() {
        let (units, fraction) = amount.split_once('.').unwrap_or((amount, ""));
        let nanos: String = fraction.chars().chain("000000000".chars()).take(9).collect();
        let mut size = json!({ "currencyCode": ours["currency"], "units": units });
        if let Some(nanos) = nanos.parse::<u32>().ok().filter(|nanos| *nanos > 0) {
            size["nanos"] = json!(nanos);
        }
        set(raw, "/qualificationInfo/dealSize", &size)?;
    }
    if let Some(day) = ours["closeDate"].as_str().and_then(|text| text.parse::<Date>().ok()) {
        let day = json!({ "year": day.year(), "month": day.month(), "day": day.day() });
        set(raw, "/qualificationInfo/estimatedCloseDate", &day)?;
    }
    for (our, their) in [("operationType", "operationType"), ("consent", "legalLanguageAccepted")] {
        if let Some(value) = ours.get(our).filter(|value| !value.is_null()) {
            set(raw, &format!("/qualificationInfo/{their}"), value)?;
        }
    }
    for (our, their) in [("help", "supportLevel"), ("deliveryModels", "deliveryModel")] {
        if let Some(words) = ours.get(our) {
            set(raw, &format!("/isvSolutionConnectInfo/{their}"), &words.get(0).cloned().unwrap_or_default())?;
        }
    }
    Ok(())
}

/// Puts the stage that is wanted over an opportunity that Google has accepted.
pub(crate) fn staged(cx: &Context, fields: &Fields, raw: &mut Json) -> Result<()> {
    let ours = cx.mapping(Entity::CosellDeal)?.encode(cx, Entity::CosellDeal, fields, Creating::No)?;
    match ours["stage"].as_str() {
        Some(end @ ("MIGRATION_IMPL" | "CLOSED_LOST")) => set(raw, "/salesCycle/partnerReadyToClose", &json!(end)),
        Some(stage) => set(raw, "/stage", &json!(stage)),
        None => Ok(()),
    }
}

/// Puts a value at a pointer; what is missing above it becomes an object.
pub(crate) fn set(raw: &mut Json, at: &str, value: &Json) -> Result<()> {
    let mut place = raw;
    for name in at.split('/').skip(1) {
        if place.is_null() {
            *place = json!({});
        }
        let missing =
            || Fault::malformed("google_cosell.write", "the opportunity has no such part").with("pointer", at);
        place = place.as_object_mut().ok_or_else(missing)?.entry(name).or_insert(Json::Null);
    }
    *place = value.clone();
    Ok(())
}

/// The leaves in which one document differs from another, as a field mask names them. Lists and amounts are leaves.
pub(crate) fn mask(before: &Json, after: &Json) -> Vec<String> {
    let mut paths = Vec::new();
    differences(before, after, "", &mut paths);
    paths
}

fn differences(before: &Json, after: &Json, at: &str, paths: &mut Vec<String>) {
    let whole = ["dealSize", "estimatedCloseDate"].iter().any(|name| at.ends_with(name));
    match after {
        Json::Object(members) if !whole => {
            for (name, value) in members {
                let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                differences(&before[name], value, &at, paths);
            }
        }
        _ if before != after => paths.push(at.to_owned()),
        _ => {}
    }
}
