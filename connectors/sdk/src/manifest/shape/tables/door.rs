//! The tables of the doors: how the system lets us in, and what it proves itself by when it comes to ours.

use super::{MOST, may, must};
use crate::manifest::shape::{Key, Shape::*};

pub(super) const AUTH: &[Key] = &[
    may("none", Table(&[]), "", "Whoever reaches the address is let in. Write `none = {}`."),
    may("bearer", Table(&[]), "", "`Authorization: Bearer`, of the secret `token`."),
    may(
        "header",
        Table(&[
            must("header", Text, "The header's name."),
            may("prefix", Free, "empty", "What stands before the secret: `\"Token \"`."),
        ]),
        "",
        "A header of the secret `token`.",
    ),
    may("basic", Table(&[]), "", "Basic, of the secrets `username` and `password`."),
    may(
        "client_credentials",
        Table(&[
            must("token_url", Text, "Where tokens come from: an address, or a path below the base URL."),
            may("scopes", List(&Text), "none", "What is asked for."),
            may("parameters", Map(&Free), "none", "Further parameters of the token request: `audience`."),
        ]),
        "",
        "OAuth 2.0 client credentials, of the secrets `client_id` and `client_secret`.",
    ),
    may(
        "refresh_token",
        Table(&[must("token_url", Text, "Where tokens come from: an address, or a path below the base URL.")]),
        "",
        "OAuth 2.0 with a refresh token that you have: `client_id`, `client_secret`, `refresh_token`. A new refresh token in the answer replaces the old one.",
    ),
    may(
        "oauth",
        Table(&[
            must("authorize_url", Text, "Where a person consents."),
            must("token_url", Text, "Where tokens come from."),
            must("scopes", List(&Text), "What is asked for."),
            may("pkce", Flag, "`false`", "It takes a PKCE challenge."),
        ]),
        "",
        "OAuth 2.0 with consent in a browser (`concord connect`): `client_id`, `client_secret`.",
    ),
    may(
        "jwt_bearer",
        Table(&[must("token_url", Text, "Where tokens come from."), must("audience", Text, "The `aud` claim.")]),
        "",
        "OAuth 2.0 JWT bearer, RS256: `client_id`, `username`, `private_key`.",
    ),
    may(
        "service_account",
        Table(&[
            must("token_url", Text, "Where tokens come from, and the audience of the assertion."),
            must("scopes", List(&Text), "What is asked for."),
        ]),
        "",
        "OAuth 2.0 with the key of a Google service account: `client_email`, `private_key`.",
    ),
    may(
        "sigv4",
        Table(&[
            must("service", Text, "The signing name: `execute-api`."),
            must("region", Text, "The region: `eu-central-1`."),
        ]),
        "",
        "AWS Signature Version 4: `access_key_id`, `secret_access_key`, and `session_token` where there is one.",
    ),
    may(
        "own_role",
        Table(&[
            must("service", Text, "The signing name: `execute-api`."),
            must("region", Text, "The region: `eu-central-1`."),
        ]),
        "",
        "The same by the role of a hub on AWS: no secrets. Only a connection that says so uses it.",
    ),
];

pub(super) const SCHEME: &[Key] = &[
    must("name", Text, "A name of yours, for a connection's `webhooks`."),
    must("signed", OneOf(SIGNED), "The proof."),
    may(
        "retry_horizon_s",
        Number(0, MOST),
        "86400",
        "The longest that an event is sent again: replays are known for longer.",
    ),
];

const TIMESTAMP: &[Key] = &[
    must("header", Text, "The header."),
    must("unit_ms", Number(1, 1000), "1 for milliseconds, 1000 for seconds."),
    must("tolerance_s", Number(1, MOST), "How old it may be; a minute in the future is let through."),
    may("prefix", Free, "empty", "What stands before it: `t=`."),
    may("separator", Text, "the header is the time", "Between it and other things in the header: `,`."),
];

const SIGNED: &[Key] = &[
    may(
        "standard",
        Table(&[may("tolerance_s", Number(1, MOST), "300", "How far the time may be off, either way.")]),
        "",
        "Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`; the secret is `whsec_...`. Several signatures and several secrets (`webhook`, `webhook_previous`) work while one is rotated.",
    ),
    may(
        "hmac",
        Table(&[
            must("header", Text, "The header with the signature."),
            may("algorithm", Word(&["sha1", "sha256", "sha512"]), "`sha256`", "The hash."),
            must("encoding", Word(&["hex", "base64"]), "How the signature is written."),
            may("prefix", Free, "empty", "What stands before the signature: `sha256=`, `v1=`."),
            may(
                "separator",
                Text,
                "the header is one signature",
                "Between several signatures: `,`. One good one is enough.",
            ),
            may("secret", Word(&["text", "base64", "hex", "whsec"]), "`text`", "How the secret is written."),
            must(
                "parts",
                List(&Any),
                "What is signed, in order: `\"method\"`, `\"uri\"`, `\"uri_unescaped\"`, `\"body\"`, `\"timestamp\"`, `{ header = \"x-id\" }`, `{ text = \".\" }`.",
            ),
            may("timestamp", Table(TIMESTAMP), "the signature has no time", "The header with the time."),
        ]),
        "",
        "HMAC over parts of the request.",
    ),
    may(
        "digest",
        Table(&[
            must("header", Text, "The header with the signature, in hexadecimal."),
            must("parts", List(&Any), "What is hashed after the secret."),
            must("version", Pair, "A header and the value that it has to have."),
        ]),
        "",
        "SHA-256 over the secret and parts of the request.",
    ),
    may("header", Table(&[must("header", Text, "The header's name.")]), "", "A header that equals the secret."),
    may(
        "jwt",
        Table(&[
            must("keys_url", Text, "Where the sender's key set is (RFC 7517)."),
            must("issuers", List(&Text), "Who may have issued the token; `{name}` stands for an option."),
            must("audience", Text, "For whom it is; `{name}` stands for an option."),
            may(
                "claims",
                Map(&Free),
                "none",
                "Claims that have to have these values; a name may be several: `appid|azp`.",
            ),
        ]),
        "",
        "A JSON Web Token as bearer, RS256, by a key that the sender publishes. It does not cover the body: let events say ids only.",
    ),
    may(
        "sns",
        Table(&[must("topics", Free, "The ARNs of the topics, with commas between; `{name}` stands for an option.")]),
        "",
        "Amazon SNS over HTTPS: AWS's signature, version 1 or 2, under a certificate of AWS's own host. For connectors in Rust only.",
    ),
    may(
        "landing",
        Table(&[must("token", Text, "What the purchase token is called.")]),
        "",
        "A buyer's browser at `/hooks/CONNECTION/landing` with a purchase token, which the vendor resolves. A hint; taken in only where the connection lists the scheme in `webhooks`. For connectors in Rust only.",
    ),
    may(
        "path",
        Table(&[]),
        "",
        "The secret at the end of the path: `/hooks/CONNECTION/SECRET`. What comes this way is a hint: everything is read again.",
    ),
    may(
        "none",
        Table(&[]),
        "",
        "Nothing. A hint as well; taken in only where the connection lists the scheme in `webhooks`, at most 600 in a minute.",
    ),
];
