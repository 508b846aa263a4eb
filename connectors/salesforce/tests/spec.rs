//! Every request against the vendor's published material, where that lies beside the repository.

use crate::bench::{Bench, create, record, texts};
use concord_connector::{
    Entity, Operation, Request,
    codec::Codec,
    exchange::{Body, Change, Write},
    key::{Key, KeyKind},
    snapshot::Fields,
};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

pub(crate) fn trials() -> Vec<Trial> {
    type Law = fn(&Path) -> Result<(), Failed>;
    let laws: [(&str, Law); 4] = [
        ("plain_requests_are_in_the_openapi_subset", plain),
        ("subrequests_are_in_the_openapi_subset", subrequests),
        ("composite_requests_have_the_published_shape", shape),
        ("every_standard_field_of_the_manifest_exists", fields),
    ];
    laws.into_iter()
        .map(|(name, law)| match specs() {
            Some(folder) => Trial::test(format!("spec::{name}"), move || law(&folder)),
            None => Trial::test(format!("spec::{name} (no shared/specs/salesforce beside the repository)"), || Ok(()))
                .with_ignored_flag(true),
        })
        .collect()
}

/// `shared/specs/salesforce` in one of the folders above this one.
fn specs() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| folder.join("shared/specs/salesforce")).find(|folder| folder.is_dir())
}

fn read(folder: &Path, file: &str) -> Result<Json, Failed> {
    let text = std::fs::read_to_string(folder.join(file)).map_err(|e| format!("{file}: {e}"))?;
    Ok(serde_json::from_str(&text).map_err(|e| format!("{file}: {e}"))?)
}

/// Every kind of request that the connector makes.
fn requests() -> Vec<Request> {
    let mut bench = Bench::new();
    let account = bench.made("Account", json!({ "Name": "A", "Phone": "1" }));
    bench.pass(300);
    let seen = bench.one(Entity::Organization, &account);
    let update = bench.update(&seen, texts(&[("phone", "2")]));
    let delete = Write {
        token: None,
        record: "r-2".into(),
        change: Change::Delete { id: account.as_str().into() },
        fields: Fields::new(),
    };
    let mut operations = vec![
        Operation::Describe,
        Operation::Write { entity: Entity::Organization, writes: vec![create("r-1", texts(&[("name", "B")])), update] },
        Operation::Write { entity: Entity::Organization, writes: vec![delete] },
    ];
    for entity in bench.cx.mappings.keys().copied() {
        operations.push(Operation::Fetch { entity, ids: vec![account.as_str().into()] });
        operations.push(Operation::Poll { entity, cursor: None, until: bench.now });
        operations.push(Operation::Deleted { entity, cursor: None, until: bench.now });
        let keys = vec![Key::new(KeyKind::Domain, "example.com"), Key::new(KeyKind::TaxId, "9".repeat(13_000))];
        operations.push(Operation::Find { entity, record: "r-1".into(), keys });
    }
    operations.iter().flat_map(|operation| record(&mut bench, operation).0).map(|(request, _)| request).collect()
}

/// The path template of the specification that a path fits and that has the method.
fn known<'a>(spec: &'a Json, method: &str, path: &str) -> Option<&'a Json> {
    let given: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == given.len()
            && parts.iter().zip(&given).all(|(part, given)| match part.split_once('{') {
                Some((before, _)) => given.starts_with(before) && given.len() > before.len(),
                None => part == given,
            })
    };
    let mut paths = spec["paths"].as_object()?.iter().filter(|(template, _)| fits(template));
    paths.find_map(|(_, operations)| operations.get(method.to_lowercase()))
}

fn plain(folder: &Path) -> Result<(), Failed> {
    let spec = read(folder, "salesforce-rest-subset.openapi.json")?;
    let mut checked = 0;
    for request in requests().iter().filter(|request| !request.path.ends_with("/composite")) {
        let operation = known(&spec, request.method.as_str(), &request.path);
        let operation =
            operation.ok_or_else(|| format!("{} {} is not in it", request.method.as_str(), request.path))?;
        parameters(operation, &request.query).map_err(|e| format!("{}: {e}", request.path))?;
        checked += 1;
    }
    if checked < 20 { Err(format!("only {checked} requests were made").into()) } else { Ok(()) }
}

/// Every parameter is known, and every required one is there.
fn parameters(operation: &Json, query: &[(String, String)]) -> Result<(), String> {
    let empty = Vec::new();
    let declared = operation["parameters"].as_array().unwrap_or(&empty);
    let named = |name: &str| declared.iter().any(|parameter| parameter["name"] == name);
    if let Some((name, _)) = query.iter().find(|(name, _)| !named(name)) {
        return Err(format!("`{name}` is no parameter"));
    }
    let missing = declared.iter().find(|parameter| {
        parameter["required"] == true && !query.iter().any(|(name, _)| parameter["name"] == name.as_str())
    });
    missing.map_or(Ok(()), |parameter| Err(format!("{} is missing", parameter["name"])))
}

fn composites() -> Vec<Json> {
    let bodies = requests().into_iter().filter(|request| request.path.ends_with("/composite"));
    bodies
        .filter_map(|request| match request.body {
            Body::Json(body) => Some(body),
            _ => None,
        })
        .collect()
}

fn subrequests(folder: &Path) -> Result<(), Failed> {
    let spec = read(folder, "salesforce-rest-subset.openapi.json")?;
    let mut methods = std::collections::BTreeSet::new();
    for body in composites() {
        for sub in body["compositeRequest"].as_array().ok_or("no subrequests")? {
            let (method, url) = (sub["method"].as_str().ok_or("no method")?, sub["url"].as_str().ok_or("no url")?);
            let path = url.split('?').next().unwrap_or_default();
            known(&spec, method, path).ok_or_else(|| format!("{method} {path} is not in it"))?;
            methods.insert(method.to_owned());
        }
    }
    if methods.len() < 3 { Err(format!("only {methods:?} were used").into()) } else { Ok(()) }
}

fn shape(folder: &Path) -> Result<(), Failed> {
    let published = read(folder, "rest-requests-cc0.json")?;
    let composite = published.as_array().and_then(|all| all.iter().find(|request| request["name"] == "Composite"));
    let composite = composite.ok_or("the material has no composite request")?;
    if composite["method"] != "POST" || !composite["url"].as_str().unwrap_or_default().ends_with("/composite/") {
        return Err("a composite request is something else in the material".into());
    }
    // The material shows the names of the body with their types: `"allOrNone": "Boolean"`.
    let sample: Json =
        serde_json::from_str(composite["body"].as_str().unwrap_or_default()).map_err(|e| e.to_string())?;
    let sample = sample.as_object().ok_or("the sample is no object")?;
    for body in composites() {
        for (name, value) in body.as_object().ok_or("a body is no object")? {
            let fits = match sample.get(name).and_then(Json::as_str) {
                Some("Boolean") => value.is_boolean(),
                Some(kind) if kind.ends_with("[]") => value.as_array().is_some_and(|list| list.len() <= 25),
                _ => false,
            };
            if !fits {
                return Err(format!("`{name}` is not in the sample or of another type").into());
            }
        }
    }
    Ok(())
}

/// Fields of partner licences are in no Apex stub; a description of the org decides about them.
const LICENSED: [&str; 1] = ["PartnerAccountId"];

fn fields(folder: &Path) -> Result<(), Failed> {
    let known = read(folder, "sobject-fields-v67.json")?;
    let bench = Bench::blank();
    for (entity, mapping) in &bench.connector.manifest().entity {
        let standard = !mapping.object.ends_with("__c");
        let object = &known["sobjects"][&mapping.object];
        for rule in mapping.fields.iter().filter(|_| standard) {
            let codec = rule.effective(*entity).map_err(|e| e.to_string())?;
            let mut pointers = codec.pointers(&rule.vendor);
            if let Codec::Address(_) = codec {
                pointers.push(rule.vendor.clone());
            }
            for pointer in pointers {
                let path: Vec<&str> = pointer.trim_start_matches('/').split('/').collect();
                let last = path[path.len() - 1];
                let there = match path.as_slice() {
                    _ if last.ends_with("__c") || LICENSED.contains(&last) => true,
                    [_, name] if matches!(codec, Codec::Address(_)) => object["fields"].get(name).is_some(),
                    [parent, name] => {
                        let to = object["parentRelationships"][parent].as_str().unwrap_or_default();
                        known["sobjects"][to]["fields"].get(name).is_some()
                    }
                    [name] => object["fields"].get(name).is_some() || object["childRelationships"].get(name).is_some(),
                    _ => false,
                };
                if !there {
                    return Err(format!("{} has no {pointer}", mapping.object).into());
                }
            }
        }
    }
    Ok(())
}
