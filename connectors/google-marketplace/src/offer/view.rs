//! A private offer in our view of it.

use crate::offer::build::{interval, months};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Instant, Result, Snapshot,
    exchange::version_of,
    offer::decimal,
    value::{Currency, Money},
};
use jiff::{ToSpan as _, civil::Date};
use serde_json::{Value as Json, json};

/// Our mark is the last line of the note that customers do not see.
const MARK: &str = "[concord ";

/// A note as a person wrote it, and the golden record that the offer is.
pub(crate) fn noted(note: &str) -> (&str, Option<&str>) {
    match note.rfind(MARK) {
        Some(at) if note.ends_with(']') => (note[..at].trim_end(), Some(&note[at + MARK.len()..note.len() - 1])),
        _ => (note, None),
    }
}

/// The note with which an offer is kept.
pub(super) fn marked(note: Option<&str>, record: &str) -> String {
    let mark = format!("{MARK}{record}]");
    note.map_or(mark.clone(), |note| format!("{note}\n{mark}"))
}

/// What an offer's name ends with.
pub(crate) fn id_of(raw: &Json) -> Option<&str> {
    raw["name"].as_str().and_then(|name| name.rsplit('/').next()).filter(|id| !id.is_empty())
}

/// An offer as it is read.
pub(crate) fn snapshot(cx: &Context, raw: &Json, read_at: Instant) -> Result<Snapshot> {
    let id = id_of(raw).ok_or_else(|| {
        Fault::malformed("google_marketplace.read", "the private offer has no name").with("pointer", "/name")
    })?;
    let modified = raw["updateTime"].as_str().and_then(Instant::parse);
    let mut snapshot = Snapshot::new(Entity::PrivateOffer, ExternalId::from(id), version_of(modified, read_at));
    snapshot.modified = modified;
    let mapping = cx.mapping(Entity::PrivateOffer)?;
    let marker = raw["internalNote"].as_str().and_then(|note| noted(note).1);
    snapshot.marker = marker.filter(|_| mapping.marker.is_some()).map(Into::into);
    snapshot.fields = mapping.decode(cx, Entity::PrivateOffer, &row(raw))?;
    Ok(snapshot)
}

fn row(raw: &Json) -> Json {
    let product = &raw["singleProductOffer"];
    let mut row = json!({ "title": raw["title"], "customerNote": raw["customerNote"], "state": raw["state"] });
    let note = raw["internalNote"].as_str().map(|note| noted(note).0).filter(|note| !note.is_empty());
    row["internalNote"] = json!(note);
    row["withdrawn"] = json!(raw["state"] == "CANCELLED");
    row["kind"] = raw["offerDealType"].clone();
    row["product"] = product["baseStandardOffer"].clone();
    row["plan"] = product["serviceLevel"].clone();
    for name in ["entityTitle", "contact", "email"] {
        row[name] = raw["customer"][name].clone();
    }
    row["buyers"] = raw["customer"]["targetBillingAccount"].as_str().into_iter().collect();
    let term = &raw["term"];
    if let Some(count) = term["durationMonths"].as_i64() {
        row["duration"] = json!(format!("P{count}M"));
    }
    row["start"] = json!(day(&term["scheduledStartTime"]).map(|day| day.to_string()));
    // Times are the beginnings of days: the one before is the last that counts.
    let last = |at: &Json| day(at).and_then(|day| day.checked_sub(1.day()).ok()).map(|day| day.to_string());
    row["end"] = json!(last(&term["scheduledEndTime"]));
    row["acceptBy"] = json!(last(&raw["acceptDeadlineTime"]));
    prices(product, months(raw), &mut row);
    if let Some(share) =
        product.pointer("/revenueShare/currentTermVendorNetRevenuePercent/value").and_then(Json::as_str)
    {
        row["fee"] = json!(rest_of(share));
    }
    row
}

fn prices(product: &Json, months: i64, row: &mut Json) {
    let standard = &product["standardIntervalPrice"];
    let model = &standard["priceModel"];
    if let Some(percent) = model.pointer("/usage/defaultDiscountPercent/value").and_then(Json::as_str) {
        row["discount"] = json!(decimal(percent).unwrap_or_else(|| percent.to_owned()));
    }
    let mut total = model.pointer("/flatFee/flatFeeOverride").and_then(money);
    if let (Some(total), Some(each)) = (&mut total, standard["standardInterval"].as_str().and_then(interval)) {
        total.minor = total.minor.saturating_mul(months / each);
    }
    let installments = product.pointer("/customIntervalPrice/installments").and_then(Json::as_array);
    let due: Vec<(Date, Money)> = installments
        .into_iter()
        .flatten()
        .filter_map(|one| Some((day(&one["startTime"])?, money(one.pointer("/priceModel/flatFee/flatFeeOverride")?)?)))
        .collect();
    if let Some((_, first)) = due.first() {
        let minor = due.iter().fold(0_i64, |sum, (_, amount)| sum.saturating_add(amount.minor));
        total = Some(Money { minor, currency: first.currency });
        row["installments"] =
            due.iter().map(|(on, amount)| format!("{on} {} {}", amount.decimal(), amount.currency)).collect();
    }
    if let Some(total) = total {
        row["amount"] = json!(total.decimal());
        row["currency"] = json!(total.currency.code());
    }
}

/// An amount: whole units as a text, and billionths.
fn money(raw: &Json) -> Option<Money> {
    let currency = Currency::parse(raw["currencyCode"].as_str()?)?;
    let (units, nanos) = (raw["units"].as_str().unwrap_or("0"), raw["nanos"].as_u64().unwrap_or_default());
    Money::parse(&format!("{units}.{nanos:09}"), currency).ok()
}

/// The day of a time in California, as it is written.
fn day(raw: &Json) -> Option<Date> {
    let number = |name: &str| raw[name].as_i64();
    Date::new(
        i16::try_from(number("year")?).ok()?,
        i8::try_from(number("month")?).ok()?,
        i8::try_from(number("day")?).ok()?,
    )
    .ok()
}

/// What is left of a hundred percent, to four places.
fn rest_of(percent: &str) -> Option<String> {
    let (whole, fraction) = percent.split_once('.').unwrap_or((percent, ""));
    let fraction: String = fraction.chars().chain("0000".chars()).take(4).collect();
    let rest = 1_000_000_i64.checked_sub(whole.parse::<i64>().ok()? * 10_000 + fraction.parse::<i64>().ok()?)?;
    decimal(&format!("{}.{:04}", rest / 10_000, rest % 10_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_mark_stands_below_the_note() {
        assert_eq!(noted(&marked(Some("Deal 7"), "01ARZ")), ("Deal 7", Some("01ARZ")));
        assert_eq!(noted(&marked(None, "01ARZ")), ("", Some("01ARZ")));
        assert_eq!(noted("a person's own [note]"), ("a person's own [note]", None));
    }

    #[test]
    fn a_share_and_a_fee_are_a_whole() {
        assert_eq!([rest_of("97"), rest_of("97.5"), rest_of("101")], [Some("3".into()), Some("2.5".into()), None]);
    }
}
