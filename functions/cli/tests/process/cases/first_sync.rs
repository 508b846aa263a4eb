//! A new connection beside a running hub: read, matched, looked at, planned; what the commands say to a person.

use crate::{
    place::{Place, companies},
    program::{Up, json, run, stderr, stdout},
};
use concord_connector::sandbox::Act;
use concord_hub::{embedded::SystemClock, ports::Clock as _};
use serde_json::{Value as Json, json as object};
use std::time::Duration;

/// `west` is new: it is observed, and what is only there is made nowhere else. Its people had a company that is known and
/// one that may be.
async fn place() -> (Place, Up) {
    let place = Place::new().await;
    place.change("west", |west| west.replace("mode = \"sync\"", "mode = \"observe\"\nhold_new = true"));
    place.company("Acme GmbH", "acme.example");
    place.company("Müller & Söhne KG", "mueller.example");
    for (name, domain) in [("ACME Inc.", "acme.example"), ("Mueller & Soehne", "soehne.example")] {
        let fields = object!({ "properties": { "name": name, "domain": domain } });
        place.west.lock().act(SystemClock.now(), Act::Create { object: "companies".into(), fields }).expect("an act");
    }
    let up = Up::start(place.home()).await;
    for _ in 0..600 {
        let report = json(place.home(), &["match", "west", "--json"]);
        if (&report["counts"]["matched"], &report["counts"]["near"]) == (&1.into(), &1.into()) {
            return (place, up);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("what is in west does not come: {}", json(place.home(), &["match", "west", "--json"]));
}

fn line_of<'a>(report: &'a Json, verdict: &str) -> &'a Json {
    let mut lines = report["lines"].as_array().expect("lines").iter();
    lines.find(|line| line["verdict"] == verdict).unwrap_or_else(|| panic!("no line is {verdict}: {report}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_works_through_the_match_report() {
    let (place, _up) = place().await;
    let home = place.home();
    let told = stdout(&run(home, &["match", "west"]));
    let row = |what: &str| {
        let found = told.lines().find(|line| line.contains(what));
        found.unwrap_or_else(|| panic!("no row has `{what}`:\n{told}")).to_owned()
    };
    assert!(row(" matched ").contains("(west/") && row(" matched ").contains("keep|not_the_same"), "{told}");
    assert!(row(" near ").contains("Mueller & Soehne") && row(" near ").contains("Müller & Söhne KG"), "{told}");
    assert!(told.contains("both are called") && told.contains("0 decided."), "{told}");
    assert!(told.contains("concord match west --decide LINE=CHOICE"), "{told}");

    // By the line, with a mistake beside it: the one is carried out and the other has a sentence.
    let report = json(home, &["match", "west", "--json"]);
    let near = line_of(&report, "near")["id"].as_str().expect("an id").to_owned();
    let (link, odd) = (format!("{near}=link"), "0000000000000000=link");
    let output = run(home, &["match", "west", "--decide", &link, "--decide", odd]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert!(stdout(&output).contains("0000000000000000: ") && stdout(&output).contains("1 decided, 1 refused."));
    assert_eq!(run(home, &["match", "west", "--decide", "no-choice"]).status.code(), Some(2));
    assert_eq!(run(home, &["match", "nobody"]).status.code(), Some(1));
    let report = json(home, &["match", "west", "--json"]);
    assert_eq!(report["counts"]["matched"], 2, "they are one now: {report}");

    // In a spreadsheet.
    let file = home.join("match.csv");
    let written = run(home, &["match", "west", "--csv", "match.csv"]);
    assert!(written.status.success(), "{}", stderr(&written));
    let sheet = std::fs::read_to_string(&file).expect("a file");
    assert!(sheet.starts_with("id,decision,verdict,entity,there,there_name,here,here_name,"), "{sheet}");
    let (id, acme) = sheet.lines().find(|row| row.contains("Acme GmbH")).and_then(|row| row.split_once(',')).unwrap();
    std::fs::write(&file, sheet.replace(&format!("{id},{acme}"), &format!("{id},not_the_same{acme}"))).expect("room");
    let applied = run(home, &["match", "west", "--apply", "match.csv"]);
    assert!(stdout(&applied).contains("1 decided, 0 refused."), "{}{}", stdout(&applied), stderr(&applied));
    let report = json(home, &["match", "west", "--json"]);
    assert_eq!(report["counts"]["matched"], 1, "parted: {report}");
    assert!(!line_of(&report, "matched")["there"].to_string().contains("Acme"), "{report}");
    assert_eq!(companies(&place.west).len(), 2, "all of that wrote nothing there");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_plan_and_backfill_say_how_it_stands() {
    let (place, up) = place().await;
    let home = place.home();
    let read = run(home, &["backfill", "west"]);
    assert!(read.status.success(), "{}", stderr(&read));
    assert!(stdout(&read).starts_with("Read everything at west; looked at "), "{}", stdout(&read));
    assert!(stderr(&read).contains("west: ") && stderr(&read).contains(" entities read, "), "{}", stderr(&read));
    let again = json(home, &["backfill", "west", "--json"]);
    assert_eq!((&again["connection"], again["observed"].is_u64()), (&"west".into(), true), "{again}");
    assert_eq!(run(home, &["backfill", "nobody"]).status.code(), Some(1));

    let told = stdout(&run(home, &["status"]));
    let row = |name: &str| {
        let found = told.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        found.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("west ")[..5], ["west", "hubspot", "observe", "0", "0"], "{told}");
    assert_eq!((row("east ")[2].as_str(), row("east ")[4].as_str()), ("sync", "0"), "{told}");
    assert!(told.contains("west is only observed. `sync` would create "), "{told}");
    assert!(told.contains("organization") && told.contains(" dead letters (concord dlq list)"), "{told}");
    let status = json(home, &["status", "--json"]);
    assert_eq!((&status["running"], &status["connections"][1]["mode"]), (&true.into(), &"observe".into()));

    let planned = run(home, &["plan", "west"]);
    let text = stdout(&planned);
    assert!(planned.status.success(), "{}", stderr(&planned));
    for part in ["create organization", "Müller & Söhne KG", "calls", "concord apply "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(companies(&place.west).len(), 2, "a plan writes nothing");

    // What the table says of a system that does not answer.
    place.east.lock().faults().outage = Some(503);
    for _ in 0..600 {
        let told = stdout(&run(home, &["status"]));
        if told.contains("in trouble") || told.contains("being tried") {
            assert!(told.contains("east: ") && told.contains("503") && told.contains("Tried again at "), "{told}");
            drop(up);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the trouble does not show");
}
