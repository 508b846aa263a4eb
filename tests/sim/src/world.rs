//! A world: the hub's ports, its settings, and the vendors of a plan.

use crate::{
    clock::VirtualClock,
    gate::Gate,
    lot::Lot,
    plan::{Plan, Said},
    ports::Gated,
    systems,
    vendors::{PUBLIC_URL, Vendors},
};
use concord_connector::{ConnectionName, Context, Entity};
use concord_hub::{
    hub::{Hub, Ports},
    policy::{FieldPolicy, Policy},
    ports::{Secret, Secrets, Vault},
    settings::{Connection, Scope, Settings},
    testing::{MemoryBlobs, MemoryQueue, MemoryTable, MemoryVault, SeededEntropy},
};
use futures::FutureExt;
use std::{collections::BTreeMap, sync::Arc};

/// What outlives a process.
pub struct World {
    /// The clock.
    pub clock: VirtualClock,
    /// The gate of the hub's ports.
    pub gate: Gate,
    /// The store.
    pub table: MemoryTable,
    /// The queues.
    pub queue: MemoryQueue,
    /// The credentials.
    pub vault: MemoryVault,
    /// The payloads.
    pub blobs: MemoryBlobs,
    /// The vendors.
    pub vendors: Vendors,
    entropy: SeededEntropy,
}

impl World {
    /// The world of a plan, and its first settings.
    pub fn new(plan: &Plan) -> (Self, Settings) {
        let clock = VirtualClock::default();
        let gate = Gate::new(Lot::new(plan.seed, 3));
        let vendors = Vendors::new(&plan.accounts, &clock, &gate);
        let table = MemoryTable::default();
        let queue = MemoryQueue::new(Arc::new(clock.clone()));
        let world = Self {
            queue: if plan.one_store { queue.one_with(&table) } else { queue },
            table,
            vault: MemoryVault::default(),
            blobs: MemoryBlobs::default(),
            vendors,
            entropy: SeededEntropy::new(plan.seed),
            clock,
            gate,
        };
        let settings = world.settings(plan);
        (world, settings)
    }

    fn settings(&self, plan: &Plan) -> Settings {
        let mut connections = BTreeMap::new();
        let mut categories = Vec::new();
        for (number, account) in plan.accounts.iter().enumerate() {
            let connector = systems::connector(&account.system);
            let manifest = connector.manifest();
            let credentials = self.vendors.with(&account.name, |vendor| vendor.sandbox.credentials());
            let mut parts: BTreeMap<String, Secret> =
                credentials.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
            let secret = self.vendors.with(&account.name, |vendor| vendor.secret.clone());
            parts.insert("webhook".into(), Secret::new(secret));
            let usable =
                |auth: &concord_connector::manifest::Auth| auth.secrets().iter().all(|name| parts.contains_key(*name));
            let refreshes = |auth: &concord_connector::manifest::Auth| {
                matches!(auth, concord_connector::manifest::Auth::Oauth { .. })
            };
            let mut ways = manifest.auth.iter().filter(|(_, auth)| usable(auth) && refreshes(auth) == account.oauth);
            let any = manifest.auth.iter().find(|(_, auth)| usable(auth));
            let auth = ways.next().or(any).map(|(name, _)| name.clone()).unwrap_or_default();
            let kept = Secrets { generation: 0, parts };
            self.vault.write(&account.name, kept).now_or_never();
            let mut context: Context = systems::context(&account.name, &account.system, number);
            context.mappings.retain(|entity, _| plan.entities.contains(entity));
            categories.push((ConnectionName::from(account.name.as_str()), manifest.category));
            let creatable = plan.entities.iter().filter(|entity| context.mappings.contains_key(*entity));
            let scope: BTreeMap<Entity, Scope> =
                creatable.clone().filter(|_| account.creates).map(|entity| (*entity, Scope::All)).collect();
            let on_delete = creatable.map(|entity| (*entity, account.on_delete)).collect();
            let connection = Connection {
                name: account.name.as_str().into(),
                mode: account.mode,
                base_url: format!("http://{}", account.name),
                allow_private: true,
                auth,
                schemes: manifest.webhooks.iter().take(1).cloned().collect(),
                scope,
                on_delete,
                given_secrets: BTreeMap::new(),
                poll_every_s: plan.poll_s,
                limits: manifest.limits.clone(),
                brake: Default::default(),
                hold_new: false,
                sweep_every_s: if plan.sweeps { plan.poll_s * 2 } else { 0 },
                context,
                connector,
            };
            connections.insert(connection.name.clone(), connection);
        }
        let mut policy = Policy::defaults(&categories);
        for said in &plan.policies {
            policy.set(said.entity, said.field.clone(), field_policy(plan, said));
        }
        Settings {
            revision: 1,
            public_url: PUBLIC_URL.into(),
            connections,
            policy,
            derivations: Default::default(),
            marketplaces: Default::default(),
            subscriptions: BTreeMap::new(),
        }
    }

    /// A process that has just been started.
    pub fn start(&self, settings: Settings) -> Arc<Hub> {
        let ports = Ports {
            table: Arc::new(Gated::new(self.table.clone(), &self.gate)),
            queue: Arc::new(Gated::new(self.queue.clone(), &self.gate)),
            vault: Arc::new(Gated::new(self.vault.clone(), &self.gate)),
            http: Arc::new(Gated::new(self.vendors.clone(), &self.gate)),
            blobs: Arc::new(Gated::new(self.blobs.clone(), &self.gate)),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(self.entropy.clone()),
        };
        Arc::new(Hub::new(ports, settings))
    }

    /// A hub that only looks, past the gate.
    pub fn observer(&self, settings: Settings) -> Hub {
        let ports = Ports {
            table: Arc::new(self.table.clone()),
            queue: Arc::new(self.queue.clone()),
            vault: Arc::new(self.vault.clone()),
            http: Arc::new(self.vendors.clone()),
            blobs: Arc::new(self.blobs.clone()),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(SeededEntropy::new(0)),
        };
        Hub::new(ports, settings)
    }
}

/// A policy with connections by name.
pub fn field_policy(plan: &Plan, said: &Said) -> FieldPolicy {
    let named = said.order.iter().filter_map(|at| plan.accounts.get(*at));
    FieldPolicy {
        rule: said.rule,
        order: named.map(|account| account.name.as_str().into()).collect(),
        only: said.only,
        others: said.others,
    }
}

/// The same settings once more.
pub fn copy(settings: &Settings) -> Settings {
    Settings {
        revision: settings.revision,
        public_url: settings.public_url.clone(),
        connections: settings.connections.clone(),
        policy: settings.policy.clone(),
        derivations: Default::default(),
        marketplaces: Default::default(),
        subscriptions: settings.subscriptions.clone(),
    }
}
