//! `concord connector test --base-url URL --read-only`: a real system, only ever read.

use super::tried::currency_of;
use crate::{
    app::{self, App, Source},
    args::ConnectorTest,
    failure::{Told, Usage},
    print,
};
use anyhow::{Context as _, Result, anyhow};
use concord_connector::{ConnectionName, Connector as _, Entity, Operation, Outcome, Snapshot, mapping::Flow};
use concord_hub::{embedded::vault::Key, hub::Hub, ports::Secret, settings::Connection};
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// The connection's name in the temporary configuration.
const NAME: &str = "trial";
/// Records of each kind that are read again by id.
const AGAIN: usize = 5;

pub(super) async fn live(args: &ConnectorTest, url: &str, wants_json: bool) -> Result<()> {
    let rest = super::read(&args.file, wants_json)?;
    currency_of(rest.manifest(), args.currency.as_deref())?;
    let dir = tempfile::Builder::new().prefix("concord-trial-").tempdir().context("There is no room for a trial.")?;
    let config = dir.path().join("concord.toml");
    std::fs::write(&config, configuration(args, url)?).context("The trial cannot be set up.")?;
    let key = Key::from_bytes(rand::random());
    let data = dir.path().join("data");
    std::fs::create_dir_all(&data).context("The trial cannot be set up.")?;
    let bare = App::open(&data, &Source::Nothing, Vec::new(), key.clone(), false).await?;
    app::keep_all(&bare.hub, NAME, secrets(args)?).await?;
    drop(bare);
    let app = App::open(&data, &Source::Trial(config), Vec::new(), key, true).await?;
    let settings = app.hub.settings();
    let connection = settings.connection(&ConnectionName::from(NAME)).map_err(|fault| anyhow!("{fault}"))?;
    let mut looked = vec![look(&app.hub, connection, None, args.pages).await];
    for entity in connection.context.mappings.keys() {
        looked.push(look(&app.hub, connection, Some(*entity), args.pages).await);
    }
    let good = looked.iter().all(|one| one["trouble"].as_array().is_some_and(Vec::is_empty));
    print::either(wants_json, &json!({ "ok": good, "read": looked }), || looked.iter().for_each(told));
    if good { Ok(()) } else { Err(Told.into()) }
}

fn told(one: &Json) {
    let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
    print::line(format!("{}: {}", text("what"), text("found")));
    for (kind, word) in [("trouble", "TROUBLE"), ("notes", "note")] {
        for sentence in one[kind].as_array().into_iter().flatten().filter_map(Json::as_str) {
            print::line(format!("  {word}: {sentence}"));
        }
    }
}

/// Reads the account, or the lists of an entity and some of its records again.
async fn look(hub: &Hub, connection: &Connection, entity: Option<Entity>, pages: usize) -> Json {
    let mut seen = Looked::default();
    let found = match entity {
        None => seen.account(hub, connection).await,
        Some(entity) => seen.entity(hub, connection, entity, pages).await,
    };
    let what = entity.map_or_else(|| "account".to_owned(), |entity| entity.to_string());
    let found = found.unwrap_or_else(|sentence| {
        seen.trouble.insert(sentence);
        "could not be read".to_owned()
    });
    json!({ "what": what, "found": found, "trouble": seen.trouble, "notes": seen.notes })
}

#[derive(Default)]
struct Looked {
    trouble: BTreeSet<String>,
    notes: BTreeSet<String>,
}

impl Looked {
    async fn account(&mut self, hub: &Hub, connection: &Connection) -> Result<String, String> {
        let ran = hub.run(connection, &Operation::Describe).await.map_err(|fault| fault.to_string())?;
        let Outcome::Account(account) = ran.outcome else { return Err("the account is not described".into()) };
        let currency = account.currency.map_or_else(|| "no currency".to_owned(), |currency| currency.to_string());
        Ok(format!("time zone {}, {currency}", account.time_zone.as_deref().unwrap_or("not said")))
    }

    async fn entity(
        &mut self,
        hub: &Hub,
        connection: &Connection,
        entity: Entity,
        pages: usize,
    ) -> Result<String, String> {
        let api = connection.context.mappings.get(&entity).and_then(|mapping| mapping.api.as_ref());
        if api.is_none_or(|api| api.list.is_none()) {
            self.notes.insert("nothing is listed, so nothing is read".into());
            return Ok("not listed".into());
        }
        let (mut listed, mut cursor, mut read) = (BTreeMap::new(), None, 0);
        while read < pages {
            let poll = Operation::Poll { entity, cursor: cursor.clone(), until: hub.now() };
            let ran = hub.run(connection, &poll).await.map_err(|fault| fault.to_string())?;
            let Outcome::Page { records, cursor: next, more } = ran.outcome else { return Err("no page".into()) };
            read += 1;
            for (id, record) in records {
                match record {
                    Ok(snapshot) if listed.contains_key(&id) => {
                        self.trouble.insert(format!("{} is shown twice", snapshot.id));
                    }
                    Ok(snapshot) => {
                        self.round_trip(connection, &snapshot);
                        listed.insert(id, snapshot);
                    }
                    Err(refused) => {
                        self.trouble.insert(format!("{id}: {}", refused.message));
                    }
                }
            }
            if more && cursor.as_ref() == Some(&next) {
                self.trouble.insert("a page says that there is more, and names itself as the next".into());
                break;
            }
            cursor = Some(next);
            if !more {
                break;
            }
        }
        let again =
            if api.is_some_and(|api| api.reads()) { self.again(hub, connection, entity, &listed).await? } else { 0 };
        Ok(format!("{} records on {read} pages, {again} read again by id", listed.len()))
    }

    /// A record that is read by id shows what the list showed.
    async fn again(
        &mut self,
        hub: &Hub,
        connection: &Connection,
        entity: Entity,
        listed: &BTreeMap<concord_connector::ExternalId, Snapshot>,
    ) -> Result<usize, String> {
        let mut read = 0;
        for (id, before) in listed.iter().take(AGAIN) {
            let fetch = Operation::Fetch { entity, ids: vec![id.clone()] };
            let ran = hub.run(connection, &fetch).await.map_err(|fault| fault.to_string())?;
            let Outcome::Records(records) = ran.outcome else { return Err("no records".into()) };
            match records.into_iter().find(|(found, _)| found == id) {
                None => {
                    self.trouble.insert(format!("{id} is in the list and cannot be read by its id"));
                }
                Some((_, Err(refused))) => {
                    self.trouble.insert(format!("{id}: {}", refused.message));
                }
                Some((_, Ok(now))) => {
                    read += 1;
                    let lacks = before.fields.keys().filter(|field| !now.fields.contains_key(*field));
                    for field in lacks {
                        self.notes.insert(format!("`{field}` is in the list and not in a single record"));
                    }
                    let more = now.fields.keys().filter(|field| !before.fields.contains_key(*field));
                    for field in more {
                        self.notes.insert(format!("`{field}` is in a single record and not in the list"));
                    }
                }
            }
        }
        Ok(read)
    }

    /// What would be written back means the same.
    fn round_trip(&mut self, connection: &Connection, snapshot: &Snapshot) {
        let Some(mapping) = connection.context.mappings.get(&snapshot.entity) else { return };
        for (field, value) in &snapshot.fields {
            let writes = mapping.rule(field.as_str()).is_some_and(|rule| rule.flow != Flow::In);
            let image = connection.connector.image(&connection.context, snapshot.entity, field, value.as_ref());
            match image {
                Ok(image) if image == *value => {}
                Ok(_) if writes => {
                    self.trouble.insert(format!("`{field}` does not come back as the same value"));
                }
                Err(fault) if writes => {
                    self.trouble.insert(format!("`{field}` cannot be written back: {}", fault.message()));
                }
                _ => {}
            }
        }
    }
}

fn configuration(args: &ConnectorTest, url: &str) -> Result<String> {
    let file = std::path::absolute(&args.file).context("The file's place is not known.")?;
    let quoted = |text: &str| Json::String(text.to_owned()).to_string();
    let mut text = format!(
        "[connections.{NAME}]\nconnector = {}\nbase_url = {}\nallow_private = true\nmode = \"observe\"\nwebhooks = []\n",
        quoted(&file.display().to_string()),
        quoted(url)
    );
    for (key, value) in [("auth", &args.auth), ("currency", &args.currency)] {
        if let Some(value) = value {
            writeln!(text, "{key} = {}", quoted(value))?;
        }
    }
    let mut options = Vec::new();
    for pair in &args.option {
        let (name, value) = pair.split_once('=').ok_or_else(|| Usage(format!("`--option {pair}` has no `=`.")))?;
        options.push(format!("{} = {}", quoted(name), quoted(value)));
    }
    writeln!(text, "options = {{ {} }}", options.join(", "))?;
    Ok(text)
}

fn secrets(args: &ConnectorTest) -> Result<BTreeMap<String, Secret>> {
    let mut secrets = BTreeMap::new();
    for pair in &args.set {
        let (part, value) = pair.split_once('=').ok_or_else(|| Usage(format!("`--set {pair}` has no `=`.")))?;
        let value = match value.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file).with_context(|| format!("The file {file} cannot be read."))?,
            None => value.to_owned(),
        };
        secrets.insert(part.to_owned(), Secret::new(value.trim_end_matches(['\r', '\n'])));
    }
    Ok(secrets)
}
