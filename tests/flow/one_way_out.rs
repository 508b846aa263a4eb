//! Outbound security lines 21 and 24: one way out, and nothing of what came in goes along.

use crate::subscriptions::{change_phone, one_subscriber};
use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a folder of the repository").to_owned()
}

/// Every source file below a folder that is no test, by its path from the repository's root.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
                if name.contains("/src/") && !name.contains("/testing/") {
                    let text = fs::read_to_string(&path).expect("a source file");
                    found.push((name, text.split("\n#[cfg(test)]").next().unwrap_or_default().to_owned()));
                }
            }
        }
    }
    assert!(found.len() > 10, "{folder} has sources");
    found
}

/// Security line 21: there is one client with a guard, and whatever a person or a vendor names is sent through it.
#[test]
fn s21_every_address_that_somebody_gives_goes_through_the_guarded_client() {
    const NETWORK: [&str; 7] =
        ["reqwest", "TcpStream", "hyper::", "UdpSocket", "ToSocketAddrs", "std::process::Command", "lookup_host"];
    let network = |text: &str| NETWORK.iter().any(|word| text.contains(word));
    for (name, text) in sources("functions/hub").into_iter().chain(sources("connectors")) {
        let guard = name == "functions/hub/src/net.rs" || name.starts_with("functions/hub/src/net/");
        assert!(guard || !network(&text), "{name} has a way out of its own");
    }
    // The program itself talks to a Concord of the admin's, to its own hook, and to sandboxes on loopback.
    let allowed = ["session.rs", "api/trigger.rs", "sandbox_server.rs"].map(|name| format!("functions/cli/src/{name}"));
    for (name, text) in sources("functions/cli") {
        let own = allowed.contains(&name) || name.starts_with("functions/cli/src/demo") || name.contains("/bench");
        assert!(own || !text.contains("reqwest"), "{name} has a way out of its own");
    }
    // Whoever makes a request says whose word allows private addresses.
    for (name, text) in sources("functions/hub") {
        for (at, _) in text.match_indices(" HttpRequest {") {
            let rest = &text[at..text.len().min(at + 900)];
            let made = rest.contains("allow_private: connection.allow_private")
                || rest.contains("allow_private: subscription.allow_private");
            let is_type = name.ends_with("ports/http.rs") || text[..at].ends_with("->");
            assert!(made || is_type, "{name}: a request that does not ask the admin's word");
        }
    }
}

/// Security line 24.
#[tokio::test]
async fn s24_nothing_of_an_inbound_request_goes_out_again() {
    let (mut world, inbox, id) = one_subscriber().await;
    change_phone(&world, &id, "+49 30 24");
    let now = world.now();
    let pushes = world.vendor("hubspot-eu", |vendor| vendor.pushes(now));
    assert!(!pushes.is_empty());
    for mut push in pushes {
        for name in ["authorization", "cookie", "x-api-key", "proxy-authorization", "traceparent", "webhook-signature"]
        {
            push.request.headers.insert(name.into(), "Bearer recognizable".into());
        }
        assert!((200..300).contains(&world.post("hubspot-eu", &push.request).await));
    }
    world.settle().await;
    let events = inbox.accepted();
    assert_eq!(events.len(), 2);
    for event in events {
        let mut names: Vec<&str> = event.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let ours = ["concord-key-ids", "content-type", "webhook-id", "webhook-signature", "webhook-timestamp"];
        assert_eq!(names, ours);
        let text = format!("{:?} {}", event.headers, String::from_utf8_lossy(&event.body));
        assert!(!text.contains("recognizable"), "{text}");
    }
}
