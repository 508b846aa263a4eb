"""Signs a webhook with HubSpot's own SDK: reads {secret, method, uri, body, timestamp} and prints the v3 signature."""

import json
import sys

from hubspot.utils.signature import Signature

asked = json.load(sys.stdin)
print(
    Signature.get_signature(
        asked["secret"],
        asked["body"],
        "v3",
        http_uri=asked["uri"],
        http_method=asked["method"],
        timestamp=asked["timestamp"],
    )
)
