//! A connector whose account has a larger plan. The vendors' smallest plans allow a few searches in a second; a demo that
//! keeps to them takes longer than anybody watches. Everything else is the connector's own.

use concord_connector::{
    Connector, Context, Entity, Fault, Field, Manifest, Operation, Request, Response, Result, Signal, Step, Unverified,
    Value, Verified, Webhook, webhook::Answer,
};
use std::sync::Arc;

/// How many times as many calls the larger plan allows.
const LARGER: u32 = 40;

struct Roomy {
    inner: Arc<dyn Connector>,
    manifest: Manifest,
}

/// The connector with the larger plan.
pub(super) fn roomy(inner: Arc<dyn Connector>) -> Arc<dyn Connector> {
    let mut manifest = inner.manifest().clone();
    for limit in &mut manifest.limits {
        limit.requests = limit.requests.saturating_mul(LARGER);
    }
    Arc::new(Roomy { inner, manifest })
}

impl Connector for Roomy {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }
    fn next(&self, cx: &Context, operation: &Operation, seen: &[Response]) -> Result<Step> {
        self.inner.next(cx, operation, seen)
    }
    fn signals(&self, cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
        self.inner.signals(cx, hook)
    }
    fn handshake(&self, cx: &Context, hook: &Webhook<Unverified>) -> Option<Answer> {
        self.inner.handshake(cx, hook)
    }
    fn acknowledge(&self, hook: &Webhook<Verified>) -> Answer {
        self.inner.acknowledge(hook)
    }
    fn classify(&self, request: &Request, response: &Response) -> Fault {
        self.inner.classify(request, response)
    }
    fn image(&self, cx: &Context, entity: Entity, field: &Field, value: Option<&Value>) -> Result<Option<Value>> {
        self.inner.image(cx, entity, field, value)
    }
}
