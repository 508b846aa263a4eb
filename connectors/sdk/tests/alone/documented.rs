//! What the guide shows works as it says.

use super::{GUIDE, between, connector, example};
use concord_connector::{
    Connector, Manifest, manifest,
    rest::trial,
    testing::{Derived, Run, Subject, laws},
};
use std::{path::Path, sync::Arc};

/// Laws about what lies in a connector's folder beside its manifest.
const OF_A_FOLDER: [&str; 3] = ["exchange::", "manifest::is_the_file", "faults::table_is"];

#[test]
fn the_example_keeps_every_law_beside_the_system_that_it_describes() {
    let rest = connector(example());
    let manifest = rest.manifest().clone();
    let start = Arc::new(move |_seed| Box::new(Derived::new(&manifest)) as _);
    let subject = Subject::new(Arc::new(rest), ".", Some(start));
    let (mut held, mut broken) = (0, Vec::new());
    for law in laws(&subject) {
        if OF_A_FOLDER.iter().any(|begin| law.name.starts_with(begin)) {
            continue;
        }
        match law.run {
            Run::Try(run) => match run() {
                Ok(()) => held += 1,
                Err(sentence) => broken.push(format!("{}: {sentence}", law.name)),
            },
            Run::Ignored(_) => {}
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(held > 40, "only {held} laws were tried");
}

/// Every piece of the guide that is a file, or a part of one, can be read.
#[test]
fn every_piece_of_the_guide_is_good() {
    let pieces: Vec<&str> = GUIDE.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(pieces.len() >= 6);
    let mut files = 0;
    for piece in pieces {
        if piece.starts_with("system = ") {
            assert_eq!(manifest::explain(piece), [], "{piece}");
            files += 1;
        } else if !piece.starts_with("page = ") {
            toml::from_str::<toml::Table>(piece).unwrap_or_else(|e| panic!("{e}\n{piece}"));
        } else {
            for line in piece.lines() {
                toml::from_str::<toml::Table>(line).unwrap_or_else(|e| panic!("{e}\n{line}"));
            }
        }
    }
    assert_eq!(files, 3);
}

/// The reference is made of the tables by which mistakes are found: it has every key.
#[test]
fn the_reference_is_the_format() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/connector-toml.md");
    let written = between("<!-- reference:begin -->\n", "<!-- reference:end -->");
    let reference = format!("{}\n", manifest::shape::reference().trim_start());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(
            file,
            GUIDE.replace(
                &format!("<!-- reference:begin -->\n{written}<!-- reference:end -->"),
                &format!("<!-- reference:begin -->\n{reference}<!-- reference:end -->"),
            ),
        )
        .unwrap();
    } else {
        assert!(written == reference, "the reference of the guide is old; UPDATE=1 rewrites it");
    }
}

/// Every connector of the registry is written in the same format.
#[test]
fn the_test_manifest_has_the_shape() {
    let text = include_str!("../every.toml");
    let mistakes: Vec<String> = manifest::explain(text).iter().map(ToString::to_string).collect();
    assert!(mistakes.is_empty(), "{mistakes:#?}");
    assert!(!Manifest::parse(text).unwrap().is_whole());
}

#[test]
fn a_record_is_shown_both_ways_with_what_gets_lost() {
    let rest = connector(example());
    let cx = concord_connector::Context::new("try", rest.manifest());
    let row = serde_json::json!({
        "id": "c-9", "revision": 3, "changed_at": "2026-02-01T00:00:00Z", "name": "  Example  ", "kinds": ["RESELLER"],
        "website": "https://www.Example.com/about", "owner": { "id": 7 }, "revenue": { "cents": "many", "currency": "EUR" },
    });
    let trial = trial(&cx, concord_connector::Entity::Organization, &row).unwrap();
    assert_eq!((trial.id.as_deref(), trial.version, trial.revision.as_deref()), (Some("c-9"), Some(3), Some("3")));
    assert_eq!(trial.unmapped, ["/owner/id"]);
    let line = |field: &str| trial.lines.iter().find(|line| line.field == field).unwrap().clone();
    assert_eq!(line("name").ours.as_deref(), Some("Example"));
    assert!(line("name").loss.unwrap().contains("another way"));
    assert_eq!(line("domain").back, Some(serde_json::json!("example.com")));
    assert_eq!(line("roles").back, Some(serde_json::json!(["PARTNER"])), "the first of several is written");
    assert!(line("annual_revenue").loss.unwrap().contains("cannot be understood"));
    assert_eq!((line("phone").ours, line("phone").loss), (None, None), "what is absent is not said");
    assert_eq!(trial.canonical["domain"], serde_json::json!({ "text": "example.com" }));
    assert_eq!(trial.image["website"], "example.com");
}
