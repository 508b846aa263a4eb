use crate::{
    place::{Place, SECRET, companies, creation},
    program::{Up, client, json},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_2xx_survives_kill_9() {
    let place = Place::new().await;
    let up = Up::start(place.home()).await;
    // The system is down when its webhook comes: the signal has to wait.
    place.east.lock().faults().outage = Some(503);
    let id = place.company("Acme", "acme.example");
    let (body, headers) = creation(&id, 1_000_001, SECRET);
    let mut request = client().post(format!("{}/hooks/east", up.url)).body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    assert!(request.send().await.unwrap().status().is_success());
    up.kill();

    let status = json(place.home(), &["status", "--json"]);
    assert_eq!(status["running"], false);
    let depth = &status["queues"]["signals.hubspot"];
    assert!(depth["waiting"].as_u64().unwrap() + depth["hidden"].as_u64().unwrap() >= 1, "{status}");

    place.east.lock().faults().outage = None;
    let up = Up::start(place.home()).await;
    place.arrives("Acme").await;
    up.kill();
    let up = Up::start(place.home()).await;
    place.company("Second", "second.example");
    place.arrives("Second").await;
    assert_eq!(companies(&place.west).len(), 2, "nothing is created twice");
    drop(up);
}
