//! What is asked of AWS, counted where it is asked: requests by operation in the SDK's clients, units as DynamoDB says them.

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeTransmitInterceptorContextRef, dyn_dispatch_hint},
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Requests and units since the start.
#[derive(Debug, Default)]
pub struct Counts(Mutex<Counted>);

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// Requests that were sent, by service and operation: `DynamoDB.PutItem`. What the SDK sends again counts again.
    pub requests: BTreeMap<String, u64>,
    /// Read units of the table, as it said.
    pub read_units: f64,
    /// Write units of the table, indexes included, as it said.
    pub write_units: f64,
}

impl Counts {
    /// What was counted until now.
    pub fn counted(&self) -> Counted {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    pub(crate) fn read(&self, units: f64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read_units += units;
    }
    pub(crate) fn wrote(&self, units: f64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_units += units;
    }
    pub(crate) fn sent(&self, operation: String) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.requests.entry(operation).or_default() += 1;
    }
}

/// The part of a client that counts.
#[derive(Clone, Debug)]
pub struct Counting(pub Arc<Counts>);

#[dyn_dispatch_hint]
impl Intercept for Counting {
    fn name(&self) -> &'static str {
        "Counting"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = bag.load::<Metadata>() {
            self.0.sent(format!("{}.{}", metadata.service(), metadata.name()));
        }
        Ok(())
    }
}
