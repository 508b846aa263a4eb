//! Registrations: a buyer comes from AWS with a token, which stands for a licence for an hour or so.

use crate::{
    agreement::{self, entitlement_id},
    errors,
    read::Rows,
    terms::said,
};
use concord_connector::{
    Context, Entity, ExternalId, Request, Response, Result, Snapshot, SourceVersion,
    exchange::{Body, Method, Refused},
    script::{Run, Script},
    webhook::registration,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The entitlement that a registration token stands for; nothing for one that is none, or has expired.
pub(crate) fn resolved(cx: &Context, script: &mut Script<'_>, id: &ExternalId, token: &str) -> Run<Rows> {
    let mut request = Request::new(Method::Post, "/")
        .to("metering")
        .header("x-amz-target", "AWSMPMeteringService.ResolveCustomer")
        .accepting(&[200, 400])
        .limited_by("metering");
    request.body = Body::JsonAs("application/x-amz-json-1.1".into(), json!({ "RegistrationToken": token }));
    let response = script.send(request)?;
    if response.status == 400 {
        return if errors::is_of_token(response) { Ok(Rows::new()) } else { Err(errors::of_metering(response).into()) };
    }
    let (account, licence) = (said(&response.body, "CustomerAWSAccountId"), said(&response.body, "LicenseArn"));
    let mut found = match licence {
        "" => bought(cx, script, account)?,
        licence => agreement::entitlements(cx, script, &[entitlement_id(account, licence).as_str().into()])?,
    };
    // AWS may have told the buyer before it tells us: what it resolved is known all the same.
    let row = match found.pop() {
        Some((_, row)) => row,
        None if licence.is_empty() => return Ok(Rows::new()),
        None => waiting(cx, response, account, licence).map_err(Refused::from),
    };
    let row = row.and_then(|row| with_registration(cx, row, &response.body, token).map_err(Refused::from));
    Ok(vec![(id.clone(), row)])
}

/// What a buyer has bought of us last: of older products no licence is told.
fn bought(cx: &Context, script: &mut Script<'_>, account: &str) -> Run<Rows> {
    let filters = [("AcceptorAccountId", account), ("Status", "ACTIVE")];
    let response = script.send(agreement::search(&filters, None))?;
    let mut found = Rows::new();
    let mut products = BTreeMap::new();
    for summary in agreement::summaries(response) {
        found.extend(agreement::of_agreement(cx, script, summary, response.started_at, &mut products)?);
    }
    Ok(found)
}

/// An entitlement of which AWS has shown nothing yet but whose it is.
fn waiting(cx: &Context, resolved: &Response, account: &str, licence: &str) -> Result<Snapshot> {
    let id = entitlement_id(account, licence);
    let row = json!({ "Id": id, "acceptor": { "accountId": account }, "licenseArn": licence, "state": "PENDING" });
    // The first that is seen of it: whatever is read later is newer.
    let mut snapshot = Snapshot::new(Entity::Entitlement, id.as_str(), SourceVersion::default());
    snapshot.fields = cx.mapping(Entity::Entitlement)?.decode(cx, Entity::Entitlement, &row)?;
    snapshot.modified = Some(resolved.started_at);
    Ok(snapshot)
}

/// With what the registration says beside.
fn with_registration(cx: &Context, mut snapshot: Snapshot, resolved: &Json, token: &str) -> Result<Snapshot> {
    let mut row = json!({ "registration": registration(token) });
    for (member, name) in [("ProductCode", "productCode"), ("CustomerIdentifier", "customerIdentifier")] {
        let text = said(resolved, member);
        if !text.is_empty() {
            row[name] = text.into();
        }
    }
    snapshot.fields.extend(cx.mapping(Entity::Entitlement)?.decode(cx, Entity::Entitlement, &row)?);
    Ok(snapshot)
}
