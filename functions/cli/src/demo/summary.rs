//! What the demo says at its end.

use super::{chaos::Crashes, market::Deal, proof::Proof, stage::Played};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Differences that are shown; the JSON has all of them.
const SHOWN: usize = 20;

/// The end of the demo.
pub(super) struct Summary {
    pub(super) proof: Proof,
    /// What the hub says of itself, over HTTP.
    pub(super) status: Json,
    pub(super) played: Played,
    /// One deal through the marketplace.
    pub(super) deal: Deal,
    /// How often the hub was killed, when it was.
    pub(super) crashes: Option<Crashes>,
    /// Whether everything came to rest.
    pub(super) calm: bool,
    pub(super) took: Duration,
}

impl Summary {
    /// Whether all systems agree, and on something.
    pub(super) fn agrees(&self) -> bool {
        self.proof.agrees() && self.proof.fields_compared > 0 && self.deal.agrees()
    }

    pub(super) fn json(&self) -> Json {
        json!({
            "agree": self.agrees(),
            "records": self.proof.records,
            "external_records": self.proof.external_records,
            "fields_compared": self.proof.fields_compared,
            "disagreements": self.proof.disagreements,
            "came_to_rest": self.calm,
            "events": { "done": self.played.done, "skipped": self.played.skipped, "troubles": self.played.troubles },
            "deal": self.deal.json(),
            "hub_kills": self.crashes.as_ref().map_or(0, |crashes| crashes.count),
            "counts": self.counts(),
            "conflicts_by_rule": self.status["conflicts_by_rule"],
            "delay_ms": self.delay(),
            "reviews": self.status["reviews"],
            "dead_letters": self.status["dead_letters"],
            "seconds": self.took.as_secs(),
        })
    }

    /// What all processes of the hub counted.
    fn counts(&self) -> Json {
        let mut counts = self.status["counts"].clone();
        for (name, before) in self.crashes.iter().flat_map(|crashes| &crashes.counts) {
            counts[name] = (counts[name].as_u64().unwrap_or(0) + before).into();
        }
        counts
    }

    fn delay(&self) -> Json {
        let delay = &self.status["delay_ms"];
        json!({ "p50": delay[0], "p99": delay[1] })
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let counts = self.counts();
        let count = |name: &str| counts[name].as_u64().unwrap_or_default();
        let mut lines = vec![
            String::new(),
            format!(
                "{} things were done by people in {} s, {} could not be; the systems made {} troubles.",
                self.played.done,
                self.took.as_secs(),
                self.played.skipped,
                self.played.troubles
            ),
            format!(
                "{} webhooks, {} observations, {} commits, {} deliveries, {} echoes suppressed, {} calls to the systems.",
                count("webhooks_accepted"),
                count("observations"),
                count("commits"),
                count("deliveries"),
                count("echoes_suppressed"),
                count("vendor_calls")
            ),
            format!("{} throttles and {} outages survived.", count("throttles"), count("outages")),
        ];
        if let Some(crashes) = &self.crashes {
            lines.push(format!("The hub was killed {} times in the middle of its work.", crashes.count));
        }
        let rules: Vec<String> = self.status["conflicts_by_rule"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(rule, many)| format!("{many} by `{rule}`"))
            .collect();
        let rules = if rules.is_empty() { "none".to_owned() } else { rules.join(", ") };
        lines.push(format!("Conflicts decided: {rules}. Questions for people: {}.", self.status["reviews"]));
        let delay = self.delay();
        lines.push(format!(
            "From webhook to delivery: {} ms at the median, {} ms at the 99th percentile.",
            delay["p50"], delay["p99"]
        ));
        if self.status["dead_letters"] != 0 {
            lines
                .push(format!("{} messages were put aside; `concord dlq list` says why.", self.status["dead_letters"]));
        }
        if !self.calm {
            lines.push("Not everything came to rest in time.".to_owned());
        }
        lines.extend(self.deal.lines());
        for one in self.proof.disagreements.iter().take(SHOWN) {
            let record = one.record.as_ref().map_or("-", |record| record.as_str());
            let field = one.field.as_deref().unwrap_or("the record");
            lines.push(format!(
                "  {} {record} at {}: {field} is {}, should be {}.",
                one.entity, one.connection, one.found, one.expected
            ));
        }
        let verdict = if self.agrees() { "All systems agree" } else { "The systems do not agree" };
        lines.push(format!(
            "{verdict}: {} records, {} external records read back, {} fields compared, {} differences.",
            self.proof.records,
            self.proof.external_records,
            self.proof.fields_compared,
            self.proof.disagreements.len()
        ));
        lines
    }
}
