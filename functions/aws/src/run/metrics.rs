//! Metrics in the embedded format: a line of the log, of which CloudWatch makes metrics without a call.

use concord_hub::hub::Hub;
use serde_json::{Map, Value as Json, json};
use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{Mutex, PoisonError},
};

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
    let metrics: Vec<Json> = counts.keys().map(|name| json!({ "Name": name, "Unit": "Count" })).collect();
    let mut line = Map::from_iter(counts.iter().map(|(name, count)| ((*name).to_owned(), Json::from(*count))));
    line.insert("function".into(), function.into());
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [["function"]], "Metrics": metrics });
    line.insert("_aws".into(), json!({ "Timestamp": at_ms, "CloudWatchMetrics": [directive] }));
    Some(Json::Object(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_each_metric_it_holds() {
        assert_eq!(line("hub-ingest", 1, &BTreeMap::new()), None);
        let line = line("hub-ingest", 1_700_000_000_000, &BTreeMap::from([("signals", 3)])).unwrap();
        assert_eq!(line["signals"], 3);
        assert_eq!(line["function"], "hub-ingest");
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(
            (directive["Namespace"].as_str(), directive["Metrics"][0]["Name"].as_str()),
            (Some("Concord"), Some("signals"))
        );
        assert_eq!(directive["Dimensions"][0][0], "function");
    }
}
