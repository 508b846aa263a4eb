//! From a document to settings.

use super::{
    Document,
    check::{self, Accounts, Registry},
    limits,
    section::Section,
};
use crate::{
    policy::{FieldPolicy, Others, Policy},
    ports::Secret,
    settings::{Connection, SWEEP_EVERY_S, Settings},
};
use concord_connector::{
    ConnectionName, Connector, Context, Fault, Field, Kind, Result, exchange::Account, schema::Category,
};
use jiff::tz::TimeZone;
use std::{collections::BTreeMap, sync::Arc};

impl Document {
    /// Compiles the document. `secrets` opens a reference (`env:NAME`, `file:PATH`, `vault:NAME#PART`); what a connection
    /// keeps under its own name in the vault is read there when it is needed, not here.
    ///
    /// # Errors
    /// `Rejected` with every mistake that [`Document::check`] finds, or the first secret that cannot be opened.
    pub fn settings(
        &self,
        registry: &[Arc<dyn Connector>],
        revision: u64,
        accounts: &BTreeMap<ConnectionName, Account>,
        secrets: &dyn Fn(&str) -> Result<String>,
    ) -> Result<Settings> {
        let mistakes = self.check(registry, accounts);
        if !mistakes.is_empty() {
            let sentences: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            return Err(Fault::new(Kind::Rejected, "configuration", sentences.join("\n")));
        }
        let registry = &self.known(registry);
        let mut connections = BTreeMap::new();
        for section in &self.connections {
            let connection = section.compile(registry, accounts, secrets)?;
            connections.insert(connection.name.clone(), connection);
        }
        let public_url = self.public_url.as_ref().map(|url| url.value.clone()).unwrap_or_default();
        let mut subscriptions = BTreeMap::new();
        for section in &self.subscriptions {
            let subscription = section.compile(&public_url, secrets)?;
            subscriptions.insert(subscription.name.clone(), subscription);
        }
        let derivations = self.derivations.iter().map(|one| (one.name.clone(), one.clone())).collect();
        let policy = self.compiled_policy(registry);
        let marketplaces = self.marketplaces.clone();
        Ok(Settings { revision, public_url, connections, policy, derivations, marketplaces, subscriptions })
    }

    /// References to secrets that have to be opened before the settings can be compiled.
    pub fn secret_references(&self) -> Vec<String> {
        let connections = self.connections.iter().flat_map(|section| section.references());
        let subscriptions = self.subscriptions.iter().flat_map(|section| section.references());
        connections.map(|(_, reference)| reference).chain(subscriptions).collect()
    }

    fn compiled_policy(&self, registry: Registry<'_>) -> Policy {
        let category =
            |section: &Section| check::connector(registry, &section.system.value).map(|c| c.manifest().category);
        let connections: Vec<(ConnectionName, Category)> = self
            .connections
            .iter()
            .filter_map(|section| Some((section.name.value.as_str().into(), category(section)?)))
            .collect();
        let mut policy = Policy::defaults(&connections);
        for section in &self.policy {
            let field = Field::from(section.field.value);
            let Some(default) = policy.of(section.entity, &field).cloned() else { continue };
            let order = match &section.order {
                Some(order) => order.iter().map(|name| name.value.as_str().into()).collect(),
                None => default.order,
            };
            let others = if section.only { section.others() } else { section.others.unwrap_or(Others::Revert) };
            let rule = section.rule.unwrap_or(default.rule);
            policy.set(section.entity, field, FieldPolicy { rule, order, only: section.only, others });
        }
        policy
    }
}

impl Section {
    fn compile(
        &self,
        registry: Registry<'_>,
        accounts: &Accounts,
        secrets: &dyn Fn(&str) -> Result<String>,
    ) -> Result<Connection> {
        let gone = || Fault::new(Kind::Rejected, "configuration", format!("`{}` is no system", self.system.value));
        let connector = check::connector(registry, &self.system.value).ok_or_else(gone)?;
        let manifest = connector.manifest();
        let name = ConnectionName::new(self.name.value.as_str());
        let context = self.context(connector.as_ref(), accounts.get(&name));
        let base_url = self.base_url.as_ref().map_or_else(
            || {
                let options = context.options.iter();
                options.fold(manifest.base_url.clone(), |url, (name, value)| url.replace(&format!("{{{name}}}"), value))
            },
            |url| url.value.clone(),
        );
        let mut given_secrets: BTreeMap<String, Vec<Secret>> = BTreeMap::new();
        for (part, reference) in self.references() {
            let opened = secrets(&reference).map_err(|fault| fault.with("connection", &name).with("secret", &part))?;
            given_secrets.entry(part).or_default().push(Secret::new(opened.trim_end_matches(['\r', '\n'])));
        }
        Ok(Connection {
            auth: check::chosen_auth(self, manifest).map(|(name, _)| name.to_owned()).unwrap_or_default(),
            schemes: check::schemes(self, manifest).iter().map(|scheme| scheme.filled(&context.options)).collect(),
            connector: Arc::clone(connector),
            context,
            mode: self.mode,
            base_url: base_url.trim_end_matches('/').to_owned(),
            allow_private: self.allow_private,
            scope: self.scope.iter().map(|(entity, scope)| (entity.value, scope.clone())).collect(),
            on_delete: self.on_delete.iter().map(|(entity, what)| (entity.value, *what)).collect(),
            given_secrets,
            limits: limits::in_force(&self.limits, manifest),
            poll_every_s: self.poll_every_s.unwrap_or(manifest.capabilities.poll_every_s),
            brake: self.brake.clone().unwrap_or_default(),
            hold_new: self.hold_new,
            sweep_every_s: self.sweep_every_h.map_or(SWEEP_EVERY_S, |hours| hours * 3600),
            name,
        })
    }

    /// Defaults, then what the account says, then what the admin says.
    fn context(&self, connector: &dyn Connector, account: Option<&Account>) -> Context {
        let mut context = Context::new(self.name.value.as_str(), connector.manifest());
        context.mappings = self.overlaid(connector.manifest());
        if let Some(account) = account {
            context.options.extend(account.facts.clone());
            context.vendor_fields.clone_from(&account.fields);
            context.currency = account.currency;
            if let Some(zone) = account.time_zone.as_deref().and_then(|zone| TimeZone::get(zone).ok()) {
                context.time_zone = zone;
            }
        }
        context.options.extend(self.options.iter().map(|(name, value)| (name.value.clone(), value.clone())));
        context.currency = self.currency.or(context.currency);
        if let Some(zone) = &self.time_zone {
            context.time_zone = zone.clone();
        }
        context
    }

    /// Parts and references to open. A part that refers to nothing but the connection's own entry in the vault is not
    /// among them: it is read where it is used, so that it can be rotated without a new configuration.
    fn references(&self) -> impl Iterator<Item = (String, String)> {
        let own = format!("vault:{}", self.name.value);
        self.secrets
            .iter()
            .filter(move |(_, references)| !references.iter().all(|reference| reference.value == own))
            .flat_map(|(part, references)| {
                references.iter().map(|reference| {
                    let reference = match reference.value.starts_with("vault:") {
                        true if !reference.value.contains('#') => format!("{}#{}", reference.value, part.value),
                        _ => reference.value.clone(),
                    };
                    (part.value.clone(), reference)
                })
            })
    }
}
