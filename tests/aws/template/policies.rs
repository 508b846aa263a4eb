//! What roles may do.

use crate::ensure;
use concord_tests_aws::stack::{Resource, Stack, texts};
use libtest_mimic::Failed;
use serde_json::Value as Json;

/// Statements of a role or a policy; of `Fn::If`, the one that is there when the condition holds.
fn statements<'a>(resource: &Resource<'a>) -> Vec<&'a Json> {
    let inline = resource.property("Policies").as_array().into_iter().flatten();
    let documents = inline.map(|policy| &policy["PolicyDocument"]);
    let documents = documents.chain([resource.property("PolicyDocument")]);
    let all = documents.flat_map(|document| document["Statement"].as_array().into_iter().flatten());
    all.map(|statement| statement["Fn::If"].get(1).unwrap_or(statement)).collect()
}

/// Actions of a statement.
fn actions(statement: &Json) -> Vec<&str> {
    texts(&statement["Action"])
}

fn roles(stack: &Stack) -> Vec<Resource<'_>> {
    stack.of_type("AWS::IAM::Role").chain(stack.of_type("AWS::IAM::ManagedPolicy")).collect()
}

pub(crate) fn named(stack: &Stack) -> Result<(), Failed> {
    let roles = roles(stack);
    ensure(roles.len() >= 9, || format!("only {} roles and policies", roles.len()))?;
    for role in roles {
        for statement in statements(&role) {
            ensure(statement["Effect"] == "Allow", || format!("{}: {statement}", role.place()))?;
            for action in actions(statement) {
                ensure(!action.contains('*'), || format!("{} may {action}", role.place()))?;
            }
            let is_trace = actions(statement).iter().all(|action| action.starts_with("xray:"));
            for resource in texts(&statement["Resource"]) {
                // A name may end in a star; a kind of resource may not be one.
                let is_open = resource == "*" || resource.ends_with(":*") && !resource.contains(":log-group:");
                let by_catalog = statement["Condition"]["StringEquals"]["partnercentral:Catalog"].is_array();
                let nameless = by_catalog || actions(statement).iter().all(|action| NAMELESS.contains(action));
                ensure(!is_open || is_trace || nameless, || format!("{}: {statement}", role.place()))?;
            }
        }
    }
    Ok(())
}

/// Actions for which AWS names no resources (Service Authorization Reference, AWS Marketplace).
const NAMELESS: [&str; 6] = [
    "aws-marketplace:BatchMeterUsage",
    "aws-marketplace:DescribeAgreement",
    "aws-marketplace:GetAgreementEntitlements",
    "aws-marketplace:GetAgreementTerms",
    "aws-marketplace:GetEntitlements",
    "aws-marketplace:SearchAgreements",
];

/// Which actions the role of each function has beyond logs, traces and records.
const OWN: [(&str, &[&str]); 6] = [
    (
        "IngestRole",
        &[
            "dynamodb:BatchGetItem",
            "dynamodb:BatchWriteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "s3:PutObject",
            "secretsmanager:GetSecretValue",
            "sqs:SendMessage",
        ],
    ),
    ("ReconcileRole", &[RECEIVE[0], RECEIVE[1], RECEIVE[2], RECEIVE[3], "sqs:SendMessage"]),
    ("FanoutRole", &["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "sqs:SendMessage"]),
    (
        "SchedulerRole",
        &[
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetSecretValue",
            "secretsmanager:PutSecretValue",
            "sqs:SendMessage",
        ],
    ),
    (
        "SubscriptionsRole",
        &["secretsmanager:GetSecretValue", RECEIVE[0], RECEIVE[1], RECEIVE[2], RECEIVE[3], "sqs:SendMessage"],
    ),
    (
        "Role",
        &[
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetSecretValue",
            "secretsmanager:PutSecretValue",
            RECEIVE[0],
            RECEIVE[1],
            RECEIVE[2],
            RECEIVE[3],
            "sqs:SendMessage",
        ],
    ),
];
const RECEIVE: [&str; 4] =
    ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

pub(crate) fn least(stack: &Stack) -> Result<(), Failed> {
    for (name, wanted) in OWN {
        let role = stack.of_type("AWS::IAM::Role").find(|role| role.id == name).ok_or(format!("no {name}"))?;
        let all = statements(&role);
        let mut own: Vec<_> = all.iter().flat_map(|statement| actions(statement)).collect();
        own.retain(|action| !action.starts_with("logs:"));
        own.sort_unstable();
        own.dedup();
        ensure(own == wanted, || format!("{name} may {own:?}, not {wanted:?}"))?;
        for statement in all {
            let sealed =
                |text: &str| text.ends_with(":secret:${AWS::StackName}/*") || text.ends_with(":secret:${Stack}/*");
            if actions(statement).iter().any(|action| action.starts_with("secretsmanager:")) {
                let texts = texts(&statement["Resource"]);
                ensure(texts.iter().all(|text| sealed(text)), || format!("{name} reads {texts:?}"))?;
            }
            if actions(statement).contains(&"sqs:ReceiveMessage") {
                let texts = texts(&statement["Resource"]);
                ensure(texts.iter().all(|text| !text.contains('*')), || format!("{name} receives from {texts:?}"))?;
            }
        }
    }
    let records = stack.resources().find(|resource| resource.id == "RecordsPolicy").ok_or("no RecordsPolicy")?;
    let all = statements(&records);
    let scans = all.iter().flat_map(|statement| actions(statement)).find(|action| *action == "dynamodb:Scan");
    ensure(scans.is_none(), || "no request path scans".into())
}
