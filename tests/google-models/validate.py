"""Reads recorded calls, a JSON object a line, until an empty line, and prints what Google's own descriptions find wrong with
them: a line per mistake, then an empty one.

A call is {"at": ..., "request": ..., "response": ...}, as the recordings in `fixtures` write them.
"""

import importlib
import json
import pathlib
import re
import sys
import sysconfig
import types

SITE = pathlib.Path(sysconfig.get_paths()["purelib"])
PRODUCER = "google.cloud.commerceproducer_v1beta"


def fits(template, path):
    """The variables of a path under a template: `{name=projects/*}`, `{+name}` or `{name}`."""
    parts = re.split(r"\{([^}]*)\}", template)
    text = ""
    for at, part in enumerate(parts):
        if at % 2 == 0:
            text += re.escape(part)
        else:
            _, _, shape = part.partition("=")
            text += "(" + (re.escape(shape).replace(r"\*", "[^/:]+") if shape else "[^/:]+") + ")"
    return re.fullmatch(text, path)


class Discovery:
    """An API that a discovery document describes."""

    def __init__(self, name):
        file = SITE / "googleapiclient/discovery_cache/documents" / f"{name}.json"
        self.told = json.loads(file.read_text())
        self.methods = list(self.walk(self.told))

    def walk(self, node):
        yield from node.get("methods", {}).values()
        for inner in node.get("resources", {}).values():
            yield from self.walk(inner)

    def mistakes(self, call):
        path = call["path"].lstrip("/")
        for method in self.methods:
            if method["httpMethod"] == call["method"] and fits(method.get("flatPath", method["path"]), path):
                break
        else:
            yield "is no method of this API"
            return
        known = {**self.told["parameters"], **method.get("parameters", {})}
        for name, _ in call.get("query") or []:
            if known.get(name, {}).get("location") != "query":
                yield f"has no parameter {name}"
        body, schema = call.get("body"), method.get("request")
        if (body is None) != (schema is None):
            yield "has a body where none is described, or none where one is"
        elif schema:
            yield from self.value(schema, body, "")

    def value(self, schema, value, at):
        if "$ref" in schema:
            schema = self.told["schemas"][schema["$ref"]]
        kind = schema.get("type")
        if kind == "object":
            if not isinstance(value, dict):
                yield f"{at}: no object"
                return
            for name, inner in value.items():
                known = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
                if known is None:
                    yield f"{at}.{name}: unknown"
                else:
                    yield from self.value(known, inner, f"{at}.{name}")
                    if known.get("readOnly"):
                        yield f"{at}.{name}: is only read"
        elif kind == "array":
            if not isinstance(value, list):
                yield f"{at}: no list"
                return
            for number, inner in enumerate(value):
                yield from self.value(schema["items"], inner, f"{at}[{number}]")
        elif kind == "string":
            if not isinstance(value, str):
                yield f"{at}: no text"
            elif "enum" in schema and value not in schema["enum"]:
                yield f"{at}: {value!r} is none of the enumeration"
            elif schema.get("format") in ("int64", "uint64") and not re.fullmatch(r"-?\d+", value):
                yield f"{at}: {value!r} is no whole number"
        elif kind == "integer":
            if not isinstance(value, int) or isinstance(value, bool):
                yield f"{at}: no whole number"
        elif kind == "number":
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                yield f"{at}: no number"
        elif kind == "boolean" and not isinstance(value, bool):
            yield f"{at}: no flag"


class Producer:
    """Commerce Producer: its client library has the paths in its REST transport, and the messages as protocol buffers."""

    def __init__(self):
        folder = SITE / PRODUCER.replace(".", "/")
        # The messages alone, without the clients around them, which need half of the internet.
        package = types.ModuleType(PRODUCER)
        package.__path__ = [str(folder)]
        sys.modules[PRODUCER] = package
        self.messages = importlib.import_module(f"{PRODUCER}.types")
        text = (folder / "services/commerce_transaction/transports/rest_base.py").read_text()
        self.rules = []
        for name, rest in re.findall(r"class _Base(\w+):\n(.*?)(?=\n    class _Base|\Z)", text, re.DOTALL):
            for method, uri, body in re.findall(
                r'"method": "(\w+)",\s*"uri": "([^"]+)",(?:\s*"body": "([^"]+)",)?', rest
            ):
                self.rules.append((name, method.upper(), uri, body))

    def mistakes(self, call):
        from google.protobuf import json_format

        for name, method, uri, body in self.rules:
            found = fits(uri, call["path"])
            if method == call["method"] and found:
                break
        else:
            yield "is no method of this API"
            return
        request = {}
        variable = re.search(r"\{([\w.]+)=", uri).group(1)
        # What is part of the body goes with it.
        if "." not in variable:
            request[variable] = found.group(1)
        for member, value in call.get("query") or []:
            if "." in member:
                yield f"has no parameter {member}"
            request[member] = value
        sent = call.get("body")
        if sent is not None and not body:
            yield "has a body where none is described"
        elif body == "*":
            request.update(sent or {})
        elif body:
            request[re.sub(r"_(\w)", lambda hit: hit.group(1).upper(), body)] = sent or {}
        message = getattr(self.messages, f"{name}Request")
        try:
            json_format.ParseDict(request, message.pb()())
        except json_format.ParseError as wrong:
            yield str(wrong)


APIS = {}


def api(name):
    if name not in APIS:
        APIS[name] = Producer() if name == "commerceproducer.v1beta" else Discovery(name)
    return APIS[name]


# By the hosts of the manifest: the API, and what its address ends with.
HOSTS = {
    None: ("cloudcommerceprocurement.v1", "/v1"),
    "usage": ("servicecontrol.v1", "/v1"),
    "producer": ("commerceproducer.v1beta", "/v1beta"),
}


def mistakes(request):
    name, version = HOSTS[request.get("host")]
    body = request.get("body")
    call = {
        "method": request["method"].upper(),
        "path": version + request["path"],
        "query": request.get("query"),
        "body": body.get("json") if isinstance(body, dict) else None,
    }
    for mistake in api(name).mistakes(call):
        yield f"{call['method']} {call['path']}: {mistake}"


calls = []
for line in sys.stdin:
    if line.strip():
        calls.append(json.loads(line))
        continue
    for call in calls:
        for mistake in mistakes(call["request"]):
            print(f"{call.get('at', '')}: {mistake}".replace("\n", " "))
    print(flush=True)
    calls = []
