//! `concord bench`: drives the real program over loopback and proves with a ledger that every accepted change arrived.
//!
//! Signed webhooks go in, deliveries come out at a target of the bench's own. Sender and target share the machine with the
//! hub, so they are as plain as can be, and their processor time is reported beside the hub's.

mod child;
mod floor;
mod ledger;
mod measure;
mod plan;
mod report;
mod scene;
mod sender;
mod target;
mod wire;

use crate::{args::Bench, print};
use anyhow::{Result, bail};
use scene::Scene;
use serde_json::{Value as Json, json};

/// Runs a scenario and prints what was measured. Fails when the ledger does not balance.
///
/// # Errors
/// A hub that does not start; a change that was accepted and did not arrive, or arrived as a second record.
pub(crate) async fn bench(args: &Bench, wants_json: bool) -> Result<()> {
    if let Some(to) = &args.serve_floor {
        return floor::serve(to).await;
    }
    let mut measured: Vec<Json> = Vec::new();
    let kinds: &[bool] = if args.floor { &[true, false] } else { &[false] };
    for floor in kinds {
        let mut scene = Scene::open(args, *floor).await?;
        let outcome = scene.play(args).await;
        let closed = scene.close().await;
        measured.push(outcome?);
        closed?;
    }
    let broken: Vec<&Json> = measured.iter().filter(|one| one["proof"]["holds"] == json!(false)).collect();
    let failed = !broken.is_empty();
    print::either(wants_json, &json!({ "runs": &measured }), || report::table(&measured));
    if failed {
        bail!("The ledger does not balance: an accepted change is missing, or a record was made twice.");
    }
    Ok(())
}
