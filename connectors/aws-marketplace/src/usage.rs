//! Metering: what buyers used, by the hour, in batches of at most 25.

use crate::{
    check, errors, fields,
    terms::{rows, said},
    write::refusal,
};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Fields, Instant, Kind, Outcome, Request, Response, Result, Retry, Snapshot,
    SourceVersion, Value,
    exchange::{Body, Change, Method, Refused, Write, Written},
    script::{Run, Script},
};
use serde_json::{Value as Json, json};

type Row = std::result::Result<Written, Refused>;

/// Reports usage. A record is known by licence, dimension and hour: reported again it is the same, and counts once.
pub(crate) fn meter(cx: &Context, script: &mut Script<'_>, writes: &[Write]) -> Run<Outcome> {
    let mut rows: Vec<Option<Row>> = Vec::with_capacity(writes.len());
    let mut sent = Vec::new();
    for (at, write) in writes.iter().enumerate() {
        let mistakes = check::write(Entity::UsageRecord, write);
        rows.push(match (&write.change, mistakes.is_empty()) {
            (_, false) => Some(Err(refusal(&mistakes))),
            (Change::Create { .. }, _) => {
                sent.push((at, record(&write.fields)));
                None
            }
            _ => {
                Some(Err(Fault::new(Kind::Rejected, "aws-marketplace.meter", "what was metered stays metered").into()))
            }
        });
    }
    // The same record twice would be a duplicate of itself; both rows get the one answer.
    let mut answered: Vec<(Json, Row)> = Vec::new();
    let mut alone: Vec<Json> = Vec::new();
    for (_, record) in &sent {
        if !alone.contains(record) {
            alone.push(record.clone());
        }
    }
    report(cx, script, &alone, &mut answered)?;
    for (at, record) in sent {
        let answer = answered.iter().find(|(one, _)| *one == record).map(|(_, row)| row.clone());
        rows[at] = answer.or_else(|| Some(Err(unprocessed())));
    }
    Ok(Outcome::Written(rows.into_iter().map(|row| row.unwrap_or_else(|| Err(unprocessed()))).collect()))
}

/// A usage record of a product with concurrent agreements: account and licence, and neither product code nor customer.
fn record(fields: &Fields) -> Json {
    let (account, licence) =
        fields::reference(fields, "entitlement").and_then(|id| id.split_once('/')).unwrap_or_default();
    json!({
        "Timestamp": hour(fields).map(Instant::seconds),
        "CustomerAWSAccountId": account,
        "LicenseArn": licence,
        "Dimension": fields::text(fields, "dimension"),
        "QuantityAsDecimal": fields::text(fields, "quantity"),
    })
}

fn hour(fields: &Fields) -> Option<Instant> {
    match fields.get("hour") {
        Some(Some(Value::Instant(hour))) => Some(*hour),
        _ => None,
    }
}

/// Sends records. One time that is out of bounds fails all of them: they are halved until it stands alone.
fn report(cx: &Context, script: &mut Script<'_>, records: &[Json], answered: &mut Vec<(Json, Row)>) -> Run<()> {
    if records.is_empty() {
        return Ok(());
    }
    let mut request = Request::new(Method::Post, "/")
        .to("metering")
        .header("x-amz-target", "AWSMPMeteringService.BatchMeterUsage")
        .accepting(&[200, 400])
        .limited_by("metering")
        .writing();
    request.body = Body::JsonAs("application/x-amz-json-1.1".into(), json!({ "UsageRecords": records }));
    let response = script.send(request)?;
    if response.status == 200 {
        taken(cx, response, records, answered)?;
        return Ok(());
    }
    let fault = errors::of_metering(response);
    if fault.is_of_connection() || fault.kind == Kind::Forbidden {
        return Err(fault.into());
    }
    if let [one] = records {
        answered.push((one.clone(), Err(fault.into())));
        return Ok(());
    }
    let (first, second) = records.split_at(records.len() / 2);
    report(cx, script, first, answered)?;
    report(cx, script, second, answered)
}

/// What AWS made of each record.
fn taken(cx: &Context, response: &Response, records: &[Json], answered: &mut Vec<(Json, Row)>) -> Result<()> {
    for record in records {
        let result = rows(&response.body, "/Results").find(|result| same(result.get("UsageRecord"), record));
        let row = match result.map(|result| said(result, "Status")) {
            Some("CustomerNotSubscribed") => Err(Fault::new(
                Kind::Rejected,
                "aws-marketplace.meter",
                "the buyer's agreement is not active: nothing can be metered for it",
            )
            .into()),
            Some(status) => Ok(written(cx, record, status, response.started_at)?),
            None => Err(unprocessed()),
        };
        answered.push((record.clone(), row));
    }
    Ok(())
}

/// Whether a record in an answer is the one that was sent; quantities come back in another form.
fn same(answered: Option<&Json>, sent: &Json) -> bool {
    let of = |json: &Json| {
        let text = |member: &str| said(json, member).to_owned();
        (text("LicenseArn"), text("Dimension"), json.get("Timestamp").and_then(crate::entity::seconds))
    };
    answered.is_some_and(|answered| of(answered) == of(sent))
}

fn written(cx: &Context, record: &Json, status: &str, now: Instant) -> Result<Written> {
    let mut row = record.clone();
    let account = said(record, "CustomerAWSAccountId");
    let hour = record.get("Timestamp").and_then(crate::entity::seconds).unwrap_or(now).rfc3339();
    let entitlement = format!("{account}/{}", said(record, "LicenseArn"));
    let id = format!("{entitlement}/{}/{}", said(record, "Dimension"), hour.get(..13).unwrap_or_default());
    row["Entitlement"] = entitlement.into();
    row["Hour"] = hour.into();
    row["Status"] = status.into();
    row["Quantity"] = record.get("QuantityAsDecimal").cloned().unwrap_or_default();
    if status == "DuplicateRecord" {
        row["Reason"] = "another quantity was metered for this hour before, and counts".into();
    }
    let mut after = Snapshot::new(Entity::UsageRecord, ExternalId::from(id), SourceVersion::from_instant(now));
    after.modified = Some(now);
    after.fields = cx.mapping(Entity::UsageRecord)?.decode(cx, Entity::UsageRecord, &row)?;
    Ok(Written::Done { after, overwritten: Vec::new(), created: true })
}

fn unprocessed() -> Refused {
    let sentence = "AWS did not process the record; it is sent again";
    let fault = Fault::new(Kind::Conflict, "aws-marketplace.meter", sentence);
    fault.retry(Retry::After(None)).into()
}
