//! One test binary; a trial that cannot run here is reported as ignored with its reason.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap is a failed test; without the standard harness clippy cannot tell"
)]

mod bench;
mod events;
mod fixtures;
mod polls;
mod reads;
mod spec;
mod vendor;
mod writes;

use libtest_mimic::{Arguments, Trial};

/// A test by its name.
type Test = (&'static str, fn());

fn main() {
    let groups: [(&str, Vec<Test>); 6] = [
        ("events", events::tests()),
        ("fixtures", fixtures::tests()),
        ("polls", polls::tests()),
        ("reads", reads::tests()),
        ("vendor", vendor::tests()),
        ("writes", writes::tests()),
    ];
    let mut trials: Vec<Trial> = Vec::new();
    for (group, tests) in groups {
        for (name, test) in tests {
            trials.push(Trial::test(format!("{group}::{name}"), move || {
                test();
                Ok(())
            }));
        }
    }
    trials.extend(spec::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
