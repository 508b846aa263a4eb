//! A product's resources in our view.

use serde_json::{Value as Json, json};

/// The resources that we write, each with the members that are ours.
pub(super) const OWN: [(&str, &[&str]); 2] = [
    ("listing", &["title", "searchResultSummary", "description", "searchKeywords", "globalSupportWebsite"]),
    ("software-as-a-service-technical-configuration", &["landingPageUrl"]),
];

/// The kind of a resource, by its schema's address.
fn kind(resource: &Json) -> &str {
    let address = resource["$schema"].as_str().unwrap_or_default();
    address.rsplit('/').nth(1).unwrap_or_default()
}

fn all<'a>(tree: &'a [Json], wanted: &'a str) -> impl Iterator<Item = &'a Json> {
    tree.iter().filter(move |resource| kind(resource) == wanted)
}

/// The first resource of a kind.
pub(super) fn resource<'a>(tree: &'a [Json], wanted: &'a str) -> Option<&'a Json> {
    all(tree, wanted).next()
}

fn targets<'a>(submissions: &'a [Json], target: &'a str) -> impl Iterator<Item = &'a Json> {
    submissions.iter().filter(move |one| one.pointer("/target/targetType").is_some_and(|said| said == target))
}

fn runs(submission: &Json) -> bool {
    matches!(submission["status"].as_str(), Some("notStarted" | "running" | "inProgress"))
}

/// Whether Microsoft works on a submission.
pub(super) fn in_review(submissions: &[Json]) -> bool {
    submissions.iter().any(runs)
}

/// The preview that could go live.
pub(super) fn waiting_preview(submissions: &[Json]) -> Option<&str> {
    let good = |one: &&Json| one["status"] == "completed" && one["result"] == "succeeded";
    let id = |one: &'_ Json| one["id"].as_str().map(str::to_owned);
    let live = targets(submissions, "live").find_map(id);
    let preview = targets(submissions, "preview").find(good)?["id"].as_str()?;
    // Once it went live, the preview and the live submission are one.
    (live.as_deref() != Some(preview)).then_some(preview)
}

fn status(product: Option<&Json>, submissions: &[Json]) -> &'static str {
    let retired = product.and_then(|product| product["lifecycleState"].as_str());
    let there = |target| targets(submissions, target).any(|one| one["result"] == "succeeded");
    if matches!(retired, Some("deprecated" | "decommissioned")) {
        "deprecated"
    } else if in_review(submissions) {
        "review"
    } else if there("live") {
        "live"
    } else if there("preview") {
        "preview"
    } else {
        "draft"
    }
}

/// A line of columns: what separates them is not in them.
fn line(columns: [Option<&str>; 3]) -> String {
    columns.map(|text| text.unwrap_or_default().replace(['|', '\n', '\r'], " ")).join(" | ")
}

fn plans(tree: &[Json]) -> Vec<String> {
    let listed = |plan: &Json| all(tree, "plan-listing").find(|one| one["plan"] == plan["id"]).cloned();
    all(tree, "plan")
        .map(|plan| {
            let listing = listed(plan).unwrap_or_default();
            let key = plan.pointer("/identity/externalID").or(plan.pointer("/identity/externalId"));
            let name = listing["name"].as_str().or(plan["alias"].as_str());
            line([key.and_then(Json::as_str), name, listing["description"].as_str()])
        })
        .collect()
}

fn dimensions(tree: &[Json]) -> Vec<String> {
    let meters = all(tree, "price-and-availability-custom-meter").filter_map(|one| one["customMeters"].as_object());
    let told = |(key, meter): (&String, &Json)| {
        let name = meter["displayName"].as_str().unwrap_or(key);
        let unit = meter["unitOfMeasure"].as_str().unwrap_or_default();
        format!("{key} | metered | {name} | {unit}")
    };
    meters.flatten().map(told).collect()
}

/// Categories and what is below them: `analytics/data-insights`.
fn categories(tree: &[Json]) -> Vec<String> {
    let named = resource(tree, "property").and_then(|property| property["categories"].as_object());
    let mut lines = Vec::new();
    for (category, below) in named.into_iter().flatten() {
        let below: Vec<&str> = below.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        match below.is_empty() {
            true => lines.push(category.clone()),
            false => lines.extend(below.into_iter().map(|sub| format!("{category}/{sub}"))),
        }
    }
    lines
}

/// The view.
pub(super) fn view(id: &str, tree: &[Json], submissions: &[Json]) -> Json {
    let product = resource(tree, "product");
    let mut row = json!({ "id": id });
    for (kind, members) in OWN {
        for name in members {
            if let Some(value) = resource(tree, kind).and_then(|resource| resource.get(name)) {
                row[*name] = value.clone();
            }
        }
    }
    row["categories"] = json!(categories(tree));
    row["plans"] = json!(plans(tree));
    row["dimensions"] = json!(dimensions(tree));
    let external = product.and_then(|one| one.pointer("/identity/externalID").or(one.pointer("/identity/externalId")));
    if let Some(external) = external {
        row["externalID"] = external.clone();
    }
    let status = status(product, submissions);
    row["status"] = json!(status);
    match status {
        "live" => row["visibility"] = json!("public"),
        "preview" => row["visibility"] = json!("limited"),
        _ => {}
    }
    row
}
