//! What can be said of a document only when the connectors are known.

use super::{
    Document, Mistake, limits, nearest, overlay::Overlay, policy::PolicySection, reader::Reader, section::Section,
};
use crate::policy::Rule;
use concord_connector::{
    ConnectionName, Connector, Manifest,
    exchange::Account,
    manifest::{Auth, Concurrency},
    mapping::Mapping,
    schema::Type,
    webhook::Scheme,
};
use std::{collections::BTreeMap, sync::Arc};

/// The connectors that are compiled in.
pub(super) type Registry<'a> = &'a [Arc<dyn Connector>];
/// What the accounts said of themselves, where they were asked already.
pub(super) type Accounts = BTreeMap<ConnectionName, Account>;

impl Document {
    /// Every mistake that shows when the systems are known; of accounts that were not asked yet nothing is demanded.
    pub fn check(&self, registry: &[Arc<dyn Connector>], accounts: &BTreeMap<ConnectionName, Account>) -> Vec<Mistake> {
        let mut reader = Reader::default();
        self.systems(&mut reader, registry);
        let registry = &self.known(registry);
        for section in &self.connections {
            let Some(connector) = connector(registry, &section.system.value) else {
                let known: Vec<&str> = registry.iter().map(|connector| connector.system().as_str()).collect();
                reader.wrong(section.system.at, nearest::unknown(&section.system.value, "system", &known));
                continue;
            };
            let manifest = connector.manifest();
            auth(&mut reader, section, manifest);
            base_url(&mut reader, section, manifest);
            limits::check(&mut reader, &section.limits, manifest);
            options(&mut reader, section, manifest);
            self.webhooks(&mut reader, section, manifest);
            for overlay in &section.mapping {
                mapping(&mut reader, overlay, manifest);
            }
            let unmapped = section
                .scope
                .iter()
                .map(|(entity, _)| entity)
                .chain(section.on_delete.iter().map(|(entity, _)| entity));
            for entity in unmapped.filter(|entity| !manifest.entity.contains_key(&entity.value)) {
                reader.wrong(entity.at, format!("{} has no {}; leave the line out.", manifest.title, entity.value));
            }
            account(&mut reader, section, connector.as_ref(), accounts.get(section.name.value.as_str()));
        }
        for policy in &self.policy {
            self.policy(&mut reader, policy, registry);
        }
        reader.finish(&self.text)
    }

    fn webhooks(&self, reader: &mut Reader, section: &Section, manifest: &Manifest) {
        let known: Vec<&str> = manifest.webhooks.iter().map(|scheme| scheme.name.as_str()).collect();
        for name in section.webhooks.iter().flatten().filter(|name| !known.contains(&name.value.as_str())) {
            let what = format!("webhook scheme of {}", manifest.title);
            reader.wrong(name.at, nearest::unknown(&name.value, what, &known));
        }
        if let Some(scheme) = schemes(section, manifest).iter().find(|scheme| scheme.signs_uri())
            && self.public_url.is_none()
        {
            let sentence = format!(
                "{} signs its webhooks of scheme `{}` together with the address; add `public_url = \"https://...\"` at the top of the document, as it is entered at the vendor, or `webhooks = []` here.",
                manifest.title, scheme.name
            );
            reader.wrong(section.name.at, sentence);
        }
    }

    fn policy(&self, reader: &mut Reader, policy: &PolicySection, registry: Registry<'_>) {
        let names: Vec<&str> = self.connections().collect();
        for name in policy.order.iter().flatten().filter(|name| !names.contains(&name.value.as_str())) {
            reader.wrong(name.at, nearest::unknown(&name.value, "connection of this document", &names));
        }
        if policy.rule != Some(Rule::Deltas) {
            return;
        }
        for section in &self.connections {
            let Some(connector) = connector(registry, &section.system.value) else { continue };
            let manifest = connector.manifest();
            let maps = section
                .overlaid(manifest)
                .get(&policy.entity)
                .is_some_and(|mapping| mapping.rule(policy.field.value).is_some());
            if maps && manifest.concurrency == Concurrency::None {
                let sentence = format!(
                    "the rule `deltas` adds up changes, and `{}` cannot protect an amount between our read and our write; write `owner` or `latest`, or take `{}` out of that connection's mapping with `off`.",
                    section.name.value, policy.field.value
                );
                reader.wrong(policy.field.at, sentence);
            }
        }
    }
}

impl Section {
    /// The manifest's mappings with this connection's overlay.
    pub(super) fn overlaid(&self, manifest: &Manifest) -> BTreeMap<concord_connector::Entity, Mapping> {
        let mut mappings = manifest.entity.clone();
        for overlay in &self.mapping {
            if let Some(mapping) = mappings.get_mut(&overlay.entity.value) {
                overlay.apply(mapping);
            }
        }
        mappings
    }
}

pub(super) fn connector<'a>(registry: Registry<'a>, system: &str) -> Option<&'a Arc<dyn Connector>> {
    registry.iter().find(|connector| connector.system().as_str() == system)
}

/// The schemes that a connection accepts: those that it lists, else the manifest's first.
pub(super) fn schemes(section: &Section, manifest: &Manifest) -> Vec<Scheme> {
    let schemes = manifest.webhooks.iter();
    match &section.webhooks {
        // A sender that proves nothing is let in only where an admin says so.
        None => schemes.filter(|scheme| !scheme.is_open()).take(1).cloned().collect(),
        Some(names) => schemes.filter(|scheme| names.iter().any(|name| name.value == scheme.name)).cloned().collect(),
    }
}

/// The way to authorize that a connection uses: its own choice, or the only one that works wherever a hub runs.
pub(super) fn chosen_auth<'a>(section: &'a Section, manifest: &'a Manifest) -> Option<(&'a str, &'a Auth)> {
    match &section.auth {
        Some(name) => manifest.auth.get_key_value(&name.value).map(|(name, auth)| (name.as_str(), auth)),
        None => {
            let mut everywhere = manifest.auth.iter().filter(|(_, auth)| !auth.is_own_role());
            let only = everywhere.next().map(|(name, auth)| (name.as_str(), auth));
            only.filter(|_| everywhere.next().is_none())
        }
    }
}

fn auth(reader: &mut Reader, section: &Section, manifest: &Manifest) {
    let known: Vec<&str> = manifest.auth.keys().map(String::as_str).collect();
    let Some((name, auth)) = chosen_auth(section, manifest) else {
        match &section.auth {
            Some(name) => {
                let what = format!("way to authorize at {}", manifest.title);
                reader.wrong(name.at, nearest::unknown(&name.value, what, &known));
            }
            None => {
                let sentence = format!(
                    "`{}` does not say how to authorize at {}; add `auth = \"...\"` with one of {}.",
                    section.name.value,
                    manifest.title,
                    nearest::listed(&known)
                );
                reader.wrong(section.name.at, sentence);
            }
        }
        return;
    };
    let mut parts: Vec<&str> = auth.secrets().to_vec();
    parts.push("webhook");
    if matches!(auth, Auth::Oauth { .. }) {
        parts.push("refresh_token");
    }
    for (part, _) in section.secrets.iter().filter(|(part, _)| !parts.contains(&part.value.as_str())) {
        reader.wrong(part.at, nearest::unknown(&part.value, format!("secret of `{name}`"), &parts));
    }
}

fn base_url(reader: &mut Reader, section: &Section, manifest: &Manifest) {
    let Some(base_url) = &section.base_url else {
        // Systems that everybody runs at an address of their own say so by one that is nobody's.
        if section.connector.is_none() && manifest.base_url.contains("//localhost") {
            let sentence = format!(
                "`{}` does not say where its {} is; add `base_url = \"https://...\"`.",
                section.name.value, manifest.title
            );
            reader.wrong(section.name.at, sentence);
        }
        if manifest.base_url.starts_with("http://") && section.connector.is_some() && !section.allow_private {
            let sentence = format!(
                "{} is reached without encryption at {}; add `allow_private = true` if it is in your own network.",
                manifest.title, manifest.base_url
            );
            reader.wrong(section.name.at, sentence);
        }
        return;
    };
    let Ok(url) = url::Url::parse(&base_url.value) else {
        let sentence =
            format!("`{}` is no web address; {} is reached at {}.", base_url.value, manifest.title, manifest.base_url);
        return reader.wrong(base_url.at, sentence);
    };
    match url.scheme() {
        "https" => {}
        "http" if section.allow_private => {}
        "http" => reader.wrong(
            base_url.at,
            "`base_url` is not encrypted; write https, or `allow_private = true` for a server in your own network.",
        ),
        scheme => reader.wrong(base_url.at, format!("`base_url` has to begin with https, not {scheme}.")),
    }
}

fn options(reader: &mut Reader, section: &Section, manifest: &Manifest) {
    let known: Vec<&str> = manifest.options.keys().map(String::as_str).collect();
    for (name, _) in section.options.iter().filter(|(name, _)| !known.contains(&name.value.as_str())) {
        reader.wrong(name.at, nearest::unknown(&name.value, format!("option of {}", manifest.title), &known));
    }
    for (name, setting) in manifest.options.iter().filter(|(_, setting)| setting.default.is_none()) {
        // What only the manifest's address needs is not needed beside an address of the admin's own.
        let only_address = section.base_url.is_some() && manifest.base_url.contains(&format!("{{{name}}}"));
        if !only_address && !section.options.iter().any(|(set, _)| set.value == *name) {
            let sentence = format!(
                "`{}` lacks the option `{name}`; add `options = {{ {name} = \"...\" }}`: {}",
                section.name.value, setting.meaning
            );
            reader.wrong(section.name.at, sentence);
        }
    }
}

fn mapping(reader: &mut Reader, overlay: &Overlay, manifest: &Manifest) {
    let Some(mapping) = manifest.entity.get(&overlay.entity.value) else {
        let known: Vec<&str> = manifest.entity.keys().map(|entity| entity.name()).collect();
        let sentence =
            format!("{} has no {}; it has {}.", manifest.title, overlay.entity.value, nearest::listed(&known));
        return reader.wrong(overlay.entity.at, sentence);
    };
    for off in overlay.off.iter().filter(|off| mapping.rule(&off.value).is_none()) {
        let known: Vec<&str> = mapping.fields.iter().map(|rule| rule.field.as_str()).collect();
        let what = format!("field that {} maps", manifest.title);
        reader.wrong(off.at, nearest::unknown(&off.value, what, &known));
    }
    let mut overlaid = manifest.clone();
    if let Some(mapping) = overlaid.entity.get_mut(&overlay.entity.value) {
        overlay.apply(mapping);
    }
    for sentence in overlaid.check() {
        reader.wrong(overlay.entity.at, format!("with this mapping, {sentence}; take the other line out with `off`."));
    }
}

fn account(reader: &mut Reader, section: &Section, connector: &dyn Connector, account: Option<&Account>) {
    let Some(account) = account else { return };
    let title = &connector.manifest().title;
    if section.time_zone.is_none() && account.time_zone.is_none() {
        let sentence = format!(
            "{title} does not tell the time zone of this account; add `time_zone = \"Europe/Berlin\"` or where it is."
        );
        reader.wrong(section.name.at, sentence);
    }
    let amounts = section.overlaid(connector.manifest()).iter().any(|(entity, mapping)| {
        mapping.fields.iter().any(|rule| entity.field(rule.field.as_str()).is_some_and(|spec| spec.ty == Type::Money))
    });
    if amounts && section.currency.is_none() && account.currency.is_none() {
        let sentence =
            format!("{title} does not tell the currency of this account; add `currency = \"EUR\"` or what it is.");
        reader.wrong(section.name.at, sentence);
    }
}
