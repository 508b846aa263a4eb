//! Every mistake is named, with its line, what is meant and what to do; all of them at once.

use super::example;
use concord_connector::manifest::explain;

/// The mistakes of the example with one text in the place of another.
fn mistakes(from: &str, to: &str) -> Vec<String> {
    assert!(example().contains(from), "the example has no `{from}`");
    explain(&example().replacen(from, to, 1)).iter().map(ToString::to_string).collect()
}

#[track_caller]
fn says(from: &str, to: &str, parts: &[&str]) {
    let found = mistakes(from, to);
    let named = found.iter().any(|sentence| parts.iter().all(|part| sentence.contains(part)));
    assert!(named, "{from} -> {to}: none of {found:#?} has {parts:?}");
}

#[test]
fn a_word_that_is_nearly_right() {
    says("category = \"crm\"", "category = \"cmr\"", &["line 3, column 12", "`cmr`"]);
    says("poll_every_s", "poll_evry_s", &["`poll_evry_s` is no key of `capabilities`; did you mean `poll_every_s`?"]);
    says("[auth.token.bearer]", "[auth.token.baerer]", &["kind of `token`", "did you mean `bearer`"]);
    says("entity.organization.api.read]", "entity.organization.api.reed]", &["did you mean `read`"]);
    says("[entity.opportunity]\n", "[entity.oportunity]\n", &["`oportunity` is no entity; did you mean `opportunity`"]);
    says(
        "field = \"close_date\"",
        "field = \"close_dat\"",
        &["`close_dat` is no field of opportunity; did you mean `close_date`"],
    );
    says("kind = \"rate_limited\"", "kind = \"rate_limit\"", &["did you mean `rate_limited`"]);
    says("signed = { standard = {} }", "signed = { standart = {} }", &["did you mean `standard`"]);
    says("{since}", "{sicne}", &["`sicne` is no placeholder of `changed_since`", "[options.sicne]"]);
    says(
        "concurrency = \"precondition\"",
        "concurrency = \"optimistic\"",
        &["`optimistic`", "`precondition`, `history`, `none`"],
    );
}

#[test]
fn a_value_of_the_wrong_kind() {
    says(
        "poll_every_s = 60",
        "poll_every_s = \"60\"",
        &["`poll_every_s` has to be whole number, 1 to 86400, not string"],
    );
    says("poll_every_s = 60", "poll_every_s = 0", &["`poll_every_s` has to be a whole number, 1 to 86400"]);
    says(
        "rows = \"/companies\"",
        "rows = \"data.companies\"",
        &["no JSON pointer", "write `rows = \"/data/companies\"`"],
    );
    says("signed = { standard = {} }", "signed = \"standard\"", &["write `signed = { standard = {} }`"]);
    says("status = [400, 422]", "status = [400, 42]", &["`status` has to be a whole number, 100 to 599"]);
    says("deleted = true", "deleted = \"yes\"", &["`deleted` has to be `true` or `false`, not string"]);
    says("as = \"lower\"", "as = \"lowre\"", &["unknown variant `lowre`", "lower"]);
    says("title = \"Orbit CRM\"", "title = \"\"", &["`title` is empty"]);
}

#[test]
fn what_is_missing() {
    says("title = \"Orbit CRM\"\n", "", &["`the file` lacks `title`", "Add `title = ...`"]);
    says("path = \"/v1/companies/{id}\"\nrecord", "record", &["`read` has no `path`"]);
    says(
        "fields = [\n  { field = \"name\", vendor = \"/title\" }",
        "lines = [\n  { field = \"name\", vendor = \"/title\" }",
        &["lacks `fields`"],
    );
}

#[test]
fn what_does_not_fit_together() {
    says(
        "/v1/companies/{id}\"\nrecord",
        "/v1/companies\"\nrecord",
        &["`entity.organization.api.read.path`", "write `{id}`"],
    );
    says(
        "headers = { If-Match = \"{revision}\" }\n",
        "",
        &["promises that a stale write is refused", "`concurrency = \"none\"`"],
    );
    says(
        "version = \"/revision\"\nrevision = \"/revision\"\n",
        "version = \"/revision\"\n",
        &["nothing says where a record has it"],
    );
    says(
        "[account]",
        "[[webhooks]]\nname = \"standard\"\nsigned = { path = {} }\n[account]",
        &["the scheme `standard` is declared twice"],
    );
    says("name = \"all_daily\"", "name = \"all\"", &["the limit `all` is declared twice"]);
    says(
        "query = { ids = \"{ids}\" }",
        "limit = \"bulk\"\nquery = { ids = \"{ids}\" }",
        &["`bulk` is no limit of this file"],
    );
    says("entity = \"opportunity\"\nid", "entity = \"lead\"\nid", &["lead is not mapped in this file"]);
    says("kind = \"/type\"\n", "", &["`[events]` has no `kind`"]);
    says("marker = \"/external_ref\"\n", "", &["the mapping has no `marker`"]);
    says("{ send = \"cursor\", at = \"/next_cursor\" }", "{ send = \"cursor\" }", &["say where the next cursor is"]);
    says(
        "path = \"/v1/deals/{id}\"\nrecord",
        "path = \"v1/deals/{id}\"\nrecord",
        &["write `path = \"/v1/deals/{id}\"`"],
    );
    says("If-Match = ", "Authorization = \"x\", If-Match = ", &["credentials are declared under `[auth]`"]);
    says("vendor = \"/contact/phone\"", "vendor = \"/name\"", &["`/name` is written by two fields"]);
    says("field = \"phone\"", "field = \"name\"", &["`name` is mapped twice"]);
    says("id = \"c-1\", ", "", &["the record has no id at `/id`"]);
    says("system = \"orbit\"", "system = \"Orbit!\"", &["cannot name a system"]);
    says(
        "signed = { standard = {} }",
        "signed = { hmac = { header = \"x\", encoding = \"hex\", parts = [\"timestamp\"] } }",
        &["the body is not signed"],
    );
    says("[[webhooks]]\nname = \"standard\"\nsigned = { standard = {} }\n", "", &["nothing can come in"]);
    says("base_url = \"https://", "base_url = \"ftp://", &["has to be https"]);
    says("page = { offset", "scan = 3\npage = { offset", &["only `find` looks through pages"]);
}

#[test]
fn no_toml_at_all() {
    says("title = \"Orbit CRM\"", "title = \"Orbit CRM", &["line 2", "this is no TOML"]);
}

/// One run names them all, in the order of the text.
#[test]
fn several_mistakes_are_named_at_once() {
    let text = example()
        .replacen("category = \"crm\"", "category = \"cmr\"", 1)
        .replacen("poll_every_s", "poll_evry_s", 1)
        .replacen("field = \"close_date\"", "field = \"close_dat\"", 1)
        .replacen("{since}", "{sicne}", 1);
    let found = explain(&text);
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found.is_sorted_by_key(|mistake| mistake.line));
}
