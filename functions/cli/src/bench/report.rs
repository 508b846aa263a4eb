//! The table for people.

use crate::print;
use serde_json::Value as Json;

/// Prints a row for each run.
pub(super) fn table(runs: &[Json]) {
    let titles = [
        "run",
        "changes/s",
        "answer p50/p99 ms",
        "delivery p50/p99 ms",
        "hub CPU ms",
        "bench CPU ms",
        "peak MiB",
        "lost",
        "twice",
        "load",
    ];
    let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    print::table(&titles, &rows);
    for run in runs {
        if !run["trouble"].is_null() {
            print::line(format!("{}: {}", text(&run["scenario"]), run["trouble"]));
        }
    }
}

fn row(run: &Json) -> Vec<String> {
    let rate = run["rate"].as_u64().map_or(String::new(), |rate| format!(" at {rate}/s"));
    let pair = |of: &str| format!("{} / {}", text(&run[of]["p50_ms"]), text(&run[of]["p99_ms"]));
    vec![
        format!("{} {}{rate}", text(&run["what"]), text(&run["scenario"])),
        text(&run["changes_per_s"]),
        pair("answer"),
        pair("delivery"),
        text(&run["hub_cpu_ms_per_change"]),
        text(&run["bench_cpu_ms_per_change"]),
        text(&run["hub_peak_mib"]),
        text(&run["proof"]["missing"]),
        text(&run["proof"]["made_twice"]),
        text(&run["load_average"][1]),
    ]
}

fn text(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Null => "-".into(),
        other => other.to_string(),
    }
}
