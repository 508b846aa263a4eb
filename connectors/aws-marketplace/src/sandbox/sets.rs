//! Change sets: taken on after a look at their form, applied minutes later, all or nothing.

use super::{
    apply,
    store::{Set, Store, time},
    wire::refused,
};
use concord_connector::{Instant, sandbox::WireResponse};
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

const PREPARING: Duration = Duration::from_secs(30);
const APPLYING: Duration = Duration::from_secs(210);
/// A person looks at a product before everybody sees it.
const REVIEW: Duration = Duration::from_secs(2 * 86_400);
/// Offers that change at a time.
const OFFERS: usize = 20;

pub(super) fn start(store: &mut Store, body: &Json) -> WireResponse {
    let wrong = |message: &str| refused(422, "ValidationException", message);
    let text = |name: &str| body.get(name).and_then(Json::as_str);
    if text("Catalog") != Some("AWSMarketplace") {
        return wrong("the catalog is AWSMarketplace");
    }
    let token = text("ClientRequestToken").unwrap_or_default().to_owned();
    if token.is_empty() || token.len() > 64 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong("ClientRequestToken has 1 to 64 visible characters");
    }
    if let Some((said, id)) = store.tokens.get(&token) {
        return if said == body {
            started(store, id)
        } else {
            wrong("ClientRequestToken was used for another request")
        };
    }
    let name = text("ChangeSetName").map(str::to_owned);
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_+=.:@-".contains(c);
    if name.as_ref().is_some_and(|name| name.is_empty() || name.len() > 100 || !name.chars().all(allowed)) {
        return wrong("ChangeSetName has 1 to 100 letters, digits, blanks and +=.:@-");
    }
    let changes = body.get("ChangeSet").and_then(Json::as_array).cloned().unwrap_or_default();
    if changes.is_empty() || changes.len() > 20 {
        return wrong("a change set has 1 to 20 changes");
    }
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut entities = Vec::new();
    let mut offers = 0;
    for (at, change) in changes.iter().enumerate() {
        let text = |pointer: &str| change.pointer(pointer).and_then(Json::as_str);
        let (Some(kind), Some(of)) = (text("/ChangeType"), text("/Entity/Type")) else {
            return wrong("a change names its type and its entity's type");
        };
        if !apply::is_known(of, kind) {
            return wrong(&format!("{kind} is no change of {of}"));
        }
        if change.get("DetailsDocument").is_none() {
            return wrong("a change has a DetailsDocument");
        }
        let entity = match text("/Entity/Identifier") {
            None if kind.starts_with("Create") => {
                offers += usize::from(of.starts_with("Offer@"));
                None
            }
            None => return wrong(&format!("{kind} names its entity")),
            Some(reference) if reference.starts_with('$') => {
                let name = reference.trim_start_matches('$').split('.').next().unwrap_or_default();
                match names.get(name) {
                    Some(_) if reference.ends_with(".Entity.Identifier") => None,
                    _ => return wrong(&format!("{reference} is no change before this one")),
                }
            }
            Some(identifier) => {
                let (id, revision) = identifier.split_once('@').unwrap_or((identifier, ""));
                let Some(thing) = store.things.get(id) else {
                    return refused(404, "ResourceNotFoundException", &format!("{id} does not exist"));
                };
                if !revision.is_empty() && revision != thing.revision.to_string() {
                    let message = format!("{identifier} is not the latest revision, which is {id}@{}", thing.revision);
                    return wrong(&message);
                }
                Some(id.to_owned())
            }
        };
        let target = entity.clone().or_else(|| text("/Entity/Identifier").map(str::to_owned)).unwrap_or_default();
        if !target.is_empty() && !seen.insert((target, kind.to_owned())) {
            return wrong(&format!("{kind} twice for one entity"));
        }
        if let Some(name) = text("/ChangeName") {
            names.insert(name.to_owned(), at);
        }
        entities.push(entity);
    }
    let open = || store.sets.values().filter(|set| set.is_open());
    if let Some(id) = entities.iter().flatten().find(|id| open().any(|set| set.entities.contains(&Some((*id).clone()))))
    {
        let message = format!("Entity {id} already has a change set that is in progress.");
        return refused(423, "ResourceInUseException", &message);
    }
    let running = open().flat_map(|set| &set.changes).filter(|change| is_new_offer(change)).count();
    if running + offers > OFFERS {
        return refused(402, "ServiceQuotaExceededException", "too many offers are changing at a time");
    }
    let public = changes
        .iter()
        .any(|change| change.pointer("/DetailsDocument/TargetVisibility").and_then(Json::as_str) == Some("Public"));
    let id = store.id("cs");
    let set = Set {
        name,
        changes,
        started: store.now,
        applies: store.now.plus(PREPARING),
        ends: store.now.plus(if public { REVIEW } else { APPLYING }),
        status: "PREPARING",
        failure: None,
        errors: Vec::new(),
        entities,
    };
    store.sets.insert(id.clone(), set);
    store.tokens.insert(token, (body.clone(), id.clone()));
    started(store, &id)
}

fn is_new_offer(change: &Json) -> bool {
    let text = |pointer: &str| change.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
    text("/ChangeType").starts_with("Create") && text("/Entity/Type").starts_with("Offer@")
}

fn started(store: &Store, id: &str) -> WireResponse {
    WireResponse::json(200, &json!({ "ChangeSetId": id, "ChangeSetArn": arn(store, id) }))
}

fn arn(store: &Store, id: &str) -> String {
    format!("arn:aws:aws-marketplace:us-east-1:{}:AWSMarketplace/ChangeSet/{id}", store.account)
}

/// Change sets whose time has come go on, in the order of their ends.
pub(super) fn advance(store: &mut Store) {
    let now = store.now;
    let mut due: Vec<(Instant, String)> = Vec::new();
    for (id, set) in &mut store.sets {
        if set.status == "PREPARING" && set.applies <= now {
            set.status = "APPLYING";
        }
        if set.is_open() && set.ends <= now {
            due.push((set.ends, id.clone()));
        }
    }
    due.sort();
    for (at, id) in due {
        finish(store, &id, at);
    }
}

fn finish(store: &mut Store, id: &str, at: Instant) {
    let Some(mut set) = store.sets.get(id).cloned() else { return };
    let outcome =
        if std::mem::take(&mut store.breaks) { Err(None) } else { apply::apply(store, &set, at).map_err(Some) };
    let kind = match outcome {
        Ok(entities) => {
            set.status = "SUCCEEDED";
            set.entities = entities;
            "Change Set Succeeded"
        }
        Err(errors) => {
            set.status = "FAILED";
            set.failure = Some(if errors.is_some() { "CLIENT_ERROR" } else { "SERVER_FAULT" });
            set.errors = errors.unwrap_or_default();
            "Change Set Failed"
        }
    };
    let mut detail = json!({
        "Catalog": "AWSMarketplace",
        "ChangeSetId": id,
        "ChangeSetArn": arn(store, id),
        "StartTime": time(set.started),
        "EndTime": time(at),
    });
    if let Some(name) = &set.name {
        detail["ChangeSetName"] = name.clone().into();
    }
    if let Some(code) = set.failure {
        detail["FailureCode"] = code.into();
    }
    let resources = json!([arn(store, id)]);
    store.sets.insert(id.to_owned(), set);
    store.event(at, "aws.marketplacecatalog", kind, resources, detail);
}

pub(super) fn describe(store: &Store, id: &str) -> WireResponse {
    let Some(set) = store.sets.get(id) else {
        return refused(404, "ResourceNotFoundException", "Requested change set does not exist.");
    };
    let mut changes = set.changes.clone();
    for (at, change) in changes.iter_mut().enumerate() {
        if let (Some(Some(id)), "SUCCEEDED") = (set.entities.get(at), set.status) {
            let revision = store.things.get(id).map_or(1, |thing| thing.revision);
            change["Entity"]["Identifier"] = format!("{id}@{revision}").into();
        }
        // The older form of the document, which is an object or is not.
        if let Some(document) = change.get("DetailsDocument").filter(|document| document.is_object()) {
            change["Details"] = document.to_string().into();
        }
        let errors: Vec<Json> = set
            .errors
            .iter()
            .filter(|(of, ..)| *of == at)
            .map(|(_, code, message)| json!({ "ErrorCode": code, "ErrorMessage": message }))
            .collect();
        change["ErrorDetailList"] = errors.into();
    }
    let mut answer = summary(store, id, set);
    answer["Intent"] = "APPLY".into();
    answer["ChangeSet"] = changes.into();
    if let Some(code) = set.failure {
        let told = if code == "CLIENT_ERROR" {
            "Change set failed; see the errors of its changes."
        } else {
            "An internal error."
        };
        answer["FailureDescription"] = told.into();
    }
    WireResponse::json(200, &answer)
}

fn summary(store: &Store, id: &str, set: &Set) -> Json {
    let mut row = json!({
        "ChangeSetId": id,
        "ChangeSetArn": arn(store, id),
        "StartTime": time(set.started),
        "Status": set.status,
    });
    if let Some(name) = &set.name {
        row["ChangeSetName"] = name.clone().into();
    }
    if !set.is_open() {
        row["EndTime"] = time(set.ends).into();
    }
    if let Some(code) = set.failure {
        row["FailureCode"] = code.into();
    }
    row
}

pub(super) fn list(store: &Store, body: &Json) -> WireResponse {
    let filters = body.get("FilterList").and_then(Json::as_array).cloned().unwrap_or_default();
    let passes = |set: &Set| {
        filters.iter().all(|filter| {
            let values: Vec<&str> = filter
                .get("ValueList")
                .and_then(Json::as_array)
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .collect();
            match filter.get("Name").and_then(Json::as_str) {
                Some("ChangeSetName") => set.name.as_deref().is_some_and(|name| values.contains(&name)),
                Some("Status") => values.contains(&set.status),
                _ => false,
            }
        })
    };
    let mut found: Vec<(&String, &Set)> = store.sets.iter().filter(|(_, set)| passes(set)).collect();
    found.sort_by_key(|(_, set)| std::cmp::Reverse(set.started));
    let rows: Vec<Json> = found
        .into_iter()
        .take(20)
        .map(|(id, set)| {
            let mut row = summary(store, id, set);
            let ids: BTreeSet<&String> = set.entities.iter().flatten().collect();
            row["EntityIdList"] = json!(ids);
            row
        })
        .collect();
    WireResponse::json(200, &json!({ "ChangeSetSummaryList": rows }))
}
