//! `concord plan` and `concord apply`.

use crate::{
    actor, app,
    args::At,
    failure::{Told, Usage},
    print,
    session::{Session, segment},
};
use anyhow::{Context as _, Result, bail};
use concord_hub::plan::{self, Plan, Standing};
use serde_json::{Value as Json, json};
use std::{path::Path, time::Duration};

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Looks without any progress after which what is on its way is left to the hub.
const PATIENCE: u32 = 120;
/// Plain lines come this seldom.
const SAY_EVERY: u32 = 10;

pub(super) async fn plan(
    connection: Option<&str>,
    limit: Option<usize>,
    with: Option<&Path>,
    out: Option<&Path>,
    at: &At,
    wants_json: bool,
) -> Result<()> {
    let session = Session::open(at).await?;
    let limit = limit.map(|limit| format!("limit={limit}")).unwrap_or_default();
    let json = match with {
        Some(path) => {
            let body = json!({ "config": app::read_configuration(path)?, "connection": connection });
            session.post(&format!("/api/plan?{limit}"), &body).await?
        }
        None => {
            session.get(&format!("/api/plan?connection={}&{limit}", segment(connection.unwrap_or_default()))).await?
        }
    };
    if let Some(path) = out {
        std::fs::write(path, serde_json::to_vec_pretty(&json)?)
            .with_context(|| format!("{} cannot be written.", path.display()))?;
    }
    let plan: Plan = serde_json::from_value(json.clone()).context("The answer is no plan.")?;
    print::either(wants_json, &json, || told(&plan, with.is_some(), out));
    Ok(())
}

fn told(plan: &Plan, is_trial: bool, out: Option<&Path>) {
    print::line(plan.text().trim_end());
    let makes = plan.makes().count();
    if makes == 0 {
        print::line("Nothing is to be written.");
        return;
    }
    let name = out.map_or_else(|| plan.id.clone(), |path| path.display().to_string());
    let then = if is_trial { " once that configuration is in force" } else { "" };
    print::line(format!(
        "Plan {} of {makes} writes. Nothing was written; `concord apply {name}` makes exactly these{then}.",
        plan.id
    ));
}

pub(super) async fn apply(named: &str, at: &At, wants_json: bool) -> Result<()> {
    let file = Path::new(named);
    let of_file = if file.exists() { Some(read(file)?) } else { None };
    let id = of_file.as_ref().map_or(named, |plan| plan.id.as_str()).to_owned();
    if of_file.is_none() && (id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        bail!(Usage(format!("`{named}` is neither a file nor the id of a plan; `concord plan` prints one.")));
    }
    let session = Session::open(at).await?;
    let known = session.get(&format!("/api/plans/{}", segment(&id))).await;
    let body = match (&known, &of_file) {
        (Ok(_), _) => json!({ "id": id, "by": actor::of_this_process() }),
        (Err(_), Some(plan)) => json!({ "plan": plan, "by": actor::of_this_process() }),
        (Err(_), None) => bail!(known.err().map(|error| error.to_string()).unwrap_or_default()),
    };
    let applied = session.post("/api/apply", &body).await?;
    let standing = follow(&session, &id).await?;
    let count = |name: &str| standing[name].as_u64().unwrap_or_default();
    let listed = |json: &Json| -> Vec<String> {
        json.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
    };
    let (refused, overtaken) = (listed(&standing["refused"]), listed(&standing["overtaken"]));
    let moved = listed(&applied["moved"]);
    print::either(wants_json, &json!({ "applied": applied, "standing": standing }), || {
        print::line(format!("{} writes are made.", count("done")));
        for one in &refused {
            print::line(format!("refused: {one}"));
        }
        for one in overtaken.iter().chain(&moved) {
            print::line(format!("not made, because the world moved: {one}"));
        }
        if count("pending") > 0 {
            print::line(format!("{} are on their way; a running hub makes them.", count("pending")));
            for (connection, reason) in standing["reasons"].as_object().into_iter().flatten() {
                print::line(format!("  {connection}: {}", reason.as_str().unwrap_or("-")));
            }
        }
    });
    let whole = refused.is_empty() && overtaken.is_empty() && moved.is_empty() && count("pending") == 0;
    if whole { Ok(()) } else { Err(Told.into()) }
}

/// A plan's file, which nobody has changed.
fn read(path: &Path) -> Result<Plan> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read.", path.display()))?;
    let plan: Plan = serde_json::from_slice(&bytes).with_context(|| format!("{} is no plan.", path.display()))?;
    if plan::digest(plan.configuration, &plan.writes) != plan.id {
        bail!("{} was changed after the plan was made: its digest is not that of its content.", path.display());
    }
    Ok(plan)
}

/// Until nothing is on its way any more, or nothing moves.
async fn follow(session: &Session, id: &str) -> Result<Json> {
    let progress = print::Progress::new();
    let say = |done: u64, pending: u64, speaks: bool| {
        progress.say(format!("{done} writes are made, {pending} are on their way"), speaks);
    };
    let standing = match session {
        // On an idle folder nobody else does the work, and nothing else is to be done.
        Session::Idle(app) => {
            let Some(plan) = plan::kept(&app.hub, id).await? else { bail!("The plan {id} is gone.") };
            let standing: Standing = plan::carry_out(&app.hub, &plan, |now| say(now.done, now.pending, true)).await?;
            serde_json::to_value(standing)?
        }
        Session::Live(_) => {
            let (mut looks, mut still, mut last) = (0_u32, 0, u64::MAX);
            loop {
                let standing = session.get(&format!("/api/plans/{}/standing", segment(id))).await?;
                let count = |name: &str| standing[name].as_u64().unwrap_or_default();
                say(count("done"), count("pending"), looks.is_multiple_of(SAY_EVERY) && looks > 0);
                still = if count("pending") == last { still + 1 } else { 0 };
                last = count("pending");
                if last == 0 || still > PATIENCE {
                    break standing;
                }
                looks += 1;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    };
    progress.finish();
    Ok(standing)
}
