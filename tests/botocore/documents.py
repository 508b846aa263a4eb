"""Holds the documents of change sets against the JSON Schemas that AWS's authors publish, where they lie beside the
repository (`shared/specs/aws`)."""

import copy
import json
import pathlib

import jsonschema

# Older than these change types.
UNKNOWN = {"AddDimensions", "UpdateDimensions"}


def found():
    for folder in pathlib.Path(__file__).resolve().parents:
        file = folder / "shared/specs/aws/catalog-details-document.schemas.json"
        if file.exists():
            return json.loads(file.read_text())["changeDetails"]
    return None


SCHEMAS = found()
READY = {}


def closed(schema):
    """The schema, in which a member that nobody knows is a mistake."""
    if isinstance(schema, dict):
        for inner in schema.values():
            closed(inner)
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    elif isinstance(schema, list):
        for inner in schema:
            closed(inner)
    return schema


def mistakes(change_set):
    for change in change_set["ChangeSet"] if SCHEMAS else []:
        of, kind = change["Entity"]["Type"], change["ChangeType"]
        if kind in UNKNOWN:
            continue
        if kind not in SCHEMAS.get(of, {}):
            yield f"{of} has no change {kind}"
            continue
        if (of, kind) not in READY:
            READY[of, kind] = jsonschema.Draft202012Validator(closed(copy.deepcopy(SCHEMAS[of][kind])))
        for wrong in READY[of, kind].iter_errors(change["DetailsDocument"]):
            yield f"{of} {kind} at {wrong.json_path}: {wrong.message[:300]}"
