//! Law 8: no secret leaves. Whatever goes wrong, and whatever vendors repeat of what they were sent, no credential and no
//! name or address of a person is in logs, dead letters, faults of deliveries or questions to people.

use crate::meddle::{Meddler, tell};
use concord_connector::{Entity, sandbox::Act};
use concord_hub::{
    ports::{HttpRequest, HttpResponse},
    steps, views,
};
use concord_tests::world::{Account, SECRET, World, account};
use serde_json::json;
use std::{
    collections::BTreeSet,
    io::Write,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

const BOTH: &[Entity] = &[Entity::Organization, Entity::Person];
/// What is known of one person.
const PERSONAL: [&str; 5] = ["zaphod", "beeblebrox", "president@", "4242424242", "two heads"];

/// What was logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Everything that this thread logs while the guard lives.
    pub(crate) fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// Every credential that was on the wire.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeSet<String>>>);

impl Seen {
    fn note(&self, request: &HttpRequest) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, value) in &request.headers {
            if name.eq_ignore_ascii_case("authorization") {
                seen.extend(value.split_whitespace().skip(1).map(str::to_owned));
            }
        }
    }
    async fn secrets(&self, world: &World) -> BTreeSet<String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for name in ["hubspot-eu", "salesforce"] {
            let kept = world.hub.vault.read(name).await.expect("a vault");
            all.extend(kept.parts.values().map(|secret| secret.expose().to_owned()));
        }
        all.insert(SECRET.to_owned());
        // Lines of a private key count one by one; short words are no secrets.
        let lines: Vec<String> = all.iter().flat_map(|secret| secret.lines().map(str::to_owned)).collect();
        all.extend(lines);
        all.retain(|secret| secret.len() >= 8 && !secret.starts_with("-----"));
        all
    }
}

/// The answer of a vendor that repeats everything that it was sent, credentials included.
fn parrot(request: &HttpRequest, status: u16) -> HttpResponse {
    let sent =
        format!("{} {} {:?} {}", request.method, request.url, request.headers, String::from_utf8_lossy(&request.body));
    let person = "president@example.com";
    let error = json!({
        "status": "error", "category": "VALIDATION_ERROR", "correlationId": "0000",
        "message": format!("Contact {person} is not allowed: {sent}"), "error": "invalid_grant",
        "error_description": format!("{person} {sent}"), "errorCode": "STRING_TOO_LONG", "fields": [person],
        "errors": [{"message": format!("{person}: {sent}"), "context": {"email": [person]}, "statusCode": "STRING_TOO_LONG"}],
        "context": {"token": [sent]},
    });
    let body = if request.url.contains("salesforce") && !request.url.contains("token") {
        json!([error]).to_string()
    } else {
        error.to_string()
    };
    let headers = [("content-type".to_owned(), "application/json".to_owned())].into();
    HttpResponse { status, headers, body: body.into_bytes() }
}

fn zaphod() -> Act {
    let properties = json!({
        "firstname": "Zaphod", "lastname": "Beeblebrox", "email": "president@example.com", "phone": "+1 4242424242",
        "jobtitle": "two heads",
    });
    Act::Create { object: "contacts".into(), fields: json!({ "properties": properties }) }
}

async fn crms() -> (World, Meddler, Seen) {
    let sync = |name, system| Account { creates: BOTH, maps: BOTH, ..account(name, system) };
    let mut world = World::new(&[sync("hubspot-eu", "hubspot"), sync("salesforce", "salesforce")]).await;
    let meddler = Meddler::enter(&mut world);
    (world, meddler, Seen::default())
}

pub(crate) async fn work(world: &mut World, rounds: usize) {
    for _ in 0..rounds {
        while world.round().await {}
        world.clock.advance(Duration::from_secs(4));
        let _ticked = steps::schedule::tick(&world.hub).await;
    }
}

/// Everything that people see or that is kept of troubles, in one text.
async fn told(world: &World, log: &Log) -> String {
    let mut told = log.text();
    for item in world.table.items() {
        if ["D#", "W#", "C#"].iter().any(|kind| item.key.partition.starts_with(kind)) {
            told.push_str(&format!(
                "\n{} {}: {}",
                item.key.partition,
                item.key.sort,
                String::from_utf8_lossy(&item.body)
            ));
        }
    }
    for entity in BOTH {
        for record in world.records(*entity).await {
            told.push_str(&format!("\noutbox of {}: {:?}", record.id, record.outbox));
            let settings = world.hub.settings();
            told.push_str(&concord_hub::explain::of(&record, &settings).work.join("\n"));
        }
    }
    let deliveries = views::deliveries(&world.hub, None, 100).await.expect("a store");
    told.push_str(&format!("\n{deliveries:?}"));
    told
}

async fn nothing_leaked(world: &World, log: &Log, seen: &Seen, what: &str) -> String {
    let told = told(world, log).await;
    let lower = told.to_lowercase();
    let line = |at: usize| {
        let from = told[..at].rfind('\n').map_or(0, |at| at + 1);
        told[from..].lines().next().unwrap_or_default().chars().take(1500).collect::<String>()
    };
    for personal in PERSONAL {
        if let Some(at) = lower.find(personal) {
            panic!("{what}: `{personal}` leaked in: {}", line(at));
        }
    }
    let secrets = seen.secrets(world).await;
    assert!(secrets.len() >= 4, "{what}: there are secrets to keep");
    for secret in secrets {
        if let Some(at) = told.find(&secret) {
            panic!("{what}: a secret leaked in: {}", line(at));
        }
    }
    told
}

#[tokio::test]
async fn refusals_that_repeat_everything_leak_nothing() {
    for status in [400, 401, 403, 404, 409, 422, 500] {
        for system in ["hubspot-eu", "salesforce"] {
            let (log, _guard) = Log::begin();
            let (mut world, meddler, seen) = crms().await;
            let noted = seen.clone();
            meddler.answers(move |request, _| noted.note(request));
            world.act("hubspot-eu", zaphod());
            work(&mut world, 10).await;
            let noted = seen.clone();
            meddler.answers(move |request, response| {
                noted.note(request);
                // A read is never in conflict, and a poll that fails is asked again for ever.
                let reads = request.url.ends_with("/search") || status == 409 && request.url.ends_with("/read");
                if request.url.contains(system) && request.method != "GET" && !reads {
                    *response = parrot(request, status);
                }
            });
            world.act("hubspot-eu", Act::Create {
                object: "contacts".into(),
                fields: json!({"properties": {"firstname": "Zaphod", "lastname": "Beeblebrox the Second", "email": "president@second.example.com"}}),
            });
            work(&mut world, 60).await;
            let told = nothing_leaked(&world, &log, &seen, &format!("{status} of {system}")).await;
            assert!(told.contains(system), "{status} of {system}: the trouble is told: {told}");
        }
    }
}

#[tokio::test]
async fn rows_of_a_write_that_are_refused_with_personal_data_leak_nothing() {
    let (log, _guard) = Log::begin();
    let (mut world, meddler, seen) = crms().await;
    let noted = seen.clone();
    meddler.answers(move |request, response| {
        noted.note(request);
        let text = String::from_utf8_lossy(&response.body);
        let all = "Email: Zaphod Beeblebrox, two heads, +1 4242424242, president@two@example.com: invalid";
        response.body = text.replace("Email: invalid", all).into_bytes();
    });
    // An address that one system takes and the other refuses.
    world.act("hubspot-eu", Act::Create {
        object: "contacts".into(),
        fields: json!({"properties": {
            "firstname": "Zaphod", "lastname": "Beeblebrox", "email": "president@two@example.com", "phone": "+1 4242424242",
            "jobtitle": "two heads",
        }}),
    });
    work(&mut world, 60).await;
    let told = nothing_leaked(&world, &log, &seen, "rows").await;
    assert!(told.contains("INVALID_EMAIL_ADDRESS"), "the refusal is told: {told}");
}

#[tokio::test]
async fn webhooks_and_records_that_cannot_be_understood_leak_nothing() {
    let (log, _guard) = Log::begin();
    let (mut world, meddler, seen) = crms().await;
    let noted = seen.clone();
    meddler.answers(move |request, _| noted.note(request));
    let id = world.act("hubspot-eu", zaphod());
    work(&mut world, 5).await;
    let at = world.now().ms();
    let bodies = [
        r#"{"firstname":"Zaphod","email":"president@example.com""#.to_owned(),
        r#""Zaphod Beeblebrox""#.to_owned(),
        json!(["president@example.com"]).to_string(),
        json!([{ "subscriptionType": "contact.propertyChange", "occurredAt": at, "objectId": "president@example.com ".repeat(9), "propertyName": "email", "propertyValue": "zaphod" }]).to_string(),
        json!([{ "subscriptionType": "contact.propertyChange", "occurredAt": "two heads", "objectId": 1, "propertyName": "email", "propertyValue": "president@example.com" }]).to_string(),
        json!([{ "subscriptionType": ["Zaphod"], "occurredAt": at, "objectId": 1 }]).to_string(),
    ];
    for body in bodies {
        assert_eq!(tell(&world, "hubspot-eu", body.as_bytes()).await.status, 200);
    }
    let noted = seen.clone();
    let hidden = id.clone();
    meddler.answers(move |request, response| {
        noted.note(request);
        let Ok(mut body) = serde_json::from_slice::<serde_json::Value>(&response.body) else { return };
        for row in body["results"].as_array_mut().into_iter().flatten().filter(|row| row["id"] == json!(hidden)) {
            row["properties"]["firstname"] = json!({"first": "Zaphod"});
            row["properties"]["jobtitle"] = json!(["two heads"]);
        }
        response.body = body.to_string().into_bytes();
    });
    let event = json!([{ "eventId": 77, "subscriptionType": "contact.propertyChange", "occurredAt": at, "objectId": id.parse::<u64>().unwrap_or(1), "propertyName": "email", "propertyValue": "president@example.com" }]);
    assert_eq!(tell(&world, "hubspot-eu", event.to_string().as_bytes()).await.status, 200);
    work(&mut world, 30).await;
    let told = nothing_leaked(&world, &log, &seen, "unreadable").await;
    let letters = views::dead_letters(&world.hub, None, 100).await.expect("a store").letters;
    assert!(letters.len() >= 7, "each is a letter: {letters:#?}");
    assert!(told.contains("dead letter"), "the letters are logged");
}

#[tokio::test]
async fn a_token_endpoint_that_repeats_its_secrets_leaks_nothing() {
    for status in [400, 401, 500] {
        let (log, _guard) = Log::begin();
        let (mut world, meddler, seen) = crms().await;
        let noted = seen.clone();
        meddler.answers(move |request, response| {
            noted.note(request);
            let is_token = request.url.contains("/token");
            if is_token {
                *response = parrot(request, status);
            } else if request.url.contains("salesforce") {
                *response = parrot(request, 401);
            }
        });
        world.act("hubspot-eu", zaphod());
        work(&mut world, 40).await;
        let told = nothing_leaked(&world, &log, &seen, &format!("token {status}")).await;
        assert!(told.contains("salesforce"), "the trouble is told: {told}");
    }
}

#[tokio::test]
async fn an_observation_or_signal_that_is_put_aside_keeps_no_values() {
    let (log, _guard) = Log::begin();
    let (mut world, meddler, seen) = crms().await;
    let noted = seen.clone();
    let long: String = (0_u64..1 << 20)
        .map(|n| char::from(b'a' + (n.wrapping_mul(6_364_136_223_846_793_005).rotate_left(29) % 26) as u8))
        .collect();
    meddler.answers(move |request, response| {
        noted.note(request);
        let Ok(mut body) = serde_json::from_slice::<serde_json::Value>(&response.body) else { return };
        for row in body["results"].as_array_mut().into_iter().flatten() {
            if row["properties"].get("jobtitle").is_some() {
                row["properties"]["jobtitle"] = json!(format!("two heads {long}"));
            }
        }
        response.body = body.to_string().into_bytes();
    });
    world.act("hubspot-eu", zaphod());
    work(&mut world, 30).await;
    let told = nothing_leaked(&world, &log, &seen, "too large").await;
    assert!(told.contains("job_title"), "it names the largest field: {told}");
    meddler.leave();
    views::redrive(&world.hub, None).await.expect("a store");
    world.settle().await;
    assert_eq!(world.records(Entity::Person).await.len(), 1, "and is looked at again as it is today");
}
