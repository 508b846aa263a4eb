//! The six systems of the demo, served on loopback, and the hub's configuration for them.

use super::market;
use crate::{
    app::{self, App, Source},
    sandbox_server::SandboxServer,
};
use anyhow::{Context as _, Result, anyhow};
use concord_connector::sandbox::{Hurried, Subscriber};
use concord_hub::{
    embedded::{SystemClock, vault::Key},
    ports::{Clock as _, Secret},
};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// Name, system, and what is created there.
const CAST: [(&str, &str, &[&str]); 6] = [
    ("aws", "aws-marketplace", &["private_offer", "usage_record"]),
    (
        "hubspot-eu",
        "hubspot",
        &["organization", "person", "lead", "opportunity", "deal_registration", "order", "invoice"],
    ),
    ("hubspot-us", "hubspot", &["organization", "person", "opportunity"]),
    ("partnerstack", "partnerstack", &["deal_registration"]),
    ("salesforce", "salesforce", &["organization", "person", "opportunity", "deal_registration"]),
    ("tryton", "tryton", &["organization", "order"]),
];
/// What vendors sign with here.
const SIGNED_WITH: &str = "demo-signing-secret";
/// Seconds between polls: often enough to heal lost webhooks while somebody watches.
const POLL_EVERY_S: u64 = 15;
/// How much faster the marketplace's minutes pass.
const HURRY: i64 = 30;
/// What is sold how through the marketplace: expansions, once they are won. What the buyer accepted becomes an order.
const RULES: &str = r#"
[marketplaces.aws]
fee = "3 %"

[offers.aws]
when = { stage = ["won"], type = ["expansion"] }
cloud = "aws"
accept_within_days = 30

[offers.aws.defaults]
kind = "new"
product = "PRODUCT"
buyers = ["BUYER"]
pricing = "contract"
grants = ["BasicService 100"]
duration = "P12M"
eula = "standard"

[orders.erp]
when = { status = ["active"] }
"#;
/// How many times as many calls the systems' plans allow as the smallest ones do, which limit a connection to a few
/// searches in a second: a demo that keeps to those takes longer than anybody watches.
const LARGER_PLAN: u32 = 40;

/// The systems.
pub(super) struct Cast {
    pub(super) vendors: BTreeMap<&'static str, SandboxServer>,
}

impl Cast {
    /// Serves a fresh sandbox for each system.
    pub(super) async fn start(seed: u64) -> Result<Self> {
        let mut vendors = BTreeMap::new();
        for (place, (name, system, _)) in (1..).zip(CAST) {
            let sandbox = concord_connectors::sandbox(system, seed.wrapping_mul(10) % 1_000_000 + place);
            let sandbox = sandbox.ok_or_else(|| anyhow!("There is no sandbox of {system}."))?;
            let sandbox =
                if name == "aws" { Box::new(Hurried::new(sandbox, SystemClock.now(), HURRY)) } else { sandbox };
            vendors.insert(name, SandboxServer::start(sandbox).await?);
        }
        Ok(Self { vendors })
    }

    /// The configuration under which a hub at an address keeps them in step.
    pub(super) fn configuration(&self, public_url: &str) -> String {
        let mut text = format!("# The configuration of `concord demo`.\npublic_url = \"{public_url}\"\n");
        for (name, system, creates) in CAST {
            let auth = match system {
                "aws-marketplace" => "access_key",
                "hubspot" => "private_app",
                "partnerstack" => "keys",
                "salesforce" => "client_credentials",
                _ => "password",
            };
            let url = self.vendors.get(name).map(|vendor| vendor.url.as_str()).unwrap_or_default();
            text.push_str(&format!(
                "\n[connections.{name}]\nsystem = \"{system}\"\nmode = \"sync\"\nauth = \"{auth}\"\nbase_url = \"{url}\"\n\
                 allow_private = true\npoll_every_s = {POLL_EVERY_S}\nscope = {{ {} }}\n",
                creates.iter().map(|entity| format!("{entity} = \"all\"")).collect::<Vec<_>>().join(", "),
            ));
            text.push_str(&format!("limits = {{ {} }}\n", larger_plan(system).join(", ")));
            if system == "partnerstack" {
                // Its deals name no currency.
                text.push_str("currency = \"EUR\"\n");
            } else if system == "aws-marketplace" {
                text.push_str("currency = \"EUR\"\ntime_zone = \"UTC\"\n");
            } else if system != "tryton" {
                text.push_str("on_delete = { person = \"propagate\" }\n");
            }
        }
        text.push_str(&RULES.replace("PRODUCT", market::PRODUCT).replace("BUYER", market::BUYER));
        text
    }

    /// Opens a hub for them, with their credentials in its vault.
    pub(super) async fn hub(&self, dir: &Path, key: Key, public_url: &str) -> Result<Arc<App>> {
        std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made.", dir.display()))?;
        let path = dir.join("concord.toml");
        std::fs::write(&path, self.configuration(public_url))
            .with_context(|| format!("{} cannot be written.", path.display()))?;
        let registry = concord_connectors::all();
        // The credentials first: the accounts are asked when the configuration is loaded.
        let bare = App::open(dir, &Source::Nothing, registry.clone(), key.clone(), false).await?;
        for (name, vendor) in &self.vendors {
            let mut parts: BTreeMap<String, Secret> =
                vendor.lock().credentials().into_iter().map(|(part, secret)| (part, Secret::new(secret))).collect();
            parts.insert("webhook".into(), Secret::new(SIGNED_WITH));
            app::keep_all(&bare.hub, name, parts).await?;
        }
        drop(bare);
        App::open(dir, &Source::File(path), registry, key, true).await
    }

    /// Opens the hub's folder again, under the configuration that is there.
    pub(super) async fn reopened(&self, dir: &Path, key: Key) -> Result<Arc<App>> {
        App::open(dir, &Source::File(dir.join("concord.toml")), concord_connectors::all(), key, false).await
    }

    /// Tells the systems where to send their webhooks.
    pub(super) fn subscribe(&self, public_url: &str) {
        for (name, vendor) in &self.vendors {
            // What cannot sign proves itself by the path.
            let path = if *name == "partnerstack" { format!("{name}/{SIGNED_WITH}") } else { (*name).to_owned() };
            let subscriber = Subscriber { url: format!("{public_url}/hooks/{path}"), secret: SIGNED_WITH.into() };
            vendor.lock().subscribe(Some(subscriber));
        }
    }
}

fn larger_plan(system: &str) -> Vec<String> {
    let connector = concord_connectors::find(system);
    let limits = connector.iter().flat_map(|connector| &connector.manifest().limits);
    limits
        .map(|limit| format!("{} = \"{}/{}ms\"", limit.name, limit.requests.saturating_mul(LARGER_PLAN), limit.per_ms))
        .collect()
}
