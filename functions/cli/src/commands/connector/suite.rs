//! `concord connector test` beside a system that is derived from the file.

use crate::{args::ConnectorTest, failure::Told, print};
use anyhow::Result;
use concord_connector::{
    Connector,
    testing::{Derived, Law, Run, Subject, laws},
};
use serde_json::json;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// Laws of what lies in a connector's folder beside its manifest; a file alone has none of it.
const OF_A_FOLDER: [&str; 3] =
    ["exchange::", "manifest::is_the_file_in_the_folder", "faults::table_is_the_committed_one"];

enum Said {
    Holds,
    Broken(String),
    Skipped(String),
}

pub(super) fn suite(args: &ConnectorTest, wants_json: bool) -> Result<()> {
    let rest = super::read(&args.file, wants_json)?;
    let manifest = rest.manifest().clone();
    let start = Arc::new(move |_seed| Box::new(Derived::new(&manifest)) as _);
    let folder = args.file.parent().map(std::path::Path::to_owned).unwrap_or_default();
    let subject = Subject::new(Arc::new(rest), folder, Some(start));
    // A law that breaks says so in its own sentence.
    std::panic::set_hook(Box::new(|_| {}));
    let mut said = Vec::new();
    for law in laws(&subject) {
        if OF_A_FOLDER.iter().any(|begin| law.name.starts_with(begin)) {
            continue;
        }
        let (name, one) = tried(law);
        if !wants_json {
            match &one {
                Said::Holds => print::line(format!("holds    {name}")),
                Said::Broken(sentence) => print::line(format!("BROKEN   {name}: {sentence}")),
                Said::Skipped(reason) => print::line(format!("skipped  {name}: {reason}")),
            }
        }
        said.push((name, one));
    }
    drop(std::panic::take_hook());
    let count = |test: fn(&Said) -> bool| said.iter().filter(|(_, one)| test(one)).count();
    let (held, broken) = (count(|one| matches!(one, Said::Holds)), count(|one| matches!(one, Said::Broken(_))));
    let skipped = said.len() - held - broken;
    let list = |test: fn(&Said) -> Option<&str>| -> Vec<_> {
        let named = said.iter().filter_map(|(name, one)| Some((name, test(one)?)));
        named.map(|(name, sentence)| json!({ "law": name, "sentence": sentence })).collect()
    };
    let summary = json!({
        "ok": broken == 0,
        "held": held,
        "broken": list(|one| match one { Said::Broken(sentence) => Some(sentence), _ => None }),
        "skipped": list(|one| match one { Said::Skipped(reason) => Some(reason), _ => None }),
    });
    print::either(wants_json, &summary, || {
        print::line(format!("{held} laws hold, {broken} are broken, {skipped} were skipped."));
        print::line(
            "This shows that the file is at one with itself; --base-url URL --read-only looks at the real system.",
        );
    });
    if broken == 0 { Ok(()) } else { Err(Told.into()) }
}

fn tried(law: Law) -> (String, Said) {
    let said = match law.run {
        Run::Ignored(reason) => Said::Skipped(reason),
        Run::Try(run) => match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(())) => Said::Holds,
            Ok(Err(sentence)) => Said::Broken(sentence),
            Err(_) => Said::Broken("the connector panicked".into()),
        },
    };
    (law.name, said)
}
