//! `concord check`: every mistake of the configuration, as `file:line:col: sentence`.

use crate::{app, failure::Told, print};
use anyhow::Result;
use concord_hub::config::Mistake;
use serde_json::json;
use std::{collections::BTreeMap, path::Path};

pub(super) fn check(path: &Path, wants_json: bool) -> Result<()> {
    let text = app::read_configuration(path)?;
    let (mistakes, counted) = match app::document(path, &text) {
        Err(mistakes) => (mistakes, (0, 0)),
        Ok(document) => {
            let counted = (document.connections().count(), document.subscriptions());
            (document.check(&concord_connectors::all(), &BTreeMap::new()), counted)
        }
    };
    print::either(wants_json, &json!({ "ok": mistakes.is_empty(), "mistakes": mistakes }), || {
        told(path, &mistakes, counted)
    });
    if mistakes.is_empty() { Ok(()) } else { Err(Told.into()) }
}

fn told(path: &Path, mistakes: &[Mistake], (connections, subscriptions): (usize, usize)) {
    for mistake in mistakes {
        print::line(app::located(path, mistake));
    }
    match mistakes.len() {
        0 if subscriptions == 0 => print::line(format!("{} is good: {connections} connections.", path.display())),
        0 => print::line(format!(
            "{} is good: {connections} connections, {subscriptions} subscriptions.",
            path.display()
        )),
        1 => print::line("1 mistake."),
        many => print::line(format!("{many} mistakes.")),
    }
}
