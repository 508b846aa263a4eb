//! Three systems on loopback, and the configuration that keeps them in step.

use concord::sandbox_server::SandboxServer;
use concord_connector::{
    Instant,
    sandbox::{Act, Faults, Subscriber},
};
use concord_hub::{ports::Clock as _, system::SystemClock};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Name, system, kind of credentials.
pub(crate) const CAST: [(&str, &str, &str); 3] = [
    ("hubspot-eu", "hubspot", "private_app"),
    ("hubspot-us", "hubspot", "private_app"),
    ("salesforce", "salesforce", "client_credentials"),
];
/// What vendors sign with here.
pub(crate) const SIGNED_WITH: &str = "deploy-test-signing-secret";

pub(crate) struct Cast {
    vendors: BTreeMap<&'static str, SandboxServer>,
}

impl Cast {
    pub(crate) async fn start() -> Self {
        let mut vendors = BTreeMap::new();
        for (seed, (name, system, _)) in (1..).zip(CAST) {
            let sandbox = concord_connectors::sandbox(system, seed).expect("a sandbox");
            vendors.insert(name, SandboxServer::start(sandbox).await.expect("a free port"));
        }
        Self { vendors }
    }

    pub(crate) fn configuration(&self, public_url: &str) -> String {
        let mut text = format!("public_url = \"{public_url}\"\n");
        for (name, system, auth) in CAST {
            let url = &self.vendors[name].url;
            text.push_str(&format!(
                "\n[connections.{name}]\nsystem = \"{system}\"\nmode = \"sync\"\nauth = \"{auth}\"\nbase_url = \"{url}\"\n\
                 allow_private = true\npoll_every_s = 3600\nscope = {{ organization = \"all\" }}\n"
            ));
            if name == "hubspot-us" {
                // As an admin writes it who rotates secrets. Functions that may not read secrets have to do without.
                text.push_str("secrets = { webhook = \"vault:hubspot-us#webhook\" }\n");
            }
        }
        text
    }

    /// The secrets that a connection needs with its kind of credentials, by part.
    pub(crate) fn credentials(&self, name: &str) -> BTreeMap<String, String> {
        let (_, system, auth) = CAST.into_iter().find(|(known, ..)| *known == name).expect("one of the cast");
        let connector = concord_connectors::find(system).expect("a connector");
        let wanted = connector.manifest().auth[auth].secrets();
        let mut parts = self.vendors[name].lock().credentials();
        parts.retain(|part, _| wanted.contains(&part.as_str()));
        parts.insert("webhook".into(), SIGNED_WITH.into());
        parts
    }

    /// Tells the systems where to send their webhooks.
    pub(crate) fn subscribe(&self, public_url: &str) {
        for (name, vendor) in &self.vendors {
            let subscriber = Subscriber { url: format!("{public_url}/hooks/{name}"), secret: SIGNED_WITH.into() };
            vendor.lock().subscribe(Some(subscriber));
        }
    }

    /// What a person does in a system.
    pub(crate) fn act(&self, name: &str, act: Act) -> String {
        self.vendors[name].lock().act(now(), act).unwrap_or_else(|sentence| panic!("{name} refuses: {sentence}"))
    }

    pub(crate) fn faults(&self, name: &str, change: impl FnOnce(&mut Faults)) {
        change(self.vendors[name].lock().faults());
    }

    /// The id of a company in a system, by its domain.
    pub(crate) fn record(&self, name: &str, object: &str, domain: &str) -> String {
        let records = self.vendors[name].lock().records();
        let mut all = records.get(object).into_iter().flatten();
        let has = |record: &Json| record.to_string().contains(domain);
        all.find(|(_, record)| has(record)).map(|(id, _)| id.clone()).unwrap_or_else(|| panic!("no {domain} at {name}"))
    }

    /// How many requests a system has served whose kind contains a text.
    pub(crate) fn served(&self, name: &str, what: &str) -> u64 {
        let vendor = self.vendors[name].lock();
        vendor.served().iter().filter(|(kind, _)| kind.contains(what)).map(|(_, count)| count).sum()
    }

    /// Companies by domain with their names, as each system has them; two of one domain are told apart.
    pub(crate) fn companies(&self) -> BTreeMap<&'static str, BTreeMap<String, String>> {
        let of = |name: &&'static str| {
            let records = self.vendors[name].lock().records();
            let (object, domain, called) = if name.starts_with("hubspot") {
                ("companies", "/properties/domain", "/properties/name")
            } else {
                ("Account", "/Website", "/Name")
            };
            let mut found: BTreeMap<String, String> = BTreeMap::new();
            for record in records.get(object).into_iter().flat_map(|all| all.values()) {
                let text =
                    |pointer: &str| record.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
                let mut domain = text(domain).trim_start_matches("https://").trim_end_matches('/').to_owned();
                while found.contains_key(&domain) {
                    domain.push_str(" again");
                }
                found.insert(domain, text(called));
            }
            (*name, found)
        };
        self.vendors.keys().map(of).collect()
    }
}

fn now() -> Instant {
    SystemClock.now()
}
