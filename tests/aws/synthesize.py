"""Prints the templates as CloudFormation sees them, as one JSON object by file name: the root expanded by SAM's own
translator, nested ones read as they are. What is conditional stays conditional."""

import json
import logging
import os
import sys
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
logging.disable(logging.CRITICAL)

from samcli.yamlhelper import yaml_parse  # noqa: E402
from samtranslator.parser.parser import Parser  # noqa: E402
from samtranslator.translator.translator import Translator  # noqa: E402


def read(path):
    return json.loads(json.dumps(yaml_parse(path.read_text())))


def synthesize(template):
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # `sam package` puts the address of an upload here.
            resource["Properties"]["CodeUri"] = "s3://bucket/" + resource["Properties"]["CodeUri"]
    defaults = {name: p.get("Default", "") for name, p in template["Parameters"].items()}
    # Translation fills in defaults; what is asserted of them is read from the template itself.
    translated = Translator(managed_policy_map={}, sam_parser=Parser()).translate(template, defaults)
    return json.loads(json.dumps(translated))


root = Path(sys.argv[1])
out = {"template.yaml": read(root / "template.yaml")}
out["synthesized"] = synthesize(read(root / "template.yaml"))
for nested in sorted((root / "infra").glob("*.yaml")):
    out[nested.name] = read(nested)
json.dump(out, sys.stdout)
