//! What is still to do for a record.

use crate::{
    record::{Outbox, Record},
    settings::Settings,
};

pub(super) fn sentences(record: &Record, settings: &Settings) -> Vec<String> {
    let mut work = Vec::new();
    for facet in &record.facets {
        if let Some(want) = facet.wants.first() {
            let fields: Vec<&str> = facet.wanted().into_iter().map(|field| field.as_str()).collect();
            work.push(format!("{} is to be written to {}, since {}.", fields.join(", "), facet.link, want.at));
        }
        if facet.is_unseen() {
            work.push(format!("{} was named by others and is still to be read.", facet.link));
        }
        for field in &facet.parked {
            work.push(format!("`{field}` is no longer written to {}; a person has to decide.", facet.link));
        }
    }
    for (connection, create) in &record.creates {
        work.push(format!("It is to be created at {connection}, since {}.", create.since));
    }
    for (connection, approval) in &record.approvals {
        work.push(format!(
            "{} agreed at {} to what plan {} writes at {connection}; it is on its way.",
            approval.by, approval.at, approval.plan
        ));
    }
    if let Some(removal) = &record.removal {
        let what = if removal.archive { "taken out of use" } else { "deleted" };
        work.push(format!("It is to be {what} everywhere, because {} was deleted at {}.", removal.by, removal.at));
    }
    for (connection, outbox) in &record.outbox {
        work.extend(outbox_sentences(connection.as_str(), outbox));
    }
    if record.regroup {
        work.push("Which external records belong to it is looked at again when the open create has its answer.".into());
    }
    if record.configuration < settings.revision {
        work.push(format!(
            "It is to be resolved again: the configuration is {} and this is {}.",
            settings.revision, record.configuration
        ));
    }
    work
}

fn outbox_sentences(connection: &str, outbox: &Outbox) -> Vec<String> {
    let mut sentences = Vec::new();
    if !outbox.waiting_on.is_empty() {
        let ids: Vec<&str> = outbox.waiting_on.iter().map(|id| id.as_str()).collect();
        let since = outbox.waiting_since.map(|since| format!(", since {since}")).unwrap_or_default();
        sentences.push(format!("Its delivery to {connection} waits for {} to arrive there{since}.", ids.join(", ")));
    }
    if let Some(fault) = &outbox.fault {
        let next = match outbox.next_at {
            _ if outbox.parked => "; it is not tried again until a person decides or the record changes".to_owned(),
            Some(next) => format!("; it is tried again at {next}"),
            None => String::new(),
        };
        sentences.push(format!(
            "{connection} refused it {} times: {}{next}.",
            outbox.attempts,
            fault.message.trim_end_matches('.')
        ));
    } else if outbox.parked {
        sentences.push(format!("Its deliveries to {connection} are parked until a person decides."));
    }
    sentences
}
