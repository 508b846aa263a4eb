//! A hub on AWS that works on its own account signs as its own role.

use super::*;
use async_trait::async_trait;
use concord_connector::{Kind, Operation, Result};
use concord_hub::{
    hub::{Hub, Ports},
    ports::{Secret, Secrets, Vault},
    settings::Settings,
};
use std::sync::Arc;

/// A vault that keeps nothing; the process has a role, or none.
struct Bare(Option<Secrets>);

#[async_trait]
impl Vault for Bare {
    async fn read(&self, _name: &str) -> Result<Secrets> {
        Ok(Secrets::default())
    }
    async fn write(&self, _name: &str, _secrets: Secrets) -> Result<bool> {
        Ok(false)
    }
    async fn own_role(&self) -> Result<Option<Secrets>> {
        Ok(self.0.clone())
    }
    async fn forget(&self, _name: &str) -> Result<()> {
        Ok(())
    }
}

/// What the seller's account answers to a hub with such a vault, whose connection says `auth = "role"`.
async fn asked(world: &World, vault: Bare) -> Result<()> {
    let (hub, now) = (&world.hub, world.hub.settings());
    let mut connections = now.connections.clone();
    connections.get_mut("seller").expect("a connection").auth = "role".into();
    let settings = Settings {
        revision: now.revision,
        public_url: now.public_url.clone(),
        connections,
        policy: now.policy.clone(),
        ..Settings::default()
    };
    let ports = Ports {
        table: Arc::clone(&hub.table),
        queue: Arc::clone(&hub.queue),
        vault: Arc::new(vault),
        http: Arc::clone(&hub.http),
        blobs: Arc::clone(&hub.blobs),
        clock: Arc::clone(&hub.clock),
        entropy: Arc::clone(&hub.entropy),
    };
    let hub = Hub::new(ports, settings);
    let operation = Operation::Fetch { entity: OFFER, ids: vec!["offer-sandbox00000".into()] };
    hub.run(&hub.settings().connections["seller"], &operation).await.map(drop)
}

#[tokio::test]
async fn a_hub_with_a_role_at_aws_needs_no_keys_and_one_without_says_so() {
    let world = World::new(&[seller()]).await;
    let keys = world.vendor("seller", |vendor| vendor.credentials());
    let parts = keys.into_iter().map(|(name, key)| (name, Secret::new(key))).collect();
    asked(&world, Bare(Some(Secrets { generation: 1, parts }))).await.expect("the role's keys are known there");
    let fault = asked(&world, Bare(None)).await.expect_err("no role");
    assert_eq!(fault.kind, Kind::Unauthorized);
    assert!(fault.to_string().contains("does not run on AWS"), "{fault}");
}
