//! A folder with a configuration for two HubSpot sandboxes.

use crate::program::run_with;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord::sandbox_server::SandboxServer;
use concord_connector::sandbox::Act;
use concord_hub::{embedded::SystemClock, ports::Clock as _};
use hmac::{Hmac, Mac as _};
use serde_json::{Value as Json, json};
use sha2::Sha256;
use std::{path::Path, time::Duration};
use tempfile::TempDir;

pub(crate) const PUBLIC_URL: &str = "https://hub.example.com";
pub(crate) const SECRET: &str = "fake-signing-secret";

/// A home with `concord.toml`, and the two systems that it names.
pub(crate) struct Place {
    home: TempDir,
    pub(crate) east: SandboxServer,
    pub(crate) west: SandboxServer,
}

impl Place {
    /// With everything in step between `east` and `west`.
    pub(crate) async fn new() -> Self {
        let start = |seed| SandboxServer::start(concord_connectors::sandbox("hubspot", seed).expect("a sandbox"));
        let (east, west) = (start(1).await.expect("a port"), start(2).await.expect("a port"));
        let home = TempDir::new().expect("room");
        let mut text = format!("public_url = \"{PUBLIC_URL}\"\n");
        for (name, vendor) in [("east", &east), ("west", &west)] {
            text.push_str(&format!(
                "[connections.{name}]\nsystem = \"hubspot\"\nmode = \"sync\"\nauth = \"private_app\"\nbase_url = \"{}\"\nallow_private = true\npoll_every_s = 2\n\
                 scope = {{ organization = \"all\" }}\n",
                vendor.url
            ));
        }
        std::fs::write(home.path().join("concord.toml"), text).expect("room");
        let place = Self { home, east, west };
        for (name, vendor) in [("east", &place.east), ("west", &place.west)] {
            let token = vendor.lock().credentials()["token"].clone();
            for (part, value) in [("token", token.as_str()), ("webhook", SECRET)] {
                let output = run_with(place.home(), &["vault", "set", &format!("{name}/{part}")], value);
                assert!(output.status.success(), "{}", crate::program::stderr(&output));
            }
        }
        place
    }
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }
    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.home().join("concord-data")
    }
    /// Changes the section of a connection, before the program is started.
    pub(crate) fn change(&self, name: &str, change: impl Fn(&str) -> String) {
        let path = self.home().join("concord.toml");
        let text = std::fs::read_to_string(&path).expect("a configuration");
        let head = format!("[connections.{name}]");
        let (before, section) = text.split_once(&head).expect("the connection");
        let end = section.find("\n[").map_or(section.len(), |end| end + 1);
        let (section, after) = section.split_at(end);
        std::fs::write(&path, format!("{before}{head}{}{after}", change(section))).expect("room");
    }
    /// Somebody makes a company in `east`.
    pub(crate) fn company(&self, name: &str, domain: &str) -> String {
        let fields = json!({ "properties": { "name": name, "domain": domain } });
        self.east.lock().act(SystemClock.now(), Act::Create { object: "companies".into(), fields }).expect("a company")
    }
    /// Waits until `west` has a company of this name.
    pub(crate) async fn arrives(&self, name: &str) {
        for _ in 0..600 {
            if companies(&self.west).iter().any(|one| one["properties"]["name"] == name) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("`{name}` does not arrive in west");
    }
}

/// The companies of a system.
pub(crate) fn companies(vendor: &SandboxServer) -> Vec<Json> {
    vendor.lock().records().remove("companies").unwrap_or_default().into_values().collect()
}

/// A webhook that says that a company was made, with the headers of scheme v3.
pub(crate) fn creation(id: &str, portal: u64, secret: &str) -> (String, [(&'static str, String); 2]) {
    let now = SystemClock.now().ms();
    let body = json!([{
        "eventId": now, "subscriptionId": 1, "portalId": portal, "appId": 1, "occurredAt": now,
        "subscriptionType": "company.creation", "attemptNumber": 0, "objectId": id.parse::<u64>().expect("a number"),
        "changeSource": "CRM_UI",
    }])
    .to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    for part in ["POST", PUBLIC_URL, "/hooks/east", &body, &now.to_string()] {
        mac.update(part.as_bytes());
    }
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    (body, [("x-hubspot-signature-v3", signature), ("x-hubspot-request-timestamp", now.to_string())])
}
