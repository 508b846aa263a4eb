//! The demo, as a newcomer's script would run it.

use crate::hub::program;
use libtest_mimic::Failed;
use serde_json::Value as Json;
use std::process::{Command, Stdio};

pub(crate) fn agrees() -> Result<(), Failed> {
    let home = tempfile::tempdir()?;
    let output = Command::new(program())
        .args(["demo", "--exit", "--json"])
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let last: Json = serde_json::from_str(text.lines().last().ok_or("no output")?)?;
    let count = |name: &str| last[name].as_u64().unwrap_or(0);
    if !output.status.success()
        || last["agree"] != true
        || last["disagreements"].as_array().is_none_or(|list| !list.is_empty())
    {
        return Err(format!("{}: {last}", output.status).into());
    }
    if count("records") < 200 || count("fields_compared") < 1000 {
        return Err(format!("too little to be proof: {last}").into());
    }
    Ok(())
}
