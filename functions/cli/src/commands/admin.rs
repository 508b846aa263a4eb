//! Dead letters, secrets, backups.

use crate::{
    app,
    args::At,
    failure::Usage,
    print,
    session::{Session, segment},
};
use anyhow::{Context as _, Result, bail};
use concord_hub::embedded;
use serde_json::{Value as Json, json};
use std::{
    io::{self, IsTerminal, Read as _},
    path::{self, Path},
};

pub(super) async fn dead_letters(at: &At, wants_json: bool) -> Result<()> {
    let session = Session::open(at).await?;
    let mut letters = Vec::new();
    let mut after = String::new();
    loop {
        let page = session.get(&format!("/api/dead-letters?limit=500&after={}", segment(&after))).await?;
        letters.extend(page["dead_letters"].as_array().cloned().unwrap_or_default());
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    print::either(wants_json, &json!({ "dead_letters": letters }), || {
        for letter in &letters {
            let text = |name: &str| letter[name].as_str().unwrap_or("-").to_owned();
            print::line(format!("{}  {}  {}  {}", text("id"), text("at"), text("connection"), text("subject")));
            print::line(format!("    {}", text("reason")));
        }
        print::line(format!("{} dead letters.", letters.len()));
    });
    Ok(())
}

pub(super) async fn redrive(ids: &[String], connection: Option<&str>, at: &At, wants_json: bool) -> Result<()> {
    let body = json!({ "ids": ids, "connection": connection });
    let answer = Session::open(at).await?.post("/api/dead-letters/redrive", &body).await?;
    let count = |name: &str| answer[name].as_array().map_or(0, Vec::len);
    print::either(wants_json, &answer, || {
        print::line(format!(
            "{} are looked at again, as they are today; {} cannot be.",
            count("redriven"),
            count("kept")
        ));
        for kept in answer["kept"].as_array().into_iter().flatten() {
            let text = |at: usize| kept[at].as_str().unwrap_or("-");
            print::line(format!("  {}: {}", text(0), text(1)));
        }
    });
    Ok(())
}

pub(super) async fn keep(name: &str, part: Option<&str>, at: &At, wants_json: bool) -> Result<()> {
    let (name, part) = match (name.split_once('/'), part) {
        (Some((name, part)), None) => (name, part),
        (None, Some(part)) => (name, part),
        (None, None) => (name, "token"),
        (Some(_), Some(_)) => bail!(Usage("Name the part once: as NAME/PART, or with --part.".into())),
    };
    let value = secret_of_stdin(&format!("Secret for {name}/{part}, then Enter and Ctrl-D: "))?;
    let session = Session::open_as(at, app::Source::Nothing).await?;
    let answer =
        session.post(&format!("/api/vault/{}", segment(name)), &json!({ "part": part, "value": value })).await?;
    print::either(wants_json, &answer, || print::line(format!("Kept {name}/{part}.")));
    Ok(())
}

/// Reads standard input to its end, without the line feed that `echo` adds.
fn secret_of_stdin(prompt: &str) -> Result<String> {
    if io::stdin().is_terminal() {
        eprint!("{prompt}");
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("Standard input cannot be read.")?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        bail!(Usage("The secret is read from standard input, and nothing came.".into()));
    }
    Ok(text.to_owned())
}

pub(super) async fn backup(file: &Path, at: &At, wants_json: bool) -> Result<()> {
    let file = path::absolute(file).context("The file cannot be named.")?;
    let answer = Session::open(at).await?.post("/api/backup", &json!({ "file": file })).await?;
    print::either(wants_json, &answer, || {
        print::line(format!(
            "Wrote {} ({} bytes). The vault's key is not in it: keep that elsewhere.",
            file.display(),
            answer["bytes"]
        ));
    });
    Ok(())
}

pub(super) fn restore(file: &Path, data: &Path, wants_json: bool) -> Result<()> {
    embedded::restore(file, data)?;
    let said: Json = json!({ "file": file, "data": data });
    print::either(wants_json, &said, || print::line(format!("Restored {} into {}.", file.display(), data.display())));
    Ok(())
}
