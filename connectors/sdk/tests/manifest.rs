//! Mistakes in a manifest are sentences that an author can act on.

use crate::mapping::every;
use concord_connector::{Entity, Kind, Manifest};

/// Parses the test manifest with one text replaced, and gives the sentence.
fn mistake(from: &str, to: &str) -> String {
    let text = include_str!("every.toml");
    assert!(text.contains(from), "the test manifest has no `{from}`");
    let fault = Manifest::parse(&text.replacen(from, to, 1)).unwrap_err();
    assert_eq!(fault.kind, Kind::Malformed);
    fault.to_string()
}

#[track_caller]
fn says(from: &str, to: &str, expected: &str) {
    let sentence = mistake(from, to);
    assert!(sentence.contains(expected), "{sentence}");
}

#[test]
fn unknown_keys_are_refused_at_every_level() {
    says("title = \"Every\"", "title = \"Every\"\ncolour = \"red\"", "unknown field `colour`");
    says("object = \"deals\"", "object = \"deals\"\ntable = \"x\"", "unknown field `table`");
    says("vendor = \"/duns\", optional", "vendor = \"/duns\", when = \"x\", optional", "unknown field `when`");
    says("bearer = {}", "bearer = { token = \"oops\" }", "unexpected keys in table: token");
    says("name = \"signed\"", "name = \"signed\"\nsecret = \"oops\"", "unknown field `secret`");
    says("meaning = \"The host", "kind = \"x\"\nmeaning = \"The host", "unknown field `kind`");
}

#[test]
fn an_unknown_field_is_named_beside_those_that_exist() {
    says(
        "\"legal_name\"",
        "\"leagl_name\"",
        "entity.organization: organization has no field `leagl_name`; it has name,",
    );
}

#[test]
fn a_codec_has_to_fit_the_type() {
    says("as = \"lower\"", "as = { date = \"iso\" }", "the codec of `email` does not fit its type");
    says("vendor = \"/name\" }", "vendor = \"/name\", as = { money = {} } }", "the codec of `name` does not fit");
}

#[test]
fn an_address_needs_the_names_of_its_parts() {
    says(
        "as = { address = { street = \"line\", city = \"town\", postal_code = \"zip\", country = \"country\" } }",
        "flow = \"both\"",
        "`billing_address` needs the names of its parts",
    );
}

#[test]
fn a_pointer_is_written_by_one_field_only() {
    says("vendor = \"/site\"", "vendor = \"/name\"", "entity.organization: `/name` is written by two fields");
    says(
        "vendor = \"/phone\", flow = \"in\"",
        "vendor = \"/address/town\"",
        "`/address/town` is written by two fields",
    );
}

#[test]
fn a_field_is_mapped_once() {
    says("field = \"industry\"", "field = \"phone\"", "entity.organization: `phone` is mapped twice");
}

#[test]
fn a_vendor_field_is_a_json_pointer() {
    says("vendor = \"/site\"", "vendor = \"site\"", "`site` is no JSON pointer: it has to begin with `/`");
}

#[test]
fn a_value_map_leads_to_values_that_exist() {
    says("\"closedlost\", \"lost\"", "\"closedlost\", \"gone\"", "`gone` is no value of `stage`; it has prospect,");
    says("\"Kunde\", \"customer\"", "\"Kunde\", \"client\"", "`client` is no value of `roles`");
}

#[test]
fn the_base_url_is_https() {
    says("https://{host}/api", "http://{host}/api", "base_url `http://{host}/api` has to be https");
}

#[test]
fn there_is_a_way_to_authorize() {
    says("[auth.token]\nbearer = {}", "[auth]", "no way to authorize is declared under [auth]");
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = include_str!("every.toml").replacen("https://", "http://", 1).replacen("\"legal_name\"", "\"x\"", 1);
    let sentence = Manifest::parse(&text).unwrap_err().to_string();
    assert!(sentence.contains("has to be https") && sentence.contains("no field `x`"), "{sentence}");
}

#[test]
fn what_is_polled_follows_from_what_is_pushed() {
    let mut manifest = every();
    assert!(manifest.polls(Entity::Order), "a system without events is polled");
    assert!(!manifest.polls(Entity::Person), "what is not mapped is not polled");
    manifest.capabilities.push = true;
    assert!(!manifest.polls(Entity::Order));
    manifest.capabilities.polled = vec![Entity::Order];
    assert!(manifest.polls(Entity::Order));
}
