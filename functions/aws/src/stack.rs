//! A deployed stack, as an admin's commands find it: by its name, through its outputs.

use crate::{boot::Clients, config::Config, fault};
use aws_config::BehaviorVersion;
use aws_sdk_sqs::types::QueueAttributeName;
use concord_connector::{Fault, Kind, Result};
use std::collections::BTreeMap;

/// The queue whose messages say where in the feed something failed, and nothing that could be sent again.
const CHANGES: &str = "changes-dead";

/// Where a stack's parts are.
#[derive(Clone, Debug)]
pub struct Place {
    /// The names of its resources.
    pub names: Config,
}

/// Finds a stack.
///
/// # Errors
/// `Rejected` when there is none of the name, or it is no stack of ours; the service's faults.
pub async fn find(name: &str) -> Result<Place> {
    let shared = aws_config::load_defaults(BehaviorVersion::latest()).await;
    if shared.region().is_none() {
        let sentence = "no region is set; set AWS_REGION, or `region` in your AWS profile";
        return Err(Fault::new(Kind::Rejected, "stack", sentence));
    }
    let client = aws_sdk_cloudformation::Client::new(&shared);
    let answer = client.describe_stacks().stack_name(name).send().await;
    let answer = answer.map_err(|error| match error.as_service_error().and_then(|said| said.meta().code()) {
        Some("ValidationError") => {
            Fault::new(Kind::Rejected, "stack", format!("there is no stack `{name}` in this region and account"))
        }
        _ => fault::of("stack", &error),
    })?;
    let stack = answer.stacks().first();
    let outputs: BTreeMap<&str, &str> = stack
        .map(|stack| stack.outputs().iter().filter_map(|one| Some((one.output_key()?, one.output_value()?))).collect())
        .unwrap_or_default();
    let output = |key: &str| {
        outputs.get(key).map(|value| (*value).to_owned()).ok_or_else(|| {
            let sentence = format!(
                "the stack `{name}` has no output `{key}`; it is none of Concord's, or its deployment is not done"
            );
            Fault::new(Kind::Rejected, "stack", sentence)
        })
    };
    let names = Config {
        table: output("Table")?,
        queues: output("Queues")?,
        bucket: output("Blobs")?,
        secrets: format!("{name}/"),
        public_url: output("PublicUrl")?.trim_end_matches('/').to_owned(),
        workers: 1,
    };
    Ok(Place { names })
}

/// How full a stack's queues are: messages that wait, and those that are in flight or delayed.
///
/// # Errors
/// The service's faults.
pub async fn depths(clients: &Clients, place: &Place) -> Result<BTreeMap<String, (u64, u64)>> {
    let mut depths = BTreeMap::new();
    for (name, url) in queues(clients, place).await? {
        let request = clients.queue.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
        let answer = request.send().await.map_err(|error| fault::of("queue.depth", &error))?;
        let count = |name: QueueAttributeName| -> u64 {
            let attributes = answer.attributes();
            attributes.and_then(|all| all.get(&name)?.parse().ok()).unwrap_or_default()
        };
        let hidden = count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            + count(QueueAttributeName::ApproximateNumberOfMessagesDelayed);
        depths.insert(name, (count(QueueAttributeName::ApproximateNumberOfMessages), hidden));
    }
    Ok(depths)
}

/// Sends what is in a stack's own dead-letter queues back to where it came from; the queues that had something.
///
/// # Errors
/// The service's faults.
pub async fn redrive(clients: &Clients, place: &Place) -> Result<Vec<String>> {
    let depths = depths(clients, place).await?;
    let mut redriven = Vec::new();
    for (name, url) in queues(clients, place).await? {
        let is_dead = name.ends_with("-dead") || name.ends_with("-dead.fifo");
        if !is_dead || name == CHANGES || depths.get(&name).is_none_or(|(waiting, _)| *waiting == 0) {
            continue;
        }
        let request = clients.queue.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn);
        let answer = request.send().await.map_err(|error| fault::of("queue.redrive", &error))?;
        let arn = answer.attributes().and_then(|all| all.get(&QueueAttributeName::QueueArn)).cloned();
        let request = clients.queue.start_message_move_task().set_source_arn(arn);
        request.send().await.map_err(|error| fault::of("queue.redrive", &error))?;
        redriven.push(name);
    }
    Ok(redriven)
}

/// The queues of a stack: names within it, and addresses.
async fn queues(clients: &Clients, place: &Place) -> Result<Vec<(String, String)>> {
    let prefix = place.names.queues.rsplit('/').next().unwrap_or_default();
    let mut pages = clients.queue.list_queues().queue_name_prefix(prefix).max_results(1000).into_paginator().send();
    let mut queues = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault::of("queue.list", &error))?;
        for url in page.queue_urls() {
            let name = url.rsplit('/').next().and_then(|name| name.strip_prefix(prefix));
            queues.extend(name.map(|name| (name.to_owned(), url.clone())));
        }
    }
    Ok(queues)
}
