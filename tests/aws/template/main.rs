//! What must hold of the templates, whatever else changes in them.

mod doors;
mod functions;
mod policies;
mod queues;
mod systems;

use concord_tests_aws::{stack::Stack, tools};
use libtest_mimic::{Arguments, Failed, Trial};
use std::{process::ExitCode, sync::Arc};

type Law = fn(&Stack) -> Result<(), Failed>;

const LAWS: &[(&str, Law)] = &[
    ("every_queue_has_a_dead_letter_queue_that_takes_only_its_messages", queues::dead_letters),
    ("every_queue_is_sealed_and_hides_messages_for_six_time_outs", queues::sealed),
    ("ordered_queues_order_by_group", queues::ordered),
    ("every_mapping_reports_failures_one_by_one", functions::partial),
    ("the_stream_gives_up_in_the_end_and_says_so", functions::stream),
    ("every_function_knows_its_stack_and_no_secret", functions::environment),
    ("every_function_keeps_its_log_for_a_time_and_has_a_role_of_its_own", functions::alone),
    ("functions_are_built_as_the_profile_says", functions::profile),
    ("no_policy_is_for_everything", policies::named),
    ("no_policy_lets_a_function_do_what_its_step_does_not", policies::least),
    ("every_connector_of_the_registry_is_in_the_template", systems::registry),
    ("a_system_that_is_off_costs_nothing", systems::off),
    ("every_parameter_explains_itself", systems::explained),
    ("the_door_is_throttled_and_its_log_holds_no_path", doors::door),
    ("the_truth_outlives_the_stack", doors::kept),
    ("everything_that_can_be_tagged_is", doors::tagged),
    ("every_queue_is_watched_and_every_alarm_says_what_to_do", doors::watched),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = match tools() {
        None => LAWS.iter().map(|(name, _)| ignored(name)).collect(),
        Some(tools) => match Stack::synthesize(&tools) {
            Err(sentence) => vec![Trial::test("the_template_is_one_that_sam_takes", move || Err(sentence.into()))],
            Ok(stack) => {
                let stack = Arc::new(stack);
                let law = |(name, law): &(&'static str, Law)| {
                    let (stack, law) = (Arc::clone(&stack), *law);
                    Trial::test(*name, move || law(&stack))
                };
                LAWS.iter().map(law).collect()
            }
        },
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn ignored(name: &str) -> Trial {
    Trial::test(format!("{name} (run tests/aws/prepare)"), || Ok(())).with_ignored_flag(true)
}

/// Fails with a sentence unless something holds.
fn ensure(holds: bool, sentence: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(sentence().into()) }
}
