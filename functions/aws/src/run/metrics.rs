//! Metrics in the embedded format: a line of the log, of which CloudWatch makes metrics without a call.

use concord_hub::hub::Hub;
use serde_json::{Map, Value as Json, json};
use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{Mutex, PoisonError},
};

/// What becomes a metric: what somebody is woken for. Each costs by the month; everything else that was counted is in the line.
const METRICS: [&str; 6] = ["dead_letters", "event_failures", "outages", "refusals", "throttles", "waves_stopped"];
/// Where the metrics are in CloudWatch.
const NAMESPACE: &str = "Concord";

/// Tells what has been counted since it was told last.
pub(super) struct Metrics {
    function: String,
    told: Mutex<BTreeMap<&'static str, u64>>,
}

impl Metrics {
    pub(super) fn new(function: String) -> Self {
        Self { function, told: Mutex::default() }
    }

    /// Writes a line, when there is something to tell.
    pub(super) fn tell(&self, hub: &Hub) {
        let counts = hub.tally.counts();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh: BTreeMap<&str, u64> = counts
            .iter()
            .map(|(name, count)| (*name, count - told.get(name).copied().unwrap_or_default()))
            .filter(|(_, count)| *count > 0)
            .collect();
        if let Some(line) = line(&self.function, hub.now().ms(), &fresh) {
            let mut out = std::io::stdout().lock();
            // A log that cannot be written has nobody to be told to.
            drop(writeln!(out, "{line}"));
        }
        *told = counts;
    }
}

fn line(function: &str, at_ms: i64, counts: &BTreeMap<&str, u64>) -> Option<Json> {
    if counts.is_empty() {
        return None;
    }
    let named = counts.keys().filter(|name| METRICS.contains(name));
    let metrics: Vec<Json> = named.map(|name| json!({ "Name": name, "Unit": "Count" })).collect();
    let mut line = Map::from_iter(counts.iter().map(|(name, count)| ((*name).to_owned(), Json::from(*count))));
    line.insert("function".into(), function.into());
    if !metrics.is_empty() {
        let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [["function"]], "Metrics": metrics });
        line.insert("_aws".into(), json!({ "Timestamp": at_ms, "CloudWatchMetrics": [directive] }));
    }
    Some(Json::Object(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_what_was_counted_and_names_what_is_a_metric() {
        assert_eq!(line("hub-ingest", 1, &BTreeMap::new()), None);
        let counts = BTreeMap::from([("signals", 3), ("refusals", 1)]);
        let told = line("hub-ingest", 1_700_000_000_000, &counts).unwrap();
        assert_eq!((told["signals"].as_u64(), told["function"].as_str()), (Some(3), Some("hub-ingest")));
        let directive = &told["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Concord");
        assert_eq!(
            directive["Metrics"],
            json!([{ "Name": "refusals", "Unit": "Count" }]),
            "only what somebody is woken for"
        );
        assert_eq!(directive["Dimensions"][0][0], "function");
        let quiet = line("hub-ingest", 1, &BTreeMap::from([("signals", 3)])).unwrap();
        assert!(quiet.get("_aws").is_none());
    }
}
