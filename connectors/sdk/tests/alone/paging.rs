//! Every kind of paging, through the suite's laws about pages.

use super::{connector, example};
use concord_connector::{
    Connector,
    testing::{Derived, Run, Subject, laws},
};
use std::sync::Arc;

fn pages(page: &str, more: &str) {
    let text = example().replace(
        "page = { cursor = { send = \"cursor\", at = \"/next_cursor\" } }",
        &format!("page = {{ {page} }}\n{more}"),
    );
    assert!(text.contains(page), "the example has another page now");
    let rest = connector(&text);
    let manifest = rest.manifest().clone();
    let start = Arc::new(move |_seed| Box::new(Derived::new(&manifest)) as _);
    let subject = Subject::new(Arc::new(rest), ".", Some(start));
    let names = ["vendor::organization_pages_show_every_record_once", "vendor::organization_changes_are_polled"];
    let mut tried = 0;
    for law in laws(&subject).into_iter().filter(|law| names.contains(&law.name.as_str())) {
        let Run::Try(run) = law.run else { panic!("{} is ignored", law.name) };
        run().unwrap_or_else(|sentence| panic!("{page}: {}: {sentence}", law.name));
        tried += 1;
    }
    assert_eq!(tried, 2);
}

#[test]
fn numbered_pages() {
    pages("number = { send = \"page\", first = 0, size = 40 }", "");
}

#[test]
fn pages_behind_so_many_rows() {
    pages("offset = { send = \"skip\", size = 40 }", "more = \"/has_more\"");
}

#[test]
fn cursors_in_a_header() {
    pages("cursor = { send = \"cursor\", header = \"X-Next\" }", "");
}

#[test]
fn pages_behind_the_last_row() {
    pages("last_id = { send = \"after\" }", "more = \"/has_more\"");
    pages("last_id = { send = \"after\" }", "");
}

#[test]
fn links_in_a_header_and_in_the_body() {
    pages("link = {}", "");
    pages("link = { at = \"/paging/next\" }", "");
}

#[test]
fn searches_by_post_have_their_page_in_the_body() {
    pages(
        "offset = { send = \"/paging/from\", size = 40 }",
        "method = \"POST\"\nbody = { since = \"{since}\", kind = \"company\" }",
    );
}
