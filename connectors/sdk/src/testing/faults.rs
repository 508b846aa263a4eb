//! Laws of faults: what each status means is a committed table, and trouble of the connection is told as such.

use super::{Generated, Group, Live, Subject, Verdict, holds};
use crate::{Connector, Entity, Fault, Kind, Operation, Request, Response, Retry, sandbox::Trouble};
use serde_json::{Value as Json, json};
use std::{fs, time::Duration};

const STATUSES: [u16; 14] = [302, 400, 401, 403, 404, 408, 409, 412, 422, 429, 500, 502, 503, 504];

type Of = fn(&Subject) -> Verdict;

pub(super) fn laws(subject: &Subject, group: &mut Group<'_>) {
    let golden = subject.clone();
    group.law("table_is_the_committed_one", move || table_is_committed(&golden));
    let connector = subject.connector.clone();
    group.law("no_fault_repeats_a_body", move || silent(connector.as_ref()));
    let laws: [(&str, Of); 4] = [
        ("throttled_call_says_when_to_come_back", throttled),
        ("outage_is_of_the_connection", outage),
        ("lost_answer_of_a_write_is_unknown", lost),
        ("refused_credential_asks_for_another", refused),
    ];
    for (name, law) in laws {
        match &subject.sandbox {
            Some(_) if name == "refused_credential_asks_for_another" && open(subject) => {
                group.ignored(name, "everybody is let in");
            }
            Some(_) => {
                let subject = subject.clone();
                group.law(name, move || law(&subject));
            }
            None => group.ignored(name, "there is no sandbox to make trouble"),
        }
    }
}

fn open(subject: &Subject) -> bool {
    let auth = &subject.connector.manifest().auth;
    auth.values().any(|auth| matches!(auth, crate::manifest::Auth::None {}))
}

/// One line a status and body: kind and retry.
fn table(connector: &dyn Connector) -> String {
    let bodies = [("empty", Json::Null), ("html", json!("<!doctype html><title>Trouble</title>")), ("json", json!({}))];
    let mut out =
        String::from("# status, body, Retry-After: kind, retry. Written by the behaviour suite (UPDATE=1).\n");
    for status in STATUSES {
        for (name, body) in &bodies {
            for after in [None, Some("17")] {
                if after.is_some() && !matches!(status, 429 | 503) {
                    continue;
                }
                let fault = classified(connector, status, body, after);
                let retry = match fault.retry {
                    Retry::Never => "never".to_owned(),
                    Retry::AfterRefresh => "after a refresh".to_owned(),
                    Retry::After(None) => "later".to_owned(),
                    Retry::After(Some(wait)) => format!("after {} s", wait.as_secs()),
                };
                let kind = serde_json::to_value(fault.kind).unwrap_or_default();
                let kind = kind.as_str().unwrap_or("?").to_owned();
                out.push_str(&format!("{status} {name:<5} {:>2}: {kind}, {retry}\n", after.unwrap_or("-")));
            }
        }
    }
    out
}

fn classified(connector: &dyn Connector, status: u16, body: &Json, after: Option<&str>) -> Fault {
    let headers = after.map(|text| ("retry-after".to_owned(), text.to_owned())).into_iter().collect();
    let response = Response { status, headers, body: body.clone(), ..Response::default() };
    connector.classify(&Request::get("/anything"), &response)
}

fn table_is_committed(subject: &Subject) -> Verdict {
    let table = table(subject.connector.as_ref());
    let file = subject.golden.display();
    if subject.generated == Generated::Rewrite {
        return fs::write(&subject.golden, table).map_err(|e| format!("{file}: {e}"));
    }
    let committed = fs::read_to_string(&subject.golden).map_err(|e| format!("{file}: {e}; UPDATE=1 writes it"))?;
    let difference = table.lines().zip(committed.lines()).find(|(ours, theirs)| ours != theirs);
    match difference {
        Some((ours, theirs)) => Err(format!("`{ours}`, and {file} says `{theirs}`; UPDATE=1 rewrites it")),
        None => holds(table == committed, || format!("{file} has another number of lines; UPDATE=1 rewrites it")),
    }
}

/// Bodies may hold personal data and tokens; the sentence must not.
fn silent(connector: &dyn Connector) -> Verdict {
    let body =
        json!({ "message": "ana@example.com", "errors": [{ "message": "ana@example.com" }], "token": "tok-12345678" });
    for status in STATUSES {
        let said = classified(connector, status, &body, None).to_string();
        let told = said.contains("tok-12345678") || (!matches!(status, 400 | 409 | 422) && said.contains("ana@"));
        holds(!told, || format!("{status}: {said}"))?;
        holds(said.len() < 1_000, || format!("{status}: a sentence of {} bytes", said.len()))?;
    }
    Ok(())
}

fn some_fetch(live: &Live) -> Result<Operation, String> {
    let entity = live.context().mappings.keys().next().copied().ok_or("nothing is mapped")?;
    Ok(Operation::Fetch { entity, ids: vec!["1".into()] })
}

/// The fault of an operation, or of its only row.
fn fault_of(live: &mut Live, operation: &Operation) -> Result<(Kind, Retry), String> {
    use crate::exchange::Outcome;
    match live.run(operation) {
        Err(fault) => Ok((fault.kind, fault.retry)),
        Ok(Outcome::Written(rows)) => match rows.into_iter().next() {
            Some(Err(refused)) => Ok((refused.kind, refused.retry)),
            other => Err(format!("no fault: {other:?}")),
        },
        Ok(other) => Err(format!("no fault: {other:?}")),
    }
}

fn throttled(subject: &Subject) -> Verdict {
    let mut live = Live::start(subject, 3)?;
    let fetch = some_fetch(&live)?;
    for (wait, expected) in [(Some(17), Some(Duration::from_secs(17))), (None, None)] {
        live.vendor().faults().plan("", Trouble::Throttle(wait));
        let (kind, retry) = fault_of(&mut live, &fetch)?;
        holds(kind == Kind::RateLimited, || format!("a throttled call is {kind:?}"))?;
        let good = match (retry, expected) {
            (Retry::After(got), Some(_)) => got == expected,
            (Retry::After(_), None) => true,
            _ => false,
        };
        holds(good, || format!("Retry-After {wait:?} gives {retry:?}"))?;
    }
    Ok(())
}

fn outage(subject: &Subject) -> Verdict {
    let mut live = Live::start(subject, 3)?;
    let fetch = some_fetch(&live)?;
    for status in [500, 502, 503, 504] {
        live.vendor().faults().outage = Some(status);
        let (kind, retry) = fault_of(&mut live, &fetch)?;
        let good = kind == Kind::Unavailable && matches!(retry, Retry::After(_));
        holds(good, || format!("{status} with a page of HTML is {kind:?}, {retry:?}"))?;
    }
    live.vendor().faults().outage = None;
    live.run(&fetch).map(|_| ()).map_err(|e| format!("after the outage: {e}"))
}

fn lost(subject: &Subject) -> Verdict {
    let mut live = Live::start(subject, 3)?;
    let entity = live.creatable().first().copied().ok_or("nothing can be created")?;
    let fields = live.plausible(entity)?;
    let write = super::live::create("lost-1", fields);
    let operation = Operation::Write { entity, writes: vec![write] };
    // The answer to the request that writes is the one that is lost; reads before it go through.
    let mut calls = 0;
    let base = super::drive::base_path(subject.connector.manifest(), &subject.context);
    let (now, cx) = (live.now(), subject.context.clone());
    let authorization =
        super::authorize(subject.connector.manifest(), &cx, live.vendor(), now).map_err(|e| e.to_string())?;
    let vendor = live.vendor();
    let end = super::drive::exchange(subject.connector.as_ref(), &cx, &operation, &mut |request| {
        if request.writes {
            calls += 1;
            vendor.faults().plan("", Trouble::LoseAnswer);
        }
        Ok(super::drive::response(&vendor.handle(now, &super::drive::wire(&base, request, &authorization)), now))
    });
    holds(calls > 0, || format!("no request of a create of {entity} is marked as a write"))?;
    match end {
        Err(fault) => holds(fault.kind == Kind::Unknown, || format!("a lost answer is {:?}", fault.kind)),
        Ok(end) => Err(format!("a lost answer ended as {end:?}")),
    }
}

fn refused(subject: &Subject) -> Verdict {
    let mut live = Live::start(subject, 3)?;
    let entity: Entity = live.context().mappings.keys().next().copied().ok_or("nothing is mapped")?;
    let fetch = Operation::Fetch { entity, ids: vec!["1".into()] };
    let now = live.now();
    let wrong = [("authorization".to_owned(), "Bearer wrong".to_owned())];
    match super::drive(subject.connector.as_ref(), &subject.context, &fetch, live.vendor(), now, &wrong) {
        Err(fault) => holds(fault.kind == Kind::Unauthorized && fault.retry == Retry::AfterRefresh, || {
            format!("a wrong credential is {:?}, {:?}", fault.kind, fault.retry)
        }),
        Ok(end) => Err(format!("a wrong credential is let in: {end:?}")),
    }
}
