//! `concord replay`.

use crate::{
    app,
    args::{At, Replay},
    failure::Usage,
    print,
    session::Session,
};
use anyhow::{Result, bail};
use concord_connector::Instant;
use concord_hub::{embedded::SystemClock, ports::Clock as _};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value as Json, json};
use std::{collections::BTreeMap, io::IsTerminal as _, time::Duration};

/// Differences that are kept to be shown; further ones are counted.
const SHOWN: usize = 10_000;
/// Plain lines come this seldom, in pieces.
const SAY_EVERY: u64 = 50;

/// What was found so far.
#[derive(Default)]
struct Found {
    records: u64,
    versions: u64,
    unknown: u64,
    differences: Vec<Json>,
    more: u64,
    by_field: BTreeMap<String, u64>,
    versions_that_differ: BTreeMap<String, u64>,
    blind_spots: Vec<Json>,
}

pub(super) async fn replay(args: &Replay, wants_json: bool) -> Result<()> {
    let now = SystemClock.now();
    let from = args.from.as_deref().map(|text| instant(text, now)).transpose()?;
    let to = args.to.as_deref().map(|text| instant(text, now)).transpose()?.unwrap_or(now);
    if from.is_some_and(|from| from > to) {
        bail!(Usage("--from has to be before --to.".into()));
    }
    let config = args.config.as_deref().map(app::read_configuration).transpose()?;
    // What is in force in the folder counts; a folder in which nothing is has no history either.
    let at = At {
        data: args.data.clone(),
        config: "concord.toml".into(),
        url: args.url.clone(),
        token: args.token.clone(),
        #[cfg(feature = "aws")]
        stack: None,
    };
    let session = Session::open(&at).await?;
    let status = session.get("/api/status").await?;
    let total: u64 = status["records"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
    let bar = bar(total);
    let mut found = Found::default();
    let mut after: Option<String> = None;
    let mut pieces = 0_u64;
    loop {
        let body = json!({
            "from": from.map(Instant::rfc3339), "to": to.rfc3339(), "config": config, "after": after,
        });
        let answer = session.post("/api/replay", &body).await?;
        found.take(&answer);
        pieces += 1;
        match &bar {
            Some(bar) => bar.set_position(found.records),
            None if pieces.is_multiple_of(SAY_EVERY) => {
                eprintln!("{} records replayed, {} differences", found.records, found.count());
            }
            None => {}
        }
        match answer["piece"]["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    bar.iter().for_each(ProgressBar::finish_and_clear);
    print::either(wants_json, &found.json(from, to), || found.tell());
    Ok(())
}

fn bar(total: u64) -> Option<ProgressBar> {
    std::io::stderr().is_terminal().then(|| {
        // More records than are counted have no end to show.
        let template = if total > 0 { "{bar:40} {pos}/{len} records, {eta} left" } else { "{pos} records" };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(total).with_style(style)
    })
}

impl Found {
    fn take(&mut self, answer: &Json) {
        let piece = &answer["piece"];
        let number = |name: &str| piece[name].as_u64().unwrap_or_default();
        self.records += number("records");
        self.versions += number("versions");
        self.unknown += number("unknown");
        for one in piece["differences"].as_array().into_iter().flatten() {
            let name = format!("{}.{}", text(&one["entity"]), text(&one["field"]));
            *self.by_field.entry(name).or_default() += 1;
            if self.differences.len() < SHOWN {
                self.differences.push(one.clone());
            } else {
                self.more += 1;
            }
        }
        for (name, count) in piece["versions_that_differ"].as_object().unwrap_or(&Map::new()) {
            *self.versions_that_differ.entry(name.clone()).or_default() += count.as_u64().unwrap_or_default();
        }
        if self.blind_spots.is_empty() {
            self.blind_spots = answer["blind_spots"].as_array().cloned().unwrap_or_default();
        }
    }

    fn count(&self) -> u64 {
        self.by_field.values().sum()
    }

    fn json(&self, from: Option<Instant>, to: Instant) -> Json {
        json!({
            "from": from.map(Instant::rfc3339),
            "to": to.rfc3339(),
            "records": self.records,
            "versions": self.versions,
            "unknown": self.unknown,
            "differences": self.differences,
            "not_shown": self.more,
            "by_field": self.by_field,
            "versions_that_differ": self.versions_that_differ,
            "blind_spots": self.blind_spots,
        })
    }

    fn tell(&self) {
        let shown = |json: &Json| json.as_str().map_or("(empty)".to_owned(), |text| format!("`{text}`"));
        for one in &self.differences {
            let (entity, record, field) = (text(&one["entity"]), text(&one["record"]), text(&one["field"]));
            print::line(format!("{entity} {record} {field}: {} -> {}", shown(&one["now"]), shown(&one["then"])));
            print::line(format!("  was: {}", text(&one["because"])));
            print::line(format!("  would be: {}", text(&one["then_because"])));
            print::line(format!("  since {}, in {} versions", text(&one["since"]), one["versions"]));
        }
        if self.more > 0 {
            print::line(format!("... and {} more.", self.more));
        }
        for (name, count) in &self.by_field {
            print::line(format!("{name}: {count} differ at the end"));
        }
        for (name, count) in &self.versions_that_differ {
            print::line(format!("{name}: {count} versions differ"));
        }
        for spot in &self.blind_spots {
            print::line(format!("Cannot be told: {}.", text(spot)));
        }
        if self.unknown > 0 {
            print::line(format!(
                "{} versions are of before history kept what the systems held; they were not resolved again.",
                self.unknown
            ));
        }
        print::line(format!(
            "Replayed {} versions of {} records: {} fields differ at the end. Nothing was written.",
            self.versions,
            self.records,
            self.count()
        ));
    }
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap_or("-")
}

/// An instant, a day, or how long ago.
fn instant(text: &str, now: Instant) -> Result<Instant> {
    if let Some(instant) = Instant::parse(text).or_else(|| Instant::parse(&format!("{text}T00:00:00Z"))) {
        return Ok(instant);
    }
    let unit = match text.chars().next_back() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        _ => 0,
    };
    let ago = text.get(..text.len().saturating_sub(1)).and_then(|number| number.parse::<u64>().ok());
    match ago.and_then(|ago| ago.checked_mul(unit)).filter(|_| unit > 0) {
        Some(seconds) => Ok(now.minus(Duration::from_secs(seconds))),
        None => bail!(Usage(format!(
            "`{text}` is no time; write an instant like 2026-03-31T14:00:00Z, a day like 2026-03-31, or how long ago, like 36h or 7d."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now = Instant::parse("2026-03-31T14:00:00Z").unwrap();
        for (text, meant) in [
            ("2026-03-30T14:00:00Z", "2026-03-30T14:00:00.000Z"),
            ("2026-03-30", "2026-03-30T00:00:00.000Z"),
            ("36h", "2026-03-30T02:00:00.000Z"),
            ("7d", "2026-03-24T14:00:00.000Z"),
            ("90m", "2026-03-31T12:30:00.000Z"),
        ] {
            assert_eq!(instant(text, now).unwrap().rfc3339(), meant, "{text}");
        }
        for text in ["", "yesterday", "d", "7w", "é"] {
            assert!(instant(text, now).is_err(), "{text}");
        }
    }
}
