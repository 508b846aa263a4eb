//! Queues and their dead letters.

use crate::ensure;
use concord_tests_aws::stack::{Resource, Stack, texts};
use libtest_mimic::Failed;

fn queues(stack: &Stack) -> Vec<Resource<'_>> {
    stack.of_type("AWS::SQS::Queue").collect()
}

/// `x-dead` or `x-dead.fifo`.
fn is_dead(name: &str) -> bool {
    name.trim_end_matches(".fifo").ends_with("-dead")
}

pub(crate) fn dead_letters(stack: &Stack) -> Result<(), Failed> {
    let queues = queues(stack);
    ensure(queues.len() >= 9, || format!("only {} queues: did the template change its shape?", queues.len()))?;
    for queue in queues.iter().filter(|queue| !is_dead(&queue.suffix("QueueName"))) {
        let name = queue.suffix("QueueName");
        let dead = match name.strip_suffix(".fifo") {
            Some(stem) => format!("{stem}-dead.fifo"),
            None => format!("{name}-dead"),
        };
        let is_its = |other: &&Resource<'_>| other.template == queue.template && other.suffix("QueueName") == dead;
        let dead = queues.iter().find(is_its).ok_or_else(|| format!("{} has no {dead}", queue.place()))?;
        let redrive = queue.property("RedrivePolicy");
        ensure(redrive["maxReceiveCount"] == 12, || format!("{} gives up at {redrive}", queue.place()))?;
        let target = &redrive["deadLetterTargetArn"];
        let names_it = target["Fn::GetAtt"][0] == dead.id
            || texts(target).iter().any(|text| text.ends_with(&format!("-{}", dead.suffix("QueueName"))));
        ensure(names_it, || format!("{} goes to {target}", queue.place()))?;
        let allow = dead.property("RedriveAllowPolicy");
        let takes_its = texts(&allow["sourceQueueArns"]).iter().all(|text| text.ends_with(&format!("-{name}")));
        ensure(
            allow["redrivePermission"] == "byQueue"
                && allow["sourceQueueArns"].as_array().is_some_and(|a| a.len() == 1)
                && takes_its,
            || format!("{} lets in {allow}", dead.place()),
        )?;
        ensure(dead.property("MessageRetentionPeriod") == 1_209_600, || format!("{} forgets early", dead.place()))?;
    }
    Ok(())
}

pub(crate) fn sealed(stack: &Stack) -> Result<(), Failed> {
    let longest = stack.of_type("AWS::Lambda::Function").filter_map(|f| f.property("Timeout").as_u64()).max();
    let longest = longest.ok_or("no function has a time-out")?;
    for queue in queues(stack) {
        let seals = queue.property("SqsManagedSseEnabled")["Fn::If"][2] == true
            && queue.property("KmsMasterKeyId")["Fn::If"][1]["Ref"] == "KmsKeyArn";
        ensure(seals, || format!("{} is not sealed", queue.place()))?;
        if !is_dead(&queue.suffix("QueueName")) {
            let hidden = queue.property("VisibilityTimeout").as_u64().unwrap_or(30);
            ensure(hidden >= 6 * longest, || format!("{} hides for {hidden} s of {longest} s", queue.place()))?;
        }
    }
    Ok(())
}

pub(crate) fn ordered(stack: &Stack) -> Result<(), Failed> {
    for queue in queues(stack) {
        let is_fifo = queue.suffix("QueueName").ends_with(".fifo");
        ensure((queue.property("FifoQueue") == true) == is_fifo, || format!("{} is misnamed", queue.place()))?;
        let by_group = queue.property("DeduplicationScope") == "messageGroup"
            && queue.property("FifoThroughputLimit") == "perMessageGroupId";
        ensure(by_group == is_fifo, || format!("{} has one order for all groups", queue.place()))?;
    }
    Ok(())
}
