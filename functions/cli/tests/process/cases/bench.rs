//! The bench, small: that it runs, that its ledger balances, and what it reports.

use crate::program::json;
use tempfile::TempDir;

#[test]
fn the_bench_measures_the_hub_beside_the_bare_server_and_proves_that_everything_arrived() {
    let home = TempDir::new().expect("a folder");
    let told = json(home.path(), &["bench", "--records", "20", "--seconds", "1", "--floor", "--json"]);
    let runs = told["runs"].as_array().expect("runs");
    assert_eq!(runs.iter().map(|run| run["what"].as_str().expect("a name")).collect::<Vec<_>>(), ["floor", "hub"]);
    for run in runs {
        assert_eq!((&run["proof"]["holds"], &run["proof"]["records"]), (&true.into(), &20.into()), "{run}");
        let accepted = run["accepted"].as_u64().expect("a count");
        assert!(accepted > 0 && run["delivery"]["count"].as_u64().expect("a count") > 0, "{run}");
        assert!(run["answer"]["p99_ms"].is_number() && run["hub_cpu_ms_per_change"].is_number(), "{run}");
    }
}
