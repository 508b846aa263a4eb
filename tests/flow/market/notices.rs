//! Notifications of Amazon SNS through the hub: signed by AWS, of the topics that are expected, each once.

use super::*;
use concord_connector::{sandbox::WireRequest, testing::sns};
use concord_hub::{events::Count, ports::Clock as _};

const TOPIC: &str = "arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-1abcexampl2abcexampl3abcd";

async fn world() -> World {
    let mut world = World::new(&[seller()]).await;
    minutes(&mut world, 2).await;
    world.reconfigure(|settings| {
        let connection =
            settings.connections.get_mut(&concord_connector::ConnectionName::from("seller")).expect("the connection");
        let schemes = &connection.connector.manifest().webhooks;
        connection.schemes = schemes.iter().map(|scheme| scheme.filled(&connection.context.options)).collect();
    });
    world
}

async fn post(world: &World, message: &Json) -> u16 {
    let request = WireRequest {
        method: "POST".into(),
        target: format!("{}/hooks/seller", concord_tests::world::PUBLIC_URL),
        headers: [("content-type".to_owned(), "text/plain; charset=UTF-8".to_owned())].into(),
        body: message.to_string().into_bytes(),
    };
    world.post("seller", &request).await
}

/// What AWS sends of a purchase.
fn bought(world: &World, action: &str, offer: &str) -> Json {
    let message = json!({
        "action": action, "customer-identifier": "X01EXAMPLEX", "product-code": "1abcexampl2abcexampl3abcd",
        "offer-identifier": offer, "isFreeTrialTermPresent": "false",
    });
    sns::notification(TOPIC, &message.to_string(), world.clock.now())
}

fn served(world: &World, what: &str) -> u64 {
    let served = world.vendor("seller", |vendor| vendor.served().clone());
    served.iter().filter(|(call, _)| call.contains(what)).map(|(_, count)| count).sum()
}

/// How often a subscription was confirmed.
fn visits(world: &World) -> u64 {
    world.vendor("seller", |vendor| vendor.served().get("GET /").copied().unwrap_or_default())
}

#[tokio::test]
async fn a_purchase_that_only_sns_tells_of_is_seen_and_a_replay_is_dropped() {
    let mut world = world().await;
    let offer = make(&world, year()).await;
    minutes(&mut world, 8).await;
    world.vendor("seller", |vendor| vendor.faults().lose_webhooks = true);
    let at_aws = the_offer(&world);
    accept(&world, &at_aws);
    let notice = bought(&world, "subscribe-success", &at_aws);
    assert_eq!(post(&world, &notice).await, 200);
    while world.round().await {}
    assert_eq!(word(&world.record(&offer.id).await, "status"), "accepted", "at once, without a poll");
    let dropped = world.hub.tally.get(Count::ReplaysDropped);
    for _ in 0..5 {
        assert_eq!(post(&world, &notice).await, 200);
    }
    assert!(world.hub.tally.get(Count::ReplaysDropped) >= dropped + 5);
    assert_eq!(served(&world, "SimpleNotificationService"), 1, "the certificate is fetched once");
    // An hour later nobody is sent it any more who is no forger.
    world.clock.advance(Duration::from_secs(3_700));
    assert_eq!(post(&world, &notice).await, 401);
}

#[tokio::test]
async fn what_aws_did_not_sign_is_refused_and_buys_no_requests() {
    let world = world().await;
    let good = bought(&world, "subscribe-success", "offer-1");
    let accepted = world.hub.tally.get(Count::WebhooksAccepted);
    let with = |name: &str, value: &str| {
        let mut wrong = good.clone();
        wrong[name] = value.into();
        wrong
    };
    for (what, message) in [
        ("http", with("SigningCertURL", &format!("http://sns.us-east-1.amazonaws.com{}", sns::CERTIFICATE_PATH))),
        (
            "another host",
            with(
                "SigningCertURL",
                &format!("https://sns.us-east-1.amazonaws.com.evil.example{}", sns::CERTIFICATE_PATH),
            ),
        ),
        ("another topic", with("TopicArn", "arn:aws:sns:us-east-1:111122223333:anything")),
        ("another topic, signed", sns::notification("arn:aws:sns:us-east-1:111122223333:x", "{}", world.clock.now())),
        ("expired", sns::notification(TOPIC, "{}", world.clock.now().minus(Duration::from_secs(3_601)))),
    ] {
        assert_eq!(post(&world, &message).await, 401, "{what}");
    }
    assert_eq!(served(&world, "SimpleNotificationService"), 0, "nothing was fetched for them");
    let forged =
        [("forged", with("Message", r#"{"action":"unsubscribe-success"}"#)), ("unsigned", with("Signature", "AAAA"))];
    for (what, message) in forged {
        assert_eq!(post(&world, &message).await, 401, "{what}");
    }
    assert_eq!(served(&world, "SimpleNotificationService"), 1);
    // Certificates that nobody has: a few are asked for, and AWS's own messages are sent again meanwhile.
    for number in 0..50 {
        let url = format!("https://sns.us-east-1.amazonaws.com/SimpleNotificationService-{number:032x}.pem");
        assert!(post(&world, &with("SigningCertURL", &url)).await >= 400);
    }
    assert!(served(&world, "SimpleNotificationService") <= 6, "{}", served(&world, "SimpleNotificationService"));
    assert_eq!(world.hub.tally.get(Count::WebhooksAccepted), accepted);
    assert_eq!(post(&world, &good).await, 200, "what is AWS's is let in all the while");
}

#[tokio::test]
async fn a_subscription_is_confirmed_when_aws_asks_for_it() {
    let world = world().await;
    let asked = sns::confirmation(TOPIC, world.clock.now());
    let mut elsewhere = asked.clone();
    elsewhere["SubscribeURL"] = "https://sns.us-east-1.amazonaws.com.evil.example/?Action=ConfirmSubscription".into();
    assert_eq!(post(&world, &elsewhere).await, 401, "the address is signed too");
    assert_eq!(visits(&world), 0, "and nobody went there");
    assert_eq!(post(&world, &asked).await, 200);
    assert_eq!(visits(&world), 1);
    // When AWS does not answer, it is to ask again.
    world.vendor("seller", |vendor| vendor.faults().outage = Some(503));
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(post(&world, &sns::confirmation(TOPIC, world.clock.now())).await, 503);
}
