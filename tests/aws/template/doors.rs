//! The door, the data, and what can be counted apart.

use crate::ensure;
use concord_tests_aws::stack::Stack;
use libtest_mimic::Failed;

pub(crate) fn door(stack: &Stack) -> Result<(), Failed> {
    let stage = stack.of_type("AWS::ApiGatewayV2::Stage").next().ok_or("no stage")?;
    let limits = stage.property("DefaultRouteSettings");
    let holds = limits["ThrottlingRateLimit"]["Ref"] == "RequestsPerSecond"
        && limits["ThrottlingBurstLimit"]["Ref"] == "RequestBurst";
    ensure(holds, || format!("the door lets in everybody: {limits}"))?;
    let format = stage.property("AccessLogSettings")["Format"].as_str().unwrap_or_default();
    ensure(format.contains("$context.status"), || "the door writes no log".into())?;
    for secret in ["$context.path", "rawPath", "querystring", "header", "$context.integration.requestUri"] {
        ensure(!format.contains(secret), || format!("the log of the door holds {secret}: paths may be secret"))?;
    }
    let integration = stack.of_type("AWS::ApiGatewayV2::Integration").next().ok_or("no integration")?;
    ensure(integration.property("PayloadFormatVersion") == "2.0", || "the function reads payloads of 2.0".into())?;
    let routes: Vec<_> = stack.of_type("AWS::ApiGatewayV2::Route").collect();
    ensure(routes.len() == 1 && routes[0].property("RouteKey") == "ANY /hooks/{proxy+}", || "other doors".into())
}

pub(crate) fn kept(stack: &Stack) -> Result<(), Failed> {
    let parameter = &stack.template("template.yaml")["Parameters"]["KeepData"];
    ensure(parameter["Default"] == "Retain", || format!("by default the truth is deleted: {parameter}"))?;
    for kind in ["AWS::DynamoDB::Table", "AWS::S3::Bucket"] {
        let data = stack.of_type(kind).next().ok_or(kind)?;
        let holds = data.json["DeletionPolicy"]["Ref"] == "KeepData" && data.json["UpdateReplacePolicy"] == "Retain";
        ensure(holds, || format!("{} may be lost", data.place()))?;
    }
    let table = stack.of_type("AWS::DynamoDB::Table").next().ok_or("no table")?;
    let recovery = &table.property("PointInTimeRecoverySpecification")["PointInTimeRecoveryEnabled"];
    ensure(recovery == true, || "the table cannot be wound back".into())?;
    ensure(table.property("TimeToLiveSpecification")["AttributeName"] == "ttl", || "marks are kept".into())?;
    let images = &table.property("StreamSpecification")["StreamViewType"];
    ensure(images == "NEW_AND_OLD_IMAGES", || format!("the stream shows {images}"))?;
    ensure(table.property("BillingMode") == "PAY_PER_REQUEST", || "an idle table costs".into())?;
    let indexes = table.property("GlobalSecondaryIndexes").as_array().ok_or("no indexes")?;
    for (place, index) in indexes.iter().enumerate() {
        let key =
            |name: &str, kind: &str| serde_json::json!({"AttributeName": format!("{name}{place}"), "KeyType": kind});
        let holds = index["IndexName"] == format!("pq{place}")
            && index["KeySchema"] == serde_json::json!([key("p", "HASH"), key("q", "RANGE")])
            && index["Projection"]["ProjectionType"] == "KEYS_ONLY";
        ensure(holds, || format!("index {place} is {index}"))?;
    }
    ensure(indexes.len() == 8, || format!("{} indexes", indexes.len()))
}

pub(crate) fn tagged(stack: &Stack) -> Result<(), Failed> {
    const TAGGED: [&str; 10] = [
        "AWS::DynamoDB::Table",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::SNS::Topic",
        "AWS::Lambda::Function",
        "AWS::IAM::Role",
        "AWS::Logs::LogGroup",
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::Stage",
        "AWS::CloudFormation::Stack",
    ];
    for kind in TAGGED {
        for resource in stack.of_type(kind) {
            let tags = resource.property("Tags").to_string();
            ensure(tags.contains("concord-stack"), || format!("{} carries no tag", resource.place()))?;
        }
    }
    Ok(())
}

pub(crate) fn watched(stack: &Stack) -> Result<(), Failed> {
    let dashboard = stack.of_type("AWS::CloudWatch::Dashboard").next().ok_or("no dashboard")?;
    let body = dashboard.property("DashboardBody")["Fn::Sub"].as_str().unwrap_or_default();
    let body: serde_json::Value = serde_json::from_str(body)?;
    ensure(body["widgets"].as_array().is_some_and(|widgets| widgets.len() >= 6), || format!("it shows {body}"))?;
    for alarm in stack.of_type("AWS::CloudWatch::Alarm") {
        let told = alarm.property("AlarmActions")[0]["Ref"] == "AlarmTopic";
        let explained = alarm.property("AlarmDescription").as_str().is_some_and(|text| text.len() > 40);
        ensure(told && explained, || format!("{} tells nobody what to do", alarm.place()))?;
    }
    let queues = stack.of_type("AWS::SQS::Queue").map(|queue| queue.suffix("QueueName"));
    for queue in queues {
        let metric = if queue.contains("-dead") {
            "ApproximateNumberOfMessagesVisible"
        } else {
            "ApproximateAgeOfOldestMessage"
        };
        let watches = |alarm: &concord_tests_aws::stack::Resource<'_>| {
            let name = alarm.property("Dimensions")[0]["Value"]["Fn::Sub"].as_str().unwrap_or_default();
            alarm.property("MetricName") == metric && name.ends_with(&format!("${{Stack}}-{queue}"))
        };
        ensure(stack.of_type("AWS::CloudWatch::Alarm").any(|alarm| watches(&alarm)), || {
            format!("nobody watches {queue}")
        })?;
    }
    Ok(())
}
