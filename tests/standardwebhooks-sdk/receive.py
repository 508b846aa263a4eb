"""Receives events over loopback and checks each with the official Standard Webhooks library for Python.

The secret is in SIGNING_SECRET. Prints the port, then one JSON line for each request: what the library says of it, and
of the same request with a touched body, a touched id, another secret, and an old time.
"""

import base64
import json
import os
import sys
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

SECRET = os.environ["SIGNING_SECRET"]
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()


def verifies(secret, body, headers):
    try:
        Webhook(secret).verify(body, headers)
        return True
    except WebhookVerificationError:
        return False


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        old = str(int((datetime.now(timezone.utc) - timedelta(hours=1)).timestamp()))
        seen = {
            "verified": verifies(SECRET, body, headers),
            "forged": [
                verifies(SECRET, body[:-2] + " " + body[-2:], headers),
                verifies(SECRET, body, {**headers, "webhook-id": headers["webhook-id"] + "0"}),
                verifies(OTHER, body, headers),
                verifies(SECRET, body, {**headers, "webhook-timestamp": old}),
            ],
            "headers": headers,
            "event": json.loads(body),
        }
        self.send_response(204 if seen["verified"] else 400)
        self.end_headers()
        print(json.dumps(seen), flush=True)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit(0)
