//! Tasks: submissions and acceptances, which take some seconds.

use super::{
    good, refused, rules,
    store::{Store, Task, missing},
};
use concord_connector::sandbox::WireResponse;
use serde_json::{Value as Json, json};
use std::time::Duration;

const TAKES: Duration = Duration::from_secs(15);

/// Tasks whose time has come are through.
pub(super) fn advance(store: &mut Store) {
    let now = store.now;
    let due: Vec<Task> =
        store.tasks.values().filter(|task| task.status == "IN_PROGRESS" && task.ends <= now).cloned().collect();
    for mut task in due {
        if let Some(reason) = store.fails.take() {
            task.status = "FAILED";
            task.reason = Some(reason);
        } else if task.accepts {
            task.opportunity = super::invite::become_deal(store, &task.of);
            task.status = "COMPLETE";
        } else {
            task.status = "COMPLETE";
            let ends = task.ends;
            if let Some(one) = store.opportunities.get_mut(&task.of) {
                one.body["LifeCycle"]["ReviewStatus"] = "Submitted".into();
                one.submitted = Some(ends);
            }
            store.touch(&task.of);
            for kind in ["Engagement Created", "Engagement Member Added", "Engagement Resource Snapshot Created"] {
                store.event(kind, json!({ "catalog": "AWS", "engagement": { "id": "eng-00000000000001" } }));
            }
        }
        store.tasks.insert(task.id.clone(), task);
    }
}

fn told(task: &Task) -> WireResponse {
    let mut answer = json!({ "TaskId": task.id, "TaskStatus": task.status });
    match (&task.opportunity, task.accepts) {
        (Some(id), _) => answer["OpportunityId"] = id.clone().into(),
        (None, false) => answer["OpportunityId"] = task.of.clone().into(),
        (None, true) => {}
    }
    if let Some(reason) = &task.reason {
        answer["ReasonCode"] = reason.clone().into();
        answer["Message"] = "The task failed.".into();
    }
    good(&answer)
}

/// The task that a token started before, or what is wrong with it.
fn known(store: &Store, token: &str, body: &Json) -> Option<WireResponse> {
    let (said, id) = store.tokens.get(token)?;
    if said != body {
        return Some(refused("ConflictException", "Conflicting client token submitted with a new request body."));
    }
    store.tasks.get(id).map(told)
}

fn begin(store: &mut Store, body: &Json, of: &str, accepts: bool) -> WireResponse {
    let id = store.name("task", 13);
    let task = Task {
        id: id.clone(),
        of: of.to_owned(),
        ends: store.now.plus(TAKES),
        status: "IN_PROGRESS",
        reason: None,
        opportunity: None,
        accepts,
    };
    let token = body["ClientToken"].as_str().unwrap_or_default().to_owned();
    store.tokens.insert(token, (body.clone(), id.clone()));
    let answer = told(&task);
    store.tasks.insert(id, task);
    answer
}

pub(super) fn submit(store: &mut Store, body: &Json) -> WireResponse {
    if let Some(answer) = known(store, body["ClientToken"].as_str().unwrap_or_default(), body) {
        return answer;
    }
    let Some((id, one)) = store.shown(body, "Identifier") else { return missing() };
    let status = one.body["LifeCycle"]["ReviewStatus"].as_str().unwrap_or_default();
    let mut errors = rules::submission(&one.body);
    if !matches!(status, "Pending Submission" | "Action Required") {
        errors.push(("lifeCycle.reviewStatus", "INVALID_RESOURCE_STATE", "It is submitted.".into()));
    }
    if !errors.is_empty() {
        return rules::told(&errors);
    }
    begin(store, body, &id, false)
}

pub(super) fn accept(store: &mut Store, body: &Json) -> WireResponse {
    if let Some(answer) = known(store, body["ClientToken"].as_str().unwrap_or_default(), body) {
        return answer;
    }
    let id = body["Identifier"].as_str().unwrap_or_default().to_owned();
    match store.invitations.get(&id).map(|one| one.body["Status"].clone()) {
        None => missing(),
        Some(status) if status != "PENDING" => refused("ConflictException", "The invitation is answered."),
        Some(_) => begin(store, body, &id, true),
    }
}

pub(super) fn accepted(store: &Store, body: &Json) -> WireResponse {
    let wanted = body["EngagementInvitationIdentifier"].as_array().cloned().unwrap_or_default();
    let rows: Vec<Json> = store
        .tasks
        .values()
        .filter(|task| task.accepts && wanted.contains(&task.of.clone().into()))
        .map(|task| {
            json!({ "TaskId": task.id, "TaskStatus": task.status, "EngagementInvitationId": task.of, "OpportunityId": task.opportunity })
        })
        .collect();
    good(&json!({ "TaskSummaries": rows }))
}
