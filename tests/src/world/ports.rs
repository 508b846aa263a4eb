//! The ports of a world's hub, for another hub beside it.

use super::World;
use concord_hub::hub::Ports;
use std::sync::Arc;

impl World {
    /// The ports of its hub.
    pub fn ports(&self) -> Ports {
        let hub = &self.hub;
        Ports {
            table: Arc::clone(&hub.table),
            queue: Arc::clone(&hub.queue),
            vault: Arc::clone(&hub.vault),
            http: Arc::clone(&hub.http),
            blobs: Arc::clone(&hub.blobs),
            clock: Arc::clone(&hub.clock),
            entropy: Arc::clone(&hub.entropy),
        }
    }
}
