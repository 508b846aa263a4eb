//! Functions, and what feeds them.

use crate::ensure;
use concord_tests_aws::stack::{Resource, Stack};
use libtest_mimic::Failed;
use std::collections::BTreeSet;

/// What functions/aws/src/config.rs reads, and what the runtime needs.
const NAMES: [&str; 8] = [
    "CONCORD_TABLE",
    "CONCORD_QUEUES",
    "CONCORD_BLOBS",
    "CONCORD_SECRETS",
    "CONCORD_PUBLIC_URL",
    "CONCORD_WORKERS",
    "CONCORD_LOG",
    "SSL_CERT_FILE",
];

fn functions(stack: &Stack) -> Vec<Resource<'_>> {
    stack.of_type("AWS::Lambda::Function").collect()
}

pub(crate) fn partial(stack: &Stack) -> Result<(), Failed> {
    let mappings: Vec<_> = stack.of_type("AWS::Lambda::EventSourceMapping").collect();
    ensure(mappings.len() == 5, || format!("{} mappings", mappings.len()))?;
    for mapping in mappings {
        let reports = mapping.property("FunctionResponseTypes") == &serde_json::json!(["ReportBatchItemFailures"]);
        ensure(reports, || format!("{} repeats whole batches", mapping.place()))?;
        let is_stream = !mapping.property("StartingPosition").is_null();
        let bound = &mapping.property("ScalingConfig")["MaximumConcurrency"]["Fn::FindInMap"];
        ensure(is_stream || bound[2] == "OfQueue", || format!("{} has no bound", mapping.place()))?;
    }
    for name in ["synthesized", "connector.yaml"] {
        for (choice, size) in stack.template(name)["Mappings"]["Workers"].as_object().ok_or("no sizes")? {
            let (queue, connection) = (size["OfQueue"].as_u64(), size["OfConnection"].as_str());
            let both = queue.map(|queue| (queue * 2).to_string());
            let holds = queue.is_some_and(|queue| queue >= 2)
                && queue.map(|q| q.to_string()).as_deref() == Some(choice)
                && both.as_deref() == connection;
            ensure(holds, || format!("{name}: {choice} workers are {size}"))?;
        }
    }
    Ok(())
}

pub(crate) fn stream(stack: &Stack) -> Result<(), Failed> {
    let is_stream = |mapping: &Resource<'_>| !mapping.property("StartingPosition").is_null();
    let mapping = stack.of_type("AWS::Lambda::EventSourceMapping").find(is_stream).ok_or("no stream is mapped")?;
    let retries = mapping.property("MaximumRetryAttempts").as_i64().unwrap_or(-1);
    let age = mapping.property("MaximumRecordAgeInSeconds").as_i64().unwrap_or(-1);
    ensure(retries > 0 && age > 0, || format!("a poison record stops its shard: {retries} attempts, {age} s"))?;
    ensure(mapping.property("BisectBatchOnFunctionError") == true, || "one record fails its neighbours".into())?;
    ensure(mapping.property("StartingPosition") == "TRIM_HORIZON", || "the first changes are missed".into())?;
    let target = &mapping.property("DestinationConfig")["OnFailure"]["Destination"];
    ensure(target["Fn::GetAtt"][0] == "ChangesDead", || format!("what is given up goes to {target}"))?;
    let pattern = mapping.property("FilterCriteria")["Filters"][0]["Pattern"].as_str().unwrap_or_default();
    let wanted = serde_json::json!({"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "R#"}]}}}});
    ensure(serde_json::from_str(pattern).ok() == Some(wanted), || format!("the stream is filtered by {pattern}"))
}

pub(crate) fn environment(stack: &Stack) -> Result<(), Failed> {
    for function in functions(stack) {
        let variables = function.property("Environment")["Variables"].as_object().ok_or("no environment")?;
        for name in NAMES {
            ensure(variables.contains_key(name), || format!("{} has no {name}", function.place()))?;
        }
        for name in variables.keys() {
            let is_known = NAMES.contains(&name.as_str()) || name == "CONCORD_SYSTEM";
            ensure(is_known, || format!("{}: is {name} a secret? Only names may be there", function.place()))?;
        }
        let role = function.property("FunctionName")["Fn::Sub"].as_str().unwrap_or_default();
        let has_system = variables.contains_key("CONCORD_SYSTEM");
        let is_connector = role.contains("-connector-") || role.ends_with("-subscriptions");
        ensure(has_system == is_connector, || format!("{}: CONCORD_SYSTEM", function.place()))?;
    }
    Ok(())
}

pub(crate) fn alone(stack: &Stack) -> Result<(), Failed> {
    let mut roles = BTreeSet::new();
    for function in functions(stack) {
        let role = function.property("Role").to_string();
        ensure(roles.insert(role), || format!("{} shares its role", function.place()))?;
        let log = function.property("LoggingConfig")["LogGroup"]["Ref"].as_str().unwrap_or_default();
        let is_its = |group: &Resource<'_>| group.template == function.template && group.id == log;
        let group = stack.of_type("AWS::Logs::LogGroup").find(is_its);
        let group = group.ok_or_else(|| format!("{} has no log group of its own", function.place()))?;
        let name = function.suffix("FunctionName");
        ensure(group.suffix("LogGroupName") == name, || format!("{} logs elsewhere", function.place()))?;
        ensure(function.property("TracingConfig")["Mode"] == "Active", || format!("{}: traces", function.place()))?;
        ensure(function.property("Runtime") == "provided.al2023", || format!("{}: runtime", function.place()))?;
        ensure(function.property("Architectures")[0]["Ref"] == "Architecture", || function.place())?;
    }
    for group in stack.of_type("AWS::Logs::LogGroup") {
        let days = &group.property("RetentionInDays")["Ref"];
        ensure(days == "LogRetention", || format!("{} is kept for ever", group.place()))?;
    }
    Ok(())
}

pub(crate) fn profile(stack: &Stack) -> Result<(), Failed> {
    let read = |file: &str| -> Result<toml::Table, Failed> {
        let text = std::fs::read_to_string(concord_tests_aws::root().join(file))?;
        Ok(text.parse()?)
    };
    let mut wanted = read("Cargo.toml")?["profile"]["lambda"].clone();
    wanted.as_table_mut().ok_or("no profile")?.remove("inherits");
    // SAM hands none of our flags on to cargo-lambda; cargo itself reads what is in the folder that it is started in.
    for function in functions(stack) {
        let built = &function.json["Metadata"];
        ensure(built["BuildMethod"] == "rust-cargolambda", || format!("{} is built by {built}", function.place()))?;
    }
    for name in ["ingest", "connector", "reconcile", "fanout", "scheduler"] {
        let used = &read(&format!("functions/{name}/.cargo/config.toml"))?["profile"]["release"];
        ensure(used == &wanted, || format!("{name} is built with {used}, Cargo.toml says {wanted}"))?;
    }
    Ok(())
}
