//! Lines about what leaves: through one door, and without anything that came in.

use crate::{
    crm::company,
    meddle::{Meddler, knock, signed},
    secrecy::{Log, work},
};
use concord_tests::world::{SECRET, World, account};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Where a client of HTTP may be made, and whom it talks to.
const CLIENTS: [(&str, &str); 4] = [
    ("functions/hub/src/net.rs", "every address that a person or a vendor gave"),
    ("functions/cli/src/session.rs", "the admin's own hub"),
    ("functions/cli/src/demo/proof.rs", "the demo's own hub"),
    ("functions/cli/src/sandbox_server.rs", "the demo's own hub"),
];

#[test]
fn s21_every_address_that_somebody_gave_goes_through_the_one_client() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["connectors", "functions"] {
        sources(&root.join(folder), &mut files);
    }
    let mut found = Vec::new();
    for file in files {
        let path = file.strip_prefix(&root).expect("below the root").to_string_lossy().replace('\\', "/");
        let text = fs::read_to_string(&file).expect("a readable source");
        let makes = ["Client::new(", "Client::builder(", "ClientBuilder::new(", "reqwest::get(", "TcpStream::connect("];
        if path.contains("/src/") && makes.iter().any(|how| text.contains(how)) {
            found.push(path);
        }
    }
    found.sort();
    let mut allowed = CLIENTS.map(|(path, _)| path.to_owned()).to_vec();
    allowed.sort();
    found.retain(|path| !allowed.contains(path));
    assert_eq!(found, Vec::<String>::new(), "makes a client of its own; use the Http port");
}

#[tokio::test]
async fn s24_nothing_that_came_with_a_webhook_goes_out_again() {
    const BROUGHT: &str = "recognizable-of-the-sender";
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
    let meddler = Meddler::enter(&mut world);
    let sent = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&sent);
    meddler.answers(move |request, _| noted.lock().expect("a lock").push(request.clone()));
    world.act("hubspot-eu", company("Acme", "acme.example"));
    let now = world.now();
    for push in world.vendor("hubspot-eu", |vendor| vendor.pushes(now)) {
        let mut webhook = signed(&world, "hubspot-eu", SECRET, &push.request.body);
        for name in ["authorization", "cookie", "x-api-key", "traceparent", "x-forwarded-for", "proxy-authorization"] {
            webhook.headers.push((name.into(), BROUGHT.into()));
        }
        webhook.path_and_query = "/hooks/hubspot-eu".into();
        assert_eq!(knock(&world, "hubspot-eu", webhook).await.status, 200);
    }
    work(&mut world, 10).await;
    let sent = sent.lock().expect("a lock");
    assert!(sent.len() >= 3, "vendors were read and written: {}", sent.len());
    for request in sent.iter() {
        let headers = format!("{:?}", request.headers);
        let body = String::from_utf8_lossy(&request.body);
        assert!(!headers.contains(BROUGHT) && !body.contains(BROUGHT), "{} {headers}", request.url);
    }
}

#[tokio::test]
async fn s14_cookies_and_headers_of_vendors_reach_no_log_and_no_letter() {
    const COOKIE: &str = "recognizable-session-cookie";
    let (log, _guard) = Log::begin();
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
    let meddler = Meddler::enter(&mut world);
    meddler.answers(|request, response| {
        for name in ["set-cookie", "authorization", "x-request-cookie"] {
            response.headers.insert(name.into(), format!("session={COOKIE}"));
        }
        if request.method != "GET" && request.url.contains("salesforce") {
            response.status = 400;
        }
    });
    world.act("hubspot-eu", company("Acme", "acme.example"));
    work(&mut world, 30).await;
    assert!(log.text().contains("salesforce"), "the trouble is told");
    assert!(!log.text().contains(COOKIE), "and no cookie");
    for item in world.table.items() {
        assert!(!String::from_utf8_lossy(&item.body).contains(COOKIE), "{:?}", item.key);
    }
}
