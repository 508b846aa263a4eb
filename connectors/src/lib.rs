//! The registry: one line per connector; nothing else.

use concord_connector::Connector;
#[cfg(feature = "sandbox")]
use concord_connector::sandbox::{Samples, Sandbox};
use std::sync::Arc;

/// Every connector, in the order of their names.
pub fn all() -> Vec<Arc<dyn Connector>> {
    vec![
        Arc::new(concord_aws_marketplace::connector()),
        Arc::new(concord_aws_partner_central::connector()),
        Arc::new(concord_google_cosell::connector()),
        Arc::new(concord_google_marketplace::connector()),
        Arc::new(concord_hubspot::connector()),
        Arc::new(concord_microsoft_marketplace::connector()),
        Arc::new(concord_microsoft_partner_center::connector()),
        Arc::new(concord_partnerstack::connector()),
        Arc::new(concord_salesforce::connector()),
        Arc::new(concord_tryton::connector()),
    ]
}

/// The connector of a system.
pub fn find(system: &str) -> Option<Arc<dyn Connector>> {
    all().into_iter().find(|connector| connector.system().as_str() == system)
}

/// A fresh stand-in for a system. Equal seeds behave equally; different ones are different accounts.
#[cfg(feature = "sandbox")]
pub fn sandbox(system: &str, seed: u64) -> Option<Box<dyn Sandbox>> {
    Some(match system {
        "aws-marketplace" => Box::new(concord_aws_marketplace::sandbox::Seller::new(seed)),
        "aws-partner-central" => Box::new(concord_aws_partner_central::sandbox::Partner::new(seed)),
        "google-cosell" => Box::new(concord_google_cosell::sandbox::Hub::new(seed)),
        "google-marketplace" => Box::new(concord_google_marketplace::sandbox::Provider::new(seed)),
        "hubspot" => Box::new(concord_hubspot::sandbox::Portal::new(1_000_000 + seed, seed)),
        "microsoft-marketplace" => Box::new(concord_microsoft_marketplace::sandbox::Cloud::new(seed)),
        "microsoft-partner-center" => Box::new(concord_microsoft_partner_center::sandbox::Center::new(seed)),
        "partnerstack" => Box::new(concord_partnerstack::sandbox::Programme::new(seed)),
        "salesforce" => {
            let mut org = concord_salesforce::sandbox::Org::new(seed);
            // The vendor is free to answer fewer rows than asked for; short pages are the ones worth trying.
            org.page_size(200);
            Box::new(org)
        }
        "tryton" => Box::new(concord_tryton::sandbox::Server::new()),
        _ => return None,
    })
}

/// Sample webhooks of a system; `None` for one that sends none.
#[cfg(feature = "sandbox")]
pub fn samples(system: &str) -> Option<Samples> {
    Some(match system {
        "hubspot" => concord_hubspot::sandbox::SAMPLES,
        "salesforce" => concord_salesforce::sandbox::SAMPLES,
        _ => return None,
    })
}
