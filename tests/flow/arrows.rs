//! Which package may know which: connectors know the SDK alone, the hub knows no vendor, and nothing for tests is on by
//! default.

use serde_json::Value as Json;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

const VENDORS: [&str; 3] = ["hubspot", "salesforce", "tryton"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn metadata() -> Json {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn packages(metadata: &Json) -> Vec<(String, PathBuf, &Json)> {
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let named = packages.map(|package| {
        let manifest = package["manifest_path"].as_str().expect("a path");
        let folder = Path::new(manifest).parent().expect("a folder").to_owned();
        (package["name"].as_str().expect("a name").to_owned(), folder, package)
    });
    named.collect()
}

/// Names of what a package depends on outside its tests.
fn dependencies(package: &Json) -> BTreeSet<&str> {
    let all = package["dependencies"].as_array().expect("dependencies").iter();
    all.filter(|one| one["kind"] != "dev").filter_map(|one| one["name"].as_str()).collect()
}

fn find<'a>(packages: &'a [(String, PathBuf, &'a Json)], name: &str) -> &'a Json {
    packages.iter().find(|(known, ..)| known == name).unwrap_or_else(|| panic!("a package {name}")).2
}

/// Every source file below a folder but those of the feature `testing`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.file_stem().is_some_and(|name| name == "testing") {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_connector_knows_the_sdk_and_no_other_package_of_ours() {
    let metadata = metadata();
    let packages = packages(&metadata);
    let ours: BTreeSet<&str> = packages.iter().map(|(name, ..)| name.as_str()).collect();
    let connectors: Vec<_> = packages
        .iter()
        .filter(|(name, folder, _)| folder.parent() == Some(&root().join("connectors")) && name != "concord-connector")
        .collect();
    assert!(connectors.len() >= VENDORS.len());
    for (name, _, package) in connectors {
        let known: Vec<&str> = dependencies(package).intersection(&ours).copied().collect();
        assert_eq!(known, ["concord-connector"], "{name}");
    }
}

#[test]
fn the_hub_knows_the_sdk_and_no_connector() {
    let metadata = metadata();
    let packages = packages(&metadata);
    let ours: BTreeSet<&str> = packages.iter().map(|(name, ..)| name.as_str()).collect();
    let hub = dependencies(find(&packages, "concord-hub"));
    assert_eq!(hub.intersection(&ours).copied().collect::<Vec<_>>(), ["concord-connector"]);
}

#[test]
fn the_hub_names_no_vendor_and_no_cloud() {
    let files = sources(&root().join("functions/hub/src"));
    assert!(files.len() > 50, "the hub is found");
    let mut named = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        // Tests may: they need examples.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            // Comments may compare or give examples.
            let code = line.split("//").next().unwrap_or_default().to_lowercase();
            let vendors = VENDORS.iter().any(|vendor| code.contains(vendor));
            if vendors || ["aws_sdk", "aws-sdk", "lambda_runtime", "aws_config"].iter().any(|aws| code.contains(aws)) {
                named.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    assert_eq!(named, Vec::<String>::new());
}

#[test]
fn the_sdk_does_no_io() {
    let metadata = metadata();
    let packages = packages(&metadata);
    let sdk = dependencies(find(&packages, "concord-connector"));
    let connectors = VENDORS.map(|vendor| dependencies(find(&packages, &format!("concord-{vendor}"))));
    for io in ["tokio", "reqwest", "rusqlite", "hyper", "ureq", "axum", "async-std", "mio", "rand", "tracing"] {
        assert!(!sdk.contains(io), "the SDK depends on {io}");
        assert!(connectors.iter().all(|connector| !connector.contains(io)), "a connector depends on {io}");
    }
    for file in sources(&root().join("connectors/sdk/src")) {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        for io in ["std::net", "std::fs", "std::env", "SystemTime", "Instant::now()", "Timestamp::now()"] {
            assert!(!text.contains(io), "{} uses {io}", file.display());
        }
    }
}

#[test]
fn no_cloud_crate_is_known_but_to_the_cloud_adapters() {
    let metadata = metadata();
    for (name, _, package) in packages(&metadata) {
        let aws: Vec<&str> = dependencies(package)
            .into_iter()
            // Of that name, and a library of cryptography that knows no cloud.
            .filter(|one| *one != "aws-lc-rs")
            .filter(|one| one.starts_with("aws-") || one.starts_with("lambda"))
            .collect();
        assert!(aws.is_empty() || name == "concord-aws", "{name} depends on {aws:?}");
    }
}

#[test]
fn nothing_for_tests_is_on_by_default() {
    let metadata = metadata();
    let packages = packages(&metadata);
    let for_tests = ["sandbox", "testing", "mutations"];
    // The command line has the demo, whose vendors are sandboxes; the simulation is nothing but a test.
    let may = ["concord", "concord-tests", "concord-sim"];
    for (name, _, package) in &packages {
        let default = package["features"]["default"].to_string();
        assert!(for_tests.iter().all(|feature| !default.contains(feature)), "{name}: {default}");
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            if dependency["kind"] == "dev" || may.contains(&name.as_str()) {
                continue;
            }
            let on: Vec<&Json> = dependency["features"].as_array().into_iter().flatten().collect();
            let leaks = on.iter().any(|feature| for_tests.iter().any(|test| **feature == *test));
            assert!(!leaks, "{name} switches {on:?} of {} on", dependency["name"]);
        }
    }
    // What a feature for tests switches on elsewhere is a feature for tests as well.
    for (name, _, package) in &packages {
        for (feature, switches) in package["features"].as_object().into_iter().flatten() {
            if for_tests.contains(&feature.as_str()) || may.contains(&name.as_str()) {
                continue;
            }
            let text = switches.to_string();
            assert!(!text.contains("/sandbox") && !text.contains("/testing"), "{name}/{feature}: {text}");
        }
    }
}
