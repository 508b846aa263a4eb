//! The tables of the format.

mod door;

use super::{
    Key,
    Shape::{self, *},
};
use door::{AUTH, SCHEME};

const fn must(name: &'static str, shape: Shape, meaning: &'static str) -> Key {
    Key { name, shape, required: true, default: "", meaning }
}
const fn may(name: &'static str, shape: Shape, default: &'static str, meaning: &'static str) -> Key {
    Key { name, shape, required: false, default, meaning }
}

const MOST: i64 = i64::MAX;
const STATUS: Shape = Number(100, 599);

/// The whole file.
pub const FILE: &[Key] = &[
    must(
        "system",
        Text,
        "The system's name: up to 40 of `a-z`, `0-9` and `-`. No other system of the hub may have it.",
    ),
    must("title", Text, "Its name as people write it."),
    must("category", Word(&["crm", "erp", "prm", "marketplace"]), "What it is for; decides who is trusted by default."),
    must(
        "base_url",
        Text,
        "The address before every path; `{name}` stands for an option. A connection's own `base_url` replaces it. `http` needs `allow_private = true` at the connection.",
    ),
    must(
        "concurrency",
        Word(&["precondition", "history", "none"]),
        "How an edit between our read and our write is saved: the system refuses (`{revision}` has to be sent), it keeps field history, or nothing does and every write is preceded by a read.",
    ),
    may("capabilities", Table(CAPABILITIES), "as each key says", "Numbers and switches."),
    must(
        "auth",
        Map(&OneOf(AUTH)),
        "Ways to authorize, by a name of yours; a connection picks one, the only one by itself.",
    ),
    may(
        "limits",
        List(&Table(LIMIT)),
        "no limit",
        "Call budgets of each connection. Daily ones are `per_ms = 86400000`.",
    ),
    may(
        "webhooks",
        List(&Table(SCHEME)),
        "none",
        "How senders prove themselves; a connection accepts the first, or those that it lists.",
    ),
    may("options", Map(&Table(SETTING)), "none", "Settings of a connection, for placeholders."),
    may("account", Table(ACCOUNT), "UTC, no currency", "What the account says of itself."),
    may(
        "events",
        Table(EVENTS),
        "nothing is heard",
        "What is in the bodies of webhooks. With it the system counts as one that pushes.",
    ),
    may(
        "errors",
        List(&Table(ERROR)),
        "the status speaks",
        "What answers outside the good ones mean; the first that fits.",
    ),
    may(
        "examples",
        List(&Table(EXAMPLE)),
        "none",
        "Records as the system shows them, for `connector try` and `connector test`.",
    ),
    must("entity", Entities(&Table(MAPPING)), "What is mapped, by entity."),
];

const CAPABILITIES: &[Key] = &[
    may("push", Flag, "`true` with `events`", "It sends webhooks."),
    may(
        "polled",
        List(&Entity),
        "none with `push`, else all",
        "Entities that are polled although there are webhooks. Recommended: webhooks get lost.",
    ),
    may("poll_every_s", Number(1, 86_400), "60", "Seconds between polls."),
    may("look_back_s", Number(0, MOST), "300", "Seconds by which a poll reaches back, for changes that appear late."),
    may("lists_deleted", Flag, "`false`", "For connectors in Rust only."),
    may("read_batch", Number(1, 10_000), "1", "Ids in one `read_many`."),
    may("write_batch", Number(1, 10_000), "1", "Rows in one write; for connectors in Rust only."),
    may("concurrent", Number(1, 10_000), "any", "Calls that are open at the same time."),
    may("search_lag_s", Number(0, 86_400), "0", "Seconds for which a new record may be missing from a search."),
    may(
        "operates",
        List(&Entity),
        "none",
        "Entities whose writes the vendor works on in jobs of its own; for connectors in Rust only.",
    ),
    may("blind", List(&Entity), "none", "Entities that it takes and never shows; for connectors in Rust only."),
    may("archives", Flag, "`true` with `archive`", "It can take a record out of use."),
    may("deletes", Flag, "`true` with `delete`", "It can delete."),
];

const LIMIT: &[Key] = &[
    must(
        "name",
        Text,
        "`all`, or a name that begins with `all_`, counts every call; another name those calls that have it as their `limit`.",
    ),
    must("requests", Number(1, 4_294_967_295), "How many."),
    must("per_ms", Number(1, MOST), "In how many milliseconds."),
];

const SETTING: &[Key] = &[
    must("meaning", Text, "What it is, in one sentence that ends with a full stop."),
    may("default", Free, "the connection has to set it", "What holds when it is not set."),
];

const ACCOUNT: &[Key] = &[
    may("path", Text, "a page of the first list tries the credential", "A path to read."),
    may("time_zone_at", Pointer, "", "Where the answer has the IANA time zone."),
    may("currency_at", Pointer, "", "Where the answer has the currency."),
    may("time_zone", Text, "`UTC`", "The time zone of every account."),
    may("currency", Text, "the connection sets it", "The currency of amounts that name none."),
];

const CONDITION: &[Key] = &[
    must("at", Pointer, "The place."),
    must("is", List(&Free), "The texts that count; numbers and flags are compared as texts."),
];

const EVENTS: &[Key] = &[
    may("each", Pointer, "the body is one event, or an array of them", "Where the body has its array of events."),
    may("kind", Pointer, "every event is meant", "Where an event says what happened."),
    may("key", Pointer, "`key_header`", "Where an event has its own id, equal when it is sent again."),
    may("key_header", Text, "`webhook-id` for Standard Webhooks", "The header with the id of the request."),
    may(
        "at",
        Pointer,
        "the time of the signature",
        "Where an event says when: RFC 3339, or seconds or milliseconds since 1970.",
    ),
    must("on", List(&Table(ON)), "What events mean. Every line that fits counts."),
];

const ON: &[Key] = &[
    may("is", List(&Text), "any event", "What stands at `kind`; a `*` at the end stands for anything."),
    must("entity", Entity, "What it is about."),
    may("id", Pointer, "the mapping's `id`, in `record`", "Where the event has the record's id."),
    may(
        "record",
        Pointer,
        "the event is a hint: the record is read",
        "Where the event has the whole record. It is taken as it is if `api.version` is declared; else it is a hint.",
    ),
    may("deleted", Flag, "`false`", "The record was deleted."),
    may("deleted_if", Table(CONDITION), "", "The record was deleted if this holds in the event."),
];

const KINDS: &[&str] = &[
    "unauthorized",
    "forbidden",
    "not_found",
    "conflict",
    "ambiguous",
    "rate_limited",
    "rejected",
    "unavailable",
    "malformed",
];

const ERROR: &[Key] = &[
    must("status", List(&STATUS), "The statuses."),
    may("when", Table(CONDITION), "always", "What the body has to say as well."),
    must(
        "kind",
        Word(KINDS),
        "What it means: `rejected` puts the record aside, `rate_limited` and `unavailable` hold the connection back, `unauthorized` renews the token once.",
    ),
    may("message", Pointer, "", "Where the body has a sentence for people; shown for 400, 409 and 422 only."),
];

const EXAMPLE: &[Key] = &[
    must("entity", Entity, "What it is."),
    may("record", Any, "`json`", "The record as a table."),
    may("json", Text, "`record`", "The record as a text in JSON, for what TOML cannot write (null)."),
];

const MAPPING: &[Key] = &[
    must("object", Text, "The system's name for the kind of record."),
    may("id", Pointer, "`/id`", "Where a record has its id."),
    may("marker", Pointer, "no room for one", "Where Concord's own id is kept. With one no record is ever made twice."),
    must("fields", Rules, "The lines of the mapping."),
    may("api", Table(API), "only connectors in Rust do without", "The calls."),
];

const API: &[Key] = &[
    may(
        "version",
        Pointer,
        "`modified`, else the time of the read",
        "Where a record has the number or time that grows strictly with every change.",
    ),
    may("version_as", Word(&["integer", "instant"]), "`integer`", "How the version is written."),
    may("revision", Pointer, "none", "Where a record has the change token that `{revision}` sends back."),
    may("etag", Flag, "`false`", "The change token is the `ETag` header of `read`."),
    may("modified", Pointer, "none", "Where a record has the time of its last change."),
    may("deleted", Table(CONDITION), "records vanish", "What a record says that was deleted."),
    may("read", Table(CALL), "records are never read by id", "One record, by `{id}`. Usually GET."),
    may("read_many", Table(CALL), "`read`, one by one", "Several records, by `{ids}`. Usually GET."),
    may(
        "list",
        Table(CALL),
        "nothing is polled or backfilled",
        "Pages of records; `{since}` makes it changes only. Usually GET.",
    ),
    may("find", Table(CALL), "nothing is searched for", "Records by `{marker}`. Usually GET."),
    may(
        "find_by",
        Table(&[
            may("domain", Table(CALL), "", "By domain."),
            may("email", Table(CALL), "", "By e-mail address."),
            may("tax_id", Table(CALL), "", "By tax number."),
            may("lei", Table(CALL), "", "By LEI."),
            may("duns", Table(CALL), "", "By D-U-N-S number."),
        ]),
        "by marker only",
        "Records by `{key}`, so that what is there already is adopted and not made again.",
    ),
    may("create", Table(CALL), "`upsert`", "A new record. Usually POST."),
    may("update", Table(CALL), "`upsert`", "A change, by `{id}`. Usually PATCH."),
    may("upsert", Table(CALL), "none", "Both, at `{id}`, which for a new record is Concord's own id. Usually PUT."),
    may("delete", Table(CALL), "cannot delete", "Its end. Usually DELETE."),
    may("archive", Table(CALL), "cannot archive", "Out of use. Usually POST."),
];

const PLACES: &[&str] = &["id", "ids", "marker", "key", "idempotency", "revision", "since", "until"];

const CALL: &[Key] = &[
    may("method", Word(&["GET", "POST", "PUT", "PATCH", "DELETE"]), "the usual one", "The method."),
    may("path", Template(PLACES), "has to be there unless `scan`", "The path below the base URL."),
    may("query", Map(&Template(PLACES)), "none", "Query parameters; one whose placeholder has no value is left out."),
    may(
        "headers",
        Map(&Template(PLACES)),
        "none",
        "Headers, as `If-Match = \"{revision}\"` and `Idempotency-Key = \"{idempotency}\"`. Never a credential.",
    ),
    may("body", Any, "none", "What is in the body besides the record; placeholders in its texts are filled."),
    may("limit", Text, "`all` only", "Which of the limits it counts against as well."),
    may("record", Pointer, "the whole answer", "Where the answer has the record."),
    may("rows", Pointer, "the whole answer", "Where the answer has the array of records."),
    may("wrap", Pointer, "the whole body", "Where the body has the record."),
    may("separator", Free, "`,`", "Between ids where `{ids}` stands."),
    may(
        "since",
        Word(&["rfc3339", "epoch_ms", "epoch_s", "date"]),
        "`rfc3339`",
        "How `{since}` and `{until}` are written.",
    ),
    may("page", OneOf(PAGE), "everything is in one answer", "How pages follow each other."),
    may("more", Pointer, "as `page` can tell", "Where the answer has a flag that says whether there is more."),
    may("scan", Number(1, 50), "a call of its own", "For `find`: look through so many pages of `list`."),
    may(
        "replaces",
        Flag,
        "`false`",
        "For `update`: the body has to be the whole record, so it is read first. Usually PUT then.",
    ),
    may(
        "exists",
        Table(&[
            must("status", STATUS, "The status."),
            may("id", Pointer, "it is searched for", "Where the answer names the record that is there."),
        ]),
        "it is looked for before every create",
        "For `create`: how the system refuses a second record with the same marker.",
    ),
    may(
        "stale",
        List(&STATUS),
        "409, 412, 428 with `{revision}`, else 412",
        "For `update`: the record changed meanwhile.",
    ),
    may("missing", List(&STATUS), "404, 410", "The record is not there."),
];

const SEND: Key = must("send", Text, "The query parameter, or a pointer into the body.");

const PAGE: &[Key] = &[
    may("none", Table(&[]), "", "One answer has everything."),
    may(
        "number",
        Table(&[
            SEND,
            may("first", Number(0, MOST), "1", "The number of the first page."),
            must(
                "size",
                Number(1, 100_000),
                "Rows in a full page; a shorter one is the last. Ask for as many in `query`.",
            ),
        ]),
        "",
        "Numbered pages.",
    ),
    may(
        "offset",
        Table(&[SEND, must("size", Number(1, 100_000), "Rows in a full page; a shorter one is the last.")]),
        "",
        "Pages begin behind so many rows.",
    ),
    may(
        "cursor",
        Table(&[
            SEND,
            may("at", Pointer, "`header`", "Where the answer has the next cursor; null, empty or missing at the end."),
            may("header", Text, "`at`", "Or the header with it."),
        ]),
        "",
        "The answer names where the next page begins.",
    ),
    may(
        "last_id",
        Table(&[SEND, may("at", Pointer, "the record's id", "Where a row has what is sent.")]),
        "",
        "Pages begin behind the last row of the one before; `more` says when to stop, else an empty page does.",
    ),
    may(
        "link",
        Table(&[may("at", Pointer, "the `Link` header with `rel=\"next\"`", "Where the answer has the address.")]),
        "",
        "The answer has the address of the next page. Its query is used, at this call's own path.",
    ),
];
