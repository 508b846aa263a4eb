use crate::program::{run, stderr, stdout};
use tempfile::TempDir;

fn checked(text: &str) -> (Option<i32>, String) {
    let home = TempDir::new().expect("room");
    std::fs::write(home.path().join("concord.toml"), text).expect("room");
    let output = run(home.path(), &["check"]);
    (output.status.code(), stdout(&output))
}

#[test]
fn a_good_configuration_is_good() {
    let text =
        "public_url = \"https://hub.example.com\"\n[connections.eu]\nsystem = \"hubspot\"\nauth = \"private_app\"\n";
    let (code, said) = checked(text);
    assert_eq!((code, said.as_str()), (Some(0), "concord.toml is good: 1 connections.\n"));
}

#[test]
fn every_mistake_has_its_place() {
    let text = "public_url = \"https://hub.example.com\"\n[connections.eu]\nsystem = \"hubspott\"\nmod = \"sync\"\n";
    let (code, said) = checked(text);
    assert_eq!(code, Some(1));
    assert!(said.contains("concord.toml:4:1: "), "{said}");
    let (code, said) = checked("[connections.eu]\nsystem = \"hubspott\"\n");
    assert_eq!(code, Some(1));
    assert!(said.contains("concord.toml:2:10: ") && said.contains("hubspot"), "{said}");
}

#[test]
fn a_missing_configuration_says_what_to_do() {
    let home = TempDir::new().expect("room");
    let output = run(home.path(), &["up"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--config"), "{}", stderr(&output));
}

#[test]
fn a_wrong_call_is_exit_code_2() {
    let home = TempDir::new().expect("room");
    assert_eq!(run(home.path(), &["records"]).status.code(), Some(2));
    assert_eq!(run(home.path(), &["no-such-command"]).status.code(), Some(2));
    let output = run(home.path(), &["records", "organization"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("--data"));
}
