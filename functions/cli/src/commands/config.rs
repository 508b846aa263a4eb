//! `concord config`: the configuration as a file, and as it is in force where the truth is.

use crate::{
    app::{self, App, Source},
    args::{At, Config},
    failure::Usage,
    print,
    session::Session,
};
use anyhow::{Context as _, Result, bail};
use concord_hub::config::{self, Installed};
use serde_json::json;
use similar::TextDiff;
use std::{path::Path, sync::Arc};

pub(super) async fn run(verb: &Config, wants_json: bool) -> Result<()> {
    match verb {
        Config::Diff { at } => diff(at, wants_json).await,
        Config::Push { at } => push(at, wants_json).await,
        Config::Pull { force, at } => pull(at, *force, wants_json).await,
    }
}

/// What is in force; `None` before the first.
async fn in_force(at: &At) -> Result<Option<Installed>> {
    if is_nowhere_yet(at) {
        return Ok(None);
    }
    let app = idle(Session::open_as(at, Source::Nothing).await?)?;
    Ok(config::stored(&*app.hub.table).await?)
}

/// Looking makes no data folder.
fn is_nowhere_yet(at: &At) -> bool {
    #[cfg(feature = "aws")]
    if at.stack.is_some() {
        return false;
    }
    at.url.is_none() && !at.data.exists()
}

/// A Concord that runs takes its configuration from its file, when it starts.
fn idle(session: Session) -> Result<Arc<App>> {
    match session {
        Session::Idle(app) => Ok(app),
        Session::Live(_) => bail!(Usage(
            "A Concord runs there, which takes its configuration from its own file when it starts: restart `concord up` with it.".into()
        )),
    }
}

async fn diff(at: &At, wants_json: bool) -> Result<()> {
    let installed = in_force(at).await?;
    let text = app::read_configuration(&at.config)?;
    let said = difference(installed.as_ref(), &text);
    print::either(wants_json, &json!({ "revision": installed.as_ref().map(|one| one.revision), "diff": said }), || {
        print::line(if said.is_empty() { "The file says what is in force.".to_owned() } else { said.clone() });
    });
    Ok(())
}

fn difference(installed: Option<&Installed>, text: &str) -> String {
    let before = installed.map(|one| one.text.as_str()).unwrap_or_default();
    let diff = TextDiff::from_lines(before, text);
    if before == text { String::new() } else { diff.unified_diff().header("in force", "the file").to_string() }
}

async fn push(at: &At, wants_json: bool) -> Result<()> {
    let text = app::read_configuration(&at.config)?;
    everywhere(at, &text)?;
    let before = in_force(at).await?.map_or(0, |one| one.revision);
    let app = idle(Session::open_as(at, Source::File(at.config.clone())).await?)?;
    let (revision, connections) = (app.hub.settings().revision, app.hub.settings().connections.len());
    print::either(wants_json, &json!({ "revision": revision, "before": before, "connections": connections }), || {
        if revision == before {
            print::line(format!("Revision {revision} was in force already."));
        } else {
            print::line(format!(
                "Revision {revision} is in force, with {connections} connections. Records follow it within minutes; `concord status` shows how far."
            ));
        }
    });
    Ok(())
}

/// A stack's functions read secrets from its vault and from nowhere else.
#[cfg(feature = "aws")]
fn everywhere(at: &At, text: &str) -> Result<()> {
    if at.stack.is_none() {
        return Ok(());
    }
    let Ok(document) = app::document(&at.config, text) else { return Ok(()) };
    let elsewhere: Vec<String> =
        document.secret_references().into_iter().filter(|reference| !reference.starts_with("vault:")).collect();
    if !elsewhere.is_empty() {
        bail!(
            "A stack cannot open {}: keep such secrets in its vault (`concord vault set CONNECTION/PART`) and refer to them by `vault:CONNECTION#PART`.",
            elsewhere.join(", ")
        );
    }
    Ok(())
}

#[cfg(not(feature = "aws"))]
fn everywhere(_: &At, _: &str) -> Result<()> {
    Ok(())
}

async fn pull(at: &At, force: bool, wants_json: bool) -> Result<()> {
    let Some(installed) = in_force(at).await? else { bail!("No configuration is in force there yet.") };
    let beside = at.config.parent().map(Path::to_owned).unwrap_or_default();
    let connectors = installed.connectors.iter().map(|(name, text)| (beside.join(name), text));
    let files: Vec<_> = std::iter::once((at.config.clone(), &installed.text)).chain(connectors).collect();
    for (path, text) in &files {
        if !force && std::fs::read_to_string(path).is_ok_and(|there| there != **text) {
            bail!(Usage(format!(
                "{} says something else; look with `concord config diff`, or add --force.",
                path.display()
            )));
        }
    }
    for (path, text) in &files {
        std::fs::write(path, text).with_context(|| format!("{} cannot be written.", path.display()))?;
    }
    let names: Vec<_> = files.iter().map(|(path, _)| path.display().to_string()).collect();
    print::either(wants_json, &json!({ "revision": installed.revision, "files": names }), || {
        print::line(format!("Wrote revision {} to {}.", installed.revision, names.join(", ")));
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_by_its_lines() {
        let installed = Installed { revision: 3, text: "a = 1\nb = 2\n".into(), connectors: Default::default() };
        assert_eq!(difference(Some(&installed), "a = 1\nb = 2\n"), "");
        let said = difference(Some(&installed), "a = 1\nb = 3\n");
        assert!(said.contains("-b = 2") && said.contains("+b = 3"), "{said}");
        assert!(difference(None, "a = 1\n").contains("+a = 1"));
    }
}
