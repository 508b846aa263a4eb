//! Laws of exchanges: every recording is replayed, every declared capability has one.

use super::{Fixture, Group, Subject, Verdict, holds, live::carries_credential, sign};
use crate::{
    Entity, Instant, Manifest, Operation, Signal, Webhook,
    exchange::{Change, Outcome},
    webhook::Scheme,
};
use serde::Deserialize;
use serde_json::Value as Json;
use std::{
    fs,
    path::{Path, PathBuf},
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub(super) fn laws(subject: &Subject, group: &mut Group<'_>) {
    let folder = subject.folder.join("fixtures");
    let (recordings, hooks, strays) = files(&folder);
    for file in &recordings {
        let (subject, file) = (subject.clone(), file.clone());
        group.law(format!("replays_{}", stem(&file)), move || replay(&subject, &file));
    }
    for file in &hooks {
        let (subject, file) = (subject.clone(), file.clone());
        group.law(format!("hears_{}", stem(&file)), move || hear(&subject, &file));
    }
    group.law("every_fixture_is_read", move || {
        holds(strays.is_empty(), || {
            format!("no law reads {strays:?}: recordings are fixtures/*.json, hooks fixtures/hooks/*")
        })
    });
    let subject = subject.clone();
    group.law("every_capability_has_a_fixture", move || {
        let read: Result<Vec<_>, _> = recordings.iter().map(|file| Fixture::read(file)).collect();
        let missing = missing(subject.connector.manifest(), &read?, hooks.len());
        holds(missing.is_empty(), || format!("no fixture shows: {}", missing.join(", ")))
    });
}

/// Recordings, hooks, and files that are neither.
fn files(folder: &Path) -> (Vec<PathBuf>, Vec<PathBuf>, Vec<PathBuf>) {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let mut paths: Vec<_> =
            fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let (mut recordings, mut strays) = (Vec::new(), Vec::new());
    for path in list(folder) {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") if path.is_file() => recordings.push(path),
            None if path.is_dir() && path.ends_with("hooks") => {}
            _ => strays.push(path),
        }
    }
    let (hooks, odd) = list(&folder.join("hooks")).into_iter().partition(|path| path.is_file());
    strays.extend::<Vec<_>>(odd);
    (recordings, hooks, strays)
}

fn stem(file: &Path) -> String {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Replays a recording twice: equal histories give equal steps.
fn replay(subject: &Subject, file: &Path) -> Verdict {
    let fixture = Fixture::read(file)?;
    let once = fixture.replay(subject.connector.as_ref(), &subject.context)?;
    let twice = fixture.replay(subject.connector.as_ref(), &subject.context)?;
    holds(once == twice, || "the same history gave another request".into())?;
    match once.iter().find_map(|request| carries_credential(request, &[])) {
        Some(mistake) => Err(mistake),
        None => Ok(()),
    }
}

/// What a manifest declares and no recording shows.
fn missing(manifest: &Manifest, fixtures: &[Fixture], hooks: usize) -> Vec<String> {
    let capabilities = &manifest.capabilities;
    let mut missing = Vec::new();
    let mut demand = |needed: bool, what: String, shown: bool| {
        if needed && !shown {
            missing.push(what);
        }
    };
    let any = |test: &dyn Fn(&Operation) -> bool| fixtures.iter().any(|fixture| test(&fixture.operation));
    let changes = |test: &dyn Fn(&Change) -> bool| {
        any(&|operation| match operation {
            Operation::Write { writes, .. } => writes.iter().any(|write| test(&write.change)),
            _ => false,
        })
    };
    for name in ["fetch", "poll", "find", "describe"] {
        demand(true, name.to_owned(), any(&|operation| operation.name() == name));
    }
    let rules = || manifest.entity.values().flat_map(|mapping| &mapping.fields);
    demand(rules().any(|rule| rule.flow.creates()), "create".into(), changes(&|c| matches!(c, Change::Create { .. })));
    demand(rules().any(|rule| rule.flow.updates()), "update".into(), changes(&|c| matches!(c, Change::Update { .. })));
    demand(capabilities.archives, "archive".into(), changes(&|c| matches!(c, Change::Archive { .. })));
    demand(capabilities.deletes, "delete".into(), changes(&|c| matches!(c, Change::Delete { .. })));
    demand(capabilities.lists_deleted, "deleted".into(), any(&|operation| operation.name() == "deleted"));
    demand(capabilities.push, "a webhook in fixtures/hooks".into(), hooks > 0);
    let more = |fixture: &Fixture| matches!(fixture.outcome, Some(Outcome::Page { more: true, .. }));
    demand(true, "a poll with another page to come".into(), fixtures.iter().any(more));
    for entity in manifest.entity.keys() {
        demand(true, format!("anything of {entity}"), any(&|operation| entity_of(operation) == Some(*entity)));
    }
    missing
}

fn entity_of(operation: &Operation) -> Option<Entity> {
    match operation {
        Operation::Fetch { entity, .. }
        | Operation::Poll { entity, .. }
        | Operation::Deleted { entity, .. }
        | Operation::Find { entity, .. }
        | Operation::Check { entity, .. }
        | Operation::Write { entity, .. } => Some(*entity),
        Operation::Describe => None,
    }
}

/// A webhook with what it says: `{"scheme", "body", "signals"}`. Any other file is a raw body that has to be understood.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hook {
    #[serde(default)]
    #[expect(dead_code, reason = "read by people")]
    about: Option<String>,
    /// By default the manifest's first.
    #[serde(default)]
    scheme: Option<String>,
    #[serde(default)]
    options: std::collections::BTreeMap<String, String>,
    /// JSON, or a text that is sent as it is.
    body: Json,
    signals: Vec<Signal>,
}

fn hear(subject: &Subject, file: &Path) -> Verdict {
    let bytes = fs::read(file).map_err(|e| e.to_string())?;
    let schemes = &subject.connector.manifest().webhooks;
    let raw = |scheme: &Scheme| signals(subject, scheme, &subject.context, &bytes);
    let is_hook = serde_json::from_slice::<Json>(&bytes).is_ok_and(|json| json.get("signals").is_some());
    if !is_hook {
        let heard = schemes.iter().map(raw).collect::<Result<Vec<_>, _>>()?;
        return holds(heard.iter().any(|signals| !signals.is_empty()), || "no signal under any scheme".into());
    }
    let hook: Hook = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
    let scheme = match &hook.scheme {
        Some(name) => schemes.iter().find(|scheme| scheme.name == *name),
        None => schemes.first(),
    };
    let scheme = scheme.ok_or("the scheme is not declared")?;
    let body = match &hook.body {
        Json::String(text) => text.clone().into_bytes(),
        json => json.to_string().into_bytes(),
    };
    let mut cx = subject.context.clone();
    cx.options.extend(hook.options);
    let heard = signals(subject, scheme, &cx, &body)?;
    let again = signals(subject, scheme, &cx, &body)?;
    holds(heard == again, || "the same body gave other signals".into())?;
    let show = |signals: &[Signal]| serde_json::to_string_pretty(signals).unwrap_or_default();
    holds(heard == hook.signals, || format!("says {}, expected {}", show(&heard), show(&hook.signals)))
}

fn signals(subject: &Subject, scheme: &Scheme, cx: &crate::Context, body: &[u8]) -> Result<Vec<Signal>, String> {
    let (now, uri) = (Instant::from_ms(1_767_225_600_000), "https://hub.example.com/hooks/under-test");
    let scheme = &scheme.filled(&cx.options);
    let secret = if scheme.keys_url().is_some() { super::KEYS } else { SECRET };
    let proof = sign(scheme, secret, "POST", uri, body, now);
    let hook = Webhook::new("POST", uri, proof.path_secret, proof.headers, body.to_vec());
    let hook = hook.verify(scheme, &[secret.as_bytes()], now).map_err(|_| "our own signature is refused")?;
    subject.connector.signals(cx, &hook).map_err(|e| e.to_string())
}
