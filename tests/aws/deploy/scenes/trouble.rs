//! Systems and functions in trouble.

use super::{make, rename};
use crate::stage::Stage;
use concord_connector::sandbox::{Act, Trouble};
use serde_json::json;

pub(crate) fn throttled(stage: &mut Stage) {
    for _ in 0..3 {
        stage.cast.faults("hubspot-us", |faults| faults.plan("/", Trouble::Throttle(Some(1))));
    }
    let ids: Vec<_> = (0..12).map(|n| make(stage, "hubspot-eu", &format!("many-{n}.example"), "Many")).collect();
    for n in 0..ids.len() {
        stage.until_all_have(&format!("many-{n}.example"), "Many");
    }
    stage.cast.faults("hubspot-us", |faults| assert!(faults.is_empty(), "it throttled nobody: {faults:?}"));
}

pub(crate) fn expired(stage: &mut Stage) {
    stage.cast.faults("salesforce", |faults| faults.expire_tokens = true);
    let id = make(stage, "hubspot-eu", "token.example", "Token");
    stage.until_all_have("token.example", "Token");
    stage.cast.faults("salesforce", |faults| assert!(!faults.expire_tokens, "nobody used the token"));
    rename(stage, "hubspot-eu", &id, "Token and another");
    stage.until_all_have("token.example", "Token and another");
}

pub(crate) fn killed(stage: &mut Stage) {
    // What was in flight comes again after seconds here, after six minutes else.
    for queue in ["signals-hubspot", "deliveries-hubspot.fifo", "deliveries-salesforce.fifo", "observations"] {
        stage.cloud("hurry", &json!([Stage::queue(queue), 5, 12]));
    }
    let mut killed = 0;
    for n in 0..4 {
        make(stage, "hubspot-eu", &format!("killed-{n}.example"), "Killed");
        let asked = stage.cast.served("hubspot-eu", "");
        stage.until("the connector reads it", || stage.cast.served("hubspot-eu", "") > asked);
        killed += stage.kill("connector-hubspot") + stage.kill("connector-salesforce") + stage.kill("reconcile");
    }
    assert!(killed >= 4, "only {killed} processes were there to be killed");
    for n in 0..4 {
        stage.until_all_have(&format!("killed-{n}.example"), "Killed");
    }
    let account = stage.cast.record("salesforce", "Account", "killed-0.example");
    let fields = json!({ "Name": "Killed and alive" });
    stage.cast.act("salesforce", Act::Update { object: "Account".into(), id: account, fields });
    stage.poll("salesforce");
    stage.until_all_have("killed-0.example", "Killed and alive");
}
