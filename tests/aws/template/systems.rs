//! What there is once per system.

use crate::ensure;
use concord_tests_aws::stack::{Resource, Stack};
use libtest_mimic::Failed;
use std::collections::BTreeSet;

fn systems(stack: &Stack) -> Vec<Resource<'_>> {
    let nested = stack.of_type("AWS::CloudFormation::Stack");
    nested.filter(|nested| nested.property("TemplateURL") == "infra/connector.yaml").collect()
}

pub(crate) fn registry(stack: &Stack) -> Result<(), Failed> {
    let there: BTreeSet<String> = systems(stack)
        .iter()
        .filter_map(|system| system.property("Parameters")["System"].as_str().map(str::to_owned))
        .collect();
    let wanted: BTreeSet<String> =
        concord_connectors::all().iter().map(|connector| connector.system().to_string()).collect();
    ensure(there == wanted, || format!("the template has {there:?}, the registry {wanted:?}"))?;
    // A nested stack gets every parameter that has no default.
    let parameters = stack.template("connector.yaml")["Parameters"].as_object().ok_or("no parameters")?;
    for system in systems(stack) {
        let given = system.property("Parameters").as_object().ok_or("no parameters")?;
        for (name, parameter) in parameters {
            let is_given = given.contains_key(name) || parameter.get("Default").is_some();
            ensure(is_given, || format!("{} does not give {name}", system.place()))?;
        }
        ensure(given.contains_key("Architecture"), || format!("{} has a default architecture", system.place()))?;
    }
    Ok(())
}

pub(crate) fn off(stack: &Stack) -> Result<(), Failed> {
    let root = stack.template("synthesized");
    for system in systems(stack) {
        let condition = system.json["Condition"].as_str().unwrap_or_default();
        let asks = &root["Conditions"][condition]["Fn::Equals"];
        let parameter = asks[0]["Ref"].as_str().unwrap_or_default();
        ensure(asks[1] == "on", || format!("{} is there in any case", system.place()))?;
        let parameter = &root["Parameters"][parameter];
        ensure(parameter["Default"] == "off", || format!("{} is on by default", system.place()))?;
        let values = serde_json::json!(["on", "off"]);
        ensure(parameter["AllowedValues"] == values, || format!("{}: {parameter}", system.place()))?;
    }
    Ok(())
}

pub(crate) fn explained(stack: &Stack) -> Result<(), Failed> {
    let root = stack.template("template.yaml");
    let groups = root["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"].as_array();
    let grouped: BTreeSet<_> = groups
        .into_iter()
        .flatten()
        .flat_map(|group| group["Parameters"].as_array().into_iter().flatten())
        .filter_map(|name| name.as_str())
        .collect();
    let parameters = root["Parameters"].as_object().ok_or("no parameters")?;
    let declared: BTreeSet<_> = parameters.keys().map(String::as_str).collect();
    ensure(grouped == declared, || format!("groups hold {grouped:?} of {declared:?}"))?;
    let guide = std::fs::read_to_string(concord_tests_aws::root().join("docs/aws.md"))?;
    for (name, parameter) in parameters {
        let asked = guide.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
        ensure(asked, || format!("docs/aws.md does not say what the prompt {name} means"))?;
        let has_default = parameter.get("Default").is_some();
        let sentence = parameter["Description"].as_str().unwrap_or_default();
        ensure(has_default && sentence.ends_with('.'), || format!("{name} has no default or no sentence"))?;
        let is_bounded =
            ["AllowedValues", "AllowedPattern", "MinValue"].iter().any(|bound| parameter.get(bound).is_some());
        ensure(is_bounded, || format!("{name} takes anything"))?;
    }
    for (name, output) in root["Outputs"].as_object().ok_or("no outputs")? {
        ensure(output["Description"].is_string(), || format!("the output {name} does not say what it is"))?;
    }
    Ok(())
}
