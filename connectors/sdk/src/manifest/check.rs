//! What a manifest must satisfy beyond its shape.

use super::Manifest;
use crate::codec::Codec;
use std::collections::BTreeSet;

impl Manifest {
    /// Every mistake, one sentence each; empty when there is none.
    pub fn check(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if !self.base_url.starts_with("https://") {
            mistakes.push(format!("base_url `{}` has to be https", self.base_url));
        }
        if self.auth.is_empty() {
            mistakes.push("no way to authorize is declared under [auth]".into());
        }
        for limit in &self.limits {
            if limit.requests == 0 || limit.per_ms == 0 {
                mistakes.push(format!("the limit `{}` allows nothing", limit.name));
            }
        }
        for (entity, mapping) in &self.entity {
            let mut written = BTreeSet::new();
            let mut fields = BTreeSet::new();
            for rule in &mapping.fields {
                if let Err(mistake) = rule.check(*entity) {
                    mistakes.push(format!("entity.{entity}: {mistake}"));
                    continue;
                }
                if !fields.insert(&rule.field) {
                    mistakes.push(format!("entity.{entity}: `{}` is mapped twice", rule.field));
                }
                let Ok(codec) = rule.effective(*entity) else { continue };
                // Amounts may share the pointer of their currency.
                let own = if matches!(codec, Codec::Money { .. }) { 1 } else { usize::MAX };
                for pointer in codec.pointers(&rule.vendor).into_iter().take(own) {
                    if rule.flow.creates() && !written.insert(pointer.clone()) {
                        mistakes.push(format!("entity.{entity}: `{pointer}` is written by two fields"));
                    }
                }
            }
        }
        mistakes
    }
}
