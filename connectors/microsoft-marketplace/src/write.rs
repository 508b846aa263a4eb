//! Writing, and how jobs stand.

use crate::{ingestion, listing, offer, saas, usage};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Kind, Outcome,
    exchange::{Checked, Unfit, Write},
    script::{Run, Script},
};

/// What would not be taken.
pub(crate) fn preflight(cx: &Context, entity: Entity, write: &Write) -> Vec<Unfit> {
    match entity {
        Entity::Entitlement => saas::preflight(write),
        Entity::UsageRecord => usage::preflight(write),
        Entity::PrivateOffer => offer::preflight(cx, write),
        Entity::Listing => listing::preflight(write),
        _ => Vec::new(),
    }
}

/// Answers a write.
pub(crate) fn write(script: &mut Script<'_>, cx: &Context, entity: Entity, writes: &[Write]) -> Run<Outcome> {
    if entity == Entity::UsageRecord {
        return usage::write(script, cx, writes);
    }
    let mut rows = Vec::with_capacity(writes.len());
    for write in writes {
        rows.push(match entity {
            Entity::Entitlement => saas::write(script, cx, write)?,
            Entity::PrivateOffer => offer::write(script, cx, write)?,
            Entity::Listing => listing::write(script, cx, write)?,
            _ => return Err(cx.mapping(entity).err().unwrap_or_else(|| unmapped(entity)).into()),
        });
    }
    Ok(Outcome::Written(rows))
}

fn unmapped(entity: Entity) -> Fault {
    Fault::malformed("microsoft_marketplace.write", format!("Microsoft Marketplace keeps no {entity}"))
}

/// Answers a check.
pub(crate) fn check(
    script: &mut Script<'_>,
    cx: &Context,
    entity: Entity,
    operation: &ExternalId,
    write: &Write,
) -> Run<Outcome> {
    if entity == Entity::Entitlement {
        return saas::check(script, cx, operation, write);
    }
    let answer = script.send(ingestion::status(entity, operation.as_str()))?;
    let ended = |checked| Ok(Outcome::Checked(checked));
    if answer.status == 404 {
        return ended(Checked::Broken { reason: "Microsoft does not know the job any more".into() });
    }
    // Written in either case in the documentation.
    let lower = |at: &str| answer.text(at).unwrap_or_default().to_lowercase();
    match (lower("/jobStatus").as_str(), lower("/jobResult").as_str()) {
        ("completed", "succeeded") => match entity {
            Entity::Listing => listing::published(script, cx, write),
            _ => offer::made(script, cx, operation, write),
        },
        ("completed", "cancelled") => ended(Checked::Broken { reason: "somebody cancelled the job".into() }),
        ("completed", _) if broke(&answer.body) => {
            ended(Checked::Broken { reason: "Microsoft could not finish the job".into() })
        }
        ("completed", _) => ended(Checked::Refused { mistakes: ingestion::mistakes(entity, &answer.body) }),
        ("notstarted" | "running", _) => ended(Checked::Running { again_s: ingestion::MINUTE_S }),
        (other, _) => {
            let sentence = format!("Microsoft says that the job is `{}`", other.chars().take(40).collect::<String>());
            Err(Fault::new(Kind::Unexpected, "microsoft_marketplace.check", sentence).into())
        }
    }
}

/// Whether a job failed at Microsoft's own.
fn broke(body: &serde_json::Value) -> bool {
    let own = ["internalServerError", "serviceUnavailable", "requestTimeout"];
    let errors = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    !errors.is_empty() && errors.iter().all(|error| error["code"].as_str().is_some_and(|code| own.contains(&code)))
}
