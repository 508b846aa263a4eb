use crate::{
    place::{Place, companies},
    program::{Up, json, run, stderr, stdout},
};
use std::{path::Path, time::Duration};

/// Waits until so many records are known.
async fn known(home: &Path, count: usize) {
    for _ in 0..600 {
        if json(home, &["records", "organization", "--json"])["records"].as_array().map_or(0, Vec::len) == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{count} records do not come");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_shown_saved_and_applied_on_an_idle_and_on_a_live_folder() {
    let place = Place::new().await;
    place.change("west", |west| west.replace("mode = \"sync\"", "mode = \"observe\""));
    let up = Up::start(place.home()).await;
    place.company("Acme", "acme.example");
    known(place.home(), 1).await;
    up.kill();

    // Idle: shown to a person, saved, applied once and not twice.
    let shown = run(place.home(), &["plan", "west", "--out", "west.plan"]);
    let text = stdout(&shown);
    assert!(shown.status.success(), "{}", stderr(&shown));
    for part in ["create organization", "name = `Acme`", "rule `latest`", "calls", "concord apply west.plan"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(companies(&place.west).is_empty(), "a plan writes nothing");
    let applied = run(place.home(), &["apply", "west.plan"]);
    assert!(applied.status.success(), "{}{}", stdout(&applied), stderr(&applied));
    assert_eq!(companies(&place.west).len(), 1);
    let again = run(place.home(), &["apply", "west.plan"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("The world moved"), "{}", stderr(&again));

    // Live: the same over HTTP, by the plan's id.
    let up = Up::start(place.home()).await;
    place.company("Bolt", "bolt.example");
    known(place.home(), 2).await;
    let plan = json(place.home(), &["plan", "west", "--json"]);
    let creates = plan["writes"].as_array().expect("writes").iter().filter(|one| one["action"] == "create").count();
    assert_eq!((creates, &plan["connections"]["west"]["mode"]), (1, &"observe".into()));
    let id = plan["id"].as_str().expect("an id");
    let done = json(place.home(), &["apply", id, "--json"]);
    assert_eq!(done["standing"]["pending"], 0, "{done}");
    let names: Vec<_> = companies(&place.west).iter().map(|one| one["properties"]["name"].clone()).collect();
    assert!(names.contains(&"Bolt".into()), "{names:?}");
    assert_eq!(up.get("/api/plan?connection=nobody").await.0, 404);
    assert_eq!(up.get("/api/plan?limit=0").await.0, 422);
    assert_eq!(up.get("/api/plans/00000000000000000000000000000000").await.0, 404);

    // A file that somebody changed is refused, and so is what is neither file nor id.
    let file = place.home().join("west.plan");
    let text =
        std::fs::read_to_string(&file).expect("the plan").replace("`Acme`", "`Else`").replace("\"Acme\"", "\"Else\"");
    std::fs::write(&file, text).expect("room");
    let changed = run(place.home(), &["apply", "west.plan"]);
    assert_eq!(changed.status.code(), Some(1));
    assert!(stderr(&changed).contains("was changed after the plan was made"), "{}", stderr(&changed));
    assert_eq!(run(place.home(), &["apply", "no-such-plan"]).status.code(), Some(2));
    assert_eq!(run(place.home(), &["plan", "nobody"]).status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_replayed_and_decisions_name_who_and_why() {
    let place = Place::new().await;
    let up = Up::start(place.home()).await;
    place.company("Acme", "acme.example");
    place.arrives("Acme").await;
    let record = json(place.home(), &["records", "organization", "--json"])["records"][0]["id"].clone();
    let id = record.as_str().expect("an id");
    json(place.home(), &["set", id, "industry", "Steel", "--reason", "they told me", "--json"]);
    let said = stdout(&run(place.home(), &["explain", id, "--field", "industry"]));
    assert!(said.contains("\"they told me\""), "{said}");

    let same = json(place.home(), &["replay", "--from", "1d", "--json"]);
    assert_eq!((&same["differences"], &same["unknown"]), (&serde_json::json!([]), &0.into()));
    assert!(same["versions"].as_u64().is_some_and(|versions| versions >= 2), "{same}");
    // Under a configuration that does not know the system, what its people said counts for nothing.
    let text = std::fs::read_to_string(place.home().join("concord.toml")).expect("a configuration");
    let (_, west) = text.split_once("[connections.west]").expect("west");
    let only = format!("public_url = \"https://hub.example.com\"\n[connections.west]{west}");
    std::fs::write(place.home().join("other.toml"), only).expect("room");
    let other = json(place.home(), &["replay", "--config", "other.toml", "--json"]);
    let name =
        other["differences"].as_array().expect("a list").iter().find(|one| one["field"] == "name").expect("a name");
    assert_eq!((&name["now"], &name["then"]), (&"Acme".into(), &serde_json::Value::Null), "{name}");
    let bad = run(place.home(), &["replay", "--from", "yesterday"]);
    assert_eq!(bad.status.code(), Some(2));

    json(place.home(), &["set", id, "industry", "--withdraw", "--reason", "they were wrong", "--json"]);
    let said = stdout(&run(place.home(), &["explain", id]));
    assert!(!said.contains("industry = `Steel`"), "{said}");
    assert_eq!(run(place.home(), &["set", id, "industry"]).status.code(), Some(2), "a value or --withdraw");
    assert_eq!(json(place.home(), &["dlq", "redrive", "--all", "--json"])["redriven"], serde_json::json!([]));
    assert_eq!(
        json(place.home(), &["dlq", "redrive", "--connection", "east", "--json"])["kept"],
        serde_json::json!([])
    );

    // The same on an idle folder.
    up.kill();
    assert_eq!(json(place.home(), &["replay", "--json"])["differences"], serde_json::json!([]));
    let trial = json(place.home(), &["plan", "--with", "concord.toml", "--json"]);
    assert_eq!(trial["writes"], serde_json::json!([]), "the same configuration brings nothing new");
}
