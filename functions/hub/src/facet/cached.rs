//! The fold, kept while nothing changes: a record that is read, settled, delivered and explained is folded once.

use super::View;
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

/// A facet's fold, if it was needed yet. No part of what a facet is: equal facets may differ in it.
#[derive(Clone, Default)]
pub(super) struct Cached(OnceLock<Arc<View>>);

impl Cached {
    pub(super) fn get(&self, fold: impl FnOnce() -> View) -> &View {
        self.0.get_or_init(|| Arc::new(fold()))
    }
    /// Takes the fold out, to bring it up to date with a version that was added last.
    pub(super) fn take(&mut self) -> Option<Arc<View>> {
        self.0.take()
    }
    pub(super) fn put(&mut self, view: Arc<View>) {
        self.0 = OnceLock::from(view);
    }
    pub(super) fn forget(&mut self) {
        self.0 = OnceLock::new();
    }
}

impl PartialEq for Cached {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Cached {}
impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}
