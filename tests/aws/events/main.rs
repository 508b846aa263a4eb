//! The schemas of messages are those of the types, and every sample is what it says.

use concord_hub::message::Message;
use serde_json::Value as Json;
use std::{fs, path::PathBuf};

fn events() -> PathBuf {
    concord_tests_aws::root().join("events")
}

fn sample(name: &str) -> Json {
    let path = events().join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn the_schema_of_messages_is_that_of_the_types() {
    let schema = schemars::schema_for!(Message);
    let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
    let path = events().join("schema/message.schema.json");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(&path, &text).expect("a file");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        kept, text,
        "the types changed; UPDATE_SCHEMAS=1 writes the schema anew. Readers accept the last two shapes"
    );
}

#[test]
fn every_message_of_a_sample_is_one_of_ours() {
    let mut shapes = std::collections::BTreeSet::new();
    for entry in fs::read_dir(events()).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        if !name.starts_with("sqs-") {
            continue;
        }
        let event = sample(&name);
        for record in event["Records"].as_array().expect("records") {
            let body = record["body"].as_str().expect("a body");
            let message = Message::decode(body).unwrap_or_else(|fault| panic!("{name}: {fault}"));
            let again: Json = serde_json::from_str(&message.encode().expect("a text")).expect("JSON");
            let body: Json = serde_json::from_str(body).expect("JSON");
            assert_eq!(again, body, "{name}: nothing of it is lost on the way");
            shapes.extend(body.as_object().into_iter().flat_map(|shape| shape.keys().cloned()));
            let queue = record["eventSourceARN"].as_str().unwrap_or_default();
            let is_fifo = queue.ends_with(".fifo");
            assert_eq!(record["attributes"]["MessageGroupId"].is_string(), is_fifo, "{name}");
        }
    }
    let schema = sample("schema/message.schema.json");
    let known: std::collections::BTreeSet<String> = schema["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|shape| shape["properties"].as_object().into_iter().flat_map(|all| all.keys().cloned()))
        .collect();
    assert_eq!(shapes, known, "there is a sample of every shape");
}

#[test]
fn the_rule_of_an_event_bus_makes_the_message_of_the_sample() {
    let event = sample("eventbridge-salesforce.json");
    let made = sample("sqs-bus-event.json");
    let body = made["Records"][0]["body"].as_str().expect("a body");
    let template = fs::read_to_string(concord_tests_aws::root().join("infra/connector.yaml")).expect("a template");
    let rule = template.split("InputTemplate: !Sub '").nth(1).and_then(|rest| rest.split('\'').next()).expect("a rule");
    let text = rule.replace("${EventConnection}", "salesforce").replace("<aws.events.event.json>", &event.to_string());
    let by_rule: Json = serde_json::from_str(&text).expect("the rule makes JSON");
    let by_sample: Json = serde_json::from_str(body).expect("JSON");
    assert_eq!(by_rule, by_sample);
}
