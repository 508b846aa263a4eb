"""Reads recorded calls, a JSON object a line, until an empty line, and prints what AWS's own models find wrong with them: a
line per mistake, then an empty one.

A call is {"at": ..., "request": ..., "response": ...}, as the recordings in `fixtures` write them.
"""

import datetime
import json
import re
import sys

import botocore.loaders
import documents

# AWS's own 79 published change sets break these three patterns of its model.
WRONG = {"EntityType", "ChangeName", "Identifier"}
LOADER = botocore.loaders.Loader()
MODELS = {}


def model(service):
    if service not in MODELS:
        MODELS[service] = LOADER.load_service_model(service, "service-2")
    return MODELS[service]


def fits(text, value):
    # Java's names of classes of characters, and its flag inside a pattern, are not Python's.
    text = text.replace("(?s)", "").replace("\\p{L}", "a-zA-Z\u00c0-\u024f").replace("\\p{Z}", " ").replace("\\p{N}", "0-9")
    return re.search(f"^(?:{text})$", value, re.DOTALL)


def check(shapes, name, value, path):
    shape = shapes[name]
    kind = shape["type"]
    if shape.get("document"):
        return
    if kind == "structure":
        if not isinstance(value, dict):
            yield f"{path}: no structure"
            return
        for needed in shape.get("required", []):
            if value.get(needed) is None:
                yield f"{path}.{needed}: missing"
        for member, inner in value.items():
            if member not in shape["members"]:
                yield f"{path}.{member}: unknown"
            elif inner is not None:
                yield from check(shapes, shape["members"][member]["shape"], inner, f"{path}.{member}")
    elif kind == "list":
        if not isinstance(value, list):
            yield f"{path}: no list"
            return
        yield from length(shape, len(value), path)
        for at, inner in enumerate(value):
            yield from check(shapes, shape["member"]["shape"], inner, f"{path}[{at}]")
    elif kind == "map":
        if not isinstance(value, dict):
            yield f"{path}: no map"
            return
        for key, inner in value.items():
            yield from check(shapes, shape["value"]["shape"], inner, f"{path}[{key}]")
    elif kind == "string":
        if not isinstance(value, str):
            yield f"{path}: no text"
            return
        if "enum" in shape and value not in shape["enum"]:
            yield f"{path}: {value!r} is none of the enumeration"
        yield from length(shape, len(value), path)
        if "pattern" in shape and name not in WRONG and not fits(shape["pattern"], value):
            yield f"{path}: {value!r} does not fit {shape['pattern']}"
    elif kind in ("integer", "long"):
        if not isinstance(value, int) or isinstance(value, bool):
            yield f"{path}: no whole number"
    elif kind == "timestamp":
        if shape.get("timestampFormat") == "iso8601":
            try:
                datetime.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
            except ValueError:
                yield f"{path}: {value!r} is no time"
        elif not isinstance(value, (int, float)):
            yield f"{path}: {value!r} is no time"
    elif kind == "boolean" and not isinstance(value, bool):
        yield f"{path}: no flag"


def length(shape, size, path):
    if "min" in shape and size < shape["min"] or "max" in shape and size > shape["max"]:
        yield f"{path}: {size} is not from {shape.get('min', 0)} to {shape.get('max', 'any')}"


def called(request):
    """The service and the operation of a request."""
    headers = {name: value for name, value in request.get("headers") or []}
    target, host, path = headers.get("x-amz-target"), request.get("host"), request["path"]
    if target:
        service = "meteringmarketplace" if host == "metering" else "partnercentral-selling"
        return service, target.rsplit(".", 1)[-1]
    services = {"agreement": "marketplace-agreement", "entitlement": "marketplace-entitlement"}
    return services.get(host, "marketplace-catalog"), path.rsplit("/", 1)[-1]


def sent(request):
    """What an operation was given."""
    body = request.get("body")
    if isinstance(body, dict):
        for form in ("json", "cbor"):
            if form in body:
                return body[form]
        return body["json_as"][1]
    # Members in the query go under the names of the model.
    names = {"catalog": "Catalog", "changeSetId": "ChangeSetId", "entityId": "EntityId"}
    return {names.get(name, name): value for name, value in request.get("query") or []}


def mistakes(call):
    service, name = called(call["request"])
    told = model(service)
    operation = told["operations"].get(name)
    if operation is None:
        yield f"{service} has no operation {name}"
        return
    value = sent(call["request"])
    yield from check(told["shapes"], operation["input"]["shape"], value, name)
    if name == "StartChangeSet":
        yield from documents.mistakes(value)
    if call["response"]["status"] == 200 and "output" in operation:
        for mistake in check(told["shapes"], operation["output"]["shape"], call["response"]["body"], name):
            yield f"answer: {mistake}"


calls = []
for line in sys.stdin:
    if line.strip():
        calls.append(json.loads(line))
        continue
    for call in calls:
        for mistake in mistakes(call):
            print(f"{call.get('at', '')}: {mistake}".replace("\n", " "))
    print(flush=True)
    calls = []
