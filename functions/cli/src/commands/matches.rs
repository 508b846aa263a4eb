//! `concord match`: the report, and decisions about its lines.

mod csv;

use crate::{
    args::Match,
    failure::Usage,
    print,
    session::{Session, segment},
};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value as Json, json};
use std::{fs, path::Path};

/// Decisions that one call carries.
const CALL: usize = 500;
const COLUMNS: [&str; 12] = [
    "id",
    "decision",
    "verdict",
    "entity",
    "there",
    "there_name",
    "here",
    "here_name",
    "reasons",
    "differences",
    "choices",
    "decided",
];

pub(super) async fn run(args: &Match, wants_json: bool) -> Result<()> {
    let session = Session::open(&args.at).await?;
    let mut decisions = Vec::new();
    for text in &args.decide {
        let Some((id, choice)) = text.split_once('=') else {
            bail!(Usage(format!("Write a decision as ID=CHOICE, not `{text}`.")))
        };
        decisions.push(json!({ "id": id, "choice": choice }));
    }
    if let Some(file) = &args.apply {
        decisions.extend(filled_in(file)?);
    }
    if args.decide.is_empty() && args.apply.is_none() {
        return show(&session, args, wants_json).await;
    }
    decide(&session, args, &decisions, wants_json).await
}

async fn show(session: &Session, args: &Match, wants_json: bool) -> Result<()> {
    let mut lines = Vec::new();
    let mut counts = serde_json::Map::new();
    let (mut after, mut decided) = (String::new(), 0);
    loop {
        let entity = args.entity.as_deref().map(|entity| format!("&entity={}", segment(entity))).unwrap_or_default();
        let open = if args.open { "&open=1" } else { "" };
        let target = format!(
            "/api/connections/{}/match?limit=5000&after={}{entity}{open}",
            segment(&args.connection),
            segment(&after)
        );
        let piece = session.get(&target).await?;
        lines.extend(piece["lines"].as_array().cloned().unwrap_or_default());
        decided += piece["decided"].as_u64().unwrap_or_default();
        for (verdict, count) in piece["counts"].as_object().into_iter().flatten() {
            let before = counts.get(verdict).and_then(Json::as_u64).unwrap_or_default();
            counts.insert(verdict.clone(), json!(before + count.as_u64().unwrap_or_default()));
        }
        match piece["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    if let Some(file) = &args.csv {
        return write(file, &lines);
    }
    let report = json!({ "connection": args.connection, "counts": counts, "decided": decided, "lines": lines });
    print::either(wants_json, &report, || told(args, &report));
    Ok(())
}

fn told(args: &Match, report: &Json) {
    let text = |json: &Json| json.as_str().unwrap_or("-").to_owned();
    let own = format!("{}/", args.connection);
    // One record is on both sides: there by what it is at the connection, here by what it is elsewhere.
    let name = |side: &Json, there: bool| {
        if side.is_null() {
            return "-".to_owned();
        }
        let mut external = side["external"].as_array().into_iter().flatten().filter_map(Json::as_str);
        let shown = external.find(|id| id.starts_with(&own) == there);
        format!("{} ({})", text(&side["name"]), shown.map_or_else(|| text(&side["external"][0]), str::to_owned))
    };
    let empty = Vec::new();
    let lines = report["lines"].as_array().unwrap_or(&empty);
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let decided =
                line["decided"]["choice"].as_str().map_or_else(|| joined(&line["choices"], "|"), |d| format!("= {d}"));
            vec![
                text(&line["id"]),
                text(&line["verdict"]),
                text(&line["entity"]),
                name(&line["there"], true),
                name(&line["here"], false),
                decided,
            ]
        })
        .collect();
    print::table(&["LINE", "VERDICT", "ENTITY", "THERE", "HERE", "DECISION"], &rows);
    for line in lines.iter().filter(|line| matches!(line["verdict"].as_str(), Some("near" | "ambiguous"))) {
        print::line(format!("{}: {}.", text(&line["id"]), joined(&line["reasons"], "; ")));
    }
    let counts = report["counts"].as_object().into_iter().flatten();
    let counts: Vec<String> = counts.map(|(verdict, count)| format!("{count} {}", verdict.replace('_', " "))).collect();
    print::line(format!("{}; {} decided.", counts.join(", "), report["decided"]));
    print::line(format!(
        "Decide with `concord match {} --decide LINE=CHOICE`, or in a spreadsheet: --csv FILE, then --apply FILE.",
        args.connection
    ));
}

fn joined(list: &Json, with: &str) -> String {
    list.as_array().into_iter().flatten().filter_map(Json::as_str).collect::<Vec<_>>().join(with)
}

fn write(file: &Path, lines: &[Json]) -> Result<()> {
    let mut text = csv::row(COLUMNS.iter().map(|column| (*column).to_owned()));
    for line in lines {
        let plain = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        let side = |side: &Json| joined(&side["external"], " ");
        let cells = [
            plain(&line["id"]),
            String::new(),
            plain(&line["verdict"]),
            plain(&line["entity"]),
            side(&line["there"]),
            plain(&line["there"]["name"]),
            side(&line["here"]),
            plain(&line["here"]["name"]),
            joined(&line["reasons"], "; "),
            joined(&line["differences"], " "),
            joined(&line["choices"], " "),
            plain(&line["decided"]["choice"]),
        ];
        text.push_str(&csv::row(cells.into_iter()));
    }
    if file.as_os_str() == "-" {
        text.lines().for_each(print::line);
        return Ok(());
    }
    fs::write(file, text).with_context(|| format!("{} cannot be written.", file.display()))
}

/// The decisions of a file: of every row whose column `decision` is filled in.
fn filled_in(file: &Path) -> Result<Vec<Json>> {
    let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read.", file.display()))?;
    let mut rows = csv::rows(text.trim_start_matches('\u{feff}')).into_iter();
    let head = rows.next().unwrap_or_default();
    let place = |name: &str| head.iter().position(|column| column.trim() == name);
    let (Some(id), Some(decision)) = (place("id"), place("decision")) else {
        bail!(Usage(format!("{} has no columns `id` and `decision`; write it with --csv.", file.display())))
    };
    let cell = |row: &[String], at: usize| row.get(at).map(|cell| cell.trim().to_owned()).unwrap_or_default();
    let filled = rows.filter(|row| !cell(row, decision).is_empty());
    Ok(filled.map(|row| json!({ "id": cell(&row, id), "choice": cell(&row, decision) })).collect())
}

async fn decide(session: &Session, args: &Match, decisions: &[Json], wants_json: bool) -> Result<()> {
    let (mut decided, mut refused) = (Vec::new(), serde_json::Map::new());
    for chunk in decisions.chunks(CALL) {
        let target = format!("/api/connections/{}/match", segment(&args.connection));
        let answer = session.post(&target, &json!({ "decisions": chunk })).await?;
        decided.extend(answer["decided"].as_array().cloned().unwrap_or_default());
        refused.extend(answer["refused"].as_object().cloned().unwrap_or_default());
    }
    let said = json!({ "decided": decided, "refused": refused });
    print::either(wants_json, &said, || {
        for (id, reason) in &refused {
            print::line(format!("{id}: {}.", reason.as_str().unwrap_or("refused").trim_end_matches('.')));
        }
        print::line(format!("{} decided, {} refused.", decided.len(), refused.len()));
    });
    if refused.is_empty() { Ok(()) } else { bail!("Some decisions were refused.") }
}
