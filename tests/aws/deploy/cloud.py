"""What the deploy test asks of AWS where `concord --stack` has no command for it: `cloud.py COMMAND JSON` answers JSON."""

import fnmatch
import json
import sys
import time

import boto3

TABLE, SQS, STACKS, FUNCTIONS = (boto3.client(name) for name in ("dynamodb", "sqs", "cloudformation", "lambda"))


def outputs(stack):
    described = STACKS.describe_stacks(StackName=stack)["Stacks"][0]
    return {o["OutputKey"]: o["OutputValue"] for o in described["Outputs"]} | {"status": described["StackStatus"]}


def api(stack):
    found = boto3.client("apigatewayv2").get_apis()["Items"]
    return next(a["ApiId"] for a in found if a["Name"] == stack)


def items(table, prefix):
    """Names of items whose partition begins with a prefix. The test may scan; the hub never does."""
    pages = TABLE.get_paginator("scan").paginate(TableName=table, ProjectionExpression="pk, sk, j")
    found = [i for page in pages for i in page["Items"] if i["pk"]["S"].startswith(prefix)]
    return [{"pk": i["pk"]["S"], "sk": i["sk"]["S"], "j": i.get("j", {}).get("S", "")} for i in found]


def url(queue):
    return SQS.get_queue_url(QueueName=queue)["QueueUrl"]


def send(queue, body):
    return SQS.send_message(QueueUrl=url(queue), MessageBody=body)["MessageId"]


def events(of_vendor):
    """Does with events of AWS's own services what the account's bus does, on which nobody else may put them: the deployed
    rules say which queue they go to, and as what. How many messages were sent."""
    bus = boto3.client("events")
    sent = 0
    for event in of_vendor:
        for rule in bus.list_rules()["Rules"]:
            pattern = rule.get("EventPattern")
            if not pattern or not bus.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"]:
                continue
            for target in bus.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
                queue = target["Arn"].rsplit(":", 1)[1]
                assert lets_in(queue, rule["Arn"]), f"{queue} takes nothing from {rule['Arn']}"
                template = target["InputTransformer"]["InputTemplate"]
                send(queue, template.replace("<aws.events.event.json>", json.dumps(event)))
                sent += 1
    return sent


def lets_in(queue, rule):
    """Whether a queue's policy lets the event bus send to it for a rule."""
    policy = SQS.get_queue_attributes(QueueUrl=url(queue), AttributeNames=["Policy"])["Attributes"]["Policy"]
    of_bus = [s for s in json.loads(policy)["Statement"] if s["Principal"] == {"Service": "events.amazonaws.com"}]
    named = [s["Condition"]["ArnLike"]["aws:SourceArn"] for s in of_bus]
    patterns = [pattern for names in named for pattern in (names if isinstance(names, list) else [names])]
    return any(fnmatch.fnmatchcase(rule, pattern) for pattern in patterns)


def hurry(queue, visibility, receives):
    """The same queue for somebody in a hurry: what takes an hour there takes seconds."""
    policy = SQS.get_queue_attributes(QueueUrl=url(queue), AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
    policy = json.loads(policy) | {"maxReceiveCount": receives}
    attributes = {"VisibilityTimeout": str(visibility), "RedrivePolicy": json.dumps(policy)}
    SQS.set_queue_attributes(QueueUrl=url(queue), Attributes=attributes)


def redrive(dead, queue):
    """What SQS does when it is asked to move messages, which the emulator cannot be."""
    moved = 0
    while messages := SQS.receive_message(QueueUrl=url(dead), MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            SQS.send_message(QueueUrl=url(queue), MessageBody=message["Body"])
            SQS.delete_message(QueueUrl=url(dead), ReceiptHandle=message["ReceiptHandle"])
            moved += 1
    return moved


def variables(function, changes):
    """Changes environment variables of a function; answers the values before."""
    before = FUNCTIONS.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    FUNCTIONS.update_function_configuration(FunctionName=function, Environment={"Variables": before | changes})
    # Until then the function runs with the values before.
    FUNCTIONS.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    return {name: before.get(name, "") for name in changes}


def schedules(stack, state):
    """Stops what the stack does by the clock (DISABLED), or lets it go on (ENABLED). How many schedules it has."""
    client = boto3.client("scheduler")
    of_stack = [one["Name"] for one in client.list_schedules()["Schedules"] if one["Name"].startswith(stack)]
    for name in of_stack:
        whole = client.get_schedule(Name=name)
        kept = {part: whole[part] for part in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target", "Description")}
        client.update_schedule(**kept, State=state)
    return len(of_stack)


def batches(stack):
    """For the emulator alone, which asks for actions of their own for batches: whoever may send one may send ten, to the same queues."""
    iam = boto3.client("iam")
    granted = 0
    for page in iam.get_paginator("list_roles").paginate():
        for role in (role["RoleName"] for role in page["Roles"] if role["RoleName"].startswith(stack)):
            also = []
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
                statements = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
                for statement in statements:
                    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                    single = [a for a in actions if a in ("sqs:SendMessage", "sqs:ChangeMessageVisibility")]
                    if single and name != "batches":
                        also.append({"Effect": "Allow", "Action": [a + "Batch" for a in single], "Resource": statement["Resource"]})
            if also:
                document = json.dumps({"Version": "2012-10-17", "Statement": also})
                iam.put_role_policy(RoleName=role, PolicyName="batches", PolicyDocument=document)
                granted += 1
    return granted


def log(function):
    logs = boto3.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
    return [event["message"] for page in pages for event in page["events"]]


def delete(stack):
    iam = boto3.client("iam")
    for page in iam.get_paginator("list_roles").paginate():
        for role in (role["RoleName"] for role in page["Roles"] if role["RoleName"].startswith(stack)):
            if "batches" in iam.list_role_policies(RoleName=role)["PolicyNames"]:
                iam.delete_role_policy(RoleName=role, PolicyName="batches")
    STACKS.delete_stack(StackName=stack)
    for _ in range(120):
        try:
            status = STACKS.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        except STACKS.exceptions.ClientError:
            return "DELETE_COMPLETE"
        if status.endswith(("_COMPLETE", "_FAILED")):
            return status
        time.sleep(0.5)
    return status


def left(stack):
    """What is there of a stack."""
    queues = [u.rsplit("/", 1)[1] for u in SQS.list_queues(QueueNamePrefix=stack).get("QueueUrls", [])]
    functions = [f["FunctionName"] for f in FUNCTIONS.list_functions()["Functions"]]
    mappings = FUNCTIONS.list_event_source_mappings()["EventSourceMappings"]
    return {
        "queues": queues,
        "functions": [name for name in functions if name.startswith(stack)],
        "mappings": [mapping["UUID"] for mapping in mappings],
        "tables": [name for name in TABLE.list_tables()["TableNames"] if name.startswith(stack)],
        "buckets": [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"] if b["Name"].startswith(stack)],
    }


print(json.dumps(globals()[sys.argv[1]](*json.loads(sys.argv[2]))))
