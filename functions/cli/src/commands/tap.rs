//! `concord tap`: what flows through a running hub, as it flows.

use crate::{
    args::Tap,
    print,
    session::{Session, segment},
};
use anyhow::Result;
use serde_json::Value as Json;

pub(super) async fn tap(args: &Tap, wants_json: bool) -> Result<()> {
    let mut query: Vec<String> = Vec::new();
    for (name, values) in
        [("stage", &args.stage), ("connection", &args.connection), ("entity", &args.entity), ("record", &args.record)]
    {
        query.extend(values.iter().map(|value| format!("{name}={}", segment(value))));
    }
    if args.values {
        query.push("values=1".into());
    }
    let mut lines = Session::open(&args.at).await?.lines(&format!("/api/tap?{}", query.join("&"))).await?;
    let mut left = args.limit.unwrap_or(u64::MAX);
    while left > 0
        && let Some(text) = lines.next().await?
    {
        let Ok(line) = serde_json::from_str::<Json>(&text) else { continue };
        if line["stage"] == "tap" && line["what"] == "listening" {
            tracing::info!("Listening.");
            continue;
        }
        left -= 1;
        if wants_json { print::json(&line) } else { print::line(plain(&line)) }
    }
    Ok(())
}

/// `10:00:01.250  commit       version    organization  01k...@7  name, phone`
fn plain(line: &Json) -> String {
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    if line["stage"] == "tap" {
        return format!("(too slow: {} lines were missed)", line["lines"]);
    }
    let time = text("at").get(11..23).unwrap_or_default().trim_end_matches('Z').to_owned();
    let mut parts = vec![format!("{time:<12} {:<11} {:<9} {:<17}", text("stage"), text("what"), text("entity"))];
    let connection = text("connection");
    match line["external"].as_str() {
        Some(external) => parts.push(format!("{connection}/{external}")),
        None if !connection.is_empty() => parts.push(connection),
        None => {}
    }
    if let Some(record) = line["record"].as_str() {
        let version = line["version"].as_u64().map(|version| format!("@{version}")).unwrap_or_default();
        parts.push(format!("{record}{version}"));
    }
    if let Some(values) = line["values"].as_object() {
        parts.extend(values.iter().map(|(field, value)| format!("{field}={value}")));
    } else {
        let fields: Vec<&str> = line["fields"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        parts.push(fields.join(", "));
    }
    parts.push(text("reason"));
    parts.retain(|part| !part.is_empty());
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use super::plain;
    use serde_json::json;

    #[test]
    fn a_line_says_where_and_which_fields() {
        let mut line = json!({"at": "2026-01-02T09:00:01.250Z", "stage": "commit", "what": "version",
            "entity": "organization", "record": "01abc", "version": 7, "fields": ["name", "phone"]});
        assert_eq!(plain(&line), "09:00:01.250 commit      version   organization       01abc@7  name, phone");
        line["values"] = json!({"name": "Acme"});
        assert!(plain(&line).ends_with("01abc@7  name=\"Acme\""));
        assert_eq!(plain(&json!({"stage": "tap", "what": "missed", "lines": 3})), "(too slow: 3 lines were missed)");
    }
}
