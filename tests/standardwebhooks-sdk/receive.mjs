// Receives events over loopback and checks each with the official Standard Webhooks library for JavaScript.
//
// The secret is in SIGNING_SECRET. Prints the port, then one JSON line for each request: what the library says of it,
// and of the same request with a touched body, a touched id, another secret, and an old time.

import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const secret = process.env.SIGNING_SECRET;
const other = "whsec_" + Buffer.alloc(32, "o").toString("base64");

function verifies(secret, body, headers) {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString("utf8");
    const headers = request.headers;
    const old = String(Math.floor(Date.now() / 1000) - 3600);
    const seen = {
      verified: verifies(secret, body, headers),
      forged: [
        verifies(secret, body.slice(0, -2) + " " + body.slice(-2), headers),
        verifies(secret, body, { ...headers, "webhook-id": headers["webhook-id"] + "0" }),
        verifies(other, body, headers),
        verifies(secret, body, { ...headers, "webhook-timestamp": old }),
      ],
      headers,
      event: JSON.parse(body),
    };
    response.writeHead(seen.verified ? 204 : 400).end();
    console.log(JSON.stringify(seen));
  });
});
server.listen(0, "127.0.0.1", () => console.log(String(server.address().port)));
