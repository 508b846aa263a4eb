//! Many histories, side by side.

use crate::{
    check::{Violation, check},
    plan::Stores,
    run::Run,
    summary::Summary,
};
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// What to run.
#[derive(Clone, Debug)]
pub struct Many {
    /// The first seed.
    pub first: u64,
    /// How many.
    pub seeds: u64,
    /// On so many threads.
    pub threads: u64,
    /// Stop at the first that fails.
    pub stop: bool,
    /// Which rule of the hub is left out, by name.
    pub mutation: Option<String>,
    /// With which stores.
    pub stores: Stores,
}

impl Many {
    /// Carries all of them out; `seen` is told of each.
    pub fn run(&self, seen: impl Fn(u64, &[Violation]) + Sync) -> Summary {
        let next = AtomicU64::new(self.first);
        let stop = AtomicBool::new(false);
        let summary = Mutex::new(Summary::default());
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    mutate(self.mutation.as_deref());
                    let mut own = Summary::default();
                    while !stop.load(Ordering::Relaxed) {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= self.first.saturating_add(self.seeds) {
                            break;
                        }
                        let plan = self.stores.plan(seed);
                        let mut run = Run::new(&plan, false);
                        let found = check(&mut run);
                        own.add(&run, &found);
                        seen(seed, &found);
                        if self.stop && !found.is_empty() {
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                    summary.lock().unwrap_or_else(PoisonError::into_inner).join(own);
                });
            }
        });
        summary.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names of all rules that can be left out; none without the feature.
pub fn mutations() -> Vec<&'static str> {
    #[cfg(feature = "mutations")]
    return concord_hub::mutation::Mutation::ALL.iter().map(|one| one.name()).collect();
    #[cfg(not(feature = "mutations"))]
    Vec::new()
}

/// Leaves a rule of the hub out on this thread.
pub fn mutate(name: Option<&str>) {
    #[cfg(feature = "mutations")]
    {
        use concord_hub::mutation::{Mutation, set};
        set(Mutation::ALL.iter().copied().find(|one| Some(one.name()) == name));
    }
    #[cfg(not(feature = "mutations"))]
    let _ = name;
}
