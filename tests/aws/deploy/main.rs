//! The deployed stack: our template and our binaries on an emulator of AWS, with policies enforced, between three systems on
//! loopback. Where the emulator differs from AWS is told in EMULATOR.md.

mod cast;
mod emulator;
mod market;
mod scenes;
mod stage;

use concord_tests_aws::tools;
use libtest_mimic::{Arguments, Failed, Trial};
use stage::{FUNCTIONS, Stage, binary, program};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

/// What is tried.
type Scene = fn(&mut Stage);

/// In the order in which they are played: each on the stage as the one before left it.
const SCENES: &[(&str, Scene)] = &[
    ("signed_webhooks_reach_every_system", scenes::webhooks::reach),
    ("an_unsigned_webhook_reaches_nobody", scenes::webhooks::unsigned),
    ("a_webhook_that_comes_twice_is_one_change", scenes::webhooks::twice),
    ("a_system_that_throttles_gets_everything_in_the_end", scenes::trouble::throttled),
    ("a_token_that_expired_is_renewed", scenes::trouble::expired),
    ("a_function_that_is_killed_in_a_batch_loses_nothing", scenes::trouble::killed),
    ("what_nobody_can_read_is_kept_with_its_reason", scenes::poison::unreadable),
    ("a_message_that_kills_its_function_ends_dead_and_is_redriven_after_the_fix", scenes::poison::deadly),
    ("a_deal_that_is_won_is_sold_at_a_marketplace", scenes::market::sold),
    ("an_update_of_the_stack_in_flight_loses_nothing", scenes::life::updated),
    ("a_stack_that_is_removed_leaves_the_truth_and_nothing_else", scenes::life::removed),
];

type Shared = Arc<Mutex<Option<Stage>>>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One stage for all of them.
    arguments.test_threads = Some(1);
    let built = program().exists() && FUNCTIONS.iter().all(|function| binary(function).exists());
    let trials = match tools() {
        Some(tools) if built => {
            let shared = Shared::default();
            SCENES.iter().map(|(name, scene)| trial(name, *scene, &shared, &tools)).collect()
        }
        _ => SCENES.iter().map(|(name, _)| ignored(name)).collect(),
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn ignored(name: &str) -> Trial {
    Trial::test(format!("{name} (run `make e2e`)"), || Ok(())).with_ignored_flag(true)
}

/// The stage is set by the first scene that is played, and cleared by one that fails.
fn trial(name: &'static str, scene: Scene, shared: &Shared, tools: &Path) -> Trial {
    let (shared, tools) = (Arc::clone(shared), tools.to_owned());
    Trial::test(name, move || {
        let mut stage = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let played = catch_unwind(AssertUnwindSafe(|| scene(stage.get_or_insert_with(|| Stage::set(&tools)))));
        if name == SCENES[SCENES.len() - 1].0 || played.is_err() {
            *stage = None;
        }
        played.map_err(|panic| {
            let sentence = panic.downcast_ref::<String>().cloned();
            Failed::from(
                sentence.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default(),
            )
        })
    })
}
