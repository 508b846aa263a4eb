//! What has to hold where the file alone is the connector.

use crate::{
    Manifest,
    manifest::{Api, Auth, Concurrency, Endpoint, Paging},
    mapping::Mapping,
    schema::Entity,
    webhook::Signed,
};

type Wrong<'a> = &'a mut dyn FnMut(String, String);

/// Headers that the engine alone writes.
const OURS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "host"];

impl Manifest {
    pub(super) fn of_the_file_alone(&self, wrong: Wrong<'_>) {
        let name = self.system.as_str();
        let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.len() <= 40
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !fits {
            let sentence =
                format!("`{name}` cannot name a system; use up to 40 of `a-z`, `0-9` and `-`, a letter first");
            wrong("system".into(), sentence);
        }
        if self.capabilities.write_batch > 1 {
            let sentence = "every record is written by a call of its own here; leave the line out";
            wrong("capabilities.write_batch".into(), sentence.into());
        }
        for (name, auth) in &self.auth {
            let Auth::Header { header, .. } = auth else { continue };
            if header.trim().is_empty() || header.contains(|c: char| c.is_whitespace() || c == ':') {
                wrong(format!("auth.{name}.header.header"), format!("`{header}` is no name of a header"));
            }
        }
        for (nth, limit) in self.limits.iter().enumerate() {
            if self.limits[..nth].iter().any(|other| other.name == limit.name) {
                wrong(format!("limits.{nth}.name"), format!("the limit `{}` is declared twice", limit.name));
            }
        }
        for (nth, scheme) in self.webhooks.iter().enumerate() {
            if self.webhooks[..nth].iter().any(|other| other.name == scheme.name) {
                wrong(format!("webhooks.{nth}.name"), format!("the scheme `{}` is declared twice", scheme.name));
            }
            if let Signed::Hmac { parts, timestamp, .. } = &scheme.signed {
                use crate::webhook::Part;
                let path = format!("webhooks.{nth}.signed.hmac.parts");
                if !parts.contains(&Part::Body) {
                    wrong(path.clone(), "the body is not signed, so anybody could change it; add \"body\"".into());
                }
                match (parts.contains(&Part::Timestamp), timestamp.is_some()) {
                    (true, false) => {
                        wrong(path, "\"timestamp\" is signed, and no `timestamp` says which header it is".into())
                    }
                    (false, true) => {
                        wrong(path, "the time is not signed, so anybody could change it; add \"timestamp\"".into())
                    }
                    _ => {}
                }
            }
        }
        self.events_fit(wrong);
        for (nth, example) in self.examples.iter().enumerate() {
            let path = format!("examples.{nth}");
            match (example.json(), self.entity.get(&example.entity)) {
                (Err(sentence), _) => wrong(path, sentence),
                (Ok(_), None) => wrong(path, format!("{} is not mapped in this file", example.entity)),
                (Ok(json), Some(mapping)) if json.pointer(&mapping.id).is_none() => {
                    wrong(path, format!("the record has no id at `{}`", mapping.id));
                }
                _ => {}
            }
        }
        for (entity, mapping) in &self.entity {
            match &mapping.api {
                None => {
                    let sentence =
                        "nothing says how to reach it; add `[entity.NAME.api]` with the calls, or leave the entity out";
                    wrong(format!("entity.{entity}"), sentence.replace("NAME", entity.name()));
                }
                Some(api) => self.api_fits(*entity, mapping, api, wrong),
            }
        }
    }

    fn events_fit(&self, wrong: Wrong<'_>) {
        let Some(events) = &self.events else {
            if !self.webhooks.is_empty() {
                wrong("webhooks".into(), "webhooks are let in, and no `[events]` says what is in them".into());
            }
            return;
        };
        if self.webhooks.is_empty() {
            wrong(
                "events".into(),
                "nothing can come in: declare how senders prove themselves under `[[webhooks]]`".into(),
            );
        }
        let timed = self
            .webhooks
            .iter()
            .any(|scheme| matches!(&scheme.signed, Signed::Standard { .. } | Signed::Hmac { timestamp: Some(_), .. }));
        for (nth, on) in events.on.iter().enumerate() {
            let path = format!("events.on.{nth}");
            let Some(mapping) = self.entity.get(&on.entity) else {
                wrong(format!("{path}.entity"), format!("{} is not mapped in this file", on.entity));
                continue;
            };
            if !on.is.is_empty() && events.kind.is_none() {
                wrong(
                    format!("{path}.is"),
                    "`is` is compared with what stands at `kind`, and `[events]` has no `kind`".into(),
                );
            }
            let api = mapping.api.as_ref();
            let carried = on.record.is_some() && api.is_some_and(|api| api.version.is_some());
            if !carried && api.is_some_and(|api| !api.reads() && api.list.is_none()) {
                let sentence = if on.record.is_some() {
                    "the event has the record, but no `api.version` says in which order records belong, and nothing can be read; declare `version`, or a `read`"
                } else {
                    "the event only says where to look, and nothing can be read; declare a `read`, or where the event has its `record`"
                };
                wrong(path.clone(), sentence.into());
            }
            if (on.deleted || on.deleted_if.is_some()) && events.at.is_none() && !timed && !carried {
                wrong(
                    format!("{path}.deleted"),
                    "a delete needs its time; say with `at` where the event has it".into(),
                );
            }
        }
    }

    fn api_fits(&self, entity: Entity, mapping: &Mapping, api: &Api, wrong: Wrong<'_>) {
        let at = |rest: &str| format!("entity.{entity}.api{rest}");
        for (name, endpoint) in api.endpoints() {
            let by_key = api.find_by.contains_key(name);
            let place = if by_key { format!(".find_by.{name}") } else { format!(".{name}") };
            self.endpoint_fits(name, endpoint, &at(&place), wrong);
            if by_key {
                needs(endpoint, "key", &at(&place), wrong);
            }
        }
        for (name, field) in &[("read", "id"), ("update", "id"), ("upsert", "id"), ("delete", "id"), ("archive", "id")]
        {
            if let Some((_, endpoint)) = api.endpoints().into_iter().find(|(known, _)| known == name) {
                needs(endpoint, field, &at(&format!(".{name}")), wrong);
            }
        }
        if let Some(many) = &api.read_many {
            needs(many, "ids", &at(".read_many"), wrong);
        }
        if let Some(find) = &api.find {
            match find.scan {
                None => needs(find, "marker", &at(".find"), wrong),
                Some(_) if api.list.is_none() => wrong(at(".find.scan"), "there is no `list` to look through".into()),
                Some(_) => {}
            }
            if mapping.marker.is_none() {
                wrong(at(".find"), "what is searched for is the marker, and the mapping has no `marker`".into());
            }
        }
        if api.etag && api.revision.is_some() {
            wrong(at(".etag"), "the change token is either the `ETag` header or at `revision`".into());
        }
        let updates = api.update.as_ref().or(api.upsert.as_ref());
        let guarded = updates.is_some_and(|endpoint| sends(endpoint, "revision"));
        if guarded && !api.etag && api.revision.is_none() {
            wrong(
                at(".revision"),
                "`{revision}` is sent, and nothing says where a record has it; add `revision` or `etag = true`".into(),
            );
        }
        if self.concurrency == Concurrency::Precondition && updates.is_some() && !guarded {
            let sentence = "`concurrency = \"precondition\"` promises that a stale write is refused, and no `{revision}` is sent; add it to `update.headers`, or write `concurrency = \"none\"`";
            wrong(at(".update"), sentence.into());
        }
        let writes = |creating: bool| {
            mapping.fields.iter().any(|rule| if creating { rule.flow.creates() } else { rule.flow.updates() })
        };
        if writes(false) && updates.is_none() && (api.create.is_some() || writes(true) && api.create.is_none()) {
            let sentence = "fields are written (`flow`), and there is no `update` or `upsert`; add one, or write `flow = \"in\"` (`\"create\"`) in the lines";
            wrong(at(""), sentence.into());
        }
        if api.upsert.is_some() && api.create.is_none() && mapping.marker.is_none() && mapping.id.is_empty() {
            wrong(at(".upsert"), "a record that is made under our id has to show it; name `id`".into());
        }
    }

    fn endpoint_fits(&self, name: &str, endpoint: &Endpoint, path: &str, wrong: Wrong<'_>) {
        if endpoint.path.as_str().is_empty() {
            if !(name == "find" && endpoint.scan.is_some()) {
                wrong(path.to_owned(), format!("`{name}` has no `path`; add `path = \"/...\"`"));
            }
        } else if !endpoint.path.as_str().starts_with('/') {
            let sentence =
                format!("`{0}` is no path below the base URL; write `path = \"/{0}\"`", endpoint.path.as_str());
            wrong(format!("{path}.path"), sentence);
        }
        if let Some(limit) = &endpoint.limit
            && !self.limits.iter().any(|known| known.name == *limit)
        {
            let known: Vec<&str> = self.limits.iter().map(|limit| limit.name.as_str()).collect();
            let sentence = crate::mistake::unknown(limit, "limit of this file", &known);
            wrong(format!("{path}.limit"), sentence.trim_end_matches('.').to_owned());
        }
        for header in endpoint.headers.keys().filter(|name| OURS.contains(&name.to_ascii_lowercase().as_str())) {
            let sentence = format!("`{header}` is written by Concord; credentials are declared under `[auth]`");
            wrong(format!("{path}.headers.{header}"), sentence);
        }
        if endpoint.page != Paging::default() && name != "list" {
            wrong(format!("{path}.page"), "only `list` has pages".into());
        }
        if endpoint.scan.is_some() && name != "find" {
            wrong(format!("{path}.scan"), "only `find` looks through pages".into());
        }
        if endpoint.replaces && !matches!(name, "update" | "upsert") {
            wrong(format!("{path}.replaces"), "only `update` and `upsert` replace anything".into());
        }
        if endpoint.exists.is_some() && !matches!(name, "create" | "upsert") {
            wrong(format!("{path}.exists"), "only `create` meets what is there already".into());
        }
        if let Paging::Cursor { at, header, .. } = &endpoint.page
            && at.is_some() == header.is_some()
        {
            wrong(format!("{path}.page.cursor"), "say where the next cursor is: either `at` or `header`".into());
        }
    }
}

fn sends(endpoint: &Endpoint, name: &str) -> bool {
    let templates = endpoint.query.values().chain(endpoint.headers.values()).chain([&endpoint.path]);
    let in_body = || endpoint.body.as_ref().is_some_and(|body| body.to_string().contains(&format!("{{{name}}}")));
    templates.flat_map(|template| template.names()).any(|one| one == name) || in_body()
}

fn needs(endpoint: &Endpoint, name: &str, path: &str, wrong: Wrong<'_>) {
    if !endpoint.path.as_str().is_empty() && !sends(endpoint, name) {
        let call = path.rsplit('.').next().unwrap_or_default();
        let sentence = format!("`{call}` does not say which: write `{{{name}}}` into `path`, `query` or `body`");
        wrong(format!("{path}.path"), sentence);
    }
}
