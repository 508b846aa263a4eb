//! A stack on AWS: the same truth, reached with the admin's own rights.

use anyhow::{Context as _, Result};
use concord_aws::{
    Clients,
    config::Config,
    count::Counts,
    stack::{self, Place},
};
use concord_connector::{Fault, Kind};
use concord_hub::hub::Ports;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// An open stack.
pub struct Stack {
    name: String,
    place: Place,
    clients: Clients,
}

impl Stack {
    /// Finds a stack by its name, with a hub's ports over it.
    pub(super) async fn open(name: &str) -> Result<(Self, Ports)> {
        let place = stack::find(name).await.with_context(|| format!("The stack `{name}` cannot be used."))?;
        let counts = Arc::new(Counts::default());
        let names: &Config = &place.names;
        let clients = Clients::connect(&counts).await?;
        let ports = clients.ports(names, &counts, Duration::ZERO);
        Ok((Self { name: name.to_owned(), place, clients }, ports))
    }

    /// What vendors call it by; no slash at the end.
    pub(super) fn public_url(&self) -> &str {
        &self.place.names.public_url
    }

    pub(super) async fn depths(&self) -> concord_connector::Result<BTreeMap<String, (u64, u64)>> {
        stack::depths(&self.clients, &self.place).await
    }

    /// Sends everything in the service's own dead-letter queues back to where it came from; how many queues.
    ///
    /// # Errors
    /// The service's faults.
    pub async fn redrive(&self) -> concord_connector::Result<Vec<String>> {
        stack::redrive(&self.clients, &self.place).await
    }

    pub(super) fn is_no_folder(&self) -> Fault {
        let sentence = format!(
            "`{}` is a stack on AWS, which does this itself: its functions run without being told, and its table keeps every state of the last 35 days (docs/aws.md)",
            self.name
        );
        Fault::new(Kind::Rejected, "stack", sentence)
    }
}
