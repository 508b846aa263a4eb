use crate::{
    place::Place,
    program::{Up, json, run, stderr},
};
use std::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn a_command_says_the_same_of_a_live_and_of_an_idle_folder() {
    let place = Place::new().await;
    let up = Up::start(place.home()).await;
    place.company("Acme", "acme.example");
    place.arrives("Acme").await;
    let names = |listed: &serde_json::Value| -> Vec<String> {
        listed["records"].as_array().unwrap().iter().map(|one| one["fields"]["name"]["value"].to_string()).collect()
    };
    let live = json(place.home(), &["records", "organization", "--json"]);
    assert_eq!(names(&live), ["\"Acme\""]);
    let id = live["records"][0]["id"].as_str().unwrap().to_owned();
    json(place.home(), &["set", &id, "description", "Decided here", "--json"]);

    // The folder is in use: a second hub is refused with a sentence.
    let second = run(place.home(), &["up", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("in use"), "{}", stderr(&second));

    let backup = place.home().join("all.backup");
    json(place.home(), &["backup", backup.to_str().unwrap(), "--json"]);
    let run_file = place.data().join("run.json");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&run_file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let token = up.token.clone();
    up.kill();
    let idle = json(place.home(), &["records", "organization", "--json"]);
    assert_eq!(names(&idle), names(&live));
    let explained = run(place.home(), &["explain", &id, "--field", "description"]);
    let text = crate::program::stdout(&explained);
    assert!(text.contains("Decided here") && text.contains("a person in Concord"), "{text}");

    // Restored elsewhere it is the same truth, and the same token opens it.
    let restored = place.home().join("restored");
    json(place.home(), &["restore", backup.to_str().unwrap(), "--data", restored.to_str().unwrap(), "--json"]);
    let there = json(place.home(), &["records", "organization", "--json", "--data", restored.to_str().unwrap()]);
    assert_eq!(names(&there), names(&live));
    let again = Up::start(place.home()).await;
    assert_eq!(again.token, token);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_port_names_the_flag() {
    let place = Place::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let output = run(place.home(), &["up", "--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--listen"), "{}", stderr(&output));
}
