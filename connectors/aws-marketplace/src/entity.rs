//! Entities of the catalog as rows for the mapping: what the canonical fields need of a document, and the document itself.

use crate::{listing, offer, resale, terms::said};
use concord_connector::{Context, Entity, ExternalId, Fault, Instant, RecordId, Result, Snapshot, SourceVersion};
use serde_json::Value as Json;

/// The Catalog API's types of entity, without versions.
pub(crate) fn type_of(entity: Entity) -> Result<&'static str> {
    match entity {
        Entity::Listing => Ok("SaaSProduct"),
        Entity::ResaleAuthorization => Ok("ResaleAuthorization"),
        Entity::PrivateOffer => Ok("Offer"),
        other => Err(Fault::malformed("aws-marketplace", format!("the catalog has no {other}"))),
    }
}

/// The document of a described entity.
///
/// # Errors
/// When it is none: read as one without members it would say that everything was emptied there.
pub(crate) fn document(described: &Json) -> Result<Json> {
    let document = match (described.get("DetailsDocument"), described.get("Details").and_then(Json::as_str)) {
        (Some(document), _) => Some(document.clone()),
        // The older form: JSON in a text.
        (_, Some(text)) => serde_json::from_str(text).ok(),
        _ => None,
    };
    document.filter(Json::is_object).ok_or_else(|| {
        Fault::malformed("aws-marketplace", "the catalog describes an entity without a document")
            .with("id", identifier(described).0)
    })
}

/// An entity's id and revision: `offer-x@7`.
pub(crate) fn identifier(described: &Json) -> (&str, Option<&str>) {
    split(said(described, "EntityIdentifier"))
}

/// The parts of an identifier.
pub(crate) fn split(identifier: &str) -> (&str, Option<&str>) {
    identifier.split_once('@').map_or((identifier, None), |(id, revision)| (id, Some(revision)))
}

/// What else is known of an entity than its document says.
#[derive(Default)]
pub(crate) struct Beside<'a> {
    /// The summary in a list.
    pub(crate) summary: Option<&'a Json>,
    /// The summary of the agreement that an offer became.
    pub(crate) agreement: Option<&'a Json>,
}

/// The row for the mapping.
///
/// # Errors
/// As [`document`].
pub(crate) fn row(entity: Entity, described: &Json, beside: &Beside<'_>, now: Instant) -> Result<Json> {
    let document = document(described)?;
    let mut row = match entity {
        Entity::Listing => listing::row(&document),
        Entity::ResaleAuthorization => resale::row(&document, now),
        _ => offer::row(&document, beside, now),
    };
    row["Id"] = identifier(described).0.into();
    Ok(row)
}

/// What a described entity says.
///
/// # Errors
/// When it cannot be understood.
pub(crate) fn snapshot(
    cx: &Context,
    entity: Entity,
    described: &Json,
    beside: &Beside<'_>,
    now: Instant,
) -> Result<Snapshot> {
    let row = row(entity, described, beside, now)?;
    let (id, revision) = identifier(described);
    let modified = described.get("LastModifiedDate").and_then(Json::as_str).and_then(Instant::parse);
    let accepted = beside.agreement.and_then(|agreement| agreement.get("lastUpdateTime")).and_then(seconds);
    let latest = modified.max(accepted).unwrap_or(now);
    // Times have whole seconds; the revision tells two changes of one second apart.
    let step: u64 = revision.and_then(|revision| revision.parse().ok()).unwrap_or(0);
    let version = SourceVersion(SourceVersion::from_instant(latest).0.saturating_add(step.min(999_999)));
    let mut snapshot = Snapshot::named(entity, id, version)?;
    snapshot.revision = revision.map(str::to_owned);
    snapshot.modified = modified;
    snapshot.marker = row.get("Marker").and_then(Json::as_str).map(RecordId::new);
    snapshot.fields = cx.mapping(entity)?.decode(cx, entity, &row)?;
    Ok(snapshot)
}

/// A time of the Agreement API: seconds, with a fraction.
pub(crate) fn seconds(json: &Json) -> Option<Instant> {
    let text = match json {
        Json::Number(number) => number.to_string(),
        Json::String(text) => return Instant::parse(text),
        _ => return None,
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    // A double in exponent form is a time that nothing here has.
    let ms = whole.parse::<i64>().ok()?.checked_mul(1000)?.checked_add(thousandths.parse().ok()?)?;
    (ms <= Instant::MAX.ms()).then(|| Instant::from_ms(ms))
}

/// The id of an entity as the hub knows it.
pub(crate) fn external(described: &Json) -> Option<ExternalId> {
    let (id, _) = identifier(described);
    (!id.is_empty()).then(|| id.into())
}
