//! What a manifest must satisfy beyond its shape.

mod api;

use super::Manifest;
use crate::codec::Codec;
use std::collections::BTreeSet;

impl Manifest {
    /// Every mistake, one sentence each; empty when there is none.
    pub fn check(&self) -> Vec<String> {
        let told = |(path, sentence): (String, String)| {
            // A line of a mapping is named by its entity.
            match path.split('.').collect::<Vec<_>>().as_slice() {
                ["entity", entity, ..] => format!("entity.{entity}: {sentence}"),
                _ => sentence,
            }
        };
        self.faults().into_iter().map(told).collect()
    }

    /// Every mistake with the path of keys and numbers at which it stands.
    pub(super) fn faults(&self) -> Vec<(String, String)> {
        let mut faults: Vec<(String, String)> = Vec::new();
        let mut wrong = |path: String, sentence: String| faults.push((path, sentence));
        // A system in the admin's own network may do without; its connection has to allow that.
        let plain = self.is_whole() && self.base_url.starts_with("http://");
        if !self.base_url.starts_with("https://") && !plain {
            wrong("base_url".into(), format!("base_url `{}` has to be https", self.base_url));
        }
        if self.auth.is_empty() {
            let sentence = "no way to authorize is declared under [auth]; `[auth.open.none]` is one";
            wrong("auth".into(), sentence.into());
        }
        for (nth, limit) in self.limits.iter().enumerate() {
            if limit.requests == 0 || limit.per_ms == 0 {
                wrong(format!("limits.{nth}"), format!("the limit `{}` allows nothing", limit.name));
            }
        }
        for (entity, mapping) in &self.entity {
            let mut written = BTreeSet::new();
            let mut fields = BTreeSet::new();
            for (nth, rule) in mapping.fields.iter().enumerate() {
                let path = format!("entity.{entity}.fields.{nth}");
                if let Err(mistake) = rule.check(*entity) {
                    wrong(path, mistake);
                    continue;
                }
                if !fields.insert(&rule.field) {
                    wrong(path.clone(), format!("`{}` is mapped twice", rule.field));
                }
                let Ok(codec) = rule.effective(*entity) else { continue };
                // Amounts may share the pointer of their currency.
                let own = if matches!(codec, Codec::Money { .. }) { 1 } else { usize::MAX };
                for pointer in codec.pointers(&rule.vendor).into_iter().take(own) {
                    if rule.flow.creates() && !written.insert(pointer.clone()) {
                        wrong(path.clone(), format!("`{pointer}` is written by two fields"));
                    }
                }
            }
        }
        if self.entity.values().any(|mapping| mapping.api.is_some()) {
            self.of_the_file_alone(&mut wrong);
        }
        faults
    }
}
