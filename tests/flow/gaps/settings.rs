//! The brake as an admin writes it.

use concord_hub::{
    brake::{Brake, Kind, Limit},
    config::Document,
};
use std::{collections::BTreeMap, time::Duration};

fn compiled(lines: &str) -> Result<concord_hub::settings::Connection, Vec<String>> {
    let text = format!(
        "public_url = \"https://hub.example.com\"\n[connections.a]\nsystem = \"hubspot\"\nauth = \"private_app\"\n{lines}"
    );
    let sentences = |mistakes: Vec<_>| mistakes.iter().map(ToString::to_string).collect::<Vec<String>>();
    let document = Document::parse(&text).map_err(sentences)?;
    let none = |_: &str| Ok(String::new());
    let settings = document.settings(&concord_connectors::all(), 1, &BTreeMap::new(), &none);
    Ok(settings.map_err(|fault| vec![fault.to_string()])?.connections["a"].clone())
}

#[test]
fn a_brake_is_what_the_connection_says_and_the_default_elsewhere() {
    let plain = compiled("").expect("a connection");
    assert_eq!((plain.brake, plain.sweep_every_s, plain.hold_new), (Brake::default(), 86_400, false));
    let own = compiled(
        "sweep_every_h = 0\nhold_new = true\n[connections.a.brake]\nwindow_s = 60\nclears = \"off\"\ndeletes = { at_least = 3 }\nupdates = { share = 50 }",
    )
    .expect("a connection");
    assert_eq!((own.sweep_every_s, own.hold_new, own.brake.window), (0, true, Duration::from_secs(60)));
    assert_eq!(own.brake.limit(Kind::Clears), None);
    assert_eq!(own.brake.limit(Kind::Deletes), Some(&Limit { at_least: 3, share: 10, most: 1000 }));
    assert_eq!(own.brake.limit(Kind::Updates), Some(&Limit { at_least: 100, share: 50, most: 10_000 }));
    assert_eq!(compiled("brake = \"off\"").expect("a connection").brake, Brake::off());
}

#[test]
fn a_mistake_in_a_brake_says_what_to_write() {
    let mistake = |lines: &str| compiled(lines).err().expect("a mistake").join("\n");
    assert!(mistake("[connections.a.brake]\ndeletes = 5").contains("at_least"), "an example is shown");
    assert!(mistake("[connections.a.brake]\ndelets = \"off\"").contains("did you mean `deletes`"));
    assert!(mistake("[connections.a.brake]\ndeletes = { share = 200 }").contains("per cent"));
    assert!(mistake("[connections.a.brake]\nwindow_s = 0").contains("at least 1 second"));
    assert!(mistake("sweep_every_h = 100000").contains("2200"));
}
